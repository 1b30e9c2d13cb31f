"""A download that becomes bytes in memory, or goes into a stream of the caller's."""

from __future__ import annotations

import hashlib
import inspect
import io
from collections.abc import Mapping
from typing import Any, BinaryIO, ClassVar, Final

from kling_sdk.errors import DownloadError
from kling_sdk.files.receiving import OnProgress, Receiving

MAX_MEMORY: Final = 256 * 1024**2  # bytes of a download to memory, where no limit is set


class MemoryTarget(Receiving[bytes]):
    """A file in memory."""

    def __init__(self, max_bytes: int, on_progress: OnProgress | None = None) -> None:
        super().__init__(max_bytes, on_progress)
        self._pieces: list[bytes] = []

    def begin_again(self) -> None:
        """Forget the bytes."""
        self._pieces.clear()

    def append(self, data: bytes) -> None:
        """Keep *data*."""
        self._pieces.append(data)

    def finish(self) -> bytes:
        """Return the file."""
        return b"".join(self._pieces)

    def discard(self) -> None:
        """Forget the bytes."""
        self._pieces = []


class StreamTarget(Receiving[int]):
    """A file that is passed on as it comes, to a stream that cannot be rewound.

    When the host starts over, the bytes that the stream already has are compared and left out.

    Args:
        stream: A binary file object; it is neither flushed nor closed.
        max_bytes: Maximum size in bytes.
        on_progress: See `OnProgress`.
    """

    may_block: ClassVar[bool] = True

    def __init__(
        self, stream: BinaryIO, max_bytes: int, on_progress: OnProgress | None = None
    ) -> None:
        super().__init__(max_bytes, on_progress)
        self._stream: Any = stream
        self._position = 0  # in the file, behind what was appended last
        self._written = 0
        self._hash = hashlib.sha256()  # of what was written
        self._compared = hashlib.sha256()  # of what comes again
        self._failure: BaseException | None = None

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head of a reply; not after the stream has failed.

        Some errors of a stream, such as a timeout, look like the network's, and would be
        repeated; but it is not known how much of its last bytes the stream has taken.
        """
        if self._failure is not None:
            raise DownloadError(
                f"the stream failed after {self._written:,} bytes with "
                f"{type(self._failure).__name__}; begin again with a new stream"
            ) from self._failure
        super().start(status, headers)

    def begin_again(self) -> None:
        """From now on compare the bytes that come with those already written."""
        self._position = 0
        self._compared = hashlib.sha256()

    def append(self, data: bytes) -> None:
        """Write *data* to the stream, except what was written before."""
        known = data[: self._written - self._position]
        if known:
            self._compared.update(known)
            self._position += len(known)
            if self._position == self._written:
                self._check_same()
        fresh = data[len(known) :]
        if fresh:
            self._hash.update(fresh)
            self._write(fresh)
            self._written += len(fresh)
            self._position = self._written

    def _check_same(self) -> None:
        if self._compared.digest() != self._hash.digest():
            raise DownloadError(
                f"the file has changed since its first {self._written:,} bytes were fetched; "
                "they are in the stream already: begin again with a new stream"
            )

    def _write(self, data: bytes) -> None:
        try:
            self._write_all(data)
        except BaseException as error:
            self._failure = error
            raise

    def _write_all(self, data: bytes) -> None:
        while data:
            written: object = self._stream.write(data)
            if not isinstance(written, int):
                return  # only a raw file takes less than it is given, and then returns a number
            if written <= 0:
                raise DownloadError(
                    f"the stream does not take more data, after {self._written:,} bytes"
                )
            data = data[written:]

    def finish(self) -> int:
        """Return the number of bytes in the file."""
        if self._position < self._written:
            raise DownloadError("the file has become shorter while it was fetched")
        return self._written

    def discard(self) -> None:
        """Do nothing: what was written is the caller's."""


def check_stream(stream: object) -> None:
    """Refuse anything but a binary stream.

    Raises:
        TypeError: it takes text, is asynchronous, or is not a stream.
    """
    write = getattr(stream, "write", None)
    if not callable(write):
        raise TypeError(
            f"download goes to a path, a binary file, or None for bytes, not to a "
            f"{type(stream).__name__}"
        )
    if isinstance(stream, io.TextIOBase):
        raise TypeError('the file takes text; open it in binary mode: open(path, "wb")')
    if inspect.iscoroutinefunction(write):
        raise TypeError("the stream is asynchronous; give one whose write() is a plain function")
