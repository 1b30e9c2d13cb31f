"""Slow statements by the server's settings, including those that the test servers do not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from kling_mock.relay.storage.adapters.engine import TransactionMode, call_nothing
from kling_mock.relay.storage.errors import StorageError
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.slow_statements import slow_record
from kling_mock.relay.storage.steps import Statement, TransactionFactory, drive
from kling_mock.relay.storage.values import DatabaseNode, RunningStatement, SlowStatement

DENIED = StorageError("SELECT command denied")
Rows = Sequence[Sequence[object]] | StorageError


class Server:
    """An engine that answers by the table that is read, as the drivers do."""

    table_names = Statement("SELECT 1", reads=True)
    per_user = 0
    waits_for = ""

    def __init__(self, dialect: Dialect, **tables: Rows) -> None:
        self.dialect = dialect
        self.repeats = Counter[str]()
        self.on_connect = call_nothing
        self.calls: list[tuple[Any, ...]] = []
        self._tables = tables

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def run(self, make: TransactionFactory[Any], mode: TransactionMode) -> Any:
        assert mode is TransactionMode.READ
        return drive(make(), self._reply)

    async def probe(self, make: TransactionFactory[None]) -> DatabaseNode:
        raise NotImplementedError

    async def execute_script(self, statements: Sequence[str]) -> None:
        raise NotImplementedError

    def _reply(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        assert statement.reads
        self.calls.append(parameters)
        rows = next(rows for table, rows in self._tables.items() if table in statement.sql)
        if isinstance(rows, StorageError):
            raise rows
        return rows


def mysql(schema: int, log: int, output: str, **tables: Rows) -> Server:
    """Return a MySQL or MariaDB with these settings, on which one statement is running."""
    settings = [(schema, log, Decimal("10.000000"), output)]
    running = [("UPDATE videos SET prompt = 'a secret'", 7)]
    return Server(
        Dialect.MYSQL,
        performance_schema_=[],
        slow_query_log=settings,
        processlist=running,
        **tables,
    )


def postgres(extensions: int, **tables: Rows) -> Server:
    """Return a PostgreSQL with or without pg_stat_statements."""
    running = [("SELECT 'a secret'", 7.5)]
    return Server(
        Dialect.POSTGRES, pg_stat_activity=running, pg_extension=[(extensions,)], **tables
    )


async def test_the_performance_schema_is_read_where_it_is_on() -> None:
    """Its numbers are decimals; the most is the database's limit."""
    digests = [("SELECT 5 FROM videos", 3, Decimal("1.5000004"), Decimal("0.75"))]
    server = mysql(1, 1, "TABLE", events_statements_summary_by_digest=digests)
    record = await slow_record(server, limit=2, running_for=5.0)
    assert (record.source, record.recorded, record.advice) == ("performance_schema", True, "")
    assert record.statements == (SlowStatement("SELECT ? FROM videos", 3, 1.5, 0.75),)
    assert record.running == (RunningStatement("UPDATE videos SET prompt = ?", 7.0),)
    assert server.calls == [(), (5.0,), (2,)]


async def test_the_slow_log_is_read_where_it_is_a_table() -> None:
    """One entry is one run: they are added up, and shortened to the limit afterwards."""
    entries = [("SELECT 1", 2.0), ("DELETE FROM a", 1.0), ("SELECT 2", 4.0), ("SELECT b", 0.5)]
    server = mysql(0, 1, "FILE,TABLE", slow_log=entries)
    record = await slow_record(server, limit=2, running_for=5.0)
    assert (record.source, record.recorded, record.advice) == ("mysql.slow_log", True, "")
    assert record.statements == (
        SlowStatement("SELECT ?", 2, 6.0, 4.0),
        SlowStatement("DELETE FROM a", 1, 1.0, 1.0),
    )


@pytest.mark.parametrize(("schema", "table"), [(1, "performance_schema"), (0, "mysql.slow_log")])
async def test_a_user_who_may_not_read_them_is_told_what_to_grant(schema: int, table: str) -> None:
    """Running statements are still shown."""
    server = mysql(schema, 1, "TABLE", events_statements_summary_by_digest=DENIED, slow_log=DENIED)
    record = await slow_record(server, limit=2, running_for=5.0)
    assert (record.source, record.recorded, record.statements) == (table, True, ())
    assert f"GRANT SELECT on it ({table})" in record.advice
    assert len(record.running) == 1


@pytest.mark.parametrize(("log", "output", "state"), [(0, "TABLE", "off"), (1, "FILE", "on")])
async def test_a_server_that_records_nothing_readable_is_told_what_to_switch_on(
    log: int, output: str, state: str
) -> None:
    """The advice has the settings in effect."""
    record = await slow_record(mysql(0, log, output), limit=2, running_for=5.0)
    assert (record.source, record.recorded) == ("information_schema.processlist", False)
    assert f"slow query log is {state} (long_query_time 10 s, log_output {output})" in record.advice
    assert len(record.running) == 1


async def test_postgresql_records_statements_with_its_extension() -> None:
    """Times come as milliseconds and are read as seconds."""
    rows = [("SELECT $1 FROM videos", 3, 1.5, 0.75)]
    record = await slow_record(postgres(1, pg_stat_statements=rows), limit=2, running_for=5.0)
    assert (record.source, record.recorded, record.advice) == ("pg_stat_statements", True, "")
    assert record.statements == (SlowStatement("SELECT $1 FROM videos", 3, 1.5, 0.75),)
    assert record.running == (RunningStatement("SELECT ?", 7.5),)


@pytest.mark.parametrize("extensions", [0, 1])
async def test_postgresql_without_it_is_told_how_to_load_it(extensions: int) -> None:
    """This includes the case where the extension exists and the server does not load it."""
    server = postgres(extensions, pg_stat_statements=DENIED)
    record = await slow_record(server, limit=2, running_for=5.0)
    assert (record.source, record.recorded) == ("pg_stat_activity", False)
    assert "shared_preload_libraries" in record.advice
    assert len(record.running) == 1
