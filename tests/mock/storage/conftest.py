"""The store under test, by turns each that we have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kling_mock.storage.adapters.mysql import SESSION, MysqlEngine
from kling_mock.storage.connect import connect, engine_of
from kling_mock.storage.memory import MemoryStorage
from kling_mock.storage.protocol import Storage
from kling_mock.storage.sql_storage import SqlStorage
from tests.mock.storage import samples as kit
from tests.mock.storage.databases import Mysql, Postgres, Server, SqliteFile, need, opened

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


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A folder in memory where there is one: the contract is not about power cuts."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own in it
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


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
        return SqlStorage(MysqlEngine(engine.address, session=_VARIANTS[variant]))
    return SqlStorage(engine_of(database.url))


def database_of(request: pytest.FixtureRequest, variant: str) -> SqliteFile | Server:
    """Return an empty database with the tables. Only outside of a running loop."""
    if variant == "sqlite":
        folder: Path = request.getfixturevalue("quick_path")
        return SqliteFile(folder, request.getfixturevalue("sqlite_template"))
    server: Server = request.getfixturevalue("postgres" if variant == "postgres" else "mysql")
    if "as-mysql" in variant and isinstance(server, Mysql) and not asyncio.run(server.is_mariadb()):
        pytest.skip("MariaDB only: MySQL has no innodb_snapshot_isolation, and is as without it")
    asyncio.run(server.empty())
    return server


@pytest.fixture(params=STORES)
def closed_store(request: pytest.FixtureRequest) -> Storage:
    """A store that is not yet open, on an empty database."""
    if request.param == "memory":
        return MemoryStorage()
    if request.param == "sqlite-memory":
        return connect("sqlite://")
    return store_on(database_of(request, request.param), request.param)


@pytest.fixture
async def store(closed_store: Storage) -> AsyncIterator[Storage]:
    await closed_store.open()
    yield closed_store
    await closed_store.close()


@pytest.fixture
async def shop(store: Storage) -> kit.Shop:
    """A store with a user of 1,000 quota, a token and a channel."""
    return await kit.Shop.fill(store)
