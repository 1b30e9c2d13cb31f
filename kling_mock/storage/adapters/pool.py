"""The connections of one process to a database server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, TypeVar

import attrs

from kling_mock.storage.adapters.connection import (
    ConnectionLostError,
    NodeNotReadyError,
    PooledConnection,
)

__all__ = ["Pool"]

T = TypeVar("T")


@attrs.define
class _Use:
    """What a connection is used for now.

    Attributes:
        since: Seconds of the loop's clock.
        deadline: When it counts as lost.
        is_silent: Whether its server does not answer at all any more.
    """

    since: float
    deadline: asyncio.Timeout
    is_silent: bool = False


class Pool:
    """Idle connections, the last used one first; opened when they are needed.

    A server that is frozen, or behind a network that swallows everything, closes no connection. So
    one that takes long to reply is asked by a new connection; if it does not answer that either,
    all connections to it are lost.

    Args:
        connect: Opens a connection to the server that is to be used.
        size: How many there may be.
        answers: Whether the server at a position answers a new connection.
        put_off: Called with the position of a server that is not to be used for now.
        suspect_after: Seconds without a reply after which it is asked.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[PooledConnection]],
        size: int,
        answers: Callable[[int], Awaitable[bool]],
        put_off: Callable[[int], None],
        suspect_after: float,
    ) -> None:
        self._connect = connect
        self._free = asyncio.Semaphore(size)
        self._answers = answers
        self._put_off = put_off
        self._suspect_after = suspect_after
        self._idle: list[PooledConnection] = []
        self._used: dict[PooledConnection, _Use] = {}
        self._asked: dict[int, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def use(self, work: Callable[[PooledConnection], Awaitable[T]], limit: float | None) -> T:
        """Do something on a connection of its own.

        Args:
            work: What to do.
            limit: Seconds that it may take; `None` as long as the server answers.

        Raises:
            ConnectionLostError: The connection is lost, or the time is over.
        """
        async with self._free:
            session = self._idle.pop() if self._idle else await self._connect()
            try:
                result = await self._limited(session, work, limit)
            except ConnectionLostError as error:
                if isinstance(error, NodeNotReadyError):
                    self._put_off(session.host)
                session.terminate()
                # The others were most likely lost for the same reason.
                self.drop(session.host)
                raise
            except Exception:
                self._put_back(session)
                raise
            except BaseException:
                # Cancelled in the middle of a reply: the rest of it is still to be read.
                session.terminate()
                raise
            self._put_back(session)
            return result

    def _put_back(self, session: PooledConnection) -> None:
        if session.is_usable and monotonic() < session.retire_at:
            self._idle.append(session)
        else:
            session.terminate()

    async def _limited(
        self,
        session: PooledConnection,
        work: Callable[[PooledConnection], Awaitable[T]],
        limit: float | None,
    ) -> T:
        loop = asyncio.get_running_loop()
        deadline = asyncio.timeout(limit)
        use = _Use(loop.time(), deadline)
        try:
            async with deadline:
                self._used[session] = use
                if self._timer is None:
                    self._timer = loop.call_later(self._suspect_after, self._look)
                try:
                    return await work(session)
                finally:
                    del self._used[session]
        except TimeoutError:
            if use.is_silent:
                raise ConnectionLostError("the server does not answer any more") from None
            raise ConnectionLostError(f"no reply for {limit:g} s") from None

    def _look(self) -> None:
        """Ask the servers that have not replied for too long."""
        self._timer = None
        if not self._used:
            return
        loop = asyncio.get_running_loop()
        late = loop.time() - self._suspect_after
        for session, use in self._used.items():
            if use.since <= late and session.host not in self._asked:
                self._asked[session.host] = loop.create_task(self._ask(session.host))
        self._timer = loop.call_later(self._suspect_after / 2, self._look)

    async def _ask(self, host: int) -> None:
        try:
            if await self._answers(host):
                return
            self._put_off(host)
            self.drop(host)
            for session, use in self._used.items():
                if session.host == host and not use.deadline.expired():
                    use.is_silent = True
                    use.deadline.reschedule(asyncio.get_running_loop().time())
        finally:
            del self._asked[host]

    async def run_script(self, statements: Sequence[str]) -> None:
        """Run a script on a connection of its own, and disconnect."""
        session = await self._connect()
        try:
            await session.run_script(statements)
        finally:
            await session.goodbye()

    def drop(self, host: int) -> None:
        """Drop the idle connections to a server."""
        for session in self._idle:
            if session.host == host:
                session.terminate()
        self._idle = [session for session in self._idle if session.host != host]

    async def close(self) -> None:
        """Disconnect the idle connections in order."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        asking: Sequence[asyncio.Task[Any]] = [*self._asked.values()]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        while self._idle:
            await self._idle.pop().goodbye()
