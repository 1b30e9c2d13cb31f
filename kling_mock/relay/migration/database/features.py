"""Features of a table that its description cannot express, so that a migration would lose them.

The database's own description of the table is compared with that of a temporary table made from
our description. Every difference is refused by name, even if no rule here mentions it. SQLite
keeps the text of each statement, so there the text is compared with ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from kling_mock.relay.migration.database import features_mysql, features_postgres, features_sqlite
from kling_mock.relay.migration.database.session import DatabaseError, Session
from kling_mock.relay.migration.findings import Finding
from kling_mock.relay.migration.schema.column_types import carried, converts, kind_of
from kling_mock.relay.storage.schema import Dialect, Table

#: The name of the findings.
NAME: Final = "unsupported"

_DIFFERENCES: Final = {
    Dialect.MARIADB: features_mysql.differences,
    Dialect.MYSQL: features_mysql.differences,
    Dialect.POSTGRES: features_postgres.differences,
    Dialect.SQLITE: features_sqlite.differences,
}


def unsupported(session: Session, table: Table, schema: Table) -> list[Finding]:
    """Return a blocker for everything about a table that a migration would lose.

    A temporary table is created for a moment, except on SQLite; nothing is left behind.

    Args:
        table: The table's description.
        schema: The schema whose CHECKs are ours; other CHECKs are not carried over.
    """
    findings = types(session, table, schema)
    if findings:
        return findings  # such a table cannot be made again from its description
    ours = frozenset(check for check in schema.checks if check in table.checks)
    described = attrs.evolve(table, checks=ours)
    try:
        return [
            _finding(difference) for difference in _DIFFERENCES[session.dialect](session, described)
        ]
    except DatabaseError as error:
        says = f"the table cannot be compared with its description, so nothing is done: {error}"
        return [Finding(NAME, "blocker", says)]


def types(session: Session, table: Table, schema: Table) -> list[Finding]:
    """Return a blocker for each column whose type a migration does not carry over."""
    return [_finding(phrase) for phrase in _types(session, table, schema)]


def _types(session: Session, table: Table, schema: Table) -> Iterator[str]:
    dialect = session.dialect
    for column in table.columns:
        new = schema.column(column.name)
        if not carried(column.type, dialect):
            yield f"the type of the column {column.name}, {column.type}"
        elif new is not None and not converts(column.type, new.type, dialect):
            yield (
                f"the type of the column {column.name}, {column.type}, whose values may not be "
                f"the same as {new.type}"
            )
    other = table.column("use_id")
    if other is not None and kind_of(other.type, dialect) != "integer":
        yield f"the type of the column use_id, {other.type}"


def _finding(thing: str) -> Finding:
    says = (
        f"{thing}: an upgrade or downgrade would lose or break it; remove it before, and add it "
        "again afterwards"
    )
    return Finding(NAME, "blocker", says)
