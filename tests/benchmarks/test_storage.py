"""The deployment guide's claims: each compares like with like, and its verdict is computed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from kling_mock.relay.migration.database.session import Session, connect
from kling_mock.relay.storage import statements
from tests.benchmarks.frame import markdown
from tests.benchmarks.storage import Outcome, postgresql, report, sqlite
from tests.benchmarks.storage_claims import CLAIMS, OLD_INDEXES, Query, cases
from tests.benchmarks.storage_costs import Room, insert_time, room
from tests.benchmarks.storage_plans import COLD, full_scans, hot, values
from tests.benchmarks.storage_rounds import Effort, Found, Measured, check, measure
from tests.benchmarks.storage_tables import HEAVY, Size, analyse, make, make_others
from tests.benchmarks.storage_verdict import NOT_CLAIMED, Range, conclude, judge
from tests.mock.relay.storage.databases import Mysql, need

SIZE = Size(2_000, 100)
ONCE = Effort(1, 1, 0)
CLAIMED = Range(5, 20)


@contextmanager
def _mariadb() -> Iterator[Session]:
    need("mysql")
    database = Mysql()
    asyncio.run(database.make())
    try:
        with connect(database.url) as session:
            yield session
    finally:
        asyncio.run(database.drop())


@contextmanager
def _postgresql() -> Iterator[Session]:
    need("postgres")
    with postgresql() as session:
        session.execute("SET synchronous_commit = off")
        yield session


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({"MariaDB": 5, "SQLite": 20}, "holds"),
        ({"MariaDB": 4.9, "SQLite": 1}, "less than claimed"),
        ({"MariaDB": 21, "SQLite": 2_000}, "more than claimed"),
        (
            {"MariaDB": 10, "SQLite": 1, "PostgreSQL": 30},
            "MariaDB holds, SQLite less, PostgreSQL more",
        ),
    ],
)
def test_a_figure_holds_within_the_claimed_range(values: dict[str, float], verdict: str) -> None:
    """Both ends of the range belong to it, and each database is judged for itself."""
    assert judge(CLAIMED, values) == verdict


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ({"at 0": {"A": 6, "B": 7}, "at 9": {"A": 8, "B": 9}}, "holds"),
        ({"at 0": {"A": 1, "B": 2}, "at 9": {"A": 3, "B": 4}}, "not reproduced"),
        ({"at 0": {"A": 50, "B": 60}}, "more than claimed"),
        ({"at 0": {"A": 1}, "at 9": {"A": 50}}, "not reproduced: less or more, never within"),
        ({"at 0": {"A": 1, "B": 1}, "at 9": {"A": 6, "B": 7}}, "holds only at 9; elsewhere less"),
        (
            {"at 0": {"A": 6, "B": 50}, "at 9": {"A": 1, "B": 7}},
            "holds only at 0 (A); at 9 (B); elsewhere less or more",
        ),
    ],
)
def test_a_claim_holds_only_where_its_figures_do(
    rows: dict[str, dict[str, float]], verdict: str
) -> None:
    """The words name the baseline and the database; what is missed everywhere is not saved."""
    assert conclude(CLAIMED, rows) == verdict


def test_what_the_guide_does_not_claim_is_not_judged() -> None:
    """A cost that the guide is silent about has no verdict."""
    assert judge(None, {"A": 1}) == conclude(None, {"at 0": {"A": 1}}) == NOT_CLAIMED


# ---------------------------------------------------------------- the sides


@pytest.mark.parametrize("opened", [_mariadb, _postgresql, sqlite])
def test_both_sides_of_every_claim_find_the_same_rows(
    opened: type[AbstractContextManager[Session]],
) -> None:
    """A query that finds nothing, or something else, cannot win."""
    with opened() as session:
        make(session, SIZE)
        analyse(session)
        for case in cases(SIZE):
            check(session, case)


def test_the_costs_are_measured_beside_the_gains() -> None:
    """Every index takes room, the guide's steps take more each, and inserts are compared."""
    with sqlite() as session:
        make(session, SIZE)
        space = room(session, SIZE)
        assert insert_time(session, SIZE, ONCE).figure.ratio > 0
        assert session.query("SELECT COUNT(*) FROM videos") == session.query(
            "SELECT COUNT(*) FROM videos_old"
        )
    assert set(space.old) == {"table", "idx_tid"}
    assert min(space.new.values()) > 0
    assert sorted(space.added.values()) == list(space.added.values())


