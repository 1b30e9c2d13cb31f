"""Which shape a table has is read from the database itself."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from kling_mock.storage.migration.introspect import definition, read_table
from kling_mock.storage.migration.session import DatabaseError, Session, connect
from kling_mock.storage.migration.shapes import Shape, recognise
from kling_mock.storage.migration.table import Column, Table
from tests.migration import legacy, tables

WANTED = Table("videos", (Column("id", "bigint", auto=True), Column("request_hash", "text")))


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_another_table_of_that_name_is_not_touched(session: Session) -> None:
    """A table `videos` of some other program is unknown; where there is none, it is absent."""
    assert recognise(read_table(session, "videos"), WANTED) is Shape.ABSENT
    session.execute("CREATE TABLE videos (id integer PRIMARY KEY, title text)")
    assert recognise(read_table(session, "videos"), WANTED) is Shape.UNKNOWN
    assert "title" in " ".join(definition(session, "videos"))


def test_a_key_over_other_columns_is_unknown() -> None:
    """A table with the right columns and a key nobody knows is left alone."""
    columns = ("task_id", "created_at", "user_id", "channel_id", "status", "quota")
    table = Table("videos", tuple(Column(one, "text") for one in columns), ("user_id",))
    assert recognise(table, WANTED) is Shape.UNKNOWN
    numbered = attrs.evolve(table, columns=(*table.columns, Column("id", "int")), primary=())
    assert recognise(numbered, WANTED) is Shape.UNKNOWN
    assert not Shape.UNKNOWN.upgradable


# ---------------------------------------------------------------- the guide's SQL, as a canary


def run_until_error(session: Session, statements: tuple[str, ...]) -> tuple[int, int | str]:
    """Run *statements* in order; return how many ran, and the error that stopped it or 0."""
    for done, statement in enumerate(statements):
        try:
            session.execute(statement)
        except DatabaseError as error:
            return done, error.code
    return len(statements), 0


@pytest.mark.parametrize(
    ("shape", "blocker", "ran", "error"),
    [
        ("gorm", "", 4, 0),
        ("gorm", "duplicate-task-id", 2, 1062),
        ("gorm", "null-task-id", 2, 1265),
        ("gorm", "long-task-id", 2, 1406),
        ("task-id-key", "", 0, 1068),
        ("guide-step-1", "", 0, 1060),
        ("guide-step-2", "", 0, 1060),
        ("guide-step-3", "", 0, 1060),
        ("guide", "", 0, 1060),
        ("script", "", 0, 1060),
        ("go-seed", "", 0, 1060),
        ("go-head", "", 0, 1060),
    ],
)
def test_the_guides_own_sql_stops_half_way(
    session: Session, shape: str, blocker: str, ran: int, error: int
) -> None:
    """Canary: on anything but a clean old table the guide's SQL stops with this error."""
    rows = (*legacy.CLEAN, legacy.blocking_row(blocker)) if blocker else legacy.CLEAN
    tables.make(session, shape, rows)
    assert run_until_error(session, legacy.GUIDE) == (ran, error)
    if ran == 2:
        found = recognise(read_table(session, "videos"), WANTED)
        assert found is Shape.GUIDE_STEP_2


@pytest.mark.parametrize("pair", [("kling_" + "a" * 40, "kling_" + "a" * 41), ("kl_a", "KL_A")])
def test_the_guides_index_refuses_different_ids(session: Session, pair: tuple[str, str]) -> None:
    """Canary: ids equal in 40 characters, or but for case, collide in the guide's index."""
    row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True))
    rows = [tuple({**row, "task_id": one}[name] for name in legacy.COLUMNS) for one in pair]
    tables.make(session, "gorm", rows)
    assert run_until_error(session, legacy.GUIDE) == (2, 1062)


def test_the_guides_rollback_fails_at_once(session: Session) -> None:
    """Canary: a numbered column must be a key, so the guide's rollback stops with 1075."""
    tables.make(session, "guide")
    assert run_until_error(session, legacy.GUIDE_ROLLBACK) == (0, 1075)


# ---------------------------------------------------------------- connecting


@pytest.mark.parametrize("url", ["oracle://x:pw/y", "mysql://h:33060", "sqlite://", "nonsense"])
def test_a_wrong_url_is_explained_without_its_password(url: str) -> None:
    """What a URL looks like is said; what was given may hold a password and is not repeated."""
    with pytest.raises(ValueError, match="looks like") as raised, connect(url):
        pass
    assert "pw" not in str(raised.value)
    assert "33060" not in str(raised.value)


@pytest.mark.parametrize("dialect", ["mariadb", "postgresql", "sqlite"])
def test_a_missing_database_is_an_error_of_its_own(
    dialect: str, databases: Callable[[str], str]
) -> None:
    """A database that is not there is refused, and no file is created in its place."""
    url = databases(dialect) + "_missing"
    with pytest.raises(DatabaseError), connect(url):
        pass
