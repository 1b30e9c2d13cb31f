"""Calls in the reports of tests: lines of the journal, and the nearest miss.

A prompt is the user's own text, so only the members of a body that the test itself has named are
shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from kling_mock.kling.journal.calls import Call, Difference
from kling_mock.kling.journal.entries import Entry


class Miss(NamedTuple):
    """The entry that differs least from a pattern.

    Attributes:
        position: Its index among the entries that were searched.
        differences: Its differences from the pattern; at least one.
    """

    position: int
    differences: list[Difference]


def nearest_miss(call: Call, entries: Iterable[Entry]) -> Miss | None:
    """Return the entry that differs least from *call*; the newest of several equal ones.

    An entry that does not differ is not a miss. `None` if there are no misses.
    """
    misses = (
        Miss(position, differences)
        for position, entry in enumerate(entries)
        if (differences := list(call.differences(entry)))
    )
    return min(misses, key=lambda miss: (_cost(miss), -miss.position), default=None)


def nearest_served(entry: Entry, served: Sequence[str]) -> tuple[str, list[Difference]] | None:
    """Return the call of *served* from which *entry* differs least, and the differences.

    Args:
        entry: A call.
        served: Methods and paths, `*` for an id.
    """
    misses = [Miss(at, list(Call(match).differences(entry))) for at, match in enumerate(served)]
    nearest = min(misses, key=_cost, default=None)
    return None if nearest is None else (served[nearest.position], nearest.differences)


def explain(entry: Entry, served: Sequence[str]) -> str:
    """Return why a call was unexpected, in one line."""
    result = f"{entry.status}/{entry.code}" if entry.status else "no response yet"
    call = f"{entry.method} {entry.path[:200]}: {result}"
    noted = "; ".join(str(note) for note in entry.notes if note.unexpected)
    is_known = entry.account or entry.kind == "download"
    nearest = None if noted and is_known else nearest_served(entry, served)
    if nearest is None or not nearest[1]:
        return f"{call}, {noted}" if noted else f"{call} {entry.message}"
    match, differences = nearest
    differing = "; ".join(map(str, differences))
    noted = f"{noted}; " if noted else ""
    return f"{call}, {noted}nearest is {match}; differs in {differing}"


def lines(numbered: Sequence[tuple[int, Entry]]) -> list[str]:
    """Return calls as lines, one for each run of equal calls.

    A client that waits repeats one query, and the calls before and after would be lost among
    the repeats.

    Args:
        numbered: The calls with their numbers, oldest first; times are counted from the first
            one.
    """
    start = numbered[0][1].at if numbered else 0.0
    runs = (list(run) for _, run in groupby(numbered, lambda pair: _fields(pair[1])))
    return [_line(run, start) for run in runs]


def _line(run: Sequence[tuple[int, Entry]], start: float) -> str:
    (first, entry), (last, other) = run[0], run[-1]
    parts = [f"#{first}", f"+{entry.at - start:.1f}s", *_fields(entry)]
    if len(run) > 1:
        parts[0] = f"#{first}-#{last}"
        parts.append(f"{len(run)} times, until +{other.at - start:.1f}s")
    return "  ".join(parts)


def _fields(entry: Entry) -> list[str]:
    """Return the parts of a call's line in a report, without its number and time."""
    parts = [
        f"{entry.method} {entry.path[:200]}",
        f"{entry.status}/{entry.code}" if entry.status else "no answer",
    ]
    parts += [f"task {entry.task_id}"] if entry.task_id not in entry.path else []
    parts += [entry.task_status] if entry.task_status else []
    parts += [f"fault {entry.fault}"] if entry.fault else []
    parts += ["unexpected"] if entry.unexpected else []
    parts += [f"late, of {entry.late_of}"] if entry.late_of else []
    parts += [entry.message[:200]] if entry.code and not entry.unexpected else []
    # The required form of a path or credential is explained elsewhere, and takes a long line.
    is_plain = entry.unexpected and not any(note.unexpected for note in entry.notes)
    notes = () if is_plain else entry.notes
    parts += [f"({note})" for note in notes]
    return parts


def _cost(miss: Miss) -> float:
    return sum(difference.cost for difference in miss.differences)
