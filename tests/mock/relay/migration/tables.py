"""Put a legacy table into a database, with rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from kling_mock.relay.migration.database.session import Session, transaction
from kling_mock.relay.migration.schema.known_schemas import KnownSchema
from kling_mock.relay.storage.ensure_schema import script_statements
from tests.mock.relay.migration import legacy
from tests.mock.relay.storage.databases import MYSQL

#: What shapes are recognised as that differ in nothing that matters.
RECOGNISED_AS: dict[str, str] = {"gorm-without-index": "gorm", "script-step-4": "guide-step-3"}

SHAPES: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "mariadb": legacy.MARIADB,
    "sqlite": legacy.SQLITE,
    "postgresql": legacy.POSTGRESQL,
}


def make(session: Session, shape: str, values: Iterable[tuple[Any, ...]] = legacy.CLEAN) -> None:
    """Make the table of that shape; the rows are there before the shape's own migration ran."""
    if shape == "ours":
        for statement in script_statements(session.dialect):
            session.execute(statement)
        insert(session, [tuple("" if value is None else value for value in row) for row in values])
        return
    before, after = SHAPES[legacy.family(session.dialect)][shape]
    for statement in before:
        session.execute(statement)
    insert(session, values)
    for statement in after:
        session.execute(legacy.worded(statement, session.dialect))


def shape_of(name: str) -> KnownSchema:
    """Return what a check says of the table that `make` makes under that name."""
    return KnownSchema(RECOGNISED_AS.get(name, name))


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
