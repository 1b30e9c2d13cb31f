"""How long the servers let a statement run, by the errors that they really send."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import attrs
import pytest

from kling_mock.relay.migration.database.session import connect
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.server import LIMITS, LOCK_WAIT, ServerEngine
from kling_mock.relay.storage.connect import engine_of
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.steps import Statement, Transaction, read
from tests.mock.relay.storage.databases import Server

pytestmark = pytest.mark.slow

#: A statement of a short transaction may take one second.
SHORT: Final = attrs.evolve(LIMITS, idle_in_transaction=2)
LIMIT_OF: Final = {
    Dialect.MARIADB: "SELECT @@max_statement_time",
    Dialect.MYSQL: "SELECT @@max_execution_time",
    Dialect.POSTGRES: "SELECT current_setting('statement_timeout')",
}


@pytest.fixture(params=["mysql", "postgres"])
def served(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    asyncio.run(server.empty())
    return server


def slow(engine: ServerEngine, seconds: float) -> Statement:
    """A SELECT of two rows that takes as long as that for each; MySQL ends no shorter one."""
    call = "pg_sleep" if engine.dialect is Dialect.POSTGRES else "SLEEP"
    return read(f"SELECT {call}({seconds}) FROM (SELECT 1 AS a UNION SELECT 2) AS rows_of_two")


async def test_a_statement_that_takes_too_long_is_ended_and_run_again(served: Server) -> None:
    """Its connection stays, and so do the others of the pool."""
    engine = cast("ServerEngine", engine_of(served.url, limits=SHORT))
    await engine.open()
    runs = list[int]()

    def make() -> Transaction[Any]:
        runs.append(len(runs))
        rows = yield slow(engine, 30 if len(runs) == 1 else 0), ()
        return len(rows)

    assert await engine.run(make, TransactionMode.WRITE) == 2
    assert (len(runs), +engine.repeats) == (2, {"deadlock": 1})
    await engine.close()


@pytest.mark.parametrize(
    "mode", [TransactionMode.READ, TransactionMode.SNAPSHOT, TransactionMode.LONG_WRITE]
)
async def test_a_transaction_of_many_rows_takes_its_time(
    served: Server, mode: TransactionMode
) -> None:
    """Also on a connection that has run a short transaction before."""
    engine = cast("ServerEngine", engine_of(served.url, limits=SHORT))
    await engine.open()

    def make(seconds: float) -> Transaction[int]:
        rows = yield slow(engine, seconds), ()
        return len(rows)

    assert await engine.run(lambda: make(0), TransactionMode.WRITE) == 2
    assert await engine.run(lambda: make(0.7), mode) == 2
    assert not +engine.repeats
    await engine.close()


def test_a_migration_has_no_limit(served: Server) -> None:
    """Its statements move whole tables."""
    with connect(served.url) as session:
        ((limit,),) = session.query(LIMIT_OF[session.dialect])
    assert float(limit) == 0


def test_a_statement_may_wait_for_a_lock_and_ends_before_the_idle_limit() -> None:
    """Else the wait would not end by its own error, or the statement outlive the limit."""
    assert LOCK_WAIT < LIMITS.statement < LIMITS.idle_in_transaction
