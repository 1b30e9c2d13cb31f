"""The tables: one description, one script per database, and what opening a database does."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import attrs
import pytest

from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.errors import SchemaError, StorageUnavailableError
from kling_mock.relay.storage.schema import SCRIPTS, TABLES, VERSION, Dialect, script, table_named
from kling_mock.relay.storage.values import (
    Channel,
    LateReport,
    LedgerEntry,
    Notice,
    Receiver,
    SecretRotation,
    Token,
    User,
    VideoRow,
)
from tests.mock.relay.storage.databases import SqliteFile, opened


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.committed_copy
def test_the_committed_script_is_the_generated_one(dialect: Dialect) -> None:
    """What an operator reads in `ddl/` is what the description says."""
    path = resources.files("kling_mock.relay.storage") / "ddl" / SCRIPTS[dialect]
    assert path.read_text("utf-8") == script(dialect), "run `python -m kling_mock.relay.storage`"


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("users", User),
        ("tokens", Token),
        ("channels", Channel),
        ("videos", VideoRow),
        ("ledger", LedgerEntry),
        ("outbox", Notice),
        ("reports", LateReport),
        ("receivers", Receiver),
        ("webhook_secrets", SecretRotation),
    ],
)
def test_a_row_has_the_columns_of_its_table_in_their_order(table: str, row: Any) -> None:
    """A value can be made from a row, and an INSERT names every column in use."""
    of_older_relays = {("channels", "used_quota"), ("users", "legacy_id")}
    columns = [
        c.name
        for c in table_named(table, Dialect.SQLITE).columns
        if (table, c.name) not in of_older_relays
    ]
    assert columns == [f.name for f in attrs.fields(row)]


def test_the_guides_columns_and_indexes_are_all_there() -> None:
    """The table is the guide's, with the whole task id unique instead of its first 40."""
    videos = table_named("videos", Dialect.MYSQL)
    indexes = {index.name: index.columns for index in videos.indexes}
    assert videos.columns[0].name == "id"
    assert indexes["idx_task_id"] == ("task_id",)
    assert set(indexes) >= {
        "idx_created_at",
        "idx_user_id",
        "idx_channel_id",
        "idx_status",
        "idx_video_id",
        "idx_user_created",
        "idx_channel_created",
    }
    mysql = script(Dialect.MYSQL)
    assert "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT" in mysql
    assert "task_id VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL" in mysql


def test_an_unknown_table_is_an_error() -> None:
    """A misspelled name in a migration fails at once; a column may be missing."""
    with pytest.raises(KeyError, match="vidoes"):
        table_named("vidoes", Dialect.SQLITE)
    videos = table_named("videos", Dialect.SQLITE)
    assert videos.column("prize") is None
    quota = videos.column("quota")
    assert quota is not None
    assert quota.default == "0"


# ------------------------------------------------------------ opening a file


@pytest.fixture
def database(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path)


async def test_an_empty_database_gets_its_tables_once(database: SqliteFile) -> None:
    """The first opening creates them, the second finds them; closing twice is harmless."""
    store = connect(database.url)
    for _ in range(2):
        await store.open()
        await store.probe(now=1)
        await store.close()
        await store.close()
    assert await database.query("SELECT version FROM schema_version") == [(VERSION,)]
    with pytest.raises(StorageUnavailableError, match="not open"):
        await store.probe(now=1)


async def test_many_processes_may_open_it_at_the_same_time(database: SqliteFile) -> None:
    """Relays that start together on an empty database all come up."""

    async def start() -> None:
        async with opened(database) as store:
            await store.probe(now=1)

    await asyncio.gather(*(start() for _ in range(6)))
    assert await database.query("SELECT version FROM schema_version") == [(VERSION,)]


async def test_an_interrupted_creation_is_finished(database: SqliteFile) -> None:
    """A process killed after some of the tables leaves nothing that needs a hand."""
    raw = sqlite3.connect(database.path)
    statements = script(Dialect.SQLITE).split(";\n")
    raw.executescript(";\n".join(statements[:3]) + ";")
    raw.close()
    async with opened(database) as store:
        assert await store.reconcile() == []
    assert await database.query("SELECT version FROM schema_version") == [(VERSION,)]


