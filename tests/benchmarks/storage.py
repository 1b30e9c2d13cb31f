"""The deployment guide's performance table, measured again: `python -m tests.benchmarks storage`.

Its starting table and ours, with the same rows, on three databases. Each claim is compared with
every baseline that it could mean, and its verdict is computed from the figures.
"""

from __future__ import annotations

import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from kling_mock.relay.migration.database.session import Session, connect
from tests.benchmarks.frame import Gate, Report, Table, number, quantity
from tests.benchmarks.migration import server
from tests.benchmarks.storage_claims import CLAIMS, Claim, cases
from tests.benchmarks.storage_costs import SAMPLE, TABLE, Room, insert_time, room
from tests.benchmarks.storage_plans import COLD, full_scans, hot
from tests.benchmarks.storage_rounds import Effort, Found, Measured, measure
from tests.benchmarks.storage_tables import Size, analyse, make, make_others
from tests.benchmarks.storage_verdict import conclude, judge
from tests.mock.relay.storage.databases import POSTGRES

#: The packages whose versions the figures depend on.
PACKAGES: Final = ("asyncmy", "asyncpg")

FULL: Final = Size(1_000_000, 200_000)
QUICK: Final = Size(20_000, 4_000)
#: Cheap queries get all rounds; a case of slow ones stops after so many seconds.
FULL_EFFORT: Final = Effort(rounds=21, least=5, seconds=5.0)
QUICK_EFFORT: Final = Effort(rounds=3, least=2, seconds=0.2)


class Outcome(NamedTuple):
    """The findings on one database.

    Attributes:
        version: Its name and version.
        measured: The figures, in the order of the cases.
        room: Bytes per row.
        scans: Hot statements that read a whole table.
    """

    version: str
    measured: Sequence[Measured]
    room: Room
    scans: Sequence[str]


def run(*, quick: bool) -> Report:
    """Measure on MariaDB, PostgreSQL and SQLite, one after the other."""
    size, effort = (QUICK, QUICK_EFFORT) if quick else (FULL, FULL_EFFORT)
    outcomes: dict[str, Outcome] = {}
    for name, opened in {"MariaDB": _mariadb, "PostgreSQL": postgresql, "SQLite": sqlite}.items():
        with opened() as session:
            outcomes[name] = measure_one(name, session, size, effort)
    return report(outcomes, size, full_size=not quick)


def measure_one(name: str, session: Session, size: Size, effort: Effort) -> Outcome:
    """Fill one empty database and measure everything on it."""
    started = time.perf_counter()

    def progress(text: str) -> None:
        sys.stderr.write(f"{name} {time.perf_counter() - started:5.0f} s: {text}\n")

    make(session, size)
    make_others(session, size)
    progress(f"{size.rows:,} rows in both tables")
    # The relay never has SQLite's statistics taken, so its plans have to be good without.
    scans = full_scans(session, size) if session.dialect == "sqlite" else []
    analyse(session)
    scans = sorted({*scans, *full_scans(session, size)})
    progress(f"statements that read a whole table: {', '.join(scans) or 'none'}")
    measured = measure(session, cases(size), effort, progress)
    space = room(session, size)
    measured.append(insert_time(session, size, effort))
    progress("done")
    return Outcome(_version(name, session), measured, space, scans)


def _version(name: str, session: Session) -> str:
    if session.dialect == "sqlite":
        return f"{name} {sqlite3.sqlite_version}"
    statement = "SHOW server_version" if session.dialect == "postgresql" else "SELECT VERSION()"
    return f"{name} {str(session.query(statement)[0][0]).partition(' ')[0].partition('-')[0]}"


# ---------------------------------------------------------------- the databases


@contextmanager
def _mariadb() -> Iterator[Session]:
    # Both tables and their indexes take 3 GB.
    with server(pool="6G") as url, connect(url) as session:
        yield session


@contextmanager
def postgresql() -> Iterator[Session]:
    """Open a database of its own on the machine's server; drop it afterwards."""
    root = f"postgresql://postgres@{POSTGRES[0]}:{POSTGRES[1]}/"
    name = f"kling_bench_{secrets.token_hex(6)}"
    with connect(root + "postgres") as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            with connect(root + name) as session:
                yield session
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def sqlite() -> Iterator[Session]:
    """Open a file of its own; remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as folder:
        path = Path(folder) / "bench.db"
        sqlite3.connect(path).close()
        with connect(f"sqlite:///{path}") as session:
            # 4 GB, as both tables fit into MariaDB's pool; the default holds 500 pages.
            session.execute("PRAGMA cache_size = -4000000")
            yield session


# ---------------------------------------------------------------- the report


def report(outcomes: Mapping[str, Outcome], size: Size, *, full_size: bool) -> Report:
    """Return the results of the databases. Pure."""
    return Report(
        "storage",
        gates=[_gate(outcomes, size, full_size=full_size)],
        notes=_notes(outcomes, size),
        tables=[_verdicts(outcomes), _figures(outcomes), _room(outcomes), _indexes(outcomes)],
    )


def _gate(outcomes: Mapping[str, Outcome], size: Size, *, full_size: bool) -> Gate:
    scans = [f"{name} {scan}" for name, outcome in outcomes.items() for scan in outcome.scans]
    return Gate(
        "hot_statements_full_scans",
        len(scans),
        0,
        "<=",
        "",
        f"of the {len(hot())} SELECTs and UPDATEs of the relay's own work, how many read a whole "
        f"table at {size.rows:,} rows, counted while they run on {', '.join(outcomes)}"
        + (f": {', '.join(scans)}" if scans else ""),
        full_size=full_size,
    )


Figures = Mapping[str, Mapping[str, float]]


def _by_label(claim: Claim, outcomes: Mapping[str, Outcome]) -> Figures:
    """Return a claim's figures by label and database."""
    figures: dict[str, dict[str, float]] = {}
    for name, outcome in outcomes.items():
        if claim.key == "space":
            pairs = list(outcome.room.added.items())
        else:
            pairs = [
                (measurement.label, measurement.figure.ratio)
                for measurement in outcome.measured
                if measurement.claim == claim.key
            ]
        for label, value in pairs:
            figures.setdefault(label, {})[name] = value
    return figures


