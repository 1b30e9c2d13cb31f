"""The record of every value that an upgrade changed, in `migration_changes`, and its restoration.

A value is restored only if it is still what the upgrade made of it: a later write to the row is
kept.
"""

from __future__ import annotations

from typing import Final

from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.rows.data_checks import filler
from kling_mock.relay.migration.schema.column_types import kind_of
from kling_mock.relay.migration.schema.known_schemas import goal
from kling_mock.relay.migration.state import CHANGES, EVERY
from kling_mock.relay.storage.schema import Column, Dialect, Table, quoted

_COLUMNS: Final = "column_name, task_id, old_value, new_value"

#: An update time may depend on the creation time, so it comes first. Ids come last, because the
#: other values are found by them.
_ORDER: Final = {"updated_at": -1, "task_id": 1}


def filled(column: Column) -> str:
    """Return the SQL for the value that replaces NULL in *column*."""
    return "COALESCE(created_at, 0)" if column.name == "updated_at" else filler(column)


def as_text(value: str, dialect: Dialect) -> str:
    """Return SQL that writes *value* as text."""
    return f"CAST({value} AS {'CHAR' if dialect.is_mysql else 'TEXT'})"


def stored(column: Column, dialect: Dialect) -> str:
    """Return SQL for the content of *column*, as text.

    On MariaDB and MySQL, a text is not cast: above max_allowed_packet, the CAST would be NULL.
    """
    name = quoted(column.name, dialect)
    if dialect.is_mysql and kind_of(column.type, dialect) == "text":
        return name
    return as_text(name, dialect)


def remember(
    session: Session, table: str, column: Column, condition: str, new: str, key: str = "task_id"
) -> int:
    """Record *column* of the rows that match *condition*, which will become the SQL *new*.

    The rows are found again by the SQL *key*, the task_id that they will have.

    If a recorded change made the present value, its old value stays recorded beside the *new* one.

    Returns:
        The number of values, if none of them was recorded before.
    """
    dialect = session.dialect
    select = (
        f"SELECT '{column.name}', {key}, {stored(column, dialect)}, "
        f"{as_text(new, dialect)} FROM {quoted(table, dialect)} WHERE {condition}"
    )
    return _keep(session, select)


def remember_every(session: Session, table: str, column: str) -> None:
    """Record, once for all rows, the value of a *column* that is the same in all of them."""
    dialect = session.dialect
    value = as_text(f"MIN({quoted(column, dialect)})", dialect)
    _keep(session, f"SELECT '{column}', '{EVERY}', {value}, NULL FROM {quoted(table, dialect)}")


def _keep(session: Session, select: str) -> int:
    if session.dialect.is_mysql:
        # Not INSERT IGNORE, which changes a value that it cannot store, without an error.
        return session.execute(
            f"INSERT INTO {CHANGES} ({_COLUMNS}) {select} ON DUPLICATE KEY UPDATE "
            f"{CHANGES}.old_value = IF({CHANGES}.new_value <=> VALUES(old_value), "
            f"{CHANGES}.old_value, VALUES(old_value)), {CHANGES}.new_value = VALUES(new_value)"
        )
    return session.execute(
        f"INSERT INTO {CHANGES} ({_COLUMNS}) SELECT * FROM ({select}) AS c WHERE true "
        "ON CONFLICT DO NOTHING"
    )


def single_out(session: Session, table: Table) -> None:
    """Record by id which rows were migrated, if there are others: `legacy` will be dropped."""
    name = quoted(table.name, session.dialect)
    if not table.has("legacy") or not session.query(
        f"SELECT 1 FROM {name} WHERE legacy <> 1 LIMIT 1"
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


def restore(session: Session, old: Table, schema: Table) -> None:
    """Restore values that an upgrade from *old* to *schema* changed; the table is *old* again."""
    names = {str(row[0]) for row in session.query(f"SELECT DISTINCT column_name FROM {CHANGES}")}
    target = goal(old, schema)
    for column in sorted(old.columns, key=lambda old_column: _ORDER.get(old_column.name, 0)):
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
    """Return SQL for the id of a row, in a form that can use the key of `migration_changes`."""
    if dialect.is_mysql:
        return f"CONVERT({table}.task_id USING ascii) COLLATE ascii_bin"
    return f"{table}.task_id"
