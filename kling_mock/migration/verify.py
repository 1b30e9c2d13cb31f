"""`kling-mock db verify`: the guide's checks after a migration, each passed or failed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from kling_mock.migration.database.introspect import read_table
from kling_mock.migration.database.session import Session
from kling_mock.migration.rows.row_changes import RowChanges
from kling_mock.migration.schema.known_schemas import KnownSchema, goal, recognise
from kling_mock.migration.schema.rebuild import BEFORE
from kling_mock.migration.state import MigrationState
from kling_mock.storage.schema import Dialect, Table, quoted

__all__ = ["Result", "checksum", "verify"]


@attrs.frozen
class Result:
    """One check.

    Attributes:
        name: What was checked.
        passed: The outcome; None when there is nothing to compare with.
        says: What was found.
    """

    name: str
    passed: bool | None
    says: str


def verify(session: Session, wanted: Table) -> list[Result]:
    """Return the outcome of each check of a migrated table; nothing is written."""
    found = read_table(session, wanted.name)
    if found is None:
        return [Result("table", passed=False, says="there is no table videos")]
    results = [*_structure(found, wanted)]
    if all(one.passed for one in results):
        results += [*_rows(session), *_content(session, found), *_plans(session)]
    return results


def _structure(found: Table, wanted: Table) -> Iterator[Result]:
    shape = recognise(found, wanted)
    yield Result("shape", shape is KnownSchema.OURS, shape.means)
    key = found.primary == wanted.primary
    yield Result("primary key", key, f"PRIMARY KEY ({', '.join(found.primary)})")
    number = found.column("id")
    yield Result("id numbers itself", number is not None and number.auto, "id")
    for index in wanted.indexes:
        there = index in found.indexes
        yield Result(f"index {index.name}", there, ", ".join(index.columns))


def _rows(session: Session) -> Iterator[Result]:
    total, ids, highest, legacy = session.query(
        "SELECT COUNT(*), COUNT(DISTINCT task_id), MAX(id), SUM(legacy) FROM videos"
    )[0]
    yield Result("task_id is unique", total == ids, f"{total} rows, {ids} ids")
    yield Result("ids reach", (highest or 0) >= total, f"MAX(id) is {highest or 0}")
    origin = MigrationState(session).get("rows")
    says = f"{legacy or 0} rows are marked legacy; {origin} were counted at the upgrade"
    yield Result("row count", None if origin is None else int(legacy or 0) == origin, says)
    wrong = session.query(
        "SELECT COUNT(*) FROM videos WHERE updated_at < created_at OR quota < 0 OR task_id = ''"
    )[0][0]
    yield Result("values", wrong == 0, f"{wrong} rows with an impossible time, quota or id")
    back = session.query(
        "SELECT COUNT(*) FROM (SELECT created_at - LAG(created_at) OVER (ORDER BY id) AS step "
        "FROM videos WHERE legacy = 1) AS steps WHERE step < 0"
    )[0][0]
    says = "ids rise with time" if not back else f"{back} migrated ids do not follow time"
    yield Result("order of ids", None if back else True, says)


def _content(session: Session, found: Table) -> Iterator[Result]:
    """Compare the content with what was there before, as far as that was kept."""
    state = MigrationState(session)
    origin, before = state.origin, read_table(session, BEFORE)
    if origin is not None and before is not None:
        target = goal(origin.table, found)
        rows = RowChanges(session, origin.table, target, new_id=str, log=_silent)
        shared = [one for one in target.columns if origin.table.has(one.name)]
        old = checksum(
            session, BEFORE, [value for one in shared if (value := rows.copied(one))], ""
        )
        new = checksum(
            session,
            "videos",
            [quoted(one.name, session.dialect) for one in shared],
            f"WHERE task_id IN (SELECT {_ID} FROM {BEFORE})",
        )
        yield _compared(old, new)
        return
    kept = state.get("checksum")
    if kept is not None and origin is not None:
        names = [quoted(one, session.dialect) for one in kept["columns"]]
        yield _compared(kept["value"], checksum(session, "videos", names, "WHERE legacy = 1"))


def _silent(_line: str) -> None:
    """Ignore the line: no row is changed here."""


_ID: Final = "CONVERT(task_id USING ascii) COLLATE ascii_bin"


def _compared(old: str, new: str) -> Result:
    says = f"before {old}, now {new}"
    if old != new:
        says += "; they differ once a migrated row was changed or deleted"
    return Result("checksum", old == new, says)


def checksum(session: Session, table: str, values: Sequence[str], where: str) -> str:
    """Return number of rows and the sum of a hash of each, whatever their order.

    Args:
        session: The connection.
        table: The table's name.
        values: SQL for each value that counts.
        where: A WHERE clause, or "".
    """
    if session.dialect is Dialect.SQLITE:
        rows = session.query(f"SELECT {', '.join(values)} FROM {table} {where}")
        return f"{len(rows)}:{sum(zlib.crc32(repr(row).encode()) for row in rows)}"
    texts = (f"COALESCE({_text(one, session.dialect)}, '~null~')" for one in values)
    row = f"CONCAT_WS('|', {', '.join(texts)})"
    hashed = (
        f"CRC32({row})" if session.dialect is not Dialect.POSTGRES else f"hashtext({row})::bigint"
    )
    count, total = session.query(f"SELECT COUNT(*), SUM({hashed}) FROM {table} {where}")[0]
    return f"{count}:{total or 0}"


def _text(value: str, dialect: Dialect) -> str:
    kind = "CHAR CHARACTER SET utf8mb4" if dialect.is_mysql else "TEXT"
    return f"CAST({value} AS {kind})"


# ---------------------------------------------------------------- plans

#: The guide's queries of section 4.4, and the index that each has to use.
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
        # A database may read a table of a few rows as a whole, and is right to.
        says = plan if used or session.dialect is Dialect.SQLITE else f"{plan} (a small table?)"
        yield Result(f"plan {name}", used or None, says)


def _explained(session: Session, query: str) -> str:
    if session.dialect is Dialect.SQLITE:
        return str(session.query(f"EXPLAIN QUERY PLAN {query}")[0][3])
    if session.dialect is Dialect.POSTGRES:
        return " ".join(str(row[0]).strip() for row in session.query(f"EXPLAIN {query}"))
    if session.dialect is Dialect.MYSQL:
        # In version 9 the default is a tree.
        row = session.query(f"EXPLAIN FORMAT=TRADITIONAL {query}")[0]
        return f"type {row[4]}, key {row[6]}"
    row = session.query(f"EXPLAIN {query}")[0]
    return f"type {row[3]}, key {row[5]}"
