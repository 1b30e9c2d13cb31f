"""A relay process that dies by SIGKILL at a chosen point of its own work.

The points are not picked by hand. Whatever the relay hands to its database's driver is one, and
so are each request that it sends, the answer to it, and each reply of its own: a statement that
is added tomorrow is a point tomorrow. The relay's code knows nothing of it; the seams are those
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
from kling_mock.storage import statements
from kling_mock.storage.adapters.engine import Mode
from kling_mock.storage.adapters.server import ServerEngine, Session
from kling_mock.storage.connect import engine_of
from kling_mock.storage.sql_storage import SqlStorage
from kling_mock.storage.transaction import Statement, Unit
from kling_mock.storage.transactions.lifecycle import video
from kling_mock.storage.transactions.settle import settle
from kling_mock.storage.values import NewNotice, Settlement, TaskResult

__all__ = ["NAMES", "Orders", "live"]

#: What a statement is called.
NAMES: Final = {
    one.sql: name for name, one in vars(statements).items() if isinstance(one, Statement)
}


_CHANGES: Final = frozenset(
    name for name, one in vars(statements).items() if isinstance(one, Statement) and not one.reads
)


@attrs.frozen
class Orders:
    """How a process is to live.

    Attributes:
        database: URL of its database.
        settings: The settings of its relay.
        start: Unix seconds at which its clock stands.
        port: Where it listens; 0 is anywhere.
        death: At which point it dies, and at which occurrence of it; `None` is at none.
        naive: Whether it settles as a negative control does, in two transactions.
    """

    database: str
    settings: RelaySettings
    start: float
    port: int = 0
    death: tuple[str, int] | None = None
    naive: bool = False


class Fate:
    """Counts the points that are passed, and ends the process at one of them."""

    def __init__(self, death: tuple[str, int] | None) -> None:
        self._death = death
        self._seen = Counter[str]()
        self._last = ""
        self.awake = False
        self.passed: list[tuple[str, int]] = []

    def point(self, name: str) -> None:
        """Pass a point, or not."""
        if not self.awake:
            return  # it starts: its tables, user and channel are no part of a task's life
        if name in {"COMMIT", "COMMITTED"}:
            name = f"{name} {self._last}"  # distinguished by what it commits
        elif name in _CHANGES:
            self._last = name
        point = (name, self._seen[name])
        self._seen[name] += 1
        self.passed.append(point)
        if point == self._death:
            os.kill(os.getpid(), signal.SIGKILL)


def called(sql: str) -> str:
    """Return what a point before a statement is called."""
    return NAMES.get(sql) or sql.partition(" ")[0]


# ---------------------------------------------------------------- the drivers


def haunt_sqlite(fate: Fate) -> None:
    """Make each statement of SQLite a point."""

    def run(execute: Callable[..., Any], sql: str, *parameters: Any) -> Any:
        fate.point(called(sql))
        result = execute(sql, *parameters)
        if sql == "COMMIT":
            fate.point("COMMITTED")
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


class Haunted(Session):
    """A session of a server each of whose calls is a point."""

    def __init__(self, inner: Session, fate: Fate) -> None:
        self._inner = inner
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def begin(self, mode: Mode) -> None:
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

    def terminate(self) -> None:
        self._inner.terminate()

    async def goodbye(self) -> None:
        await self._inner.goodbye()


# ---------------------------------------------------------------- the network


def haunt_network(fate: Fate) -> None:
    """Make each request out, its answer, and each reply a point."""
    request: Any = client_reqrep.ClientRequest
    response: Any = client_reqrep.ClientResponse
    send, start, answer = request.send, response.start, RelayHandler.__call__

    async def sending(self: Any, *given: Any, **named: Any) -> Any:
        fate.point(f"send {self.method}")
        return await send(self, *given, **named)

    async def starting(self: Any, *given: Any) -> Any:
        fate.point(f"sent {self.method}")
        answered = await start(self, *given)
        fate.point(f"answered {self.method}")
        return answered

    async def answering(self: RelayHandler, request: web.BaseRequest) -> Any:
        reply = await answer(self, request)
        fate.point(f"reply to {request.method}")
        return reply

    request.send, response.start = sending, starting
    handler: Any = RelayHandler
    handler.__call__ = answering


# ---------------------------------------------------------------- the negative control


class NaiveStorage(SqlStorage):
    """Ends the task, commits, and then charges for it."""

    async def settle(
        self, result: TaskResult, *, now: int, notice: NewNotice | None = None
    ) -> Settlement:
        before = await self.find_task(result.task_id)
        assert before is not None

        def end() -> Unit[None]:
            row = yield from video(result.task_id)
            yield statements.END, _ended(row, result, now)

        def reopen_and_charge() -> Unit[Settlement]:
            yield _REOPEN, (result.task_id,)
            return (yield from settle(result, now, notice))

        if not before.is_open:
            return await super().settle(result, now=now, notice=notice)
        await self._engine.run(end, Mode.WRITE)
        return await self._engine.run(reopen_and_charge, Mode.WRITE)


_REOPEN: Final = Statement(
    "UPDATE videos SET status = 'submitted', held_quota = quota WHERE task_id = ?", reads=False
)


def _ended(row: Any, result: TaskResult, now: int) -> tuple[Any, ...]:
    kling_id = row.kling_task_id or result.kling_task_id
    result_columns = (result.video_id, result.store_url, result.duration, result.fail_reason)
    where = (row.task_id, row.channel_id, kling_id or "")
    return (result.status, now, kling_id, *result_columns, result.json_data, row.quota, *where)


# ---------------------------------------------------------------- the process


def live(orders: Orders, pipe: Pipe) -> None:
    """Run a relay until the other end of *pipe* says stop, or until it dies."""
    fate = Fate(orders.death)
    haunt_sqlite(fate)
    haunt_network(fate)
    asyncio.run(_live(orders, pipe, fate))


async def _live(orders: Orders, pipe: Pipe, fate: Fate) -> None:
    loop = asyncio.get_running_loop()
    clock = ManualClock(orders.start)
    clock.start(loop)
    engine = engine_of(orders.database)
    if isinstance(engine, ServerEngine):
        _haunt_server(engine, fate)
    storage = NaiveStorage(engine) if orders.naive else SqlStorage(engine)

    async def relay(url: str) -> Any:
        settings = attrs.evolve(orders.settings, public_url=url)
        return await start_relay(storage, clock, settings, SystemRandom())

    host = RelayHost("127.0.0.1", orders.port, None, relay)
    url = host.listen()
    await host.relay()
    await clock.aadvance(0)
    fate.awake = True
    pipe.send(url)
    with contextlib.suppress(EOFError):  # the test has gone
        while (seconds := await loop.run_in_executor(None, pipe.recv)) is not None:
            await clock.aadvance(seconds)
            pipe.send(seconds)
    await host.close(1)
    clock.stop()
    pipe.send(fate.passed)


def _haunt_server(engine: ServerEngine, fate: Fate) -> None:
    plain: Callable[[], Awaitable[Session]] = engine.connect
    haunted: Any = engine

    async def connect() -> Session:
        return Haunted(await plain(), fate)

    haunted.connect = connect
