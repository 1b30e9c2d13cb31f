"""A table made anew in one transaction: how SQLite and PostgreSQL get another shape.

SQLite cannot add a primary key to a table, and neither database can number old rows by their
time. Both can undo DDL, so what is here happens completely or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kling_mock.storage.migration.ddl import create, create_indexes, quoted
from kling_mock.storage.migration.session import Dialect
from kling_mock.storage.migration.table import Column, Index, Table

__all__ = ["rebuild"]

_OLD = "videos_before_migration"


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
            text; without it they are worded from the description.
    """
    old, name = quoted(_OLD, dialect), quoted(found.name, dialect)
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
        f"DROP TABLE {old}",
        *rest,
        *_counted(wanted, dialect),
    ]


def _own(index: Index) -> bool:
    return not index.name.startswith("sqlite_autoindex")


def _names_freed(found: Table, dialect: Dialect) -> list[str]:
    """Return what takes the names of PostgreSQL's counters from the old table."""
    if dialect != "postgresql":
        return []
    counters = (f"{found.name}_{one.name}_seq" for one in found.columns if one.auto)
    return [f'ALTER SEQUENCE IF EXISTS "{one}" RENAME TO "old_{one}"' for one in counters]


def _by_time(found: Table) -> str:
    return "id" if found.has("id") else "created_at, task_id"


def _counted(wanted: Table, dialect: Dialect) -> list[str]:
    """Return what lets PostgreSQL number on after the copied ids."""
    numbered = [one.name for one in wanted.columns if one.auto]
    if dialect != "postgresql" or not numbered:
        return []
    name, column = quoted(wanted.name, dialect), numbered[0]
    return [
        (
            f"SELECT setval(pg_get_serial_sequence('{wanted.name}', '{column}'), "
            f"(SELECT COALESCE(MAX({column}), 0) + 1 FROM {name}), false)"
        )
    ]
