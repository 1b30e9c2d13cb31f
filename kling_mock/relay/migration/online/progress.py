"""The pace of the online upgrade, and the display of its progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TextIO

import attrs

#: Maximum rows in a chunk, for which a writer may have to wait on an unlucky day.
_MAX_CHUNK: Final = 20_000

#: Maximum growth of a chunk, as a factor of the last one.
_GROWTH: Final = 1.3


@attrs.frozen
class Throttle:
    """Limits on the copy's use of the server.

    Attributes:
        chunk_seconds: The target duration of one transaction of the copy, in seconds, from which
            its number of rows follows.
        share: The part of the time for which the copy may run, above 0 and at most 1; it sleeps
            for the rest.
        running: The number of running threads above which the copy waits; 0 for any number.
        first_chunk: Rows in the first chunk, and the minimum in any chunk: with fewer, the copy
            would spend its time on round trips and commits.
    """

    chunk_seconds: float = 0.1
    share: float = attrs.field(
        default=0.8, validator=[attrs.validators.gt(0), attrs.validators.le(1)]
    )
    running: int = 25
    first_chunk: int = 500

    def next_size(self, size: int, seconds: float) -> int:
        """Return the number of rows of the next chunk, after one of *size* rows took *seconds*."""
        wished = int(size * min(_GROWTH, self.chunk_seconds / max(seconds, 1e-6)))
        return max(self.first_chunk, min(_MAX_CHUNK, wished))

    def rest(self, seconds: float) -> float:
        """Return the seconds to sleep after a chunk that took *seconds*."""
        return seconds * (1 / self.share - 1)


@attrs.frozen
class Progress:
    """The progress of a copy.

    Attributes:
        copied: Rows copied so far.
        total: Rows to copy, as counted at the start.
        rate: Rows a second in this run.
        ended: Whether that was the last chunk.
    """

    copied: int
    total: int
    rate: float
    ended: bool = False

    @property
    def part(self) -> float:
        """The finished part, from 0 to 1; 1 only at the end, since rows come and go meanwhile."""
        if self.ended:
            return 1.0
        return min(0.99, self.copied / self.total) if self.total else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds to go at that rate; None as long as the rate is 0."""
        if self.ended:
            return 0.0
        return max(0, self.total - self.copied) / self.rate if self.rate else None

    def __str__(self) -> str:
        left = "" if self.remaining is None else f", {self.remaining:.0f} s to go"
        return f"{self.part:4.0%} {self.copied:,} rows, {self.rate:,.0f} rows/s{left}"


def parts(condition: str, rows: int, size: int) -> list[str]:
    """Return *condition*, split by a hash if it matches more rows than a chunk has."""
    count = -(-rows // size)
    if count <= 1:
        return [condition]
    return [f"{condition} AND CRC32(task_id) % {count} = {part}" for part in range(count)]


# ---------------------------------------------------------------- display

#: The values of `--progress`.
ProgressStyle = Literal["auto", "bar", "lines", "none"]

_WIDTH: Final = 30


def silent(_progress: Progress) -> None:
    """Ignore the progress."""


def display(style: ProgressStyle, stream: TextIO) -> Callable[[Progress], None]:
    """Return a callback that writes to *stream* after each chunk.

    Args:
        style: `bar` redraws one line; `lines` writes one for each tenth; `none` is silent;
            `auto` is a bar on a terminal and lines elsewhere.
        stream: The output.
    """
    if style == "auto":
        style = "bar" if stream.isatty() else "lines"
    tenths = -1

    def bar(now: Progress) -> None:
        stream.write(f"\r[{'#' * int(now.part * _WIDTH):<{_WIDTH}}] {now!s:<60}")
        stream.write("\n" if now.ended else "")
        stream.flush()

    def lines(now: Progress) -> None:
        nonlocal tenths
        if int(now.part * 10) > tenths:
            tenths = int(now.part * 10)
            stream.write(f"{now}\n")
            stream.flush()

    def none(_now: Progress) -> None:
        """Show nothing."""

    return {"bar": bar, "lines": lines, "none": none}[style]
