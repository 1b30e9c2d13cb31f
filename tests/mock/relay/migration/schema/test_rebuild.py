"""A table replaced by a copy: names, order of rows, the counter of ids, and CHECKs."""

from __future__ import annotations

import re

import attrs
import pytest

from kling_mock.relay.migration.schema.rebuild import (
    SWAP,
    copy_beside,
    rebuild,
    settled,
    without_late_checks,
)
from kling_mock.relay.storage.schema import Check, Column, Dialect, Index, Table

_ID = Column("id", "bigint", nullable=False, auto=True)
_TIME = Column("created_at", "bigint", nullable=False, default="0")
_INDEXES = (Index("idx_created_at", ("created_at",)),)
WANTED = Table("videos", (_ID, Column("task_id", "text"), _TIME), ("id",), _INDEXES)
WITHOUT_ID = Table("videos", WANTED.columns[1:], indexes=_INDEXES)


def copied(table: Table, dialect: Dialect, target: Table = WANTED) -> list[str]:
    def value(column: Column) -> str | None:
        return column.name if table.has(column.name) else None

    if dialect.is_mysql:
        return copy_beside(table, target, dialect, value, next_id=7)
    return rebuild(table, target, dialect, value)


@pytest.mark.parametrize("dialect", Dialect)
def test_rows_without_ids_are_numbered_by_their_time(dialect: Dialect) -> None:
    """Rows of one second by their task_id, byte for byte: the same ids on every server."""
    (insert,) = (text for text in copied(WITHOUT_ID, dialect) if text.startswith("INSERT"))
    exact = {
        Dialect.SQLITE: '"task_id" COLLATE BINARY',
        Dialect.POSTGRES: '"task_id" COLLATE "C"',
    }.get(dialect, "CONVERT(`task_id` USING utf8mb4) COLLATE utf8mb4_bin")
    assert f"SELECT ROW_NUMBER() OVER (ORDER BY created_at, {exact}), task_id," in insert


@pytest.mark.parametrize("dialect", Dialect)
def test_ids_that_rows_already_have_stay(dialect: Dialect) -> None:
    """Whatever their order in time is."""
    (insert,) = (text for text in copied(WANTED, dialect) if "SELECT id, task_id" in text)
    assert "ROW_NUMBER" not in insert


@pytest.mark.parametrize("dialect", [Dialect.MARIADB, Dialect.MYSQL])
def test_the_old_table_is_untouched_until_the_swap(dialect: Dialect) -> None:
    """No statement before it names the table but to read it; a deleted id is not used again."""
    *statements, last = copied(WANTED, dialect)
    assert last == SWAP
    for statement in statements:
        kind = "(CREATE TABLE|ALTER TABLE|INSERT INTO)"
        assert re.match(f"{kind} kling_migration_new", statement.replace("`", ""))
    assert statements[-1] == "ALTER TABLE kling_migration_new AUTO_INCREMENT = 7"


@pytest.mark.parametrize("dialect", [Dialect.MARIADB, Dialect.MYSQL])
def test_mysql_gets_the_check_of_the_old_table_once_that_is_gone(dialect: Dialect) -> None:
    """The name of a CHECK is unique in a database there; the copy has it under another name."""
    checked = attrs.evolve(WANTED, checks=frozenset({Check("positive", "id > 0")}))
    text = "\n".join(copied(checked, dialect, checked))
    gone, *late = settled(without_late_checks(checked, checked, dialect), checked, dialect)
    assert gone == "DROP TABLE IF EXISTS kling_migration_old"
    is_mysql = dialect is Dialect.MYSQL
    assert ("DROP CHECK `kling_migration_new_chk_1`" in text) is is_mysql
    assert "".join(late).endswith("ADD CONSTRAINT `positive` CHECK (id > 0)") is is_mysql
    assert "positive" not in text


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
