"""The statements of the online upgrade, for a table with ids and for one without."""

from __future__ import annotations

import pytest

from kling_mock.relay.migration.database.session import connect
from kling_mock.relay.migration.online.sql import INDEX, OnlineSql
from kling_mock.relay.storage.schema import Column, Dialect, Index, Table
from tests.clusters.cluster import ClusterDatabase
from tests.clusters.mysql9 import Mysql9
from tests.mock.relay.migration import tables
from tests.mock.relay.migration.application import many

ASCII = "ascii_bin"
TEXT = "utf8mb4_bin"
TARGET = Table(
    "videos",
    (
        Column("id", "bigint", nullable=False, auto=True),
        Column("task_id", "varchar(200)", nullable=False, collation=ASCII),
        Column("created_at", "bigint", nullable=False, default="0"),
        Column("username", "varchar(100)", collation=TEXT),
        Column("legacy", "smallint", nullable=False, default="0"),
    ),
    ("id",),
    (Index("idx_created_at", ("created_at",)),),
)
WITHOUT_ID = Table(
    "videos",
    (
        Column("task_id", "varchar(200)", collation="latin1_bin"),
        Column("created_at", "bigint"),
        Column("username", "longtext", collation=TEXT),
        Column("type", "varchar(50)", nullable=False, collation=TEXT),
    ),
)
WITH_ID = Table("videos", (TARGET.columns[0], *WITHOUT_ID.columns), ("id",))


def statements(table: Table = WITHOUT_ID, dialect: Dialect = Dialect.MARIADB) -> OnlineSql:
    def copied(column: Column, row: str) -> str | None:
        if column.name == "legacy":
            return "1"
        return f"{row}`{column.name}`" if table.has(column.name) else None

    return OnlineSql(table, TARGET, copied, dialect)


def test_a_chunk_ends_at_the_key_that_the_table_has() -> None:
    """By id where there is one; else by time, on an index made for the copy."""
    assert statements(WITH_ID).end_of_chunk(500) == (
        "SELECT id FROM videos FORCE INDEX (PRIMARY) WHERE id > ? ORDER BY id LIMIT 1 OFFSET 499"
    )
    by_time = statements().end_of_chunk(1)
    assert f"SELECT created_at FROM videos FORCE INDEX ({INDEX})" in by_time
    assert by_time.endswith("LIMIT 1 OFFSET 0")


@pytest.mark.parametrize(
    ("dialect", "lock"),
    [(Dialect.MARIADB, "LOCK IN SHARE MODE"), (Dialect.MYSQL, "FOR SHARE")],
)
def test_the_copy_waits_for_no_writer_and_overwrites_no_trigger(
    dialect: Dialect, lock: str
) -> None:
    """Locked rows are skipped, in the server's own words; rows that came by a trigger stay."""
    sql = statements(dialect=dialect).copy("created_at <= 9")
    assert f" WHERE created_at <= 9 ORDER BY created_at {lock} SKIP LOCKED " in sql
    assert sql.endswith(
        "ON DUPLICATE KEY UPDATE videos_migrating.task_id = videos_migrating.task_id"
    )


def test_only_a_table_without_ids_gets_numbers() -> None:
    """They go on from @n, in order of time; ids that exist are copied by their column."""
    assert "(`id`, `task_id`" in statements().copy("TRUE")
    assert "SELECT @n := @n + 1, `task_id`" in statements().copy("TRUE")
    assert "SELECT `id`, `task_id`" in statements(WITH_ID).copy("TRUE")


def test_each_write_has_its_trigger() -> None:
    """INSERT and DELETE are mirrored, and UPDATE changes the copy's row; INSERT comes last."""
    delete, update, insert = statements().triggers()
    head = "CREATE TRIGGER kling_migration_{0} AFTER {1} ON videos FOR EACH ROW {1}"
    assert insert.startswith(head.format("insert", "INSERT") + " INTO videos_migrating (")
    assert "NEW.`created_at`" in insert
    assert update.startswith(head.format("update", "UPDATE") + " videos_migrating SET `task_id` =")
    assert delete.startswith(head.format("delete", "DELETE") + " FROM videos_migrating WHERE ")
    same = "videos_migrating.task_id = CONVERT(OLD.task_id USING ascii) COLLATE ascii_bin"
    assert update.endswith(f" WHERE {same}")
    assert delete.endswith(f" WHERE {same}")


def test_an_update_inserts_a_row_that_has_an_id_and_is_not_copied_yet() -> None:
    """So it locks no gap; a row whose id changes is taken away first."""
    _, update, _ = statements(WITH_ID).triggers()
    gone = "DELETE FROM videos_migrating WHERE videos_migrating.id = OLD.id"
    assert f"BEGIN IF OLD.id <> NEW.id THEN {gone}; END IF; INSERT INTO" in update
    assert " ON DUPLICATE KEY UPDATE `id` = NEW.`id`, " in update


def test_the_copy_of_a_row_is_found_by_id_where_there_is_one() -> None:
    """Without one by `task_id`, converted on the old side, so that the copy's index is used."""
    assert statements(WITH_ID).same_row("OLD.") == "videos_migrating.id = OLD.id"
    assert statements().same_row("NEW.").startswith("videos_migrating.task_id = CONVERT(NEW.")


