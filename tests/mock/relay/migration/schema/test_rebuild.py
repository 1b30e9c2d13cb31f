"""A table replaced in one transaction: names, order of rows, and the counter of ids."""

from __future__ import annotations

import attrs
import pytest

from kling_mock.relay.migration.schema.rebuild import rebuild
from kling_mock.relay.storage.schema import Column, Dialect, Index, Table

_ID = Column("id", "bigint", nullable=False, auto=True)
_TIME = Column("created_at", "bigint", nullable=False, default="0")
_INDEXES = (Index("idx_created_at", ("created_at",)),)
WANTED = Table("videos", (_ID, Column("task_id", "text"), _TIME), ("id",), _INDEXES)
WITHOUT_ID = Table("videos", WANTED.columns[1:], indexes=_INDEXES)


def copied(table: Table, dialect: Dialect) -> list[str]:
    return rebuild(
        table, WANTED, dialect, lambda column: column.name if table.has(column.name) else None
    )


@pytest.mark.parametrize("dialect", [Dialect.SQLITE, Dialect.POSTGRES])
def test_rows_without_ids_are_numbered_by_their_time(dialect: Dialect) -> None:
    """Rows of one second by their task_id, so that a second run gives the same ids."""
    insert = next(
        statement for statement in copied(WITHOUT_ID, dialect) if statement.startswith("INSERT")
    )
    assert insert.endswith('FROM "videos_before_migration" ORDER BY created_at, task_id')
    assert '"id"' not in insert


@pytest.mark.parametrize("dialect", [Dialect.SQLITE, Dialect.POSTGRES])
def test_the_old_table_makes_room_for_its_names(dialect: Dialect) -> None:
    """Its indexes go first: names are unique in the database, not in the table."""
    statements = copied(WITHOUT_ID, dialect)
    drop = statements.index('DROP INDEX "idx_created_at"')
    make = next(n for n, statement in enumerate(statements) if statement.startswith("CREATE INDEX"))
    assert statements[0] == 'ALTER TABLE "videos" RENAME TO "videos_before_migration"'
    assert drop < statements.index('DROP TABLE "videos_before_migration"') < make


def test_an_index_that_sqlite_makes_itself_is_not_dropped() -> None:
    """It goes with its table; SQLite refuses to drop it."""
    own = (Index("sqlite_autoindex_videos_1", ("task_id",), unique=True),)
    assert "autoindex" not in "".join(copied(attrs.evolve(WITHOUT_ID, indexes=own), Dialect.SQLITE))


def test_postgresql_goes_on_after_the_copied_ids() -> None:
    """A table that had none begins after its highest."""
    *_, last = copied(WITHOUT_ID, Dialect.POSTGRES)
    assert last == (
        "SELECT setval(pg_get_serial_sequence('videos', 'id'),"
        ' (SELECT COALESCE(MAX(id), 0) + 1 FROM "videos"), false)'
    )


def test_postgresql_never_uses_the_id_of_a_deleted_row_again() -> None:
    """The old sequence makes room for the new one's name, and its next number is the least."""
    statements = copied(WANTED, Dialect.POSTGRES)
    assert 'ALTER SEQUENCE IF EXISTS "videos_id_seq" RENAME TO "old_videos_id_seq"' in statements
    (set_config,) = (statement for statement in statements if "set_config" in statement)
    assert 'SELECT (last_value + is_called::int)::text FROM "old_videos_id_seq"' in set_config
    assert statements.index(set_config) < statements.index('DROP TABLE "videos_before_migration"')
    assert "GREATEST((SELECT COALESCE(MAX(id), 0) + 1" in statements[-1]
    assert "current_setting('kling_migration.counter')::bigint)" in statements[-1]


def test_sqlite_never_uses_the_id_of_a_deleted_row_again() -> None:
    """The counter of the old table is the new one's."""
    statements = copied(WANTED, Dialect.SQLITE)
    assert "DELETE FROM sqlite_sequence WHERE name = 'videos'" in statements
    assert any(
        "SELECT 'videos', seq FROM (SELECT seq FROM" in statement for statement in statements
    )
    assert not any(
        "sqlite_sequence" in statement for statement in copied(WITHOUT_ID, Dialect.SQLITE)
    )