def test_a_side_that_finds_something_else_is_not_measured() -> None:
    """The negative control: a table that lost its rows would be the fastest of all."""
    with sqlite() as session:
        make(session, SIZE)
        lookup, count = cases(SIZE)[:2]
        for case in (lookup, count):
            emptied = dict(case.sides)
            emptied["new"] = Query(
                emptied["new"].sql.replace("WHERE", "WHERE user_id < 0 AND"),
                emptied["new"].parameters,
            )
            with pytest.raises(AssertionError, match="new finds nothing"):
                check(session, case._replace(sides=emptied))
        session.execute("UPDATE videos SET status = 'lost'")
        with pytest.raises(AssertionError, match="find different rows"):
            check(session, lookup)


def test_the_old_table_has_each_index_alone_and_none_in_the_end() -> None:
    """A baseline names the index that it had; one left behind would flatter the next."""
    with sqlite() as session:
        make(session, SIZE)
        own = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'videos_old'"
        seen: dict[str, int] = {}

        def note(text: str) -> None:
            index = next(name for name in sorted(OLD_INDEXES, reverse=True) if name in text)
            seen[index] = len(session.query(own))

        measurements = measure(session, cases(SIZE), ONCE, note)
        assert seen == {"": 1, "only idx_user_id": 2, "only idx_created_at": 2}
        assert session.query(own) == [("idx_tid",)]
    assert {measurement.claim for measurement in measurements} == {
        claim.key for claim in CLAIMS
    } - {"space", "insert"}
    assert len({(measurement.claim, measurement.label) for measurement in measurements}) == len(
        measurements
    )


# ---------------------------------------------------------------- the plans


@pytest.mark.slow
def test_no_hot_statement_reads_a_whole_table_on_sqlite() -> None:
    """The gate at a small size; and the negative control: without its indexes, it is seen."""
    with sqlite() as session:
        make(session, SIZE)
        make_others(session, SIZE)
        assert full_scans(session, SIZE) == []
        session.execute("DROP INDEX idx_next_poll")
        session.execute("DROP INDEX idx_task_id")
        scans = full_scans(session, SIZE)
    assert {"VIDEO", "CLAIM_DUE", "DUE_TASKS"} <= set(scans)


def test_every_mark_of_a_hot_statement_gets_a_value_of_its_kind() -> None:
    """A plan for a number where a text is compared would be another plan."""
    parameters = {name: values(statement, SIZE, HEAVY) for name, statement in hot().items()}
    assert {name: len(bound) for name, bound in parameters.items()} == {
        name: statement.sql.count("?") for name, statement in hot().items()
    }
    assert parameters["VIDEOS_OF_USER_BY_STATUS"] == [HEAVY, 0, 0, "succeed", SIZE.rows, 20]
    assert parameters["NOTICES"] == ["pending", "pending", HEAVY, HEAVY, SIZE.rows, 20]


def test_what_may_read_a_whole_table_is_still_there() -> None:
    """An excuse for a statement that is gone would cover its successor."""
    assert all(hasattr(statements, name) for name in COLD)


# ---------------------------------------------------------------- the report


def test_the_report_shows_the_guides_words_beside_the_figures_and_the_verdict() -> None:
    """A reader sees what was promised, what was measured against what, and what it costs."""
    measured = [
        Measured(claim.key, "for 9 rows", Found(1.5, 0.003, 0.002, 21))
        for claim in CLAIMS
        if claim.key != "space"
    ]
    space = Room({"for the key alone": 7.4}, {"table": 1_100, "idx_tid": 50}, {"table": 1_107})
    outcome = Outcome("SQLite 3", measured, space, ["DUE_TASKS"])
    summary = report({"SQLite": outcome}, SIZE, full_size=True)
    page = markdown(summary, command="run", date="2026-01-02", machine=["a"])
    assert "| JOIN by integer, not string | JOIN 操作: 3-10倍 | 1.50x | not reproduced |" in page
    assert "| for 9 rows | 1.50x (3.00 ms, 2.00 ms) | less than claimed | 21 |" in page
    assert "| for the key alone | 7.40 | holds |" in page
    assert summary.gates[0].ok is False
    assert "SQLite DUE" in page
