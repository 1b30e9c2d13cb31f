"""A file as it comes: what the head of a reply announces, and whether its bytes agree.

Where the bytes go is a subclass's part: a file on disk, memory, or a stream of the caller's.
"""

from __future__ import annotations

import abc
import inspect
import logging
import re
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Generic, TypeVar

from kling_sdk.errors import DownloadError, TransportError
from kling_sdk.files.pages import HEAD, page_kind

__all__ = ["OnProgress", "Receiving", "check_progress", "strong_validator"]

T_co = TypeVar("T_co", covariant=True)
#: Called with the bytes received so far, and how many there are; None when that is not known.
OnProgress = Callable[[int, int | None], object]

_log: Final = logging.getLogger("kling_sdk")
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


class Receiving(abc.ABC, Generic[T_co]):
    """A file in the making; see `kling_sdk.flows.download.Target`.

    Args:
        max_bytes: Most bytes it may have.
        on_progress: See `OnProgress`. What it raises is logged, and ends nothing.

    Attributes:
        received: How many bytes there are.
        total: How many there will be, or None when the host does not announce it.
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
        # The first bytes are kept back until they are known to be no page; then it is None.
        self._head: bytearray | None = bytearray()

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Append the rest of the same file, begin again, or ignore an error's body."""
        self._status = status
        if not self._takes:
            return
        if headers.get("content-encoding", "identity") != "identity":
            raise DownloadError("the server compressed the file, which was not requested")
        length = headers.get("content-length")
        total = int(length) if length and _LENGTH.fullmatch(length) else None
        if status == 206:
            total = self._resume(headers)
        else:
            self.received, self._head = 0, bytearray()
            self.begin_again()
        self.total = total
        self.validator = strong_validator(headers)
        self._content_type = headers.get("content-type", "")
        self._check_size(total or 0)

    @property
    def _takes(self) -> bool:
        return self._status in {200, 206}

    def _resume(self, headers: Mapping[str, str]) -> int | None:
        match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        if match is None or int(match[1]) != self.received:
            raise DownloadError("the server answered with another range than requested")
        if strong_validator(headers) != self.validator:
            raise DownloadError("the server answered with a range of another file")
        return None if match[3] == "*" else int(match[3])

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            DownloadError: they are too many, or cannot be kept.
            TransportError: they are a page.
        """
        if not self._takes:
            return
        self.received += len(chunk)
        self._check_size(self.received)
        if self._head is None:
            self.append(chunk)
            return
        self._head += chunk
        if len(self._head) >= HEAD:
            self._pass_head()

    def progressed(self) -> None:
        """Report the progress, after `write`."""
        if self.on_progress is None or not self._takes:
            return
        try:
            self.on_progress(self.received, self.total)
        except Exception:  # noqa: BLE001 - who watches must not cost a file
            _log.exception("on_progress failed at byte %d", self.received)

    def verify(self) -> None:
        """Take note that all bytes have come.

        Raises:
            TransportError: there are none, or they are a page. It may be a gateway's, and pass.
        """
        if not self.received:
            raise TransportError(f"HTTP {self._status} with an empty file")
        self._pass_head()

    def _pass_head(self) -> None:
        if self._head is None:
            return
        head = bytes(self._head)
        if kind := page_kind(head[:HEAD], self._content_type):
            self.received, self.validator, self._head = 0, None, bytearray()
            raise TransportError(
                f"HTTP {self._status} with a page ({kind}) and not a file; get the task again for "
                "a new URL, and see whether a proxy answers in place of the host"
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
        """Take bytes that are no page's."""

    @abc.abstractmethod
    def finish(self) -> T_co:
        """Return what was made of the bytes, which are all there."""

    @abc.abstractmethod
    def discard(self) -> None:
        """Remove what was received; after `finish`, do nothing."""


def check_progress(on_progress: object) -> None:
    """Refuse what cannot report a progress.

    Raises:
        TypeError: it is no function, or an asynchronous one, which nothing would await.
    """
    if on_progress is not None and (
        not callable(on_progress) or inspect.iscoroutinefunction(on_progress)
    ):
        raise TypeError("on_progress must be a plain function of (received, total)")


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return what `If-Range` may carry: a strong ETag, or None (RFC 9110, 13.1.5)."""
    etag = headers.get("etag", "")
    return etag if etag.startswith('"') else None
