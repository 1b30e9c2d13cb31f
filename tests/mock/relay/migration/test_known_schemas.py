"""The shape of a table is read from the database itself."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from kling_mock.relay.migration.database.introspect import definition, read_table
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.downgrade import Downgrade
from kling_mock.relay.migration.findings import BlockedError
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, recognise, target_schema
from kling_mock.relay.migration.upgrade import Upgrade
from kling_mock.relay.storage.schema import Column, Dialect, Table
from tests.mock.relay.migration import legacy, tables

WANTED = Table("videos", (Column("id", "bigint", auto=True), Column("request_hash", "text")))


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_another_table_of_that_name_is_not_touched(session: Session) -> None:
    """A table `videos` of some other program is unknown; where there is none, it is absent."""
    assert recognise(read_table(session, "videos"), WANTED) is KnownSchema.ABSENT
    session.execute("CREATE TABLE videos (id integer PRIMARY KEY, title text)")
    assert recognise(read_table(session, "videos"), WANTED) is KnownSchema.UNKNOWN
    assert "title" in " ".join(definition(session, "videos"))


def test_a_key_over_other_columns_is_unknown() -> None:
    """A table with the right columns and a key nobody knows is left alone."""
    columns = ("task_id", "created_at", "user_id", "channel_id", "status", "quota")
    table = Table("videos", tuple(Column(name, "text") for name in columns), ("user_id",))
    assert recognise(table, WANTED) is KnownSchema.UNKNOWN
    numbered = attrs.evolve(table, columns=(*table.columns, Column("id", "int")), primary=())
    assert recognise(numbered, WANTED) is KnownSchema.UNKNOWN
    assert not KnownSchema.UNKNOWN.upgradable


# -------------------------------------------------------------- negative controls: the guide's SQL


def run_until_error(session: Session, statements: tuple[str, ...]) -> tuple[int, int | str]:
    """Run *statements* in order; return how many ran, and the error that stopped it or 0."""
    for done, statement in enumerate(statements):
        try:
            session.execute(legacy.worded(statement, session.dialect))
        except DatabaseError as error:
            if error.code == 1091 and session.dialect is Dialect.MYSQL:
                continue  # the index that IF EXISTS passes over on MariaDB
            return done, error.code
    return len(statements), 0


#: How many of the guide's four statements run, and the error that stops it. Where nothing is
#: the matter for the guide, its table still needs what is the matter for us resolved.
CANARY = [
    ("gorm", "", 4, 0),
    ("gorm", "duplicate-task-id", 2, 1062),
    ("gorm", "null-task-id", 2, 1265),
    ("gorm", "long-task-id", 2, 1406),
    ("gorm", "empty-task-id", 4, 0),
    ("gorm", "odd-task-id", 4, 0),
    ("gorm", "negative-quota", 4, 0),
    ("gorm", "milliseconds-created-at", 4, 0),
    ("gorm", "long-model", 4, 0),
    ("gorm-without-index", "", 4, 0),
    ("gorm-without-index", "duplicate-task-id", 2, 1062),
    ("gorm-without-index", "null-task-id", 2, 1265),
    ("gorm-without-index", "long-task-id", 2, 1406),
    *((shape, "", 0, 1060) for shape in legacy.MARIADB if not shape.startswith(("gorm", "task"))),
    ("ours", "", 0, 1060),
    *(
        ("task-id-key", blocker, 0, 1068)
        for blocker in ("", *legacy.blockers("task-id-key", "mariadb"))
    ),
]


@pytest.mark.parametrize(("shape", "blocker", "ran", "error"), CANARY)
def test_where_the_guides_own_sql_stops_the_upgrade_goes_on(
    session: Session, shape: str, blocker: str, ran: int, error: int
) -> None:
    """Control: the guide's SQL stops with this error; `db upgrade` finishes from there."""
    rows = (*legacy.CLEAN, legacy.blocking_row(blocker)) if blocker else legacy.CLEAN
    tables.make(session, shape, rows)
    assert run_until_error(session, legacy.GUIDE) == (ran, error)
    if ran == 2:
        schema = recognise(read_table(session, "videos"), WANTED)
        assert schema is KnownSchema.GUIDE_STEP_2
    job = Upgrade(session, target_schema(Dialect.MARIADB), lambda: "legacy-1", log=lambda _: None)
    if blocker == "range-channel-id":  # for the operator to decide: say, an id that was a mistake
        session.execute("UPDATE videos SET channel_id = 0 WHERE channel_id > 2147483647")
    elif blocker:
        with pytest.raises(BlockedError, match=blocker):
            job.run()
        job = attrs.evolve(job, resolutions={blocker: legacy.RESOLUTIONS[blocker]})
    job.run()
    assert (
        recognise(read_table(session, "videos"), target_schema(Dialect.MARIADB)) is KnownSchema.OURS
    )
    assert session.query("SELECT COUNT(*) FROM videos") == [(len(rows),)]


def test_the_guides_sql_takes_one_empty_id_and_not_two(session: Session) -> None:
    """Control: '' is an id to the guide's index, once."""
    empty = legacy.blocking_row("empty-task-id")
    tables.make(session, "gorm", (*legacy.CLEAN, empty, empty))
    assert run_until_error(session, legacy.GUIDE) == (2, 1062)
    ids = iter("a")
    words = {"empty-task-id": "generate"}
    job = Upgrade(
        session, target_schema(Dialect.MARIADB), lambda: next(ids), words, log=lambda _: None
    )
    assert job.run() is KnownSchema.GUIDE_STEP_2
    assert session.query("SELECT COUNT(*) FROM videos WHERE task_id IN ('a-1', 'a-2')") == [(2,)]


@pytest.mark.parametrize("pair", [("kling_" + "a" * 40, "kling_" + "a" * 41), ("kl_a", "KL_A")])
def test_the_guides_index_refuses_different_ids(session: Session, pair: tuple[str, str]) -> None:
    """Control: ids equal in 40 characters, or except for case, collide in the guide's index."""
    row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True))
    rows = [tuple({**row, "task_id": task_id}[name] for name in legacy.COLUMNS) for task_id in pair]
    tables.make(session, "gorm", rows)
    assert run_until_error(session, legacy.GUIDE) == (2, 1062)
    job = Upgrade(session, target_schema(Dialect.MARIADB), lambda: "x", log=lambda _: None)
    assert job.run() is KnownSchema.GUIDE_STEP_2
    assert session.query("SELECT COUNT(DISTINCT task_id) FROM videos") == [(2,)]


def test_the_guides_rollback_fails_at_once(session: Session) -> None:
    """Control: a numbered column must be a key, so the guide's rollback stops with 1075."""
    tables.make(session, "guide")
    before = definition(session, "videos"), tables.checksum(session)
    assert run_until_error(session, legacy.GUIDE_ROLLBACK) == (0, 1075)
    assert (definition(session, "videos"), tables.checksum(session)) == before
    Upgrade(session, target_schema(Dialect.MARIADB), lambda: "x", log=lambda _: None).run()
    Downgrade(session, target_schema(Dialect.MARIADB), log=lambda _: None).run()
    assert (definition(session, "videos"), tables.checksum(session)) == before


# ---------------------------------------------------------------- connecting


@pytest.mark.parametrize("url", ["oracle://x:pw/y", "mysql://h:33060", "sqlite://", "nonsense"])
def test_a_wrong_url_is_explained_without_its_password(url: str) -> None:
    """The error shows what a URL looks like, and not the given one, which may hold a password."""
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
