"""Every shape, with every blocker, on every way: the wanted table with each row, or nothing.

A cell is a shape on a database, something that is the matter with its rows or nothing, and a
way. Cells that cannot be are listed in `legacy.impossible`, and the database is asked to agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration.check import check
from kling_mock.relay.migration.database.introspect import definition, read_table
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, recognise, target_schema
from kling_mock.relay.storage.schema import quoted
from tests.mock.relay.migration import legacy, tables

TABLES = [
    (dialect, shape) for dialect, shapes in tables.SHAPES.items() for shape in (*shapes, "ours")
]
WAYS = {"mariadb": ("direct", "online"), "sqlite": ("direct",), "postgresql": ("direct",)}
CELLS = [
    ((dialect, shape), blocker)
    for dialect, shape in TABLES
    for blocker in legacy.blockers(shape, dialect)
]
CLEAN = [(dialect, shape, way) for dialect, shape in TABLES for way in WAYS[dialect]]
HARMLESS = [
    (dialect, shape, way, blocker)
    for dialect, shape in TABLES
    for blocker in legacy.harmless(shape, dialect)
    for way in WAYS[dialect]
]
IMPOSSIBLE = [
    ((dialect, shape), blocker)
    for dialect, shape in TABLES
    for blocker in legacy.impossible(shape, dialect)
]


class Made(NamedTuple):
    """A table that several tests look at."""

    url: str
    shape: str
    session: Session


@pytest.fixture(scope="module")
def shared_table(
    request: pytest.FixtureRequest, shared_databases: Callable[[str], str]
) -> Iterator[Made]:
    dialect, shape = request.param
    url = shared_databases(dialect)
    with connect(url) as session:
        tables.make(session, shape)
        yield Made(url, shape, session)


def command(url: str, way: str, *words: str) -> int:
    online = ("--online", "--max-running", "0", "--progress", "none") if way == "online" else ()
    status = main(["db", "upgrade", "--db", url, *online, *words])
    return main(["db", "finish", "--db", url]) if online and not status else status


def test_the_matrix_has_no_hole() -> None:
    """Every combination is in one of the four lists, and in one only."""
    blocked, impossible = (
        sum(len(WAYS[table[0]]) for table, _ in cells) for cells in (CELLS, IMPOSSIBLE)
    )
    assert blocked + len(HARMLESS) + impossible == len(CLEAN) * len(legacy.BLOCKERS)
    assert all(len(cells) == len(set(cells)) for cells in (CELLS, HARMLESS, IMPOSSIBLE))
    assert (len(CLEAN), blocked, len(HARMLESS), impossible) == SIZES


#: Cells: clean, blocked, harmless, impossible.
SIZES = (36, 232, 22, 70)


@pytest.mark.parametrize(("shared_table", "blocker"), CELLS, indirect=["shared_table"])
@pytest.mark.slow
def test_a_blocker_is_named_and_nothing_touched(
    shared_table: Made, blocker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On each way the command refuses, says why, and the table is as it was to the byte."""
    session = shared_table.session
    tables.insert(session, [legacy.blocking_row(blocker)])
    try:
        before = definition(session, "videos"), tables.checksum(session)
        (finding,) = check(session, target_schema(session.dialect)).blockers
        assert (finding.name, finding.count, len(finding.rows)) == (blocker, 1, 1)
        for way in WAYS[legacy.family(session.dialect)]:
            assert command(shared_table.url, way, "--resolve", "foreign-tables=leave") == 11
            out, err = capsys.readouterr()
            assert out == ""
            assert f"blocker   {blocker}: " in err
            assert "nothing was changed" in err
            assert (definition(session, "videos"), tables.checksum(session)) == before
            for name in ("migration_state", "migration_changes", "users", "videos_migrating"):
                assert read_table(session, name) is None
    finally:
        session.execute("DELETE FROM videos WHERE prompt = 'blocking'")
    assert session.query("SELECT COUNT(*) FROM videos") == [(len(legacy.CLEAN),)]


@pytest.mark.parametrize(("shared_table", "blocker"), IMPOSSIBLE, indirect=["shared_table"])
@pytest.mark.slow
def test_what_cannot_be_is_refused_by_the_database(shared_table: Made, blocker: str) -> None:
    """A cell is left out only where the database itself does not take such a row."""
    with pytest.raises(DatabaseError):
        tables.insert(shared_table.session, [legacy.blocking_row(blocker)])


@pytest.mark.parametrize(("dialect", "shape", "way"), CLEAN)
def test_a_clean_table_is_upgraded(
    dialect: str, shape: str, way: str, databases: Callable[[str], str]
) -> None:
    """The target schema, and of each row every old column as it was, NULL filled in."""
    url = databases(dialect)
    with connect(url) as session:
        tables.make(session, shape)
        expected = old_columns(session, was=shape)
        assert command(url, way) == 0
        assert (
            recognise(read_table(session, "videos"), target_schema(session.dialect))
            is KnownSchema.OURS
        )
        assert old_columns(session, names=expected[0]) == expected


@pytest.mark.parametrize(("dialect", "shape", "way", "blocker"), HARMLESS)
def test_what_is_in_nobodys_way_is_let_through(
    dialect: str, shape: str, way: str, blocker: str, databases: Callable[[str], str]
) -> None:
    """Where the target schema holds such a row as it is, it stays as it is."""
    url = databases(dialect)
    with connect(url) as session:
        tables.make(session, shape)
        tables.insert(session, [legacy.blocking_row(blocker)])
        expected = old_columns(session, was=shape)
        assert command(url, way) == 0
        assert (
            recognise(read_table(session, "videos"), target_schema(session.dialect))
            is KnownSchema.OURS
        )
        assert old_columns(session, names=expected[0]) == expected


def old_columns(
    session: Session, names: tuple[str, ...] = (), was: str = ""
) -> tuple[tuple[str, ...], list[str]]:
    """Return the old columns and all rows of them, as an upgrade has to leave them.

    Args:
        session: The connection.
        names: The columns; those of the table by default.
        was: The shape, if the table is still to be upgraded.
    """
    table = read_table(session, "videos")
    assert table is not None
    names = names or tuple(column.name for column in table.columns)
    listed = ", ".join(quoted(name, session.dialect) for name in names)
    rows = session.query(f"SELECT {listed} FROM videos")
    if was and was != "ours":
        rows = [filled(dict(zip(names, row, strict=True)), session) for row in rows]
    return names, sorted(repr(row) for row in rows)


def filled(row: dict[str, Any], session: Session) -> tuple[Any, ...]:
    """Return a row with what the target schema has instead of NULL, worked out by hand."""
    target = target_schema(session.dialect)
    for name, value in row.items():
        column = target.column(name)
        if name == "updated_at":
            row[name] = value or row["created_at"]
        elif value is None and column is not None and not column.nullable:
            default = column.default or "''"
            row[name] = default.strip("'") if "'" in default else int(default)
    return tuple(row.values())
