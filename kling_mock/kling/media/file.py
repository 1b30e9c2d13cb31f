"""A result file as a value: its size, its ETag and any of its bytes."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class MediaFile:
    """One file. `clip.render`, `picture.render` and `sound.render` make it.

    Attributes:
        size: Length of the file in bytes.
        etag: Strong entity tag, with its quotes, as the HTTP header has it.
        content_type: Such as `video/mp4`.
    """

    size: int
    etag: str
    content_type: str
    _parts: Sequence[memoryview] = field(repr=False)
    _starts: Sequence[int] = field(repr=False)

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes from `start` up to, not including, `stop`.

        Args:
            start: Offset in bytes, 0 or more; at or past the end, nothing is returned.
            stop: Offset in bytes, not below `start`; `None` or past the end means the end.

        Raises:
            ValueError: `start` is negative or `stop` is below it.
        """
        stop = self._end(start, stop)
        chunks: list[memoryview] = []
        at = max(bisect_right(self._starts, start) - 1, 0)
        while at < len(self._parts) and self._starts[at] < stop:
            first = self._starts[at]
            chunks.append(self._parts[at][max(start - first, 0) : stop - first])
            at += 1
        return b"".join(chunks)

    def chunks(
        self, start: int = 0, stop: int | None = None, *, chunk_size: int = 65_536
    ) -> Iterator[bytes]:
        """Iterate over the same bytes as `read` in pieces.

        Args:
            start: As for `read`.
            stop: As for `read`.
            chunk_size: Bytes in each piece but the last; 1 or more.

        Raises:
            ValueError: As for `read`, or `chunk_size` is below 1. Raised at once, not on
                the first piece, so that a server can still reply with an error.
        """
        if chunk_size < 1:
            raise ValueError(f"chunk_size: must be 1 or more bytes, got {chunk_size}")
        end = self._end(start, stop)
        pieces = range(start, end, chunk_size)
        return (self.read(at, min(at + chunk_size, end)) for at in pieces)

    def _end(self, start: int, stop: int | None) -> int:
        if start < 0:
            raise ValueError(f"start: must be 0 or more bytes, got {start}")
        if stop is not None and stop < start:
            raise ValueError(f"stop: must be start ({start}) or more bytes, got {stop}")
        return self.size if stop is None else min(stop, self.size)
