"""Put a legacy table into a database, with rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from kling_mock.storage.migration.session import Session, transaction
from tests.migration import legacy
from tests.storage.databases import MYSQL

SHAPES: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "mariadb": legacy.MARIADB,
    "sqlite": legacy.SQLITE,
    "postgresql": legacy.POSTGRESQL,
}


def make(session: Session, shape: str, values: Iterable[tuple[Any, ...]] = legacy.CLEAN) -> None:
    """Make the table of that shape; the rows are there before the shape's own migration ran."""
    before, after = SHAPES[session.dialect][shape]
    for statement in before:
        session.execute(statement)
    insert(session, values)
    for statement in after:
        session.execute(statement)


def url_of(session: Session) -> str:
    """Return the URL of the MariaDB database that *session* is connected to."""
    return f"mysql://root@{MYSQL[0]}:{MYSQL[1]}/{session.database}"


def insert(session: Session, values: Iterable[tuple[Any, ...]]) -> None:
    names, marks = ", ".join(legacy.COLUMNS), ", ".join("?" for _ in legacy.COLUMNS)
    with transaction(session):
        for row in values:
            session.execute(f"INSERT INTO videos ({names}) VALUES ({marks})", *row)


def checksum(session: Session, table: str = "videos") -> str:
    """Return a digest of all rows and columns of *table*, whatever their order."""
    return hashlib.sha256("\n".join(rows(session, table)).encode()).hexdigest()


def rows(session: Session, table: str = "videos") -> list[str]:
    """Return all rows of *table* as text, sorted."""
    return sorted(repr(row) for row in session.query(f"SELECT * FROM {table}"))
