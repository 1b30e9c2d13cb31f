"""The connections of a process: which are used again, and what happens when a server is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from kling_mock.relay.storage.adapters.connection import (
    ConflictingWriteError,
    ConnectionLostError,
    NodeNotReadyError,
    PooledConnection,
    transact,
)
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.pool import Pool
from kling_mock.relay.storage.steps import Statement, Transaction
from kling_mock.relay.storage.values import DatabaseNode

SOON = 0.01  # seconds


class Connection(PooledConnection):
    """A connection that does what its test says."""

    def __init__(self, host: int = 0) -> None:
        self.host = host
        self.is_open = True
        self.rolled_back = 0
        self.refuses_rollback = False

    async def begin(self, mode: TransactionMode) -> None: ...

    async def commit(self) -> None: ...

    async def rollback(self) -> None:
        self.rolled_back += 1
        if self.refuses_rollback:
            raise ConnectionLostError("MySQL error 1047")

    async def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        return ()

    async def run_script(self, statements: Sequence[str]) -> None: ...

    async def look(self) -> DatabaseNode:
        return DatabaseNode()

    def terminate(self) -> None:
        self.is_open = False

    async def goodbye(self) -> None:
        self.is_open = False


class Servers:
    """Opens connections to the server *in_use*, and knows which servers answer."""

    def __init__(self) -> None:
        self.opened: list[Connection] = []
        self.in_use = 0
        self.answering = {0, 1}
        self.probed: list[int] = []
        self.put_off: list[int] = []
        self.was_asked = asyncio.Event()

    async def connect(self) -> PooledConnection:
        self.opened.append(Connection(self.in_use))
        return self.opened[-1]

    async def answers(self, host: int) -> bool:
        self.probed.append(host)
        self.was_asked.set()
        return host in self.answering


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def pool(servers: Servers) -> Pool:
    return Pool(servers.connect, 4, servers.answers, servers.put_off.append, SOON)


async def number(session: PooledConnection) -> int:
    return id(session)


async def test_a_connection_is_used_again(servers: Servers, pool: Pool) -> None:
    """The last used one first."""
    assert await pool.use(number, None) == await pool.use(number, None)
    assert len(servers.opened) == 1
    await pool.close()
    assert not servers.opened[0].is_open


async def test_one_that_refuses_to_roll_back_is_not_used_again(
    servers: Servers, pool: Pool
) -> None:
    """What its transaction has done would be committed by the next BEGIN. The caller hears why
    the transaction failed.
    """

    def refused() -> Transaction[None]:
        yield Statement("SELECT 1", reads=True), ()
        raise ConflictingWriteError("MySQL error 1213")

    async def work(session: PooledConnection) -> None:
        assert isinstance(session, Connection)
        session.refuses_rollback = True
        await transact(session, refused, TransactionMode.WRITE)

    with pytest.raises(ConflictingWriteError):
        await pool.use(work, None)
    (first,) = servers.opened
    assert first.rolled_back == 1
    assert not first.is_open
    await pool.use(number, None)
    assert len(servers.opened) == 2
    await pool.close()


async def test_one_that_the_server_may_have_closed_is_not_used_again(
    servers: Servers, pool: Pool
) -> None:
    """MySQL closes what was idle for too long, so it is dropped a little before."""

    async def idle(session: PooledConnection) -> None:
        session.max_idle = 0.0

    await pool.use(idle, None)
    assert servers.opened[0].is_open
    await pool.use(number, None)
    assert [session.is_open for session in servers.opened] == [False, True]
    await pool.close()


async def test_one_that_was_to_retire_is_not_used_again(servers: Servers, pool: Pool) -> None:
    """So processes come back to the first server."""

    async def retire(session: PooledConnection) -> None:
        session.retire_at = 0.0

    await pool.use(retire, None)
    assert not servers.opened[0].is_open
    await pool.use(number, None)
    assert len(servers.opened) == 2
    await pool.close()


async def test_a_lost_one_takes_the_idle_ones_of_its_server_with_it(
    servers: Servers, pool: Pool
) -> None:
    """Those of another server stay."""
    both = asyncio.Barrier(2)

    async def wait(_: PooledConnection) -> None:
        await both.wait()

    async def lose(_: PooledConnection) -> None:
        raise ConnectionLostError("gone")

    await asyncio.gather(pool.use(wait, None), pool.use(wait, None))
    other = Connection(host=1)
    pool._idle.insert(0, other)
    with pytest.raises(ConnectionLostError, match="gone"):
        await pool.use(lose, None)
    assert [connection.is_open for connection in servers.opened] == [False, False]
    assert other.is_open
    await pool.close()


async def test_a_server_that_takes_long_is_asked_and_left_alone(
    servers: Servers, pool: Pool
) -> None:
    """A transaction may wait for a lock, or read many rows."""

    async def slow(_: PooledConnection) -> str:
        await servers.was_asked.wait()
        servers.was_asked.clear()
        await servers.was_asked.wait()
        return "done"

    assert await pool.use(slow, None) == "done"
    assert set(servers.probed) == {0}
    assert servers.opened[0].is_open
    await pool.close()


@pytest.mark.parametrize("limit", [None, 60.0])
async def test_one_that_does_not_answer_loses_all_its_connections(
    servers: Servers, pool: Pool, limit: float | None
) -> None:
    """Calls with and without a limit lose them; those of another server continue."""
    servers.answering = {1}
    end = asyncio.Event()

    async def hang(_: PooledConnection) -> None:
        await asyncio.Event().wait()

    async def wait(_: PooledConnection) -> str:
        await end.wait()
        return "done"

    silent = [asyncio.ensure_future(pool.use(hang, limit)) for _ in range(2)]
    await asyncio.sleep(0)
    servers.in_use = 1
    other = asyncio.ensure_future(pool.use(wait, limit))
    for future in silent:
        with pytest.raises(ConnectionLostError, match="no longer responds"):
            await future
    end.set()
    assert await other == "done"
    assert [connection.is_open for connection in servers.opened] == [False, False, True]
    assert servers.put_off == [0]
    await pool.close()


async def test_a_server_that_is_not_ready_is_put_off(servers: Servers, pool: Pool) -> None:
    """The next connection is to another one; a lost connection alone says nothing of the server."""

    async def refuse(_: PooledConnection) -> None:
        raise NodeNotReadyError("MySQL error 1047")

    async def lose(_: PooledConnection) -> None:
        raise ConnectionLostError("gone")

    for work in (lose, refuse):
        with pytest.raises(ConnectionLostError):
            await pool.use(work, None)
    assert servers.put_off == [0]
    await pool.close()


async def test_an_idle_pool_asks_nobody(servers: Servers, pool: Pool) -> None:
    """Its timer ends with the last use."""
    await pool.use(number, None)
    async with asyncio.timeout(1):
        while pool._timer is not None:  # noqa: ASYNC110 - a timer that ends sets no event
            await asyncio.sleep(SOON)
    assert servers.probed == []
    await pool.close()
