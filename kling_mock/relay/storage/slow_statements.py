"""The slow statements that a database has recorded, which each database keeps in another place.

If a server does not record them, or the user may not read them, the result names the setting that
changes this. A statement's values may be prompts, so values are not returned.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from kling_mock.relay.storage.adapters.engine import Engine, TransactionMode
from kling_mock.relay.storage.errors import StorageError
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.steps import Statement, Transaction, read
from kling_mock.relay.storage.values import RunningStatement, SlowRecord, SlowStatement

_MAX_STATEMENT: Final = 500  # characters of a statement that are returned
_VALUES: Final = re.compile(
    r"""'(?:[^'\\]|\\.|'')*(?:'|\Z) | "(?:[^"\\]|\\.|"")*(?:"|\Z) | (?<![\w$.])[+-]?\d[\w.]*""",
    re.VERBOSE | re.DOTALL,
)

# ---------------------------------------------------------------- MySQL and MariaDB

_MYSQL_SETTINGS: Final = read("""
    SELECT @@performance_schema, @@slow_query_log, @@long_query_time, @@log_output""")
#: The deployment guide's own query of running statements. (seconds)
_MYSQL_RUNNING: Final = read("""
    SELECT LEFT(info, 2000), time FROM information_schema.processlist
    WHERE time >= ? AND command NOT IN ('Sleep', 'Daemon', 'Binlog Dump')
        AND info IS NOT NULL AND id <> CONNECTION_ID()
    ORDER BY time DESC LIMIT 20""")
#: Times are picoseconds. (limit)
_DIGESTS: Final = read("""
    SELECT digest_text, count_star, sum_timer_wait / 1000000000000,
        max_timer_wait / 1000000000000
    FROM performance_schema.events_statements_summary_by_digest
    WHERE schema_name = DATABASE() AND digest_text IS NOT NULL
    ORDER BY sum_timer_wait DESC LIMIT ?""")
#: The newest entries of the slow query log, where it is a table.
_SLOW_LOG: Final = read("""
    SELECT CONVERT(LEFT(sql_text, 2000) USING utf8mb4),
        HOUR(query_time) * 3600 + MINUTE(query_time) * 60 + SECOND(query_time)
            + MICROSECOND(query_time) / 1000000
    FROM mysql.slow_log WHERE db = DATABASE() ORDER BY start_time DESC LIMIT 1000""")

# ---------------------------------------------------------------- PostgreSQL

_EXTENSION: Final = read("SELECT COUNT(*) FROM pg_extension WHERE extname = 'pg_stat_statements'")
#: Times are milliseconds. (limit)
_STAT_STATEMENTS: Final = read("""
    SELECT s.query, s.calls, s.total_exec_time / 1000, s.max_exec_time / 1000
    FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = current_database() ORDER BY s.total_exec_time DESC LIMIT ?""")
#: (seconds)
_POSTGRES_RUNNING: Final = read("""
    SELECT LEFT(query, 2000),
        CAST(EXTRACT(EPOCH FROM clock_timestamp() - query_start) AS DOUBLE PRECISION)
    FROM pg_stat_activity
    WHERE state = 'active' AND pid <> pg_backend_pid() AND datname = current_database()
        AND EXTRACT(EPOCH FROM clock_timestamp() - query_start) >= ?
    ORDER BY query_start LIMIT 20""")

_NO_SUPPORT: Final = (
    "SQLite records no statements. Each relay measures its own transactions: slow ones are in its"
    " log as `kling storage: ... was slow`, in the member `process` of its GET"
    " /__kling/relay/stats, and in the metric kling_relay_storage_slow_total."
)
_MYSQL_OFF: Final = (
    "The server records no statements that can be read here: performance_schema is off, and the"
    " slow query log is {log} (long_query_time {seconds:g} s, log_output {output}). Set"
    " performance_schema=ON in the server's configuration and restart it; or, at once, SET GLOBAL"
    " slow_query_log=ON, log_output='TABLE', long_query_time=1."
)
_MYSQL_DENIED: Final = (
    "The server records statements, and this user may not read them: GRANT SELECT on it ({table})."
)
_POSTGRES_OFF: Final = (
    "The server records no statements: put pg_stat_statements in shared_preload_libraries, restart"
    " it, and CREATE EXTENSION pg_stat_statements in this database. What is running is read from"
    " pg_stat_activity."
)


