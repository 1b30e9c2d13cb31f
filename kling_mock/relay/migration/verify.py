"""`kling-mock db verify`: the guide's checks after a migration, each passed or failed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.rows.row_changes import RowChanges
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, goal, recognise
from kling_mock.relay.migration.schema.rebuild import BEFORE
from kling_mock.relay.migration.state import CHANGES, DELETED, MigrationState
from kling_mock.relay.storage.schema import Dialect, Table, quoted


@attrs.frozen
class Result:
    """The result of one check.

    Attributes:
        name: What was checked.
        passed: Whether it passed; None if there is nothing to compare with.
        says: What was found.
    """

    name: str
    passed: bool | None
    says: str


def verify(session: Session, schema: Table) -> list[Result]:
    """Return the outcome of each check of a migrated table; nothing is written."""
    table = read_table(session, schema.name)
    if table is None:
        return [Result("table", passed=False, says="there is no table videos")]
    results = [*_structure(table, schema)]
    if all(outcome.passed for outcome in results):
        results += [*_rows(session), *_content(session, table), *_plans(session)]
    return results


def _structure(table: Table, schema: Table) -> Iterator[Result]:
    shape = recognise(table, schema)
    yield Result("shape", shape is KnownSchema.OURS, shape.means)
    key = table.primary == schema.primary
    yield Result("primary key", key, f"PRIMARY KEY ({', '.join(table.primary)})")
    number = table.column("id")
    yield Result("id numbers itself", number is not None and number.auto, "id")
    for index in schema.indexes:
        there = index in table.indexes
        yield Result(f"index {index.name}", there, ", ".join(index.columns))


def _rows(session: Session) -> Iterator[Result]:
    total, ids, highest, legacy = session.query(
        "SELECT COUNT(*), COUNT(DISTINCT task_id), MAX(id), COUNT(CASE WHEN legacy = 1 THEN 1 END) "
        "FROM videos"
    )[0]
    yield Result("task_id is unique", total == ids, f"{total} rows, {ids} ids")
    yield Result("ids reach", (highest or 0) >= total, f"MAX(id) is {highest or 0}")
    origin = MigrationState(session).get("rows")
    says = f"{legacy} rows are marked legacy; {origin} were counted at the upgrade"
    yield Result("row count", None if origin is None else int(legacy) == origin, says)
    is_swapped = MigrationState(session).is_swapped
    wrong = session.query(
        "SELECT COUNT(*) FROM videos WHERE updated_at < created_at OR quota < 0 OR task_id = ''"
    )[0][0]
    says = f"{wrong} rows with an impossible time, quota or id"
    if wrong and is_swapped:
        says += "; kling-mock db finish resolves them, or names them"
    yield Result("values", wrong == 0 or (None if is_swapped else False), says)
    back = session.query(
        "SELECT COUNT(*) FROM (SELECT created_at - LAG(created_at) OVER (ORDER BY id) AS step "
        "FROM videos WHERE legacy = 1) AS steps WHERE step < 0"
    )[0][0]
    says = "ids rise with time" if not back else f"{back} migrated ids do not follow time"
    yield Result("order of ids", None if back else True, says)


def _content(session: Session, table: Table) -> Iterator[Result]:
    """Compare the content with the old content, as far as that was kept."""
    state = MigrationState(session)
    origin, before = state.origin, read_table(session, BEFORE)
    if state.is_swapped and origin is not None and before is not None:
        yield from _traffic(session, state, origin.table, table)
        return
    expected = state.get("checksum")
    if expected is not None and origin is not None:
        names = [quoted(column, session.dialect) for column in expected["columns"]]
        yield _compared(expected["value"], checksum(session, "videos", names, "WHERE legacy = 1"))


def _traffic(session: Session, state: MigrationState, old: Table, table: Table) -> Iterator[Result]:
    """Compare the rows with the old table, except those that the old program has written since."""
    rows = RowChanges(
        session, old, goal(old, table), new_id=str, log=_silent, in_copy=state.get("resolutions")
    )
    shared = [column for column in rows.target.columns if old.has(column.name)]
    values = [value for column in shared if (value := rows.copied(column))]
    key = f"CONVERT({rows.key()} USING ascii) COLLATE ascii_bin"
    untouched = (
        f"WHERE {key} NOT IN (SELECT task_id FROM videos WHERE legacy <> 1) AND {key} NOT IN "
        f"(SELECT task_id FROM {CHANGES} WHERE column_name = '{DELETED}')"
    )
    names = [quoted(column.name, session.dialect) for column in shared]
    yield _compared(
        checksum(session, BEFORE, values, untouched),
        checksum(session, "videos", names, "WHERE legacy = 1"),
    )
    (written,), (deleted,) = session.query(
        f"SELECT COUNT(*) FROM videos WHERE legacy <> 1 UNION ALL "
        f"SELECT COUNT(*) FROM {CHANGES} WHERE column_name = '{DELETED}'"
    )
    says = (
        f"{written} rows were written and {deleted} deleted by the old program since the swap; "
        "stop it, and run kling-mock db finish"
    )
    yield Result("old program", None, says)


#: Rows of SQLite that are in memory together.
_AT_A_TIME: Final = 500


def _silent(_line: str) -> None:
    """Ignore the line, because rows are not changed here."""


def _compared(old: str, new: str) -> Result:
    says = f"before {old}, now {new}"
    if old != new:
        says += "; they differ once a migrated row was changed or deleted"
    return Result("checksum", old == new, says)


def checksum(session: Session, table: str, values: Sequence[str], where: str) -> str:
    """Return the number of rows and the sum of their hashes, which does not depend on the order.

    Args:
        table: The table's name.
        values: The SQL for each value that is hashed.
        where: A WHERE clause, or "".
    """
    if session.dialect is Dialect.SQLITE:
        return _checksum_on_sqlite(session, table, values, where)
    if session.dialect is Dialect.POSTGRES:
        texts = (f"COALESCE(CAST({value} AS TEXT), '~null~')" for value in values)
        hashed = f"hashtext(CONCAT_WS('|', {', '.join(texts)}))::bigint"
    else:
        # Above max_allowed_packet, CAST and CONCAT_WS are NULL.
        texts = (
            f"COALESCE(CAST({value} AS CHAR CHARACTER SET utf8mb4), SHA2({value}, 256), '~null~')"
            for value in values
        )
        digests = (f"COALESCE(SHA2({value}, 256), '~null~')" for value in values)
        hashed = (
            f"CRC32(COALESCE(CONCAT_WS('|', {', '.join(texts)}), "
            f"CONCAT_WS('|', {', '.join(digests)})))"
        )
    count, total = session.query(f"SELECT COUNT(*), SUM({hashed}) FROM {table} {where}")[0]
    return f"{count}:{total or 0}"


def _checksum_on_sqlite(session: Session, table: str, values: Sequence[str], where: str) -> str:
    select = (
        f"SELECT rowid, {', '.join(values)} FROM {table} {where} {'AND' if where else 'WHERE'} "
        f"rowid > ? ORDER BY rowid LIMIT {_AT_A_TIME}"
    )
    count, total, after = 0, 0, -(2**63)
    while rows := session.query(select, after):
        count += len(rows)
        total += sum(zlib.crc32(repr(row[1:]).encode()) for row in rows)
        after = rows[-1][0]
    return f"{count}:{total}"


# ---------------------------------------------------------------- plans

#: The queries of the guide's section 4.4, and the index that each must use.
_QUERIES: Final = (
    ("by id", "SELECT * FROM videos WHERE id = {id}", "PRIMARY"),
    ("by task_id", "SELECT * FROM videos WHERE task_id = '{task_id}'", "idx_task_id"),
    (
        "a user's newest",
        "SELECT * FROM videos WHERE user_id = {user_id} ORDER BY created_at DESC LIMIT 10",
        "idx_user_created",
    ),
    (
        "a user's since",
        (
            "SELECT * FROM videos WHERE user_id = {user_id} AND created_at > {created_at} "
            "ORDER BY created_at DESC"
        ),
        "idx_user_created",
    ),
)


def _plans(session: Session) -> Iterator[Result]:
    rows = session.query("SELECT id, task_id, user_id, created_at FROM videos LIMIT 1")
    if not rows:
        return
    names = dict(zip(("id", "task_id", "user_id", "created_at"), rows[0], strict=True))
    for name, query, index in _QUERIES:
        plan = _explained(session, query.format(**names))
        key = {Dialect.SQLITE: "PRIMARY KEY", Dialect.POSTGRES: "videos_pkey"}.get(
            session.dialect, index
        )
        expected = key if index == "PRIMARY" else index
        used = expected in plan
        says = plan if used else f"{plan}; {_why_whole(session, names['user_id'])}"
        yield Result(f"plan {name}", used or None, says)


def _why_whole(session: Session, user_id: int) -> str:
    """Return why a database may read the whole table."""
    total, of_user = session.query(
        f"SELECT COUNT(*), COUNT(CASE WHEN user_id = {user_id} THEN 1 END) FROM videos"
    )[0]
    return (
        f"user {user_id} has {of_user} of {total} rows: for most of a table, or for a small one, a "
        "database reads all rows, which is faster than an index"
    )


def _explained(session: Session, query: str) -> str:
    if session.dialect is Dialect.SQLITE:
        return str(session.query(f"EXPLAIN QUERY PLAN {query}")[0][3])
    if session.dialect is Dialect.POSTGRES:
        return " ".join(str(row[0]).strip() for row in session.query(f"EXPLAIN {query}"))
    if session.dialect is Dialect.MYSQL:
        # In version 9 the default format is a tree.
        row = session.query(f"EXPLAIN FORMAT=TRADITIONAL {query}")[0]
        return f"type {row[4]}, key {row[6]}"
    row = session.query(f"EXPLAIN {query}")[0]
    return f"type {row[3]}, key {row[5]}"
