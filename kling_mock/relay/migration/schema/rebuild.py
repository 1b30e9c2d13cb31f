"""Replace a table in one transaction, on SQLite and PostgreSQL.

SQLite cannot add a primary key to a table, and neither database can number old rows by their
time. Both have transactional DDL, so the replacement is all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from kling_mock.relay.storage.schema import (
    Column,
    Dialect,
    Index,
    Table,
    create,
    create_indexes,
    quoted,
)

BEFORE: Final = "videos_before_migration"

#: A PostgreSQL setting that holds the next number of the old table for a moment.
_COUNTER: Final = "kling_migration.counter"


def rebuild(
    source: Table,
    target: Table,
    dialect: Dialect,
    copied: Callable[[Column], str | None],
    statements: Sequence[str] = (),
) -> list[str]:
    """Return the statements that turn *source* into *target*, to be run in one transaction.

    Args:
        source: The table as it is.
        target: The table as it should be.
        dialect: `sqlite` or `postgresql`.
        copied: Returns the SQL for a column's value; None leaves it to its default.
        statements: The statements that create the target table, if the database still has their
            text; otherwise they are made from the description.
    """
    old, name = quoted(BEFORE, dialect), quoted(source.name, dialect)
    values = [(column.name, copied(column)) for column in target.columns]
    columns = ", ".join(quoted(column, dialect) for column, value in values if value is not None)
    selected = ", ".join(value for _, value in values if value is not None)
    table, *rest = statements or (create(target, dialect), *create_indexes(target, dialect))
    return [
        f"ALTER TABLE {name} RENAME TO {old}",
        *_names_freed(source, dialect),
        *(f"DROP INDEX {quoted(index.name, dialect)}" for index in source.indexes if _own(index)),
        table,
        f"INSERT INTO {name} ({columns}) SELECT {selected} FROM {old} ORDER BY {_by_time(source)}",
        *_counter_kept(source, target, dialect),
        f"DROP TABLE {old}",
        *rest,
        *_counted(source, target, dialect),
    ]


def _own(index: Index) -> bool:
    return not index.name.startswith("sqlite_autoindex")


def _names_freed(source: Table, dialect: Dialect) -> list[str]:
    """Return the statements that rename PostgreSQL's sequences of the old table."""
    if dialect is not Dialect.POSTGRES:
        return []
    counters = (f"{source.name}_{column.name}_seq" for column in source.columns if column.auto)
    return [
        f'ALTER SEQUENCE IF EXISTS "{counter}" RENAME TO "old_{counter}"' for counter in counters
    ]


def _by_time(source: Table) -> str:
    return "id" if source.has("id") else "created_at, task_id"


def _numbered(table: Table) -> str:
    """Return the column that numbers itself; "" when there is none."""
    return next((column.name for column in table.columns if column.auto), "")


def _counter_kept(source: Table, target: Table, dialect: Dialect) -> list[str]:
    """Return the statements that keep the old counter, so that deleted ids are not reused."""
    column = _numbered(target)
    if not column or column != _numbered(source):
        return []
    if dialect is Dialect.POSTGRES:
        counter = quoted(f"old_{source.name}_{column}_seq", dialect)
        return [
            (
                f"SELECT set_config('{_COUNTER}', (SELECT (last_value + is_called::int)::text "
                f"FROM {counter}), true)"
            )
        ]
    old = f"SELECT seq FROM sqlite_sequence WHERE name = '{BEFORE}'"
    return [
        f"DELETE FROM sqlite_sequence WHERE name = '{target.name}'",
        f"INSERT INTO sqlite_sequence (name, seq) SELECT '{target.name}', seq FROM ({old})",
    ]


def _counted(source: Table, target: Table, dialect: Dialect) -> list[str]:
    """Return the statements that make PostgreSQL continue after the copied and the deleted ids."""
    column = _numbered(target)
    if dialect is not Dialect.POSTGRES or not column:
        return []
    next_one = f"(SELECT COALESCE(MAX({column}), 0) + 1 FROM {quoted(target.name, dialect)})"
    if column == _numbered(source):
        next_one = f"GREATEST({next_one}, current_setting('{_COUNTER}')::bigint)"
    return [
        f"SELECT setval(pg_get_serial_sequence('{target.name}', '{column}'), {next_one}, false)"
    ]