def _verdicts(outcomes: Mapping[str, Outcome]) -> Table:
    rows: list[list[str]] = []
    for claim in CLAIMS:
        figures = _by_label(claim, outcomes)
        spans = [
            _span(claim, [by_database[name] for by_database in figures.values()])
            for name in outcomes
        ]
        verdict = conclude(claim.claimed, figures)
        rows.append([claim.name, claim.guide or "-", *spans, verdict])
    return Table(
        "The guide's claims",
        ["claim", "the guide says", *outcomes, "verdict"],
        rows,
    )


def _span(claim: Claim, values: Sequence[float]) -> str:
    low, high = (quantity(bound, claim.unit) for bound in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _figures(outcomes: Mapping[str, Outcome]) -> Table:
    rows: list[list[str]] = []
    for claim in CLAIMS:
        if claim.key == "space":
            continue
        for label, values in _by_label(claim, outcomes).items():
            figures = [_figure(outcome, claim.key, label) for outcome in outcomes.values()]
            rounds = f"{min(figure.rounds for figure in figures)}"
            verdict = judge(claim.claimed, values)
            rows.append([claim.name, label, *map(_cell, figures), verdict, rounds])
    return Table(
        "Each figure: how many times as long the baseline takes (baseline, ours)",
        ["claim", "size and baseline", *outcomes, "verdict", "rounds"],
        rows,
    )


def _figure(outcome: Outcome, claim: str, label: str) -> Found:
    return next(
        measurement.figure
        for measurement in outcome.measured
        if (measurement.claim, measurement.label) == (claim, label)
    )


def _cell(figure: Found) -> str:
    times = ", ".join(quantity(1e3 * seconds, "ms") for seconds in (figure.baseline, figure.ours))
    return f"{quantity(figure.ratio, 'x')} ({times})"


def _room(outcomes: Mapping[str, Outcome]) -> Table:
    claim = next(candidate for candidate in CLAIMS if candidate.key == "space")
    return Table(
        "Bytes a row more than the old table with its index",
        ["what is added", *outcomes, "verdict"],
        [
            [label, *(number(values[name]) for name in outcomes), judge(claim.claimed, values)]
            for label, values in _by_label(claim, outcomes).items()
        ],
    )


def _indexes(outcomes: Mapping[str, Outcome]) -> Table:
    names = dict.fromkeys(name for outcome in outcomes.values() for name in outcome.room.new)
    rooms = [outcome.room for outcome in outcomes.values()]
    rows = [
        [f"new: {name}", *(number(space.new.get(name)) for space in rooms)]
        for name in sorted(names, key=lambda name: (name != TABLE, name))
    ]
    old = [
        [f"old: {name}", *(number(space.old.get(name)) for space in rooms)]
        for name in (TABLE, "idx_tid")
    ]
    return Table("Bytes a row of each table and index", ["", *outcomes], [*old, *rows])


def _notes(outcomes: Mapping[str, Outcome], size: Size) -> list[str]:
    versions = ", ".join(outcome.version for outcome in outcomes.values())
    sample = min(SAMPLE, size.rows)
    return [
        _SETTING.format(versions=versions, rows=size.rows, references=size.references),
        _TABLES,
        _ROUNDS,
        _VERDICT,
        _SPACE.format(sample=sample),
        f"Not run, because they may read a whole table: {', '.join(COLD)}.",
    ]


_SETTING: Final = (
    "{versions}; {rows:,} rows of about 1.1 KB, the same in both tables, one user with a third of "
    "them; joined tables of {references:,} rows. Everything fits into memory: MariaDB on a server "
    "of its own with a buffer pool of 6 GB, SQLite with a page cache of 4 GB, PostgreSQL with its "
    "defaults and the file cache. No MySQL server was at hand."
)
_TABLES: Final = (
    "Old is the table that the old relay's gorm makes: no key, and `idx_tid`, on MariaDB over "
    "`task_id(40)`, which cannot sort; on PostgreSQL and SQLite over the whole `task_id`. The "
    "new one is this project's table from its committed script. Indexes are built after the rows, "
    'on both sides. "Only" an index means that the old table had it for a while beside `idx_tid`.'
)
_ROUNDS: Final = (
    "The sides of a case take turns and must return the same rows. A figure is the median of the "
    "rounds' own ratios; `rounds` is the fewest of the three databases. A case of slow queries "
    f"stops after {FULL_EFFORT.seconds:g} s, not before {FULL_EFFORT.least} rounds. Plans are the "
    "planner's choice."
)
_VERDICT: Final = (
    "Each verdict is computed: a figure within the guide's range holds. Same is 0.8x to 1.25x, "
    "about 8 bytes is at most 10. Ids rise with `created_at`, so the old side of a range of ids "
    "is the same rows by `created_at`."
)
_SPACE: Final = (
    "The guide's scheme is measured on a copy of the first {sample:,} rows, with the guide's own "
    "statements on MariaDB and with what says the same on the others; ours on the whole tables."
)