async def test_a_database_of_another_version_is_refused(database: SqliteFile) -> None:
    """A program never writes into tables that it does not know."""
    async with opened(database):
        pass
    for version, words in ((99, "is of a newer program"), (VERSION - 1, "db upgrade")):
        await database.query(f"UPDATE schema_version SET version = {version}")
        with pytest.raises(SchemaError, match=rf"version {version} .* needs {VERSION}.*{words}"):
            await connect(database.url).open()


@pytest.mark.parametrize(
    "tables", [["videos"], ["users", "tokens", "channels", "options", "logs"], ["ledger"]]
)
async def test_tables_of_another_program_are_left_alone(
    database: SqliteFile, tables: list[str]
) -> None:
    """The guide's database has to be migrated first; nothing is added to it by mistake."""
    for name in tables:
        await database.query(f"CREATE TABLE {name} (a INTEGER)")
    with pytest.raises(SchemaError, match="db check"):
        await connect(database.url).open()
    rows = await database.query("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert {row[0] for row in rows} == set(tables)


async def test_other_tables_do_not_matter(database: SqliteFile) -> None:
    """A database with other programs' tables only gets ours beside them."""
    await database.query("CREATE TABLE options (a INTEGER)")
    async with opened(database) as store:
        await store.probe(now=1)


@pytest.mark.parametrize("content", [b"this is not a database" * 99, None])
async def test_a_file_that_is_no_database_is_an_error(
    database: SqliteFile, content: bytes | None
) -> None:
    """Opening fails with a reason, and leaves no thread behind."""
    if content is None:
        database.path.mkdir()
    else:
        database.path.write_bytes(content)
    with pytest.raises(StorageUnavailableError, match="SQLite"):
        await connect(database.url).open()


async def test_the_database_itself_refuses_a_task_id_with_spaces(database: SqliteFile) -> None:
    """The condition is in the table, so it holds for every program that writes there."""
    async with opened(database):
        pass
    for wrong in ("", "a b", "ä", "a\n"):
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            await database.query(f"INSERT INTO videos (task_id) VALUES ('{wrong}')")


# ------------------------------------------------------------ URLs


@pytest.mark.parametrize("url", ["", "oracle://x", "relay.db", "sqlite:/x", "sqlite://host/x"])
def test_a_url_of_no_known_database_is_an_error(url: str) -> None:
    """The error says what is expected, and never repeats what may hold a password."""
    secret = url.replace("://", "://user:hunter2@") if "://" in url else url
    with pytest.raises(ValueError, match=r"sqlite|SQLite") as caught:
        connect(secret)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://root@localhost/a", "postgresql://localhost/a"])
def test_a_missing_driver_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """The error is the command that installs it."""
    extra = "mysql" if url.startswith("mysql") else "postgres"
    monkeypatch.setitem(sys.modules, f"kling_mock.relay.storage.adapters.{extra}", None)
    with pytest.raises(ImportError, match=rf"pip install 'kling-sdk\[{extra}\]'"):
        connect(url)


def test_a_relative_path_is_taken_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three slashes are relative, four absolute."""
    monkeypatch.chdir(tmp_path)

    async def use(url: str) -> None:
        store = connect(url)
        await store.open()
        await store.close()

    asyncio.run(use("sqlite:///here.db"))
    asyncio.run(use(f"sqlite:///{tmp_path}/there.db"))
    assert {path.name for path in tmp_path.glob("*.db")} == {"here.db", "there.db"}


@pytest.mark.parametrize("dialect", Dialect)
def test_every_table_has_a_name_of_its_own_for_each_index(dialect: Dialect) -> None:
    """SQLite and PostgreSQL keep the indexes of all tables in one list."""
    names = [index.name for table in TABLES[dialect] for index in table.indexes]
    assert len(names) == len(set(names))
