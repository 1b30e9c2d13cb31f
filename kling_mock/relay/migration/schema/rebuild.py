"""Replace a table by a copy in which rows without an id are numbered by their time.

SQLite and PostgreSQL have transactional DDL, so one transaction replaces the table: all of it or
nothing. On MariaDB and MySQL a copy is filled beside the table, and one RENAME swaps the two. Each
number is computed from the rows' own values: a column that the server numbers would get other
numbers on each replica and on each node of a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import attrs

from kling_mock.relay.migration.schema.alter import alter
from kling_mock.relay.migration.schema.column_types import binary
from kling_mock.relay.migration.schema.plan import applied, plan
from kling_mock.relay.storage.schema import (
    Check,
    Column,
    Dialect,
    Index,
    Table,
    create,
    create_indexes,
    quoted,
)

BEFORE: Final = "videos_before_migration"

#: The copy on MariaDB and MySQL, and the old table between the swap and its removal.
COPY: Final = "kling_migration_new"
OLD: Final = "kling_migration_old"
#: The index that an online upgrade adds to a table without numbers.
INDEX: Final = "kling_migration_created"
#: The temporary table on which a check tries what the server takes.
TRIAL: Final = "kling_migration_trial"
SWAP: Final = f"RENAME TABLE videos TO {OLD}, {COPY} TO videos"

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
    table, *rest = statements or (create(target, dialect), *create_indexes(target, dialect))
    return [
        f"ALTER TABLE {name} RENAME TO {old}",
        *_names_freed(source, dialect),
        *(f"DROP INDEX {quoted(index.name, dialect)}" for index in source.indexes if _own(index)),
        table,
        _filled(attrs.evolve(source, name=BEFORE), target, dialect, copied),
        *_counter_kept(source, target, dialect),
        f"DROP TABLE {old}",
        *rest,
        *_counted(source, target, dialect),
    ]


def copy_beside(
    source: Table,
    target: Table,
    dialect: Dialect,
    copied: Callable[[Column], str | None],
    next_id: int,
) -> list[str]:
    """Return the statements that put a copy of *source* in the place of `videos`.

    They are for MariaDB and MySQL. Until the last one, `SWAP`, `videos` is as it was. `settled`
    returns those that follow. Others must not write to the table meanwhile.

    Args:
        source: The table `videos`, or the stage: a copy of it, called `OLD`, whose rows fit.
        target: The table as it should be.
        dialect: `mariadb` or `mysql`.
        copied: Returns the SQL for a column's value; None leaves it to its default.
        next_id: The number that `videos` gives to its next row, if it numbers rows.
    """
    empty, complete = _copy_of(source, target, dialect, COPY)
    # Indexes are made once the rows are there, which is faster. They are tried before: a table
    # that the server refuses is refused before anything is copied.
    bare = attrs.evolve(complete, indexes=())
    return [
        f"CREATE TABLE {COPY} LIKE {source.name}",
        *_altered(empty, complete, dialect),
        *_altered(complete, bare, dialect),
        _filled(source, attrs.evolve(target, name=COPY), dialect, copied),
        *_altered(bare, complete, dialect),
        *([f"ALTER TABLE {COPY} AUTO_INCREMENT = {next_id}"] if _numbered(source) else []),
        *([f"DROP TABLE {OLD}"] if source.name == OLD else []),
        SWAP,
    ]


def trial(source: Table, target: Table, dialect: Dialect) -> list[str]:
    """Return the statements that make an empty temporary table as `copy_beside` makes its copy."""
    empty, complete = _copy_of(source, target, dialect, TRIAL)
    return [
        f"CREATE TEMPORARY TABLE {TRIAL} LIKE {source.name}",
        *_altered(empty, complete, dialect),
    ]


def _copy_of(source: Table, target: Table, dialect: Dialect, name: str) -> tuple[Table, Table]:
    """Return the copy of *source* as CREATE TABLE ... LIKE makes it, and as it should be."""
    empty = attrs.evolve(source, name=name, checks=_checks_of_copy(source, dialect, name))
    complete = attrs.evolve(without_late_checks(source, target, dialect), name=name)
    return empty, applied(plan(empty, complete), empty)


def settled(table: Table, target: Table, dialect: Dialect) -> list[str]:
    """Return the statements that follow the swap, on MariaDB and MySQL.

    Args:
        table: The new table, which may lack a CHECK of the target.
        target: The table as it should be.
        dialect: `mariadb` or `mysql`.
    """
    return [f"DROP TABLE IF EXISTS {OLD}", *_altered(table, target, dialect)]


def without_late_checks(source: Table, target: Table, dialect: Dialect) -> Table:
    """Return *target* as it is between the swap and `settled`.

    It lacks the CHECKs of the old table on MySQL, which takes each name once in a database.
    """
    late = source.checks if dialect is Dialect.MYSQL else frozenset[Check]()
    return attrs.evolve(target, checks=target.checks - late)


def _checks_of_copy(source: Table, dialect: Dialect, name: str) -> frozenset[Check]:
    """Return the CHECKs that CREATE TABLE ... LIKE gives to the copy: MySQL renames them."""
    if dialect is not Dialect.MYSQL:
        return source.checks
    return frozenset(Check(f"{name}_chk_{number + 1}") for number in range(len(source.checks)))


def _altered(table: Table, target: Table, dialect: Dialect) -> list[str]:
    steps = plan(table, target)
    return [alter(table.name, steps, dialect)] if steps else []


def _filled(
    source: Table, target: Table, dialect: Dialect, copied: Callable[[Column], str | None]
) -> str:
    """Return the INSERT that copies all rows; those without an id are numbered by their time."""
    pairs = [(column.name, copied(column)) for column in target.columns]
    order, number = "ORDER BY id", _numbered(target)
    if not source.has("id"):
        time = next((value for name, value in pairs if name == "created_at" and value), "0")
        order = f"ORDER BY {time}, {binary('task_id', dialect)}"
    if number and not source.has(number):
        pairs = [(number, f"ROW_NUMBER() OVER ({order})"), *pairs]
    columns = ", ".join(quoted(name, dialect) for name, value in pairs if value is not None)
    values = ", ".join(value for _, value in pairs if value is not None)
    return (
        f"INSERT INTO {quoted(target.name, dialect)} ({columns}) SELECT {values} "
        f"FROM {quoted(source.name, dialect)} {order}"
    )


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
