"""Databases of the tests' own: made with a random name, emptied between tests, dropped."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import asyncmy
import asyncpg
import pytest

from kling_mock.storage.connect import connect
from kling_mock.storage.protocol import Storage
from kling_mock.storage.schema import TABLE_NAMES

_DELETE: Final = ";".join(f"DELETE FROM {one}" for one in TABLE_NAMES if one != "schema_version")

# The database's own address can be another one, for instance in a container.
MYSQL: Final = ("127.0.0.1", int(os.environ.get("KLING_TEST_MYSQL_PORT", "3306")))
POSTGRES: Final = ("127.0.0.1", int(os.environ.get("KLING_TEST_POSTGRES_PORT", "5432")))


class Database(Protocol):
    """A database that a store can be opened on, and that a test can look into."""

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


class Mysql:
    """A database of its own on the machine's MariaDB or MySQL."""

    def __init__(self) -> None:
        self.name = f"kling_test_{secrets.token_hex(6)}"

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
                for one in sql.split(";"):
                    await cursor.execute(one)
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


class Postgres:
    """A database of its own on the machine's PostgreSQL."""

    def __init__(self) -> None:
        self.name = f"kling_test_{secrets.token_hex(6)}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{POSTGRES[0]}:{POSTGRES[1]}/{self.name}"

    async def query(self, sql: str, *, database: str = "") -> Sequence[Sequence[Any]]:
        connection = await asyncpg.connect(
            host=POSTGRES[0], port=POSTGRES[1], user="postgres", database=database or self.name
        )
        try:
            rows: list[Any] = []
            for one in sql.split(";"):
                rows = await connection.fetch(one)
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
        try:
            socket.create_connection(self.address, timeout=5).close()
        except OSError:
            return False
        return True


_SERVERS: Final = {
    "mysql": _Server(MYSQL, "mariadb", "mariadb-server"),
    "postgres": _Server(POSTGRES, "postgresql", "postgresql"),
}


class Uses:
    """Whether the test that runs may use a server; `tests.speed` sets it."""

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
    script = Path("/etc/init.d", server.service)
    if not script.exists() or os.geteuid() != 0:
        return False
    subprocess.run([script, "start"], check=False, capture_output=True, timeout=60)
    return server.answers()


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Storage]:
    store = connect(database.url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
