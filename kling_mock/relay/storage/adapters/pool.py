"""The connections of one process to a database server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, TypeVar

import attrs

from kling_mock.relay.storage.adapters.connection import (
    ConnectionLostError,
    NodeNotReadyError,
    PooledConnection,
    TooManyConnectionsError,
)

T = TypeVar("T")


@attrs.define
class _Use:
    """The present use of a connection.

    Attributes:
        since: Seconds of the loop's clock.
        deadline: When it counts as lost.
        is_silent: Whether its server has stopped responding at all.
    """

    since: float
    deadline: asyncio.Timeout
    is_silent: bool = False


class Pool:
    """A pool of connections, which are opened on demand; the last used one is reused first.

    A server that is frozen, or behind a network that swallows everything, does not close its
    connections. So if a server takes long to reply, it is asked over a new connection; if it does
    not respond to that either, all connections to it are lost.

    Args:
        connect: Opens a connection to the server to use.
        size: Maximum number of connections.
        answers: Returns whether the server at a position responds to a new connection.
        put_off: Called with the position of a server that is not to be used for now.
        suspect_after: Seconds without a reply after which a server is asked.
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
        self._size = size
        self._free = asyncio.Semaphore(size)
        self._returned = asyncio.Event()
        self._answers = answers
        self._put_off = put_off
        self._suspect_after = suspect_after
        self._idle: list[PooledConnection] = []
        self._used: dict[PooledConnection, _Use] = {}
        self._probes: dict[int, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def use(self, work: Callable[[PooledConnection], Awaitable[T]], limit: float | None) -> T:
        """Do some work on a connection of its own, as soon as one is free.

        Args:
            work: The work.
            limit: Seconds that it may take; `None` means as long as the server responds.

        Raises:
            ConnectionLostError: The connection is lost, or the time is over.
        """
        async with self._free:
            return await self._use(work, limit, drop_others=True)

    async def use_now(self, work: Callable[[PooledConnection], Awaitable[T]], limit: float) -> T:
        """Do some work without waiting for others; this may open a connection beyond the limit.

        A loss does not mean that the other connections are lost too: the time limit is short.
        """
        return await self._use(work, limit, drop_others=False)

    async def _use(
        self,
        work: Callable[[PooledConnection], Awaitable[T]],
        limit: float | None,
        *,
        drop_others: bool,
    ) -> T:
        session = await self._session()
        try:
            result = await self._limited(session, work, limit)
        except ConnectionLostError as error:
            if isinstance(error, NodeNotReadyError):
                self._put_off(session.host)
            session.terminate()
            if drop_others:  # they were most likely lost for the same reason
                self.drop(session.host)
            raise
        except Exception:
            self._put_back(session)
            raise
        except BaseException:
            # Cancelled in the middle of a reply, the rest of which has not been read.
            session.terminate()
            raise
        else:
            self._put_back(session)
            return result
        finally:
            self._returned.set()

    async def _session(self) -> PooledConnection:
        """Return an idle connection, or a new one.

        If the server does not have a free connection, wait for one that is in use.
        """
        while True:
            session = self._pop_idle()
            if session is not None:
                return session
            try:
                return await self._connect()
            except TooManyConnectionsError:
                if not (self._used or self._idle):
                    raise
                self._returned.clear()
                if not self._idle:
                    await self._returned.wait()

    def _pop_idle(self) -> PooledConnection | None:
        while self._idle:
            session = self._idle.pop()
            if monotonic() - session.idle_since < session.max_idle:
                return session
            session.terminate()
        return None

    def _put_back(self, session: PooledConnection) -> None:
        session.idle_since = monotonic()
        is_wanted = len(self._idle) + len(self._used) < self._size
        if is_wanted and session.is_usable and session.idle_since < session.retire_at:
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
                raise ConnectionLostError("the server no longer responds") from None
            raise ConnectionLostError(f"no response for {limit:g} s") from None

    def _look(self) -> None:
        """Check the servers that have not replied for too long."""
        self._timer = None
        if not self._used:
            return
        loop = asyncio.get_running_loop()
        late = loop.time() - self._suspect_after
        for session, use in self._used.items():
            if use.since <= late and session.host not in self._probes:
                self._probes[session.host] = loop.create_task(self._ask(session.host))
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
            del self._probes[host]

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
        """Close the idle connections cleanly."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        asking: Sequence[asyncio.Task[Any]] = [*self._probes.values()]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        while self._idle:
            await self._idle.pop().goodbye()
