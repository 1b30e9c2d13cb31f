"""Running the cases: sides in turn, for so many rounds or so long, and only equal rows count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from kling_mock.relay.migration.database.session import Session
from tests.benchmarks.measure import Cost, Rounds, cost_of
from tests.benchmarks.storage_claims import OLD_INDEXES, Case, Query
from tests.benchmarks.storage_tables import analyse

#: A cheap query is repeated in each of its turns, so that one turn takes about so long.
_TURN: Final = 0.01


class Effort(NamedTuple):
    """The length of a measurement.

    Attributes:
        rounds: The most.
        least: The fewest, however long they take.
        seconds: After this no round beyond `least` begins.
    """

    rounds: int
    least: int
    seconds: float


class Found(NamedTuple):
    """A figure on one database: what the baseline takes, what ours takes, in how many rounds."""

    ratio: float
    baseline: float
    ours: float
    rounds: int


class Measured(NamedTuple):
    """A figure with the claim and the label that it belongs to."""

    claim: str
    label: str
    figure: Found


def measure(
    session: Session, cases: Iterable[Case], effort: Effort, progress: Callable[[str], None]
) -> list[Measured]:
    """Measure all cases, giving the old table the index that each asks for."""
    measurements: list[Measured] = []
    present = ""
    for case in cases:
        if case.old_index != present:
            _index(session, present, case.old_index)
            present = case.old_index
        results = check(session, case)
        started = time.perf_counter()
        rounds = _measured(session, case, results, effort)
        for pair in case.pairs:
            figure = pair_found(rounds, pair.baseline, pair.ours)
            measurements.append(Measured(pair.claim, pair.label, figure))
        ratios = ", ".join(
            f"{measurement.figure.ratio:.3g}x" for measurement in measurements[-len(case.pairs) :]
        )
        progress(f"{case.name}: {ratios} in {time.perf_counter() - started:.1f} s")
    _index(session, present, "")
    return measurements


def pair_found(rounds: Rounds, baseline: str, ours: str) -> Found:
    """Return what the rounds say about two of their sides."""
    return Found(
        rounds.wall_ratio(baseline, ours),
        rounds.wall(baseline),
        rounds.wall(ours),
        len(rounds.costs[ours]),
    )


def _index(session: Session, present: str, required: str) -> None:
    if OLD_INDEXES[present]:
        on = "" if session.dialect in {"sqlite", "postgresql"} else " ON videos_old"
        session.execute(f"DROP INDEX idx_for_a_while{on}")
    if OLD_INDEXES[required]:
        session.execute(f"CREATE INDEX idx_for_a_while ON videos_old ({OLD_INDEXES[required]})")
        analyse(session, "videos_old")


def check(session: Session, case: Case) -> dict[str, float]:
    """Run each side once, and return the seconds that one query of it takes.

    Raises:
        AssertionError: A side finds nothing, or sides that should agree do not.
    """
    seconds: dict[str, float] = {}
    rows: dict[str, list[list[tuple[Any, ...]]]] = {}
    for name, query in case.sides.items():
        started = time.perf_counter()
        rows[name] = [session.query(query.sql, *parameters) for parameters in query.parameters]
        seconds[name] = (time.perf_counter() - started) / len(query.parameters)
        # A count of nothing is a row as well.
        assert all(fetched and fetched[0][0] for fetched in rows[name]), (
            f"{case.name}: {name} finds nothing"
        )
    for group in case.equal:
        first = rows[group[0]]
        differ = [name for name in group[1:] if rows[name] != first]
        assert not differ, f"{case.name}: {differ} and {group[0]} find different rows"
    assert {name for group in case.equal for name in group} == set(case.sides)
    return seconds


def _measured(session: Session, case: Case, seconds: dict[str, float], effort: Effort) -> Rounds:
    return turns(
        {
            name: _turn(session, query, _repeats(seconds[name], len(query.parameters)))
            for name, query in case.sides.items()
        },
        effort,
    )


def _repeats(seconds: float, parameters: int) -> int:
    return max(parameters, min(50, round(_TURN / seconds)))


def _turn(session: Session, query: Query, times: int) -> Callable[[], Cost]:
    calls = [query.parameters[number % len(query.parameters)] for number in range(times)]

    def turn() -> Cost:
        remaining = iter(calls)
        return cost_of(lambda: session.query(query.sql, *next(remaining)), times)

    return turn


def turns(sides: dict[str, Callable[[], Cost]], effort: Effort) -> Rounds:
    """Measure each side once per round, in turn, as long as *effort* says."""
    measured = Rounds()
    started = time.perf_counter()
    for number in range(effort.rounds):
        if number >= effort.least and time.perf_counter() - started > effort.seconds:
            break
        for name, turn in sides.items():
            measured.add(name, turn())
    return measured
