"""A file as it comes: what the head of a reply announces, and whether its bytes agree.

Where the bytes go is a subclass's part: a file on disk, memory, or a stream of the caller's.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, Final, Generic, TypeVar

from kling_sdk.errors import DownloadError, TransportError
from kling_sdk.files.endings import FileEnd
from kling_sdk.files.pages import HEAD, page_kind
from kling_sdk.hooks import notify
from kling_sdk.text.printable import log

T_co = TypeVar("T_co", covariant=True)
#: Called with the bytes received so far, and their total; None when that is not known.
OnProgress = Callable[[int, int | None], object]

_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
#: Content encodings that leave a file as it is. Some stores still name the framing of its upload.
_PLAIN: Final = frozenset({"", "identity", "aws-chunked"})


class Receiving(abc.ABC, Generic[T_co]):
    """A file in the making; see `kling_sdk.flows.download.Target`.

    Args:
        max_bytes: Maximum size in bytes.
        on_progress: See `OnProgress`. What it raises is logged, and ends only the calls of it.

    Attributes:
        received: The number of bytes received.
        total: The number of all bytes, or None when the host does not announce it.
        validator: The version of the file, as `If-Range` takes it, or None.
        may_block: Whether `write` may take long, and so must not run on an event loop.
    """

    may_block: ClassVar[bool] = False

    def __init__(self, max_bytes: int, on_progress: OnProgress | None = None) -> None:
        self.max_bytes = max_bytes
        self.on_progress = on_progress
        self.received = 0
        self.total: int | None = None
        self.validator: str | None = None
        self._status = 0
        self._content_type = ""
        self._end = FileEnd()
        self._is_end_certain = False
        # The first bytes are held back until they are known not to be a page; then it is None.
        self._head: bytearray | None = bytearray()

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Append the rest of the same file, begin again, or ignore an error's body."""
        self._status = status
        if not self._takes:
            return
        encodings = headers.get("content-encoding", "").lower().split(",")
        if not {word.strip() for word in encodings} <= _PLAIN:
            raise DownloadError("the server compressed the file, which was not requested")
        length = headers.get("content-length")
        total = int(length) if length and _LENGTH.fullmatch(length) else None
        validator = strong_validator(headers)
        if status == 206:
            total = self._resume(headers, validator)
        else:
            self.received, self._head, self._end = 0, bytearray(), FileEnd()
            self.begin_again()
        self.total, self.validator = total, validator
        self._is_end_certain = "chunked" in headers.get("transfer-encoding", "").lower()
        self._content_type = headers.get("content-type", "")
        self._check_size(total or 0)

    def end_is_certain(self) -> None:
        """Note that the end of the body was announced: a broken connection looks like an end."""
        self._is_end_certain = True

    @property
    def _takes(self) -> bool:
        return self._status in {200, 206}

    def _resume(self, headers: Mapping[str, str], validator: str | None) -> int | None:
        """Return the length of the file, which is the one that was announced before."""
        match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        if match is None or int(match[1]) != self.received:
            raise DownloadError("the server sent a different range than the one requested")
        total = self.total if match[3] == "*" else int(match[3])
        if validator != self.validator or self.total not in {None, total}:
            raise DownloadError("the server sent a range of a different file")
        return total

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            DownloadError: there are too many, or they cannot be stored.
            TransportError: they are a page.
        """
        if not self._takes:
            return
        self.received += len(chunk)
        self._check_size(self.received)
        if self.total is None:
            self._end.feed(chunk)
        if self._head is None:
            self.append(chunk)
            return
        self._head += chunk
        if len(self._head) >= HEAD:
            self._pass_head()

    def progressed(self) -> Awaitable[None] | None:
        """Report the progress, after `write`."""
        if self.on_progress is None or not self._takes:
            return None
        return notify(self.on_progress, (self.received, self.total), self._progress_failed)

    def _progress_failed(self, error: Exception) -> None:
        if self.on_progress is not None:
            self.on_progress = None  # it would fail at each chunk
            text = "on_progress failed at byte %d; it is not called again for this file"
            log.error(text, self.received, exc_info=error)

    def verify(self, *, is_tls: bool = False) -> None:
        """Take note that all bytes have come.

        Args:
            is_tls: Whether the end of the connection can be announced, so that a repeat may help.

        Raises:
            TransportError: there are none, they are a page, which may be a gateway's and temporary,
                or they are not known to be complete.
        """
        if not self.received:
            raise TransportError(f"HTTP {self._status} with an empty file")
        self._pass_head()
        if self.total is None and not self._is_at_its_end:
            error = TransportError(
                "the response does not state the file's length, and the file is incomplete"
            )
            if self._end.is_endless and not is_tls:
                error = TransportError(
                    "the response does not state the file's length, nor does the file: "
                    "whether it is complete cannot be known"
                )
                error.is_final = True
            raise error

    @property
    def _is_at_its_end(self) -> bool:
        by_format = self._end.is_whole
        return self._is_end_certain if by_format is None else by_format

    def _pass_head(self) -> None:
        if self._head is None:
            return
        head = bytes(self._head)
        if kind := page_kind(head[:HEAD], self._content_type):
            self.received, self.validator, self._head = 0, None, bytearray()
            raise TransportError(
                f"HTTP {self._status} with a page ({kind}) instead of a file; get the task again "
                "for a new URL, and check whether a proxy responds in place of the host"
            )
        self._head = None
        self.append(head)

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise DownloadError(
                f"the file is larger than {self.max_bytes:,} bytes; "
                "with_options(max_download=...) accepts more"
            )

    @abc.abstractmethod
    def begin_again(self) -> None:
        """Forget what `append` has taken: the file comes from its beginning."""

    @abc.abstractmethod
    def append(self, data: bytes) -> None:
        """Take bytes that are not a page's."""

    @abc.abstractmethod
    def finish(self) -> T_co:
        """Return the result made of the bytes, which are complete."""

    @abc.abstractmethod
    def discard(self) -> None:
        """Remove what was received; after `finish`, do nothing."""


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return the value for `If-Range`: a strong ETag, or None (RFC 9110, 13.1.5)."""
    etag = headers.get("etag", "")
    return etag if etag.startswith('"') else None
