"""Numbering of rows without an id while the application is stopped, on MariaDB and MySQL.

A column with AUTO_INCREMENT is filled in the order in which the server stores the rows. Without a
key that is the order of arrival, and each server of a cluster, and each replica, has its own. An
ALTER TABLE ... ORDER BY fills the column in the order of the rows' own values, which is the same on
all of them. The server follows that order only in a table without a unique key, so a separate
statement adds the primary key, and builds the table a second time. Numbering by an UPDATE of all
rows would avoid that, but would write each row to the undo log and the binary log.
"""

from __future__ import annotations

from typing import Final

from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.findings import Finding, Severity
from kling_mock.relay.migration.schema.alter import alter
from kling_mock.relay.migration.schema.known_schemas import NUMBERING
from kling_mock.relay.migration.schema.plan import AddIndex, ChangeColumn, ChangeKey, Step, applied
from kling_mock.relay.storage.schema import Dialect, Index, Table, quoted

_EXACT: Final = "ascii_bin"


def unordered(session: Session, table: Table, severity: Severity) -> list[Finding]:
    """Return the reasons why not all servers would number the rows of *table* in the same order.

    Args:
        session: A connection to the table's database.
        table: The table.
        severity: `blocker` for the direct upgrade; a `warning` for a check, since the online
            upgrade gives each row its id.
    """
    if not session.dialect.is_mysql or table.has("id"):
        return []
    nullable = {column.name for column in table.columns if column.nullable}
    keys = [
        f"the unique index {index.name}"
        for index in table.indexes
        if index.unique and not any(index.prefixes) and nullable.isdisjoint(index.columns)
    ]
    if session.query("SHOW VARIABLES WHERE Variable_name IN (?, ?) AND Value = 'ON'", *_REQUIRED):
        keys.append("the server's setting that each table must have a primary key")
    return [
        Finding(
            "row-order",
            severity,
            f"{key} does not let the direct upgrade number the rows in one order, so replicas "
            "would give them other ids; remove it for the time of the upgrade, or upgrade with "
            "--online",
        )
        for key in keys
    ]


_REQUIRED: Final = ("sql_require_primary_key", "innodb_force_primary_key")


def number_rows(
    session: Session, source: Table, target: Table, dialect: Dialect
) -> tuple[Table, list[str]]:
    """Return the table with numbered rows, and the statements that number them by time.

    Args:
        session: A connection to the table's database; nothing is written.
        source: The table; by then all its rows have a time and distinct ids.
        target: The table that it will become.
        dialect: The dialect of the statements.
    """
    number, old, new = (
        target.column("id"),
        source.column("task_id"),
        target.column("task_id"),
    )
    if source.has("id") or number is None or old is None or new is None:
        return source, []
    statements = list[str]()
    if old.collation != _EXACT and _has_ties(session, source):
        exact = ChangeColumn(old, new)
        statements.append(alter(source.name, [exact], dialect))
        source = exact.to(source)
    index = Index(NUMBERING, ("id",), unique=False)
    steps: tuple[Step, ...] = (ChangeKey(source.primary, (), number), AddIndex(index))
    statements.append(f"{alter(source.name, steps, dialect)},\n  ORDER BY created_at, task_id")
    return applied(steps, source), statements


def _has_ties(session: Session, source: Table) -> bool:
    """Return whether some rows share both time and task_id, so that their order is undefined."""
    table = quoted(source.name, session.dialect)
    return bool(
        session.query(
            f"SELECT 1 FROM {table} GROUP BY COALESCE(created_at, 0), task_id "
            "HAVING COUNT(*) > 1 LIMIT 1"
        )
    )
