"""How the progress of an online upgrade looks: a bar, or a line for each tenth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TextIO

from kling_mock.migration.throttle import Progress

__all__ = ["KINDS", "display"]

Kind = Literal["auto", "bar", "lines", "none"]

#: What `--progress` takes.
KINDS: Final[tuple[Kind, ...]] = ("auto", "bar", "lines", "none")

_WIDTH: Final = 30


def display(kind: Kind, stream: TextIO) -> Callable[[Progress], None]:
    """Return what is told of each chunk and writes to *stream*.

    Args:
        kind: `bar` redraws one line; `lines` writes one for each tenth; `none` is silent;
            `auto` is a bar on a terminal and lines elsewhere.
        stream: Where to.
    """
    if kind == "auto":
        kind = "bar" if stream.isatty() else "lines"
    told = -1

    def bar(now: Progress) -> None:
        stream.write(f"\r[{'#' * int(now.part * _WIDTH):<{_WIDTH}}] {now!s:<60}")
        stream.write("\n" if now.ended else "")
        stream.flush()

    def lines(now: Progress) -> None:
        nonlocal told
        if int(now.part * 10) > told:
            told = int(now.part * 10)
            stream.write(f"{now}\n")
            stream.flush()

    def none(_now: Progress) -> None:
        """Say nothing."""

    return {"bar": bar, "lines": lines, "none": none}[kind]
