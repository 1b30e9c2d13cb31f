"""A relay process that dies by SIGKILL at a chosen point of its own work.

The points are not picked by hand. Whatever the relay hands to its database's driver is one, and
so are each request that it sends, the answer to it, and each reply of its own: a statement that
is added tomorrow is a point tomorrow. The relay's code does not know it; the seams are those
of the drivers, wrapped in this process only.

Time stands still, and moves when the test says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection as Pipe
from random import SystemRandom
from typing import Any, Final

import attrs
from aiohttp import client_reqrep, web

from kling_mock.clock import ManualClock
from kling_mock.relay.bootstrap import start_relay
from kling_mock.relay.host import RelayHost
from kling_mock.relay.http.handler import RelayHandler
from kling_mock.relay.settings import RelaySettings
from kling_mock.relay.storage import statements
from kling_mock.relay.storage.adapters.connection import PooledConnection
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.server import ServerEngine
from kling_mock.relay.storage.connect import engine_of
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.steps import Statement, Transaction
from kling_mock.relay.storage.transactions.lifecycle import video
from kling_mock.relay.storage.transactions.settlement import settle
from kling_mock.relay.storage.values import DatabaseNode, NewNotice, Settlement, TaskResult
from kling_mock.web.access import AccessPolicy

#: What a statement is called.
NAMES: Final = {
    statement.sql: name
    for name, statement in vars(statements).items()
    if isinstance(statement, Statement)
}


_CHANGES: Final = frozenset(
    name
    for name, statement in vars(statements).items()
    if isinstance(statement, Statement) and not statement.reads
)


@attrs.frozen
class ProcessOptions:
    """The options of a process that runs a relay.

    Attributes:
        database: URL of its database.
        settings: The settings of its relay.
        start: Unix seconds at which its clock stands.
        port: Where it listens; 0 means any free port.
        kill_at: The point at which it is killed, and which occurrence of it; `None` for none.
        naive: Whether it settles as the negative control does, in two transactions.
    """

    database: str
    settings: RelaySettings
    start: float
    port: int = 0
    kill_at: tuple[str, int] | None = None
    naive: bool = False


class KillSwitch:
    """Counts the points that are passed, and kills the process at one of them."""

    def __init__(self, kill_at: tuple[str, int] | None) -> None:
        self._kill_at = kill_at
        self._seen = Counter[str]()
        self._last = ""
        self.armed = False
        self.passed: list[tuple[str, int]] = []

    def point(self, name: str) -> None:
        """Pass a point, or not."""
        if not self.armed:
            return  # starting: its tables, user and channel are not part of a task's lifecycle
        if name in {"COMMIT", "COMMITTED"}:
            name = f"{name} {self._last}"  # distinguished by what it commits
        elif name in _CHANGES:
            self._last = name
        point = (name, self._seen[name])
        self._seen[name] += 1
        self.passed.append(point)
        if point == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def called(sql: str) -> str:
    """Return the name of a point before a statement."""
    return NAMES.get(sql) or sql.partition(" ")[0]


# ---------------------------------------------------------------- the drivers


def instrument_sqlite(switch: KillSwitch) -> None:
    """Make each statement of SQLite a point."""

    def run(execute: Callable[..., Any], sql: str, *parameters: Any) -> Any:
        switch.point(called(sql))
        result = execute(sql, *parameters)
        if sql == "COMMIT":
            switch.point("COMMITTED")
        return result

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *parameters: Any) -> Any:
            return run(super().execute, sql, *parameters)

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> Any:
            return run(super().execute, sql, *parameters)

        def cursor(self, *_: Any) -> Any:
            return super().cursor(Cursor)

    module: Any = sqlite3
    module.connect = partial(sqlite3.connect, factory=Connection)


class InstrumentedSession(PooledConnection):
    """A session of a server each of whose calls is a point."""

    def __init__(self, inner: PooledConnection, switch: KillSwitch) -> None:
        self._inner = inner
        self._fate = switch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def begin(self, mode: TransactionMode) -> None:
        self._fate.point("BEGIN")
        await self._inner.begin(mode)

    async def commit(self) -> None:
        self._fate.point("COMMIT")
        await self._inner.commit()
        self._fate.point("COMMITTED")

    async def rollback(self) -> None:
        self._fate.point("ROLLBACK")
        await self._inner.rollback()

    async def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        self._fate.point(called(statement.sql))
        return await self._inner.execute(statement, parameters)

    async def run_script(self, statements: Sequence[str]) -> None:
        await self._inner.run_script(statements)

    async def look(self) -> DatabaseNode:
        return await self._inner.look()

    def terminate(self) -> None:
        self._inner.terminate()

    async def goodbye(self) -> None:
        await self._inner.goodbye()


# ---------------------------------------------------------------- the network


def instrument_network(switch: KillSwitch) -> None:
    """Make each request out, its answer, and each reply a point."""
    request: Any = client_reqrep.ClientRequest
    response: Any = client_reqrep.ClientResponse
    send, start, answer = request.send, response.start, RelayHandler.__call__

    async def sending(self: Any, *arguments: Any, **named: Any) -> Any:
        switch.point(f"send {self.method}")
        return await send(self, *arguments, **named)

    async def starting(self: Any, *arguments: Any) -> Any:
        switch.point(f"sent {self.method}")
        answered = await start(self, *arguments)
        switch.point(f"answered {self.method}")
        return answered

    async def answering(self: RelayHandler, request: web.BaseRequest) -> Any:
        reply = await answer(self, request)
        switch.point(f"reply to {request.method}")
        return reply

    request.send, response.start = sending, starting
    handler: Any = RelayHandler
    handler.__call__ = answering


# ---------------------------------------------------------------- the negative control


class NaiveStorage(Storage):
    """Ends the task, commits, and then charges for it."""

    async def settle(
        self, result: TaskResult, *, now: int, notice: NewNotice | None = None, user_id: int = 0
    ) -> Settlement:
        before = await self.find_task(result.task_id)
        assert before is not None

        def end() -> Transaction[None]:
            row = yield from video(result.task_id)
            yield statements.END, _ended(row, result, now)

        def reopen_and_charge() -> Transaction[Settlement]:
            yield _REOPEN, (result.task_id,)
            return (yield from settle(result, now=now, notice=notice))

        if not before.is_open:
            return await super().settle(result, now=now, notice=notice)
        await self._engine.run(end, TransactionMode.WRITE)
        return await self._engine.run(reopen_and_charge, TransactionMode.WRITE)


_REOPEN: Final = Statement(
    "UPDATE videos SET status = 'submitted', held_quota = quota WHERE task_id = ?", reads=False
)


def _ended(row: Any, result: TaskResult, now: int) -> tuple[Any, ...]:
    kling_id = row.kling_task_id or result.kling_task_id
    result_columns = (result.video_id, result.store_url, result.duration, result.fail_reason)
    where = (row.task_id, row.channel_id, kling_id or "")
    return (result.status, now, kling_id, *result_columns, result.json_data, row.quota, *where)


# ---------------------------------------------------------------- the process


def run_relay(options: ProcessOptions, pipe: Pipe) -> None:
    """Run a relay until the other end of *pipe* says stop, or until it dies."""
    switch = KillSwitch(options.kill_at)
    instrument_sqlite(switch)
    instrument_network(switch)
    asyncio.run(_run_relay(options, pipe, switch))


async def _run_relay(options: ProcessOptions, pipe: Pipe, switch: KillSwitch) -> None:
    loop = asyncio.get_running_loop()
    clock = ManualClock(options.start)
    clock.start(loop)
    engine = engine_of(options.database)
    if isinstance(engine, ServerEngine):
        _instrument_server(engine, switch)
    storage = NaiveStorage(engine) if options.naive else Storage(engine)

    async def relay(url: str) -> Any:
        settings = attrs.evolve(options.settings, public_url=url)
        access = AccessPolicy(settings.operator, settings.admin_token)
        return await start_relay(
            storage, clock, settings, access, SystemRandom(), callback_secret=b"callbacks"
        )

    host = RelayHost("127.0.0.1", options.port, None, relay)
    url = host.listen()
    await host.relay()
    await clock.aadvance(0)
    switch.armed = True
    pipe.send(url)
    with contextlib.suppress(EOFError):  # the test has gone
        while (seconds := await loop.run_in_executor(None, pipe.recv)) is not None:
            await clock.aadvance(seconds)
            pipe.send(seconds)
    await host.close(1)
    clock.stop()
    pipe.send(switch.passed)


def _instrument_server(engine: ServerEngine, switch: KillSwitch) -> None:
    plain: Callable[[], Awaitable[PooledConnection]] = engine.connect
    instrumented: Any = engine

    async def connect() -> PooledConnection:
        return InstrumentedSession(await plain(), switch)

    instrumented.connect = connect
