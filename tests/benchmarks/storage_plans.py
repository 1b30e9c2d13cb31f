"""A check on each database that no hot statement of the relay reads a whole table.

Every SELECT and UPDATE in `kling_mock.relay.storage.statements` is run, for a user who owns a
third of all rows, for one of many and for one with a single row, since a plan depends on the
values; then it is rolled back. What it has read is counted by the database: rows on MariaDB and
PostgreSQL, instructions of its machine on SQLite, which takes several for each row. A plan's words
are not asked: "uses an index" can mean that it walks through all of it. A statement is hot unless
it is named in `COLD`, with the reason why it may read a whole table.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.storage import statements
from kling_mock.relay.storage.schema import TABLE_NAMES, Dialect, table_named
from kling_mock.relay.storage.steps import Statement
from tests.benchmarks.storage_tables import HEAVY, MIDDLING, SINGLE, START, Size, task_id

#: Statements of operators, which may read a whole table, and why.
COLD: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (*("USERS_BETWEEN", "LEDGER_SUMS", "OPEN_HOLDS", "CHARGED_REPORTS", "LATE_SUCCESSES"),),
        "`kling-mock reconcile` recomputes every balance from all rows",
    ),
    **dict.fromkeys(
        ("WITHOUT_HOLD", "WITHOUT_RELEASE", "WITHOUT_TASK", "NAME_CHARGES"),
        "`kling-mock reconcile --repair` looks at every entry",
    ),
    "CHANNEL_TOTALS": "the operator's list of channels adds up all charges, from an index",
    "HIGHEST_TOKEN": "the operator makes a token; the guide's table has no index of token numbers",
    "OPEN_OF_CHANNEL": "the operator changes the address or key of a channel",
    "STUCK": "`kling-mock stats` lists open tasks in the order of their ids",
    "STATS": "`kling-mock stats` sums up all days that are asked for",
    "SUMMARY": "`kling-mock stats` and the admin API count whole tables",
}

#: A plan that reads this many rows or instructions is not noticeable, however small the table.
_FREE: Final = 2_000
#: The share of a table's rows that counts as the whole.
_WHOLE: Final = 0.1

_texts: Final = itertools.count()

_ASKED: Final = re.compile(r"(?:SELECT|UPDATE) ")
_TABLE: Final = re.compile(r"\b(?:FROM|UPDATE|JOIN) (\w+)")
_COMPARED: Final = re.compile(r"(\w+)(?: [-+] \w+|, ''\))? (?:=|<>|<=|>=|<|>|BETWEEN)$")


def hot() -> dict[str, Statement]:
    """Return the statements that must not read a whole table, by name."""
    return {
        name: statement
        for name, statement in vars(statements).items()
        if isinstance(statement, Statement) and _ASKED.match(statement.sql) and name not in COLD
    }


def full_scans(session: Session, size: Size) -> list[str]:
    """Return the names of hot statements that read a tenth of a table or more."""
    sizes = {name: _rows(session, name) for name in TABLE_NAMES}
    return [
        name
        for name, statement in hot().items()
        if any(
            _is_whole(session, _read(session, statement, values(statement, size, user)), rows)
            for user in (HEAVY, MIDDLING, SINGLE)
            for rows in [max([sizes[table] for table in _tables(statement.sql)], default=0)]
        )
    ]


def _rows(session: Session, table: str) -> int:
    return int(session.query(f"SELECT COUNT(*) FROM {table}")[0][0])


def _tables(sql: str) -> set[str]:
    return set(_TABLE.findall(sql)) & set(TABLE_NAMES)


def _is_whole(session: Session, read: float, rows: int) -> bool:
    # SQLite takes at least three instructions for a row that it skips.
    share = 1 if session.dialect == "sqlite" else _WHOLE
    return read > max(_FREE, share * rows)


# ---------------------------------------------------------------- parameters


def values(statement: Statement, size: Size, user: int) -> list[int | str]:
    """Return a parameter for each mark, from the name of the column that it is compared with."""
    parameters: list[int | str] = []
    types = _types(statement.sql)
    column = ""
    for match in re.finditer(r"\?", statement.sql):
        before = statement.sql[: match.start()].rstrip()
        if before.endswith("LIMIT"):
            parameters.append(20)
        elif before.endswith("? AND") and "BETWEEN ? AND" in before[-13:]:
            parameters.append(_value(column, types, size, user))
        else:
            compared = _COMPARED.search(before) or re.search(r"COALESCE\((\w+),$", before)
            column = compared.group(1) if compared else ""
            parameters.append(_value(column, types, size, user, below=before.endswith(" <")))
    return parameters


def _types(sql: str) -> dict[str, str]:
    """Return the types of all columns of the tables in a statement."""
    tables = [table_named(name, Dialect.SQLITE) for name in _tables(sql)]
    return {column.name: column.type for table in tables for column in table.columns}


def _value(
    column: str, types: Mapping[str, str], size: Size, user: int, *, below: bool = False
) -> int | str:
    now = START + size.rows
    fixed: dict[str, int | str] = {
        "user_id": user,
        "legacy": 0,
        "task_id": task_id(size.rows // 2),
        "reference": task_id(size.rows // 2),
        "kling_task_id": f"831922{100_000_000_000 + size.rows // 2}",
        "state": "pending",
        "status": "succeed",
        "kind": "charge",
        "created_at": now,
        "next_poll_at": now,
        "next_at": START + size.others,
        "lease_until": now,
        "attempt_until": now,
        "not_found_at": now,
        "id": size.rows if below else 1,
    }
    text = types.get(column, "").startswith(("text", "varchar"))
    value = fixed.get(column, "unknown" if text else 1)
    return value if text == isinstance(value, str) else ("" if text else 1)


# ---------------------------------------------------------------- what is read


def _read(session: Session, statement: Statement, parameters: list[int | str]) -> float:
    """Run a statement, roll it back, and return what it has read."""
    literals = [
        f"'{parameter}'" if isinstance(parameter, str) else str(parameter)
        for parameter in parameters
    ]
    remaining = iter(literals)
    inlined = re.sub(r"\?", lambda _: next(remaining), statement.sql)
    if session.dialect == "postgresql":
        return _postgresql(session, statement, literals)
    return (_sqlite if session.dialect == "sqlite" else _mariadb)(session, inlined)


@contextmanager
def _rolled_back(session: Session) -> Iterator[None]:
    session.execute("BEGIN")
    try:
        yield
    finally:
        session.execute("ROLLBACK")


def _sqlite(session: Session, sql: str) -> float:
    every = 100
    calls = itertools.count()
    raw: Any = session
    # The handler must return something false, or the statement is interrupted.
    raw._connection.set_progress_handler(lambda: next(calls) < 0, every)
    try:
        with _rolled_back(session):
            # A text of its own each time: Python keeps prepared statements, and the plan in them.
            session.query(f"{sql} /* {next(_texts)} */")
    finally:
        raw._connection.set_progress_handler(None, every)
    return float(every * next(calls))


def _mariadb(session: Session, sql: str) -> float:
    session.execute("FLUSH STATUS")
    with _rolled_back(session):
        session.query(sql)
        counted = session.query(
            "SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%' "
            "OR Variable_name = 'Handler_icp_attempts'"
        )
    return float(sum(int(value) for _, value in counted))


def _postgresql(session: Session, statement: Statement, literals: list[str]) -> float:
    session.execute(f"PREPARE asked AS {statement.postgres}")
    arguments = f"({', '.join(literals)})" if literals else ""
    try:
        with _rolled_back(session):
            explained = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked{arguments}"
            ((plan,),) = session.query(explained)
    finally:
        session.execute("DEALLOCATE asked")
    return sum(_scanned(json.loads(plan)[0]["Plan"]))


def _scanned(node: Mapping[str, Any]) -> Iterator[float]:
    """Yield how many rows each scan in a plan has read, those that it threw away included."""
    if node["Node Type"].endswith("Scan") and "Relation Name" in node:
        rows = sum(
            float(node.get(name, 0))
            for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        )
        yield rows * node["Actual Loops"]
    for part in node.get("Plans", ()):
        yield from _scanned(part)
