"""Slow statements of each database, and the advice for one that does not record them."""

from __future__ import annotations

import asyncio
import fcntl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncmy
import asyncpg
import pytest

from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.slow_statements import added_up, recorded, without_values
from kling_mock.relay.storage.values import SlowRecord, SlowStatement
from tests.mock.relay.storage.databases import (
    MYSQL,
    POSTGRES,
    Mysql,
    Postgres,
    Server,
    need,
    opened,
)

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Keep out the workers beside: these tests look at, and change, settings of the server."""
    with Path(tempfile.gettempdir(), "kling-tests-slow-log").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


SECRET = "a secret prompt"


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    yield from temporary(Mysql())


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    yield from temporary(Postgres())


def temporary(server: Server) -> Iterator[Server]:
    need("mysql" if isinstance(server, Mysql) else "postgres")
    asyncio.run(server.make())
    try:
        yield server
    finally:
        asyncio.run(server.drop())


async def read_record(url: str, running_for: float = 5.0) -> SlowRecord:
    store = connect(url)
    await store.open()
    try:
        return await store.slow_statements(limit=3, running_for=running_for)
    finally:
        await store.close()


@asynccontextmanager
async def slow_log_in_a_table(server: Server) -> AsyncIterator[None]:
    """Have the server keep its slow query log in a table; the limit of others stays as it is."""
    ((log, output),) = await server.query("SELECT @@global.slow_query_log, @@global.log_output")
    await server.query("SET GLOBAL log_output = 'TABLE';SET GLOBAL slow_query_log = 1")
    try:
        yield
    finally:
        await server.query(
            f"SET GLOBAL slow_query_log = {int(log)};SET GLOBAL log_output = '{output}'"
        )


async def test_mariadb_says_what_to_switch_on(mariadb: Server) -> None:
    """A server that records nothing is reported as such, with its settings."""
    ((schema,),) = await mariadb.query("SELECT @@performance_schema")
    record = await read_record(mariadb.url)
    if int(schema):
        assert (record.source, record.recorded) == ("performance_schema", True)
        return
    assert not record.recorded
    assert "performance_schema is off" in record.advice
    assert "slow query log is off (long_query_time 10 s, log_output FILE)" in record.advice
    assert "SET GLOBAL slow_query_log=ON, log_output='TABLE'" in record.advice


async def test_mariadb_returns_recorded_statements_without_their_values(mariadb: Server) -> None:
    """With the slow query log in a table, the slowest come first, without values (P7)."""
    if (await mariadb.query("SELECT @@performance_schema"))[0][0]:
        pytest.skip("MariaDB's default only: performance_schema is on, as on MySQL, and is read")
    async with slow_log_in_a_table(mariadb), opened(mariadb):
        for number in (1, 2):
            await mariadb.query(
                "SET SESSION long_query_time = 0;"
                f"SELECT COUNT(*) FROM videos WHERE prompt = '{SECRET}' AND id > {number}"
            )
        record = await read_record(mariadb.url)
    assert (record.source, record.recorded, record.advice) == ("mysql.slow_log", True, "")
    assert len(record.statements) <= 3
    statements = {statement.text: statement for statement in record.statements}
    mine = statements["SELECT COUNT(*) FROM videos WHERE prompt = ? AND id > ?"]
    assert mine.calls >= 2
    assert mine.seconds >= mine.longest > 0
    assert SECRET not in str(record)


async def test_a_missing_privilege_is_named(mariadb: Server) -> None:
    """A database user without the privilege to read the log gets its name."""
    name = mariadb.name
    await mariadb.query(
        f"CREATE USER '{name}'@'%' IDENTIFIED BY 'pw';GRANT ALL ON {name}.* TO '{name}'@'%'"
    )
    try:
        async with slow_log_in_a_table(mariadb):
            record = await read_record(f"mysql://{name}:pw@{MYSQL[0]}:{MYSQL[1]}/{name}")
    finally:
        await mariadb.query(f"DROP USER '{name}'@'%'")
    assert record.recorded
    assert record.statements == ()
    assert record.source in {"mysql.slow_log", "performance_schema"}
    assert f"GRANT SELECT on it ({record.source})" in record.advice


async def test_mariadb_returns_what_is_running(mariadb: Server) -> None:
    """The guide's query of the process list shows a waiting statement, without its values."""
    address: dict[str, Any] = {
        "host": MYSQL[0],
        "port": MYSQL[1],
        "user": "root",
        "database": mariadb.name,
    }
    holder: Any = await asyncmy.connect(**address)  # without types
    waiter: Any = await asyncmy.connect(**address)
    lock = f"GET_LOCK('{mariadb.name}', 60)"
    await holder.query(f"SELECT {lock}")
    waiting = asyncio.create_task(waiter.query(f"SELECT {lock}"))
    try:
        running: tuple[str, ...] = ()
        while not running:
            record = await read_record(mariadb.url, 0.0)
            running = tuple(
                statement.text for statement in record.running if "GET_LOCK" in statement.text
            )
    finally:
        await holder.query("DO RELEASE_ALL_LOCKS()")
        await waiting
        await holder.ensure_closed()
        await waiter.ensure_closed()
    assert set(running) == {"SELECT GET_LOCK(?, ?)"}


