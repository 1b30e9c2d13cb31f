"""Replace a table in one transaction, on SQLite and PostgreSQL.

SQLite cannot add a primary key to a table, and neither database can number old rows by their
time. Both have transactional DDL, so the replacement is all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from kling_mock.storage.schema import Column, Dialect, Index, Table, create, create_indexes, quoted

__all__ = ["BEFORE", "rebuild"]

BEFORE: Final = "videos_before_migration"

#: A setting of PostgreSQL's that holds the next number of the old table for a moment.
_COUNTER: Final = "kling_migration.counter"


def rebuild(
    found: Table,
    wanted: Table,
    dialect: Dialect,
    copied: Callable[[Column], str | None],
    made: Sequence[str] = (),
) -> list[str]:
    """Return the statements that turn *found* into *wanted*, to be run in one transaction.

    Args:
        found: The table as it is.
        wanted: The table as it shall be.
        dialect: `sqlite` or `postgresql`.
        copied: Returns the SQL for a column's value; None leaves it to its default.
        made: The statements that make the wanted table, where the database still has the
            text; without it they are made from the description.
    """
    old, name = quoted(BEFORE, dialect), quoted(found.name, dialect)
    values = [(one.name, copied(one)) for one in wanted.columns]
    columns = ", ".join(quoted(one, dialect) for one, value in values if value is not None)
    selected = ", ".join(value for _, value in values if value is not None)
    table, *rest = made or (create(wanted, dialect), *create_indexes(wanted, dialect))
    return [
        f"ALTER TABLE {name} RENAME TO {old}",
        *_names_freed(found, dialect),
        *(f"DROP INDEX {quoted(one.name, dialect)}" for one in found.indexes if _own(one)),
        table,
        f"INSERT INTO {name} ({columns}) SELECT {selected} FROM {old} ORDER BY {_by_time(found)}",
        *_counter_kept(found, wanted, dialect),
        f"DROP TABLE {old}",
        *rest,
        *_counted(found, wanted, dialect),
    ]


def _own(index: Index) -> bool:
    return not index.name.startswith("sqlite_autoindex")


def _names_freed(found: Table, dialect: Dialect) -> list[str]:
    """Return what renames PostgreSQL's sequences of the old table."""
    if dialect is not Dialect.POSTGRES:
        return []
    counters = (f"{found.name}_{one.name}_seq" for one in found.columns if one.auto)
    return [f'ALTER SEQUENCE IF EXISTS "{one}" RENAME TO "old_{one}"' for one in counters]


def _by_time(found: Table) -> str:
    return "id" if found.has("id") else "created_at, task_id"


def _numbered(table: Table) -> str:
    """Return the column that numbers itself; "" when there is none."""
    return next((one.name for one in table.columns if one.auto), "")


def _counter_kept(found: Table, wanted: Table, dialect: Dialect) -> list[str]:
    """Return what keeps the old table's counter, so that ids of deleted rows are not reused."""
    column = _numbered(wanted)
    if not column or column != _numbered(found):
        return []
    if dialect is Dialect.POSTGRES:
        counter = quoted(f"old_{found.name}_{column}_seq", dialect)
        return [
            (
                f"SELECT set_config('{_COUNTER}', (SELECT (last_value + is_called::int)::text "
                f"FROM {counter}), true)"
            )
        ]
    old = f"SELECT seq FROM sqlite_sequence WHERE name = '{BEFORE}'"
    return [
        f"DELETE FROM sqlite_sequence WHERE name = '{wanted.name}'",
        f"INSERT INTO sqlite_sequence (name, seq) SELECT '{wanted.name}', seq FROM ({old})",
    ]


def _counted(found: Table, wanted: Table, dialect: Dialect) -> list[str]:
    """Return what makes PostgreSQL continue after the copied ids, and the deleted ones."""
    column = _numbered(wanted)
    if dialect is not Dialect.POSTGRES or not column:
        return []
    next_one = f"(SELECT COALESCE(MAX({column}), 0) + 1 FROM {quoted(wanted.name, dialect)})"
    if column == _numbered(found):
        next_one = f"GREATEST({next_one}, current_setting('{_COUNTER}')::bigint)"
    return [
        f"SELECT setval(pg_get_serial_sequence('{wanted.name}', '{column}'), {next_one}, false)"
    ]
