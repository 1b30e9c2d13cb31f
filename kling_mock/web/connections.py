"""Connections within limits, for one listening address of the emulator or the relay.

aiohttp limits neither the time of headers and bodies nor the number of connections, and asyncio's
own accept loop spins without end when the process runs out of file descriptors. Nothing is done
per request here: every connection is checked about once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage

from kling_mock.web.limits import Limits, Phase, Seen, overdue, room_rank

_BURST: Final = 16  # connections that are accepted before other tasks get their turn
_TURNS: Final = 4  # turns of the loop until an accepted connection has read what it was sent
_RETRY: Final = 1.0  # seconds to the next attempt when the process has no descriptor left
_REPORT: Final = 60.0  # seconds between two warnings about connections that were closed
_ROOM: Final = 10  # one connection in so many is closed at a time to make room
_NO_ROOM: Final = 0.05  # seconds until the next search for room after one that found none
_HANDSHAKE: Final = 0.1  # seconds that a TLS handshake gets when the listener is closed
_GRACE: Final = 5.0  # seconds that a handler gets to answer that a body was too slow


class BodyTimeoutError(TimeoutError):
    """The body of a request did not come in time."""

    def __init__(self) -> None:
        super().__init__("the body did not come in time")


class Connection(web.RequestHandler):
    """A `Listener`'s aiohttp connection; no other class reads aiohttp's private state."""

    __slots__ = ("_below_tls", "_open")

    def __init__(self, server: web.Server, open_: dict[Connection, Seen]) -> None:
        no_access_log: Any = None  # aiohttp takes it; its annotation does not say so
        loop = asyncio.get_running_loop()
        # A body is inflated by its reader: see `kling_mock.web.bodies`.
        super().__init__(server, loop=loop, access_log=no_access_log, auto_decompress=False)
        self._open = open_
        self._below_tls: asyncio.Transport | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop counting the connection."""
        self._open.pop(self, None)
        self._below_tls = None
        super().connection_lost(exc)

    def look(self) -> tuple[Phase, int, int]:
        """Return the phase, the number of the request, and the bytes as in `Seen`."""
        transport = self.transport
        unsent = 0 if transport is None else transport.get_write_buffer_size()
        request = self._current_request
        at_work = request is not None or self._messages or self._request_in_progress
        if unsent and (self._paused or not at_work):  # closing would truncate the response
            return Phase.SENDING, self._request_count, unsent
        if request is not None:
            content = request.content
            # A handler that does not read delays the client, not the other way round.
            if content.is_eof() or self._reading_paused:
                return Phase.ANSWERING, self._request_count, 0
            return Phase.BODY, self._request_count, content.total_bytes
        if at_work:
            return Phase.ANSWERING, self._request_count, 0
        if self._waiter is None and self._request_count:
            # Answered before its body was complete: aiohttp reads and drops the rest of it, for
            # at most ten seconds.
            return Phase.BODY, self._request_count, 0
        return (Phase.IDLE if self._request_count else Phase.NEW), self._request_count, 0

    def end_body(self) -> None:
        """Make the handler's read of the body fail, so that the handler can reply."""
        request = self._current_request
        if request is not None and request.content.exception() is None:
            request.content.set_exception(BodyTimeoutError())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport under TLS: a TLS transport that was closed twice aborts nothing."""
        super().connection_made(transport)
        tls = getattr(transport, "_ssl_protocol", None)  # which has no public name
        self._below_tls = getattr(tls, "_transport", None)

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's
        """End the connection, even if a TLS client does not announce its end.

        TLS waits half a minute for that announcement, and the loop has ended by then.
        """
        await super().shutdown(timeout)
        if self._below_tls is not None:
            self._below_tls.abort()

    def drop(self) -> None:
        """Close the connection without waiting for unsent bytes."""
        if self.transport is not None:
            self.transport.abort()


class Listener:
    """A listener that accepts connections on one socket, and ends those that are over a limit.

    Only its loop's thread may use it.

    Args:
        bound: A listening socket.
        make: Makes the protocol of a connection, given the table of those that are open.
        limits: The limits of the connections.
        tls: The TLS context; with one, the listener serves https only.
        log: The log for reports of closed connections.
        name: The first words of a report, such as `kling relay`.
    """

    def __init__(
        self,
        bound: socket.socket,
        make: Callable[[dict[Connection, Seen]], Connection],
        limits: Limits,
        tls: ssl.SSLContext | None,
        log: logging.Logger,
        name: str,
    ) -> None:
        self._bound = bound
        self._make = make
        self._limits = limits
        self._tls = tls
        self._log = log
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._open: dict[Connection, Seen] = {}
        self._beginning: dict[Connection, asyncio.Task[None]] = {}
        self._burst = max(1, min(_BURST, limits.connections // 2))
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = Counter[str]()
        self._no_descriptor = False
        self._no_room_until = float("-inf")
        self._reported = float("-inf")
        self._closing = False
        bound.setblocking(False)  # noqa: FBT003 - its only argument
        self._accepting = self._loop.create_task(self._accept())

    async def close(self) -> None:
        """Stop accepting connections; those that are open are left to aiohttp."""
        self._closing = True
        with contextlib.suppress(NotImplementedError):  # a loop without readers
            self._loop.remove_reader(self._bound)
        await asyncio.sleep(0)  # for a connection that was accepted at this moment
        self._accepting.cancel()
        if self._sweeper is not None:
            self._sweeper.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self._bound.close()
        if self._beginning:
            # Plain ones are complete within a turn or two of the loop.
            _, slow = await asyncio.wait(
                [*self._beginning.values()], timeout=_HANDSHAKE if self._tls else None
            )
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)

    # ------------------------------------------------------------ accepting

    async def _accept(self) -> None:
        accepted = 0
        while not self._closing:
            try:
                connection, _ = await self._loop.sock_accept(self._bound)
            except ConnectionError:
                continue  # the client has gone already
            except OSError:
                # No descriptor or memory is left: other connections may be closed meanwhile.
                self._no_descriptor = True
                self._make_room()
                self._report()
                await asyncio.sleep(_RETRY)
                continue
            self._admit(connection)
            accepted += 1
            if accepted % self._burst == 0:
                # `sock_accept` itself does not wait while there are more, and a connection that
                # has not read anything yet would look like a silent one.
                for _ in range(_TURNS):
                    await asyncio.sleep(0)

    def _admit(self, connection: socket.socket) -> None:
        if len(self._open) >= self._limits.connections:
            has_room = self._make_room()
            if not has_room:
                self._closed["refused"] += 1
                connection.close()
            self._report()
            if not has_room:
                return
        # It counts from here on, not from the end of a TLS handshake.
        protocol = self._make(self._open)
        self._open[protocol] = Seen(Phase.NEW, 0, self._loop.time())
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._limits.sweep_seconds, self._sweep)
        task = self._loop.create_task(self._begin(protocol, connection))
        self._beginning[protocol] = task

        def on_ready(task: asyncio.Task[None]) -> None:
            del self._beginning[protocol]
            if protocol.transport is None:  # no TLS, or not in time; the client gets no reason
                self._open.pop(protocol, None)
            if task.cancelled():  # maybe before it started
                connection.close()

        task.add_done_callback(on_ready)

    async def _begin(self, protocol: Connection, connection: socket.socket) -> None:
        handshake = self._limits.header_seconds if self._tls else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self._tls, ssl_handshake_timeout=handshake
            )
        except OSError:
            connection.close()

    # ------------------------------------------------------------ limits

    def _look(self) -> float:
        """Check every connection; return the present."""
        now = self._loop.time()
        for protocol, seen in self._open.items():
            self._open[protocol] = seen.next(*protocol.look(), now)
        return now

    def _sweep(self) -> None:
        self._sweeper = None
        now = self._look()
        for protocol, seen in [*self._open.items()]:
            late = overdue(seen, now, self._limits)
            if late <= 0:
                continue
            if seen.phase is Phase.BODY and late <= _GRACE:
                protocol.end_body()
            else:
                self._end(protocol, "late")
        self._report()
        if self._open or self._closed["refused"] or self._closed["made room"]:
            self._sweeper = self._loop.call_later(self._limits.sweep_seconds, self._sweep)

    def _make_room(self) -> bool:
        """Close connections that wait for their client; return whether there were any."""
        if self._loop.time() < self._no_room_until:
            return False  # in a flood, each new connection would cause a check of all others
        now = self._look()
        open_ = self._open.items()
        ranks = ((room_rank(seen, now, self._limits), protocol) for protocol, seen in open_)
        able = sorted(((rank, p) for rank, p in ranks if rank is not None), key=itemgetter(0))
        chosen = able[: max(1, self._limits.connections // _ROOM)]
        for _, protocol in chosen:
            self._end(protocol, "made room")
        if not chosen:
            self._no_room_until = now + _NO_ROOM
        return bool(chosen)

    def _end(self, protocol: Connection, reason: str) -> None:
        self._closed[reason] += 1
        self._open.pop(protocol, None)
        beginning = self._beginning.get(protocol)
        if beginning is not None and protocol.transport is None:
            beginning.cancel()
        protocol.drop()

    def _report(self) -> None:
        """Report connections that were closed against the client's will, at most once a minute."""
        now = self._loop.time()
        refused, room = self._closed["refused"], self._closed["made room"]
        if now < self._reported + _REPORT or not (refused or room or self._no_descriptor):
            return
        self._log.warning(
            "%s error: too many connections: %d were refused, %d were closed to make room, and %d"
            " for being too slow; at most %d are open at once%s",
            self._name,
            refused,
            room,
            self._closed["late"],
            self._limits.connections,
            "; the process has no file descriptor left" if self._no_descriptor else "",
        )
        self._reported = now
        self._no_descriptor = False
        self._closed.clear()


def make_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """Make aiohttp's request object; the handlers enforce the limits of bodies."""
    return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())
