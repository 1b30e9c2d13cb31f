"""Numbers that stand for "no bound", and ones that every database takes."""

from __future__ import annotations

from typing import Final

__all__ = ["HIGHEST", "between", "ceiling"]

#: The highest number that a BIGINT holds.
HIGHEST: Final = 2**63 - 1


def ceiling(before: int | None) -> int:
    """Return what ids have to be below: *before*, or more than any id."""
    return HIGHEST if before is None else max(-1, min(before, HIGHEST))


def between(only: int | None) -> tuple[int, int]:
    """Return the lowest and the highest id: both *only*, or of all there are."""
    return (0, HIGHEST) if only is None else (only, only)
