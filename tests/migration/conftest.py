"""Real databases for the tests of migrations, each with a random name, dropped afterwards."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kling_mock.storage.migration.session import DatabaseError, Session, connect

_SERVERS = {
    "mariadb": ("mysql://root@127.0.0.1:3306/", "mysql", "service mariadb start"),
    "postgresql": ("postgresql://postgres@127.0.0.1:5432/", "postgres", "service postgresql start"),
}


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[Callable[[], str]]:
    """One database for all tests of this process: making one takes PostgreSQL a second."""
    name = f"kling_test_{secrets.token_hex(6)}"
    made: list[str] = []

    def empty() -> str:
        url = _SERVERS["postgresql"][0] + name
        if not made:
            on_server("postgresql", f"CREATE DATABASE {name}")
            made.append(name)
        else:
            with connect(url) as session:
                session.execute("DROP SCHEMA public CASCADE")
                session.execute("CREATE SCHEMA public")
        return url

    yield empty
    for one in made:
        on_server("postgresql", f"DROP DATABASE {one}")


@pytest.fixture
def new_database(tmp_path: Path, _postgresql: Callable[[], str]) -> Iterator[Callable[[str], str]]:
    """Return a function that makes an empty database and returns its URL.

    On PostgreSQL the one before is emptied.
    """
    made: list[str] = []

    def make(dialect: str) -> str:
        if dialect == "postgresql":
            return _postgresql()
        name = f"kling_test_{secrets.token_hex(6)}"
        if dialect == "sqlite":
            sqlite3.connect(tmp_path / f"{name}.db").close()
            return f"sqlite:///{tmp_path / name}.db"
        on_server(dialect, f"CREATE DATABASE {name}")
        made.append(name)
        return _SERVERS[dialect][0] + name

    yield make
    for name in made:
        on_server("mariadb", f"DROP DATABASE {name}")


@pytest.fixture
def session(
    request: pytest.FixtureRequest, new_database: Callable[[str], str]
) -> Iterator[Session]:
    """A connection to an empty database; the parameter is the dialect, MariaDB by default."""
    with connect(new_database(getattr(request, "param", "mariadb"))) as opened:
        yield opened


def on_server(dialect: str, sql: str) -> None:
    url, database, start = _SERVERS[dialect]
    try:
        with connect(url + database) as server:
            server.execute(sql)
    except DatabaseError as error:
        if error.code not in {2003, ""}:
            raise
        message = f"no {dialect} server on this computer; start it with: {start}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
