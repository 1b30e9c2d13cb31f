"""Databases of the tests' own: made with a random name, emptied between tests, dropped."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import asyncmy
import asyncpg
import pytest

from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.schema import TABLE_NAMES
from kling_mock.relay.storage.sql_storage import Storage
from tests.clusters import in_memory
from tests.clusters.servers import listens
from tests.run_folder import is_there, run_id

_DELETE: Final = ";".join(
    f"DELETE FROM {table}" for table in TABLE_NAMES if table != "schema_version"
)

# The database's own address can be another one, for instance in a container.
MYSQL: Final = ("127.0.0.1", int(os.environ.get(in_memory.PORT, "3306")))
POSTGRES: Final = ("127.0.0.1", int(os.environ.get("KLING_TEST_POSTGRES_PORT", "5432")))


_OURS: Final = "kling_test"


class Database(Protocol):
    """A database that a store can be opened on, and that a test can read."""

    @property
    def url(self) -> str: ...

    async def query(self, sql: str) -> Sequence[Sequence[Any]]:
        """Run one statement past the store, and return what it read."""
        ...


class SqliteFile:
    """A file of its own, or a copy of *template*."""

    def __init__(self, folder: Path, template: Path | None = None) -> None:
        self.path = folder / "relay.db"
        if template is not None:
            shutil.copyfile(template, self.path)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    async def query(self, sql: str) -> Sequence[Sequence[Any]]:
        raw = sqlite3.connect(self.path, timeout=30)
        try:
            with raw:
                return raw.execute(sql).fetchall()
        finally:
            raw.close()


def _name() -> str:
    """Return a name for a new database, which says which run makes it."""
    return "_".join(filter(None, (_OURS, run_id(), secrets.token_hex(6))))


class Mysql:
    """A database of its own on the machine's MariaDB or MySQL."""

    def __init__(self) -> None:
        self.name = _name()

    @property
    def url(self) -> str:
        return f"mysql://root@{MYSQL[0]}:{MYSQL[1]}/{self.name}"

    async def query(self, sql: str, *, database: bool = True) -> Sequence[Sequence[Any]]:
        connection = await asyncmy.connect(
            host=MYSQL[0],
            port=MYSQL[1],
            user="root",
            database=self.name if database else None,
            autocommit=True,
        )
        try:
            async with connection.cursor() as cursor:
                rows: Sequence[Sequence[Any]] = ()
                for statement in sql.split(";"):
                    await cursor.execute(statement)
                    rows = await cursor.fetchall()
                return rows
        finally:
            await connection.ensure_closed()

    async def make(self) -> None:
        await self.query(
            f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
            database=False,
        )

    async def drop(self) -> None:
        await self.query(f"DROP DATABASE {self.name}", database=False)

    async def is_mariadb(self) -> bool:
        ((version,),) = await self.query("SELECT VERSION()", database=False)
        return "mariadb" in str(version).lower()

    async def empty(self) -> None:
        """Delete all rows at once: faster than TRUNCATE, which creates each table again."""
        await self.query(f"START TRANSACTION;{_DELETE};COMMIT")


async def _connected_to_postgres(database: str) -> Any:
    """Connect, once there is a place: several workers with four relays each take up all of them."""
    until = time.monotonic() + 30
    while True:
        try:
            return await asyncpg.connect(
                host=POSTGRES[0], port=POSTGRES[1], user="postgres", database=database
            )
        except asyncpg.TooManyConnectionsError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.1)


class Postgres:
    """A database of its own on the machine's PostgreSQL."""

    def __init__(self) -> None:
        self.name = _name()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{POSTGRES[0]}:{POSTGRES[1]}/{self.name}"

    async def query(self, sql: str, *, database: str = "") -> Sequence[Sequence[Any]]:
        connection = await _connected_to_postgres(database or self.name)
        try:
            rows: list[Any] = []
            for statement in sql.split(";"):
                rows = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    async def make(self) -> None:
        await self.query(f"CREATE DATABASE {self.name}", database="postgres")
        # The contract is not about power cuts, and waiting for the disk is most of the time.
        await self.query(
            f"ALTER DATABASE {self.name} SET synchronous_commit = off", database="postgres"
        )

    async def drop(self) -> None:
        await self.query(f"DROP DATABASE {self.name} WITH (FORCE)", database="postgres")

    async def empty(self) -> None:
        """Delete all rows at once."""
        await self.query(f"BEGIN;{_DELETE};COMMIT")


Server = Mysql | Postgres


class _Server(NamedTuple):
    """A server of the machine.

    Attributes:
        address: Where it listens.
        service: What its service is called.
        package: The Debian package that it is in.
    """

    address: tuple[str, int]
    service: str
    package: str

    def answers(self) -> bool:
        return listens(self.address[1])


_SERVERS: Final = {
    "mysql": _Server(MYSQL, "mariadb", "mariadb-server"),
    "postgres": _Server(POSTGRES, "postgresql", "postgresql"),
}


class Uses:
    """The permission of the running test to use a server; `tests.speed` sets it."""

    allowed: ClassVar[bool] = True


def need(kind: str) -> None:
    """Skip the test, or fail it with CI=true, if the server is not there.

    One that is installed and down is started, where that is allowed. A test that is not marked
    slow fails: without the mark it would run, and be missed, where no server is.
    """
    if not Uses.allowed:
        pytest.fail(f"uses a {kind} server: mark it with @pytest.mark.slow")
    server = _SERVERS[kind]
    if server.answers() or _starts(server):
        if kind == "postgres":
            _drop_what_was_left()
        return
    command = f"service {server.service} start  (apt-get install {server.package})"
    host, port = server.address
    text = f"no {kind} server at {host}:{port}; start it: {command}"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


@cache
def _starts(server: _Server) -> bool:
    """Start an installed server, once; return whether it answers then."""
    if server.address == MYSQL and in_memory.start():
        return True
    script = Path("/etc/init.d", server.service)
    if not script.exists() or os.geteuid() != 0:
        return False
    subprocess.run([script, "start"], check=False, capture_output=True, timeout=60)
    return server.answers()


def was_left(name: str) -> bool:
    """Return whether a database is that of a run which is no longer there."""
    run = name.removeprefix(f"{_OURS}_").rpartition("_")[0]
    return name.startswith(f"{_OURS}_") and run != "" and not is_there(run)


@cache
def _drop_what_was_left() -> None:
    """Drop PostgreSQL's databases of runs that were killed; MariaDB's were in their memory."""

    async def drop() -> None:
        admin = await asyncpg.connect(
            host=POSTGRES[0], port=POSTGRES[1], user="postgres", database="postgres"
        )
        try:
            names = [row[0] for row in await admin.fetch("SELECT datname FROM pg_database")]
            for name in filter(was_left, names):
                await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        finally:
            await admin.close()

    with ThreadPoolExecutor(1) as thread:  # there may be a running loop here
        thread.submit(asyncio.run, drop()).result()


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Storage]:
    store = connect(database.url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