async def test_postgresql_says_what_to_switch_on(postgresql: Server) -> None:
    """The advice covers a missing extension, and one that the server has not loaded."""
    ((loaded,),) = await postgresql.query("SHOW shared_preload_libraries")
    for statement in ("SELECT 1", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"):
        await postgresql.query(statement)
        record = await read_record(postgresql.url)
        if "pg_stat_statements" in loaded and "CREATE" in statement:
            assert (record.source, record.recorded) == ("pg_stat_statements", True)
            return
        assert not record.recorded
        assert record.source == "pg_stat_activity"
        assert "pg_stat_statements in shared_preload_libraries" in record.advice


async def test_postgresql_tells_what_is_running(postgresql: Server) -> None:
    """A statement that waits for a lock is seen, without its values."""
    lock = f"SELECT pg_advisory_lock(7), '{SECRET}'"
    address: dict[str, Any] = {"host": POSTGRES[0], "port": POSTGRES[1], "user": "postgres"}
    holder = await asyncpg.connect(**address, database=postgresql.name)
    await holder.execute(lock)
    waiting = asyncio.create_task(postgresql.query(lock))
    try:
        running: tuple[str, ...] = ()
        while not running:
            record = await read_record(postgresql.url, 0.0)
            running = tuple(
                statement.text for statement in record.running if "advisory" in statement.text
            )
    finally:
        await holder.close()
        await waiting
    assert set(running) == {"SELECT pg_advisory_lock(?), ?"}


async def test_sqlite_names_the_place_to_look() -> None:
    """SQLite records nothing: its users are sent to the relay's own measurements."""
    record = await read_record("sqlite://")
    assert not record.recorded
    assert "kling_relay_storage_slow_total" in record.advice


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("SELECT  *\n FROM t1 WHERE a = 'it''s' AND b=-5", "SELECT * FROM t1 WHERE a = ? AND b=?"),
        ("INSERT INTO t VALUES ('a \\' b', 1.5e3, x9)", "INSERT INTO t VALUES (?, ?, x9)"),
        ('SELECT "a", b', "SELECT ?, b"),
        ("SELECT 'cut off in the mid", "SELECT ?"),
        ("UPDATE t SET a = $1 WHERE id = $22", "UPDATE t SET a = $1 WHERE id = $22"),
        ("SELECT " + "a, " * 500, ("SELECT " + "a, " * 500)[:500]),
    ],
)
def test_a_statement_is_told_without_values(statement: str, text: str) -> None:
    """Texts and numbers become `?`, also where the server has cut the statement off."""
    assert without_values(statement) == text


def test_rows_become_statements() -> None:
    """Sums of the server's are taken over; single runs are added up, most time first."""
    rows = [("SELECT ?", 3, Decimal("1.5"), Decimal("0.9"))]
    assert recorded(rows) == (SlowStatement("SELECT ?", 3, 1.5, 0.9),)
    runs = [("SELECT 1", 0.5), ("SELECT 'x'", 0.25), ("DELETE FROM t", 2.0)]
    assert added_up(runs) == (
        SlowStatement("DELETE FROM t", 1, 2.0, 2.0),
        SlowStatement("SELECT ?", 2, 0.75, 0.5),
    )
