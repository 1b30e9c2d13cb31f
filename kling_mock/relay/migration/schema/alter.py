"""The ALTER TABLE of MariaDB and MySQL for the steps of a plan.

The DDL for MySQL works on 5.7 and 8: it does not use IF EXISTS inside ALTER, and 5.7 reads and
ignores its CHECK.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch

from kling_mock.relay.migration.schema.plan import (
    AddCheck,
    AddColumn,
    AddIndex,
    ChangeColumn,
    ChangeKey,
    DropCheck,
    DropColumn,
    DropIndex,
    Step,
)
from kling_mock.relay.storage.schema import (
    Dialect,
    check_sql,
    column_sql,
    index_columns,
    key_columns,
    quoted,
)


def alter(name: str, steps: Iterable[Step], dialect: Dialect) -> str:
    """Return the single ALTER TABLE of MariaDB or MySQL that does all *steps*, or none of them."""
    clauses = [clause for step in steps for clause in _clauses(step, dialect)]
    return f"ALTER TABLE {quoted(name, dialect)}\n  " + ",\n  ".join(clauses)


# ---------------------------------------------------------------- clauses of one ALTER


@singledispatch
def _clauses(step: Step, _dialect: Dialect) -> list[str]:
    raise TypeError(f"not a step: {step!r}")


@_clauses.register
def _(step: ChangeKey, dialect: Dialect) -> list[str]:
    clauses = ["DROP PRIMARY KEY"] if step.drop else []
    if step.gone:
        clauses.append(f"DROP COLUMN {quoted(step.gone, dialect)}")
    if step.new is not None:
        clauses.append(f"ADD COLUMN {column_sql(step.new, dialect)} FIRST")
    if step.add:
        clauses.append(f"ADD PRIMARY KEY {key_columns(step.add, dialect)}")
    return clauses


@_clauses.register
def _(step: AddColumn, dialect: Dialect) -> list[str]:
    return [f"ADD COLUMN {column_sql(step.column, dialect)}"]


@_clauses.register
def _(step: ChangeColumn, dialect: Dialect) -> list[str]:
    return [f"MODIFY COLUMN {column_sql(step.column, dialect)}"]


@_clauses.register
def _(step: DropColumn, dialect: Dialect) -> list[str]:
    return [f"DROP COLUMN {quoted(step.name, dialect)}"]


@_clauses.register
def _(step: DropIndex, dialect: Dialect) -> list[str]:
    return [f"DROP INDEX {quoted(step.name, dialect)}"]


@_clauses.register
def _(step: AddIndex, dialect: Dialect) -> list[str]:
    unique = "UNIQUE " if step.index.unique else ""
    name = quoted(step.index.name, dialect)
    return [f"ADD {unique}INDEX {name} {index_columns(step.index, dialect)}"]


@_clauses.register
def _(step: DropCheck, dialect: Dialect) -> list[str]:
    # MySQL has DROP CHECK since 8.0.16 and DROP CONSTRAINT since 8.0.19; 5.7 has no CHECK.
    kind = "CHECK" if dialect is Dialect.MYSQL else "CONSTRAINT"
    return [f"DROP {kind} {quoted(step.check.name, dialect)}"]


@_clauses.register
def _(step: AddCheck, dialect: Dialect) -> list[str]:
    return [f"ADD {check_sql(step.check, quoted(step.check.name, dialect))}"]