_Read = Callable[[Iterable[Sequence[Any]]], tuple[SlowStatement, ...]]
_Recorded = tuple[str, Statement, tuple[object, ...], _Read]


async def slow_record(engine: Engine, *, limit: int, running_for: float) -> SlowRecord:
    """Return the slow statements that the database has recorded.

    Args:
        engine: The engine of the database.
        limit: Maximum number of recorded statements.
        running_for: Seconds from which a running statement is listed.
    """
    return await _OF[engine.dialect](engine, limit, running_for)


async def _mysql(engine: Engine, limit: int, running_for: float) -> SlowRecord:
    ((schema, log, seconds, output),) = await _rows(engine, _MYSQL_SETTINGS)
    processes = await _rows(engine, _MYSQL_RUNNING, running_for)
    running = tuple(RunningStatement(without_values(text), float(time)) for text, time in processes)
    if int(schema):
        look: _Recorded = ("performance_schema", _DIGESTS, (limit,), recorded)
    elif int(log) and "TABLE" in str(output):
        look = ("mysql.slow_log", _SLOW_LOG, (), added_up)
    else:
        on = "on" if int(log) else "off"
        advice = _MYSQL_OFF.format(log=on, seconds=float(seconds), output=output)
        where = "information_schema.processlist"
        return SlowRecord(where, recorded=False, advice=advice, running=running)
    where, statement, arguments, read_rows = look
    try:
        rows = await _rows(engine, statement, *arguments)
    except StorageError:
        advice = _MYSQL_DENIED.format(table=where)
        return SlowRecord(where, recorded=True, advice=advice, running=running)
    statements = read_rows(rows)[:limit]
    return SlowRecord(where, recorded=True, advice="", statements=statements, running=running)


async def _postgres(engine: Engine, limit: int, running_for: float) -> SlowRecord:
    processes = await _rows(engine, _POSTGRES_RUNNING, running_for)
    running = tuple(RunningStatement(without_values(text), float(time)) for text, time in processes)
    ((count,),) = await _rows(engine, _EXTENSION)
    try:
        rows = await _rows(engine, _STAT_STATEMENTS, limit) if count else None
    except StorageError:  # created, but not loaded by the server
        rows = None
    if rows is None:
        return SlowRecord("pg_stat_activity", recorded=False, advice=_POSTGRES_OFF, running=running)
    return SlowRecord(
        "pg_stat_statements",
        recorded=True,
        advice="",
        statements=recorded(rows),
        running=running,
    )


async def _sqlite(_engine: Engine, _limit: int, _running_for: float) -> SlowRecord:
    return SlowRecord("none", recorded=False, advice=_NO_SUPPORT)


async def _rows(engine: Engine, statement: Statement, *arguments: object) -> Sequence[Any]:
    def look() -> Transaction[Sequence[Any]]:
        rows: Sequence[Any] = yield statement, arguments
        return rows

    return await engine.run(look, TransactionMode.READ)


def recorded(rows: Iterable[Sequence[Any]]) -> tuple[SlowStatement, ...]:
    """Return rows of text, calls, total seconds and longest run as statements."""
    return tuple(
        SlowStatement(
            without_values(text), int(calls), round(float(seconds), 6), round(float(longest), 6)
        )
        for text, calls, seconds, longest in rows
    )


def added_up(rows: Iterable[Sequence[Any]]) -> tuple[SlowStatement, ...]:
    """Return rows of text and seconds, one per run, as statements, most time first."""
    runs: dict[str, list[float]] = {}
    for text, seconds in rows:
        runs.setdefault(without_values(text), []).append(float(seconds))
    statements = [
        SlowStatement(text, len(took), round(sum(took), 6), max(took))
        for text, took in runs.items()
    ]
    return tuple(sorted(statements, key=lambda statement: -statement.seconds))


def without_values(text: str) -> str:
    """Return a statement on one line, shortened, with `?` for every text and number in it."""
    return _VALUES.sub("?", " ".join(text.split()))[:_MAX_STATEMENT]


_Look = Callable[[Engine, int, float], Awaitable[SlowRecord]]
_OF: Final[Mapping[Dialect, _Look]] = {
    Dialect.SQLITE: _sqlite,
    Dialect.MYSQL: _mysql,
    Dialect.POSTGRES: _postgres,
}