def test_a_text_that_is_too_long_fails_the_write_instead_of_being_cut() -> None:
    """Also one whose end is blanks, which a VARCHAR drops silently; what fits by type is left."""
    *_, insert = statements().triggers()
    too_long = "IF(CHAR_LENGTH(NEW.`username`) > 100, REPEAT('-', 101), NEW.`username`)"
    assert too_long in insert
    assert "CHAR_LENGTH(NEW.`task_id`)" not in insert


@pytest.mark.parametrize(
    ("table", "where"),
    [
        (WITHOUT_ID, "WHERE created_at = 1 AND task_id = 'kling_migration_try'"),
        (WITH_ID, "WHERE id = LAST_INSERT_ID() AND task_id = 'kling_migration_try'"),
    ],
)
def test_every_trigger_is_tried_on_a_row_of_its_own(table: Table, where: str) -> None:
    """It has each column that takes no NULL, and is found without a scan."""
    insert, update, delete = statements(table).tried()
    assert insert == (
        "INSERT INTO videos (task_id, created_at, `type`) VALUES ('kling_migration_try', 1, '')"
    )
    assert update.endswith(where)
    assert delete == f"DELETE FROM videos {where}"


def test_rows_without_a_copy_are_found_by_the_index_of_the_copy() -> None:
    """One query without locks names some of them, which are then copied by key and id."""
    without_copy = (
        "NOT EXISTS (SELECT 1 FROM videos_migrating AS s"
        " WHERE s.task_id = CONVERT(videos.task_id USING ascii) COLLATE ascii_bin)"
    )
    assert statements().missing(None, 500) == (
        f"SELECT created_at, task_id FROM videos WHERE (TRUE) AND {without_copy} LIMIT 500"
    )
    assert statements().missing("created_at > 7", 500) == (
        "SELECT created_at, task_id FROM videos FORCE INDEX (kling_migration_created)"
        f" WHERE (created_at > 7) AND {without_copy} LIMIT 500"
    )


def test_rows_are_found_again_by_key_and_id() -> None:
    """A row without a time has no key."""
    assert statements().listed([(7, "a"), (8, "b")]) == (
        "created_at IN (?, ?) AND CONCAT(task_id) IN (?, ?)",
        [7, 8, "a", "b"],
    )
    assert statements().listed([(None, "a")]) == (
        "(created_at IN (?) OR created_at IS NULL) AND CONCAT(task_id) IN (?)",
        [None, "a"],
    )


def test_rows_are_read_by_their_keys_alone(mysql9: Mysql9) -> None:
    """A primary key is part of each other index, in which MySQL would look up every pair."""
    count = 200
    with ClusterDatabase(mysql9) as database, connect(mysql9.url(database.name, [0])) as session:
        tables.make(session, "task-id-key", many(count))
        session.execute("UPDATE videos SET created_at = CRC32(task_id)")
        session.execute(f"ALTER TABLE videos ADD INDEX {INDEX} (created_at)")
        rows = session.query("SELECT created_at, task_id FROM videos")
        condition, values = statements(dialect=Dialect.MYSQL).listed(rows)
        reads = "SHOW SESSION STATUS LIKE 'Handler_read_key'"
        before = int(session.query(reads)[0][1])
        statement = f"SELECT prompt FROM videos FORCE INDEX ({INDEX}) WHERE {condition}"
        assert len(session.query(statement, *values)) == count
        assert int(session.query(reads)[0][1]) - before <= count


@pytest.mark.parametrize(
    ("table", "after", "last", "old", "copy"),
    [
        (WITHOUT_ID, None, None, "(TRUE OR created_at IS NULL)", "TRUE"),
        (WITHOUT_ID, None, 9, "(created_at <= 9 OR created_at IS NULL)", "created_at <= 9"),
        (WITHOUT_ID, 0, 9, "created_at > 0 AND created_at <= 9", None),
        (WITHOUT_ID, -1, 0, "(created_at > -1 AND created_at <= 0 OR created_at IS NULL)", "0"),
        (WITHOUT_ID, -9, -1, "created_at > -9 AND created_at <= -1", None),
        (WITH_ID, None, 9, "id <= 9", None),
        (WITH_ID, 3, None, "id > 3", None),
    ],
)
def test_rows_without_a_time_are_compared_where_their_copies_are(
    table: Table, after: int | None, last: int | None, old: str, copy: str | None
) -> None:
    """At the time 0, once; with an id the time does not matter."""
    sql = statements(table).compared(after, last)
    index = "PRIMARY" if table is WITH_ID else INDEX
    assert f" FROM videos FORCE INDEX ({index}) WHERE {old})," in sql
    assert "IS NULL" not in sql.partition(" FROM videos_migrating ")[2]
    assert sql.endswith(f"{copy or old})")


def test_values_are_compared_in_the_character_set_of_the_copy() -> None:
    """Each by itself: NULL differs from a text, and no row makes a text that is too long."""
    sql = statements().compared(None, None)
    assert "COALESCE(CRC32(CONVERT(`task_id` USING ascii)), 'NULL')" in sql
    assert "COALESCE(CRC32(`created_at`), 'NULL')" in sql
    assert "FROM videos_migrating FORCE INDEX (`idx_created_at`)" in sql
    assert "FORCE INDEX" in statements(WITH_ID).compared(None, None)


def test_the_tables_change_places_in_one_statement() -> None:
    """No moment is without the table."""
    assert statements().swap() == (
        "RENAME TABLE videos TO videos_before_migration, videos_migrating TO videos"
    )
