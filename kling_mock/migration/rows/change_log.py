"""Every value that an upgrade changed: recorded in `migration_changes`, and restored from there.

A value is restored only where it is still what the upgrade made of it: a later write to the row
is kept.
"""

from __future__ import annotations

from typing import Final

from kling_mock.migration.database.session import Session
from kling_mock.migration.rows.data_checks import filler
from kling_mock.migration.schema.column_types import kind_of
from kling_mock.migration.schema.known_schemas import goal
from kling_mock.migration.state import CHANGES, EVERY
from kling_mock.storage.schema import Column, Dialect, Table, quoted

__all__ = ["as_text", "filled", "remember", "remember_every", "restore", "single_out", "stored"]

_COLUMNS: Final = "column_name, task_id, old_value, new_value"

#: An update time may depend on the creation time, so it comes first; ids last, because the other
#: values are found by them.
_ORDER: Final = {"updated_at": -1, "task_id": 1}


def filled(column: Column) -> str:
    """Return the SQL for what stands instead of NULL in *column*."""
    return "COALESCE(created_at, 0)" if column.name == "updated_at" else filler(column)


def as_text(value: str, dialect: Dialect) -> str:
    """Return SQL that writes *value* as text."""
    return f"CAST({value} AS {'CHAR' if dialect.is_mysql else 'TEXT'})"


def stored(column: Column, dialect: Dialect) -> str:
    """Return SQL for what *column* holds, as text.

    A text goes as it is: above max_allowed_packet, a CAST of MariaDB and MySQL is NULL.
    """
    name = quoted(column.name, dialect)
    if dialect.is_mysql and kind_of(column.type, dialect) == "text":
        return name
    return as_text(name, dialect)


def remember(session: Session, table: str, column: Column, condition: str, new: str) -> None:
    """Remember *column* of the rows meeting *condition*, which will become the SQL *new*.

    What is remembered already stays as it is: a run that was killed did not change it twice.
    """
    dialect = session.dialect
    select = (
        f"SELECT '{column.name}', task_id, {stored(column, dialect)}, "
        f"{as_text(new, dialect)} FROM {quoted(table, dialect)} WHERE {condition}"
    )
    _keep(session, select)


def remember_every(session: Session, table: str, column: str) -> None:
    """Remember once for all rows a *column* in which they all hold the same."""
    dialect = session.dialect
    value = as_text(f"MIN({quoted(column, dialect)})", dialect)
    _keep(session, f"SELECT '{column}', '{EVERY}', {value}, NULL FROM {quoted(table, dialect)}")


def _keep(session: Session, select: str) -> None:
    if session.dialect.is_mysql:
        # Not INSERT IGNORE, which takes what it cannot store for less and reports nothing.
        kept = f"ON DUPLICATE KEY UPDATE {CHANGES}.column_name = {CHANGES}.column_name"
        session.execute(f"INSERT INTO {CHANGES} ({_COLUMNS}) {select} {kept}")
        return
    session.execute(
        f"INSERT INTO {CHANGES} ({_COLUMNS}) SELECT * FROM ({select}) AS c WHERE true "
        "ON CONFLICT DO NOTHING"
    )


def single_out(session: Session, table: Table) -> None:
    """Note by id which rows were migrated, once there are others: `legacy` goes away."""
    name = quoted(table.name, session.dialect)
    if not table.has("legacy") or not session.query(
        f"SELECT 1 FROM {name} WHERE legacy = 0 LIMIT 1"
    ):
        return
    for column, value in session.query(
        f"SELECT column_name, old_value FROM {CHANGES} WHERE task_id = ?", EVERY
    ):
        now = table.column(column)
        if now is not None:
            session.execute(
                f"INSERT INTO {CHANGES} ({_COLUMNS}) SELECT '{column}', task_id, ?, "
                f"{as_text(filled(now), session.dialect)} FROM {name} WHERE legacy = 1",
                value,
            )
        session.execute(
            f"DELETE FROM {CHANGES} WHERE column_name = ? AND task_id = ?", column, EVERY
        )


def restore(session: Session, old: Table, wanted: Table) -> None:
    """Put back what an upgrade from *old* to *wanted* changed, in a table that is *old* again."""
    names = {str(row[0]) for row in session.query(f"SELECT DISTINCT column_name FROM {CHANGES}")}
    target = goal(old, wanted)
    for column in sorted(old.columns, key=lambda one: _ORDER.get(one.name, 0)):
        became = target.column(column.name)
        if column.name in names and became is not None:
            _restore(session, old, column, became)


def _restore(session: Session, old: Table, column: Column, became: Column) -> None:
    dialect = session.dialect
    table, name = quoted(old.name, dialect), quoted(column.name, dialect)
    value = f"CAST(old_value AS {column.type})" if dialect is Dialect.POSTGRES else "old_value"
    where = f"FROM {CHANGES} WHERE column_name = '{column.name}' AND task_id = "
    if session.query(f"SELECT 1 {where}'{EVERY}'"):
        session.execute(
            f"UPDATE {table} SET {name} = (SELECT {value} {where}'{EVERY}') "
            f"WHERE {name} = {filled(became)}"
        )
    key = _key(table, dialect)
    session.execute(
        f"UPDATE {table} SET {name} = (SELECT {value} {where}{key}) WHERE EXISTS "
        f"(SELECT 1 {where}{key} AND new_value = {as_text(f'{table}.{name}', dialect)})"
    )


def _key(table: str, dialect: Dialect) -> str:
    """Return the id of a row so that the key of `migration_changes` finds it."""
    if dialect.is_mysql:
        return f"CONVERT({table}.task_id USING ascii) COLLATE ascii_bin"
    return f"{table}.task_id"
