"""The store under test, by turns each that we have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest

from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.mysql import SESSION, MysqlEngine
from kling_mock.relay.storage.connect import engine_of
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.statements import AFTER_LOCKS
from kling_mock.relay.storage.steps import Statement, TransactionFactory
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.databases import Mysql, Postgres, Server, SqliteFile, need, opened
from tests.mock.relay.storage.interleaving import noting
from tests.run_folder import run_folder

T = TypeVar("T")

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
STORES = ("memory", "sqlite", "mariadb", "mariadb-as-mysql", "postgres")
#: Where races are tried.
SHARED = ("sqlite", *_VARIANTS, "postgres")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables: to copy it costs less than to wait for the disk again."""
    database = SqliteFile(tmp_path_factory.mktemp("template"))
    asyncio.run(_create_schema(database))
    return database.path


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A folder in memory where there is one: the contract is not about power cuts."""
    with TemporaryDirectory(dir=run_folder()) as folder:
        yield Path(folder)


async def _create_schema(database: SqliteFile | Server) -> None:
    async with opened(database):
        pass


def _served(database: Server) -> Iterator[Server]:
    need("mysql" if isinstance(database, Mysql) else "postgres")
    asyncio.run(database.make())
    try:
        asyncio.run(_create_schema(database))
        yield database
    finally:
        asyncio.run(database.drop())


@pytest.fixture(scope="session")
def mysql() -> Iterator[Server]:
    yield from _served(Mysql())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    yield from _served(Postgres())


def store_on(database: SqliteFile | Server, variant: str) -> Storage:
    """Return a store on a database, not yet open."""
    if variant in _VARIANTS:
        engine = engine_of(database.url)
        assert isinstance(engine, MysqlEngine)
        return Storage(MysqlEngine(engine.address, session=_VARIANTS[variant]))
    return Storage(engine_of(database.url))


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
    return store_on(database_of(request, request.param), request.param)


@pytest.fixture
async def store(closed_store: Storage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Storage]:
    """An open store, whose methods use only declared statements after their first locks.

    On PostgreSQL a process that stopped while it prepared another one would keep the locks.
    """
    late: set[Statement] = set()
    plain = closed_store.run

    async def run(name: str, make: TransactionFactory[T], mode: TransactionMode) -> T:
        if mode is TransactionMode.WRITE and hasattr(Storage, name):  # else a test's own
            return await plain(name, lambda: noting(make(), late), mode)
        return await plain(name, make, mode)

    monkeypatch.setattr(closed_store, "run", run)
    await closed_store.open()
    yield closed_store
    await closed_store.close()
    assert late <= {*AFTER_LOCKS}


@pytest.fixture
async def shop(store: Storage) -> kit.Shop:
    """A store with a user of 1,000 quota, a token and a channel."""
    return await kit.Shop.fill(store)
