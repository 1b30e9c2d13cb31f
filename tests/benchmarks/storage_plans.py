"""Whether a hot statement of the relay reads a whole table: EXPLAIN of each, on each database.

Every SELECT and UPDATE in `kling_mock.storage.statements` is asked about, for the user who owns
a third of all rows and for one of the others, since a plan depends on the values. A statement is
hot unless it is named in `COLD`, with the reason why it may read a whole table.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kling_mock.storage import statements
from kling_mock.storage.migration.session import Session
from kling_mock.storage.schema import TABLES, Kind
from kling_mock.storage.statement import Statement
from tests.benchmarks.storage_tables import HEAVY, MIDDLING, START, Size, task_id

__all__ = ["COLD", "full_scans", "hot"]

#: Statements of operators, which may read a whole table, and why.
COLD: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            *("USERS_BETWEEN", "LEDGER_SUMS", "OPEN_HOLDS", "LATE_SUCCESSES"),
            *("UNCHARGED", "UNEARNED"),
        ),
        "`kling-mock reconcile` recomputes every balance from all rows",
    ),
    "STATS": "`kling-mock stats` sums up all days that are asked for",
    "OVERVIEW": "`kling-mock stats` and the admin API count whole tables",
}

#: Reading all of a smaller table is no scan that anybody notices.
_LARGE: Final = 1_000

_count: Final = itertools.count()

_ASKED: Final = re.compile(r"(?:SELECT|UPDATE) ")
_TABLE: Final = re.compile(
    r"\b(?:FROM|UPDATE|JOIN) (\w+)(?: (?!JOIN|LEFT|ON|SET|WHERE|GROUP|ORDER)(\w+))?"
)
_COMPARED: Final = re.compile(r"(\w+)(?: [-+] \w+)? (?:=|<>|<=|>=|<|>|BETWEEN)$")


def hot() -> dict[str, Statement]:
    """Return the statements that must not read a whole table, by name."""
    return {
        name: one
        for name, one in vars(statements).items()
        if isinstance(one, Statement) and _ASKED.match(one.sql) and name not in COLD
    }


def full_scans(session: Session, size: Size) -> list[str]:
    """Return the names of hot statements that read a large table whole, with the table."""
    rows = {table.name: _rows(session, table.name) for table in TABLES}
    large = {name for name, count in rows.items() if count > _LARGE}
    found = {
        f"{name}: {table}"
        for name, statement in hot().items()
        for user in (HEAVY, MIDDLING)
        for table in _scanned(session, statement, values(statement, size, user))
        if table in large
    }
    return sorted(found)


def _rows(session: Session, table: str) -> int:
    return int(session.query(f"SELECT COUNT(*) FROM {table}")[0][0])


# ---------------------------------------------------------------- parameters


def values(statement: Statement, size: Size, user: int) -> list[int | str]:
    """Return a parameter for each mark, from the name of the column that it is compared with."""
    found: list[int | str] = []
    kinds = _kinds(statement.sql)
    column = ""
    for match in re.finditer(r"\?", statement.sql):
        before = statement.sql[: match.start()].rstrip()
        if before.endswith("LIMIT"):
            found.append(20)
        elif before.endswith("? AND") and "BETWEEN ? AND" in before[-13:]:
            found.append(_value(column, kinds, size, user))
        else:
            compared = _COMPARED.search(before) or re.search(r"COALESCE\((\w+),$", before)
            column = compared.group(1) if compared else ""
            found.append(_value(column, kinds, size, user, below=before.endswith(" <")))
    return found


def _kinds(sql: str) -> dict[str, Kind]:
    """Return the kinds of all columns of the tables in a statement."""
    named = {match.group(1) for match in _TABLE.finditer(sql)}
    return {
        column.name: column.kind
        for table in TABLES
        if table.name in named
        for column in table.columns
    }


def _value(
    column: str, kinds: Mapping[str, Kind], size: Size, user: int, *, below: bool = False
) -> int | str:
    now = START + size.rows
    fixed: dict[str, int | str] = {
        "user_id": user,
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
    kind = kinds.get(column)
    text = kind in {Kind.TEXT, Kind.STRING, Kind.BINARY, Kind.ASCII}
    value = fixed.get(column, "unknown" if text else 1)
    return value if text == isinstance(value, str) else ("" if text else 1)


# ---------------------------------------------------------------- the plans


def _scanned(session: Session, statement: Statement, given: list[int | str]) -> Iterator[str]:
    """Yield each table that a statement reads whole."""
    literals = [f"'{one}'" if isinstance(one, str) else str(one) for one in given]
    remaining = iter(literals)
    inlined = re.sub(r"\?", lambda _: next(remaining), statement.sql)
    if session.dialect == "postgresql":
        yield from _postgresql(session, statement, literals)
    elif session.dialect == "sqlite":
        yield from _sqlite(session, inlined)
    else:
        yield from _mariadb(session, inlined)


def _names(sql: str) -> dict[str, str]:
    """Return tables by what a statement calls them."""
    return {match.group(2) or match.group(1): match.group(1) for match in _TABLE.finditer(sql)}


def _sqlite(session: Session, sql: str) -> Iterator[str]:
    named = _names(sql)
    # A text of its own each time: Python keeps prepared statements, and the plan in them.
    for _, _, _, detail in session.query(f"EXPLAIN QUERY PLAN {sql} /* {next(_count)} */"):
        verb, _, rest = detail.partition(" ")
        name = rest.split(" ")[0]
        if verb == "SCAN" and name in named:
            yield named[name]


def _mariadb(session: Session, sql: str) -> Iterator[str]:
    named = _names(sql)
    for row in session.query(f"EXPLAIN {sql}"):
        _, _, name, access, _, _, _, _, rows, _ = row
        # With a LIMIT, `index` reads no more than `rows` of an ordered index.
        if access in {"ALL", "index"} and int(rows) > _LARGE and name in named:
            yield named[name]


def _postgresql(session: Session, statement: Statement, literals: list[str]) -> Iterator[str]:
    session.execute(f"PREPARE asked AS {statement.postgres}")
    given = f"({', '.join(literals)})" if literals else ""
    try:
        ((plan,),) = session.query(f"EXPLAIN (FORMAT JSON) EXECUTE asked{given}")
    finally:
        session.execute("DEALLOCATE asked")
    yield from _nodes(json.loads(plan)[0]["Plan"])


def _nodes(node: Mapping[str, Any]) -> Iterator[str]:
    kind = node["Node Type"]
    whole_index = kind in {"Index Scan", "Index Only Scan"} and "Index Cond" not in node
    # A filter makes a walk through an index long, whatever LIMIT is above it.
    if kind == "Seq Scan" or (whole_index and "Filter" in node):
        yield str(node["Relation Name"])
    for part in node.get("Plans", ()):
        yield from _nodes(part)
