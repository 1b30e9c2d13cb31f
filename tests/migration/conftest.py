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


@pytest.fixture
def new_database(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Return a function that makes an empty database and returns its URL."""
    made: list[tuple[str, str]] = []

    def make(dialect: str) -> str:
        name = f"kling_test_{secrets.token_hex(6)}"
        if dialect == "sqlite":
            sqlite3.connect(tmp_path / f"{name}.db").close()
            return f"sqlite:///{tmp_path / name}.db"
        _on_server(dialect, f"CREATE DATABASE {name}")
        made.append((dialect, name))
        return _SERVERS[dialect][0] + name

    yield make
    for dialect, name in made:
        _on_server(dialect, f"DROP DATABASE {name}")


@pytest.fixture
def session(
    request: pytest.FixtureRequest, new_database: Callable[[str], str]
) -> Iterator[Session]:
    """A connection to an empty database; the parameter is the dialect, MariaDB by default."""
    with connect(new_database(getattr(request, "param", "mariadb"))) as opened:
        yield opened


def _on_server(dialect: str, sql: str) -> None:
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
