"""What a test is told about calls: lines of the journal, and the nearest miss. Pure.

A prompt is the user's own text. Only the members of a body that the test itself has named are
shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kling_mock.control.calls import Call, Difference
from kling_mock.control.entries import Entry

__all__ = ["Miss", "explain", "line", "nearest_miss", "nearest_served"]


class Miss(NamedTuple):
    """What came nearest without being meant.

    Attributes:
        position: Where it is in what was searched.
        differences: In what it differs; at least one.
    """

    position: int
    differences: list[Difference]


def nearest_miss(call: Call, entries: Iterable[Entry]) -> Miss | None:
    """Return the entry that differs least from *call*; of equals, the newest.

    One that does not differ is no miss. `None` if there is no other.
    """
    misses = (
        Miss(position, found)
        for position, entry in enumerate(entries)
        if (found := list(call.differences(entry)))
    )
    return min(misses, key=lambda miss: (_cost(miss), -miss.position), default=None)


def nearest_served(entry: Entry, served: Sequence[str]) -> tuple[str, list[Difference]] | None:
    """Return the call of *served* that *entry* differs least from, and in what.

    Args:
        entry: A call.
        served: Methods and paths, `*` for an id.
    """
    misses = [Miss(at, list(Call(match).differences(entry))) for at, match in enumerate(served)]
    nearest = min(misses, key=_cost, default=None)
    return None if nearest is None else (served[nearest.position], nearest.differences)


def explain(entry: Entry, served: Sequence[str]) -> str:
    """Return why a call was unexpected, in one line."""
    said = f"{entry.method} {entry.path[:200]}: {entry.status}/{entry.code}"
    found = nearest_served(entry, served)
    if found is None or not found[1]:
        return f"{said} {entry.message}"
    match, differences = found
    differing = "; ".join(map(str, differences))
    return f"{said}, nearest is {match}; differs in {differing}"


def line(entry: Entry, number: int, start: float) -> str:
    """Return one call as a line.

    Args:
        entry: The call.
        number: Which one it is, counted from 1.
        start: Unix seconds that its time is counted from.
    """
    words = [
        f"#{number}",
        f"+{entry.at - start:.1f}s",
        f"{entry.method} {entry.path[:200]}",
        f"{entry.status}/{entry.code}" if entry.status else "no answer",
    ]
    words += [f"task {entry.task_id}"] if entry.task_id not in entry.path else []
    words += [entry.task_status] if entry.task_status else []
    words += [f"fault {entry.fault}"] if entry.fault else []
    words += ["unexpected"] if entry.unexpected else []
    words += [entry.message[:200]] if entry.code and not entry.unexpected else []
    return "  ".join(words)


def _cost(miss: Miss) -> float:
    return sum(difference.cost for difference in miss.differences)
