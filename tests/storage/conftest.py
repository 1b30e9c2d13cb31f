"""The store under test, by turns each that we have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kling_mock.storage.adapters.mysql import SESSION, MysqlEngine
from kling_mock.storage.connect import connect, engine_of
from kling_mock.storage.memory import MemoryStorage
from kling_mock.storage.protocol import Storage
from kling_mock.storage.sql_storage import SqlStorage
from tests.storage import kit
from tests.storage.databases import Mysql, Postgres, Server, SqliteFile, need, opened

#: What MySQL has: no snapshot isolation, at its own default level and at ours. MariaDB has it
#: on by default, and it matters at REPEATABLE READ only, which is why that is tried here.
_REPEATABLE = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"
_VARIANTS = {
    "mariadb": SESSION,
    "mariadb-as-mysql": (*SESSION, "SET SESSION innodb_snapshot_isolation = OFF"),
    "mariadb-repeatable": (*SESSION, _REPEATABLE),
    "mariadb-as-mysql-repeatable": (
        *SESSION,
        _REPEATABLE,
        "SET SESSION innodb_snapshot_isolation = OFF",
    ),
}
#: Where the contract is tried. The other variants differ under concurrency only.
STORES = ("memory", "sqlite-memory", "sqlite", "mariadb", "mariadb-as-mysql", "postgres")
#: Where races are tried.
SHARED = ("sqlite", *_VARIANTS, "postgres")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables: to copy it costs less than to wait for the disk again."""
    database = SqliteFile(tmp_path_factory.mktemp("template"))
    asyncio.run(_found(database))
    return database.path


async def _found(database: SqliteFile | Server) -> None:
    async with opened(database):
        pass


def _served(database: Server) -> Iterator[Server]:
    need("mysql" if isinstance(database, Mysql) else "postgres")
    asyncio.run(database.make())
    try:
        asyncio.run(_found(database))
        yield database
    finally:
        asyncio.run(database.drop())


@pytest.fixture(scope="session")
def mysql() -> Iterator[Server]:
    yield from _served(Mysql())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    yield from _served(Postgres())


def store_on(database: SqliteFile | Server, variant: str) -> SqlStorage:
    """Return a store on a database, not yet open."""
    if variant in _VARIANTS:
        engine = engine_of(database.url)
        assert isinstance(engine, MysqlEngine)
        return SqlStorage(MysqlEngine(engine._address, session=_VARIANTS[variant]))
    return SqlStorage(engine_of(database.url))


@asynccontextmanager
async def _open(store: Storage) -> AsyncIterator[Storage]:
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def database_of(request: pytest.FixtureRequest, variant: str) -> SqliteFile | Server:
    """Return an empty database with the tables."""
    if variant == "sqlite":
        folder: Path = request.getfixturevalue("tmp_path")
        return SqliteFile(folder, request.getfixturevalue("sqlite_template"))
    name = "postgres" if variant == "postgres" else "mysql"
    server: Server = request.getfixturevalue(name)
    return server


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage()
        return
    if request.param == "sqlite-memory":
        async with _open(connect("sqlite://")) as one:
            yield one
        return
    database = database_of(request, request.param)
    if not isinstance(database, SqliteFile):
        await database.empty()
    async with _open(store_on(database, request.param)) as one:
        yield one


@pytest.fixture
async def shop(store: Storage) -> kit.Shop:
    """A store with a user of 1,000 quota, a token and a channel."""
    return await kit.Shop.fill(store)
