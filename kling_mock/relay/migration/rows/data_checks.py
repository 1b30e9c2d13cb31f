"""Checks for rows of a `videos` table that would stop an upgrade, or surprise later.

Each check is a condition in SQL. All conditions on single rows are counted in one scan.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.findings import Finding, Severity
from kling_mock.relay.migration.schema.column_types import binary, integers, octets
from kling_mock.relay.storage.schema import Column, Dialect, Table, quoted

_SHOWN: Final = 5

#: Above this a time cannot be Unix seconds (the year 5138); Kling's own times are ms.
_SECONDS_END: Final = 100_000_000_000

#: The statuses that the old program and a relay know.
_STATUSES: Final = "'submitted', 'pending', 'processing', 'succeed', 'failed'"


@attrs.frozen
class DataCheck:
    """A check of single rows.

    Attributes:
        name: The finding's name.
        severity: The severity if a row meets the condition.
        condition: The condition, in the database's SQL.
        says: The finding's sentence.
        resolution: The value of `--resolve` that resolves it; "" when there is none.
        column: The column that a resolution changes.
    """

    name: str
    severity: Severity
    condition: str
    says: str
    resolution: str = ""
    column: str = "task_id"


def row_checks(source: Table, target: Table, dialect: Dialect) -> tuple[DataCheck, ...]:
    """Return the checks that apply to this table.

    Args:
        source: The table as it is.
        target: The table that it will become.
        dialect: The SQL dialect.
    """
    return (
        *_task_id_checks(source, target, dialect),
        *_number_checks(source, target, dialect),
        *_long_checks(source, target, dialect),
        *_user_checks(source, dialect),
        *_state_checks(source, dialect),
        *_time_checks(source, dialect),
        *(
            DataCheck(
                f"null-{_dashed(new.name)}",
                "note",
                f"{quoted(new.name, dialect)} IS NULL",
                f"{new.name} is NULL; it becomes {filler(new)}, and a downgrade puts NULL back",
                column=new.name,
            )
            for old, new in _pairs(source, target)
            if old.nullable and not new.nullable and new.name != "task_id"
        ),
    )


def filler(column: Column) -> str:
    """Return the SQL literal that replaces NULL in a column that no longer allows it."""
    if column.default is not None:
        return column.default
    return "''" if "char" in column.type or "text" in column.type else "0"


def _task_id_checks(source: Table, target: Table, dialect: Dialect) -> Iterable[DataCheck]:
    name = quoted("task_id", dialect)
    old, new = source.column("task_id"), target.column("task_id")
    if old is None or new is None or new == old:
        return
    yield DataCheck("null-task-id", "blocker", f"{name} IS NULL", "task_id is NULL", "generate")
    yield DataCheck("empty-task-id", "blocker", f"{name} = ''", "task_id is empty", "generate")
    if new.length:
        yield DataCheck(
            "long-task-id",
            "blocker",
            f"{_length('task_id', dialect)} > {new.length}",
            f"task_id is longer than {new.length} characters",
            "generate",
        )
    allowed = " AND ".join(check.text for check in target.checks - source.checks)
    if allowed:
        yield DataCheck(
            "odd-task-id",
            "blocker",
            # Byte for byte: a comparison that ignores case takes the Kelvin sign for a k.
            f"{name} <> '' AND NOT ({allowed.replace('task_id', binary('task_id', dialect))})",
            "task_id holds a blank or a character outside printable ASCII",
            "generate",
        )


def _number_checks(source: Table, target: Table, dialect: Dialect) -> Iterable[DataCheck]:
    if source.has("quota"):
        yield DataCheck(
            "negative-quota",
            "blocker",
            f"{quoted('quota', dialect)} < 0",
            "quota is negative: the old relay marked a task as paid with the sign",
            "absolute",
            "quota",
        )
    for column in ("created_at", "updated_at"):
        if source.has(column):
            yield DataCheck(
                f"milliseconds-{_dashed(column)}",
                "blocker",
                f"{quoted(column, dialect)} > {_SECONDS_END}",
                f"{column} is in milliseconds; it holds Unix seconds",
                "to-seconds",
                column,
            )
    yield from _range_checks(source, target, dialect)
    if source.has("updated_at"):
        yield DataCheck(
            "no-updated-at",
            "note",
            f"{quoted('updated_at', dialect)} = 0",
            "updated_at was never filled in; it becomes created_at",
            column="updated_at",
        )


def _range_checks(source: Table, target: Table, dialect: Dialect) -> Iterable[DataCheck]:
    for old, new in _pairs(source, target):
        before, after = integers(old.type), integers(new.type)
        if dialect is Dialect.SQLITE or before is None or after is None:
            continue
        name = quoted(new.name, dialect)
        beyond = (
            f"{name} < {after[0]}" if before[0] < after[0] else "",
            f"{name} > {after[1]}" if before[1] > after[1] else "",
        )
        if any(beyond):
            yield DataCheck(
                f"range-{_dashed(new.name)}",
                "blocker",
                " OR ".join(condition for condition in beyond if condition),
                f"{new.name} does not fit into {new.type}, which holds {after[0]} to {after[1]}",
            )


def _long_checks(source: Table, target: Table, dialect: Dialect) -> Iterable[DataCheck]:
    for old, new in _pairs(source, target):
        if new.name == "task_id":
            continue
        length, size = new.length, octets(new.type)
        if length and (old.length or length + 1) > length:
            yield DataCheck(
                f"long-{_dashed(new.name)}",
                "blocker",
                f"{_length(new.name, dialect)} > {length}",
                f"{new.name} holds more than the {length} characters it will have",
                "cut",
                new.name,
            )
        elif size and dialect.is_mysql and _max_octets(old) > size:
            yield DataCheck(
                f"long-{_dashed(new.name)}",
                "blocker",
                f"LENGTH({quoted(new.name, dialect)}) > {size}",
                f"{new.name} holds more than the {size} bytes it will have",
            )


def _max_octets(column: Column) -> int:
    """Return the maximum number of bytes in a text column; 0 for other columns."""
    return octets(column.type) or 4 * (column.length or 0)


def _user_checks(source: Table, dialect: Dialect) -> Iterable[DataCheck]:
    """Check the column `use_id`, which a version of the old relay had beside `user_id`."""
    if not source.has("use_id", "user_id"):
        return
    wrong, right = quoted("use_id", dialect), quoted("user_id", dialect)
    yield DataCheck(
        "use-id",
        "blocker",
        f"COALESCE({wrong}, 0) <> 0 AND COALESCE({right}, 0) = 0",
        "the user is in the column use_id, and user_id is empty",
        "copy",
        "user_id",
    )
    yield DataCheck(
        "use-id-differs",
        "blocker",
        f"COALESCE({wrong}, 0) <> 0 AND {right} <> 0 AND {wrong} <> {right}",
        "use_id and user_id name different users; set both to the right one, or drop use_id",
    )


def _time_checks(source: Table, dialect: Dialect) -> Iterable[DataCheck]:
    if source.has("created_at", "updated_at"):
        created, updated = quoted("created_at", dialect), quoted("updated_at", dialect)
        yield DataCheck(
            "early-updated-at",
            "warning",
            f"{updated} <> 0 AND {updated} < {created}",
            "updated_at is before created_at; both stay as they are",
            column="updated_at",
        )


def _state_checks(source: Table, dialect: Dialect) -> Iterable[DataCheck]:
    """Check for tasks that the old program has not finished, unless `legacy` already marks them."""
    if not source.has("status"):
        says = "the table has no column status: which of these tasks ended is unknown, and each "
        yield DataCheck("no-status", "warning", "1 = 1", f"{says}becomes pending", column="status")
    elif not source.has("legacy"):
        small = f"LOWER({quoted('status', dialect)})"
        yield DataCheck(
            "capital-status",
            "warning",
            f"{small} IN ({_STATUSES}) AND {binary('status', dialect)} NOT IN ({_STATUSES})",
            "status is written in capitals, and a relay knows these words in small letters only: "
            "such a task is shown as it is, and counts as one that has not ended; change it before",
            column="status",
        )
        yield DataCheck(
            "tasks-in-flight",
            "warning",
            f"{small} IN ('submitted', 'pending', 'processing')",
            "these tasks have not ended; after an upgrade they are no longer polled, so they keep "
            "this status and are never charged: let the old program accept no new tasks, and "
            "finish these, before it is stopped",
            column="status",
        )


def _dashed(column: str) -> str:
    return column.replace("_", "-")


def _pairs(source: Table, target: Table) -> list[tuple[Column, Column]]:
    both = ((source.column(column.name), column) for column in target.columns)
    return [(old, new) for old, new in both if old is not None]


def _length(column: str, dialect: Dialect) -> str:
    name = quoted(column, dialect)
    return f"CHAR_LENGTH({name})" if dialect.is_mysql else f"length({name})"


# ---------------------------------------------------------------- queries


def check_rows(session: Session, source: Table, target: Table) -> tuple[int, list[Finding]]:
    """Return the number of rows and the findings about them.

    Reads the whole table twice: once for the checks of single rows, once for duplicates.
    """
    checks = row_checks(source, target, session.dialect)
    table = quoted(source.name, session.dialect)
    sums = (f"SUM(CASE WHEN {check.condition} THEN 1 ELSE 0 END)" for check in checks)
    total, *counts = session.query(f"SELECT {', '.join(['COUNT(*)', *sums])} FROM {table}")[0]
    findings = [
        Finding(
            check.name,
            check.severity,
            check.says,
            int(count),
            _examples(session, table, check.condition),
            check.resolution,
        )
        for check, count in zip(checks, counts, strict=True)
        if count
    ]
    findings += _duplicates(session, table)
    return int(total), findings


def _examples(session: Session, table: str, condition: str) -> tuple[str, ...]:
    rows = session.query(
        f"SELECT task_id, created_at FROM {table} WHERE {condition} LIMIT {_SHOWN}"
    )
    return tuple(f"task_id {_excerpt(row[0])}, created_at {row[1]}" for row in rows)


def _excerpt(value: Any) -> str:
    text = "NULL" if value is None else repr(str(value))
    return text if len(text) <= 60 else f"{text[:45]}… ({len(str(value))} characters)"


def _duplicates(session: Session, table: str) -> Iterable[Finding]:
    """Yield findings about ids that are equal, or that the guide's index treats as equal."""
    exact = binary("task_id", session.dialect)
    start = (
        "LEFT(task_id, 40)" if session.dialect is not Dialect.SQLITE else "substr(task_id, 1, 40)"
    )
    same = session.query(
        f"SELECT MIN(task_id), COUNT(*) FROM {table} WHERE task_id <> '' "
        f"GROUP BY {exact} HAVING COUNT(*) > 1"
    )
    if same:
        yield Finding(
            "duplicate-task-id",
            "blocker",
            "several rows have the same task_id",
            sum(int(row[1]) - 1 for row in same),
            tuple(f"task_id {_excerpt(row[0])}, {row[1]} rows" for row in same[:_SHOWN]),
            "rename",
        )
    alike = session.query(
        f"SELECT MIN(task_id), COUNT(DISTINCT {exact}) FROM {table} WHERE task_id <> '' "
        f"GROUP BY LOWER({start}) HAVING COUNT(DISTINCT {exact}) > 1"
    )
    if alike:
        yield Finding(
            "alike-task-id",
            "warning",
            "ids that are equal in their first 40 characters, or that differ only in case: the "
            "guide's own index refuses them, the target schema's keeps them apart",
            sum(int(row[1]) for row in alike),
            tuple(f"task_id {_excerpt(row[0])}, {row[1]} ids" for row in alike[:_SHOWN]),
        )
