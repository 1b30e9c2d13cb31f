"""Real databases for the tests of migrations, each with a random name, dropped afterwards."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kling_mock.relay.migration.database.session import Session, connect
from tests.mock.relay.storage.databases import Mysql, Postgres, need


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[Callable[[], str]]:
    """One database for all tests of this process: making one takes PostgreSQL a second."""
    created: list[Postgres] = []

    def empty() -> str:
        if not created:
            need("postgres")
            created.append(Postgres())
            asyncio.run(created[0].make())
        else:
            with connect(created[0].url) as session:
                session.execute("DROP SCHEMA public CASCADE")
                session.execute("CREATE SCHEMA public")
        return created[0].url

    yield empty
    for database in created:
        asyncio.run(database.drop())


@contextmanager
def _fresh(postgresql: Callable[[], str], folder: Path) -> Iterator[Callable[[str], str]]:
    """Yield a function that makes an empty database and returns its URL."""
    created: list[Mysql] = []

    def make(dialect: str) -> str:
        if dialect == "postgresql":
            return postgresql()
        if dialect == "sqlite":
            path = folder / f"{secrets.token_hex(6)}.db"
            sqlite3.connect(path).close()
            return f"sqlite:///{path}"
        need("mysql")
        created.append(Mysql())
        asyncio.run(created[-1].make())
        return created[-1].url

    try:
        yield make
    finally:
        for database in created:
            asyncio.run(database.drop())


@pytest.fixture
def databases(tmp_path: Path, _postgresql: Callable[[], str]) -> Iterator[Callable[[str], str]]:
    """Return a function that makes an empty database for this test and returns its URL.

    On PostgreSQL the one before is emptied.
    """
    with _fresh(_postgresql, tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def shared_databases(
    tmp_path_factory: pytest.TempPathFactory, _postgresql: Callable[[], str]
) -> Iterator[Callable[[str], str]]:
    """The same, for databases that several tests of a module look at and leave as they were."""
    with _fresh(_postgresql, tmp_path_factory.mktemp("shared")) as make:
        yield make


@pytest.fixture
def session(request: pytest.FixtureRequest, databases: Callable[[str], str]) -> Iterator[Session]:
    """A connection to an empty database; the parameter is the dialect, MariaDB by default."""
    with connect(databases(getattr(request, "param", "mariadb"))) as opened:
        yield opened
