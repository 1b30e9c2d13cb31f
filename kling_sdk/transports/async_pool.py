"""The connections of a default `AsyncKling`, each used again by the next request.

httpcore's pool looks at all of its connections whenever a request starts or ends, so its
work per request grows with their number. Here a request takes the idle connection that was
used last, or opens one, and gives it back: the same work whatever their number.
`docs/benchmarks.md` has the figures.

Connecting, TLS and HTTP/1.1 stay httpcore's; httpx's transport sends its requests here as
it would to httpcore's pool, and maps the errors.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final, Self

import httpcore
import httpx

from kling_sdk.transports.address import TRIED
from kling_sdk.transports.httpx_shared import FRESH, UNSENT
from kling_sdk.transports.private import has_unread_bytes, use_pool

#: Maximum number of connections at a time; further requests wait for one. At 100 ms of delay this
#: is more than a core can keep busy, and it is half of the files a process may usually open.
MAX_CONNECTIONS: Final = 500
#: Seconds after which an unused connection is not used again; httpx's own figure.
KEEP: Final = 5.0

_Host = tuple[bytes, bytes, int]


class _Backend(httpcore.AsyncNetworkBackend):
    """Opens a socket as httpcore does, and remembers it."""

    def __init__(self) -> None:
        self._backend: Any = httpcore.AnyIOBackend()
        self.stream: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(
        self, host: str, port: int, *args: Any, **kwargs: Any
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream: httpcore.AsyncNetworkStream = await self._backend.connect_tcp(
                host, port, *args, **kwargs
            )
        except httpcore.ConnectTimeout as error:
            # anyio does not say which addresses were silent.
            with contextlib.suppress(OSError):  # the name server may be silent, too
                rows = await asyncio.get_running_loop().getaddrinfo(host, port)
                error.add_note(TRIED + ", ".join(dict.fromkeys(str(row[4][0]) for row in rows)))
            raise
        self.stream = stream
        return stream


class _Connection(httpcore.AsyncHTTPConnection):
    """A connection that closes its socket even when connecting fails.

    httpcore's own loses the socket of a request that is cancelled during the TLS handshake.
    """

    def __init__(self, origin: httpcore.Origin, tls: ssl.SSLContext, keep: float) -> None:
        self._socket = _Backend()
        super().__init__(origin, tls, keepalive_expiry=keep, network_backend=self._socket)

    def has_expired(self) -> bool:
        """Whether the connection must not be reused: unused for long, closed, or out of step."""
        return super().has_expired() or has_unread_bytes(self)

    @property
    def failed(self) -> bool:
        """Whether the connection was never made, so that nothing was sent."""
        return self.info() == "CONNECTION FAILED"

    async def aclose(self) -> None:
        await super().aclose()
        if self.failed and self._socket.stream is not None:
            await self._socket.stream.aclose()


class Connections:
    """Connections to any number of hosts, on one event loop.

    Args:
        tls: TLS context for hosts that are called by https.
        max_connections: Maximum number of connections at a time.
        keep: Seconds after which an unused connection is not used again.
    """

    def __init__(
        self, tls: ssl.SSLContext, max_connections: int = MAX_CONNECTIONS, keep: float = KEEP
    ) -> None:
        self._tls = tls
        self._keep = keep
        self._places = asyncio.Semaphore(max_connections)
        self._idle: dict[_Host, list[_Connection]] = {}
        self._open: set[_Connection] = set()
        self._tidy_at = time.monotonic() + keep

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send *request* and return the reply's head; its body is read, then closed.

        A request that fails, or is cancelled, before there was a connection to write it to
        gets the extension `UNSENT`.

        Raises:
            httpcore.PoolTimeout: all connections were in use for the request's `pool` timeout.
        """
        origin = request.url.origin
        host = (origin.scheme, origin.host, origin.port)
        try:
            await self._wait_for_a_place(request.extensions.get("timeout", {}).get("pool"))
        except BaseException:
            request.extensions[UNSENT] = True
            raise
        connection = None
        try:
            await self._tidy()
            fresh = FRESH in request.extensions
            connection = (None if fresh else await self._take(host)) or self._new(origin)
            response = await connection.handle_async_request(request)
        except BaseException:
            if connection is None or connection.failed:
                request.extensions[UNSENT] = True
            await self.give_back(host, connection)
            raise
        response.stream = _Body(self, host, connection, response.stream)
        return response

    async def _wait_for_a_place(self, seconds: float | None) -> None:
        if not self._places.locked():
            await self._places.acquire()  # comes back at once
            return
        try:
            async with asyncio.timeout(seconds):
                await self._places.acquire()
        except TimeoutError:
            raise httpcore.PoolTimeout("all connections are in use") from None

    async def _take(self, host: _Host) -> _Connection | None:
        """Return the idle connection that was used last, if the server has not closed it."""
        idle = self._idle.get(host)
        while idle:
            connection = idle.pop()
            if not connection.has_expired():
                return connection
            await self._close(connection)
        return None

    def _new(self, origin: httpcore.Origin) -> _Connection:
        connection = _Connection(origin, self._tls, self._keep)
        self._open.add(connection)
        return connection

    async def give_back(self, host: _Host, connection: _Connection | None) -> None:
        """Free a request's place, and keep its connection if the exchange came to its end."""
        self._places.release()
        if connection is None:
            return
        # httpcore calls a connection idle if its request and reply were both completed, and also if
        # it was never made. After `aclose` none is kept.
        whole = connection.is_idle() and not connection.is_closed()
        if whole and connection in self._open:
            self._idle.setdefault(host, []).append(connection)
        else:
            await self._close(connection)

    async def _tidy(self) -> None:
        """Close the connections that a burst left behind from time to time: nothing else would."""
        now = time.monotonic()
        if now < self._tidy_at:
            return
        self._tidy_at = now + self._keep
        for host, idle in list(self._idle.items()):
            for connection in [pooled for pooled in idle if pooled.has_expired()]:
                if connection in idle:  # else another request has taken it meanwhile
                    idle.remove(connection)
                    await self._close(connection)
            if not idle:
                self._idle.pop(host, None)

    async def _close(self, connection: _Connection) -> None:
        self._open.discard(connection)
        await connection.aclose()

    async def aclose(self) -> None:
        """Close all connections; requests in flight fail with `httpcore.ReadError`."""
        self._idle.clear()
        for connection in list(self._open):
            await self._close(connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _Body:
    """The body of a reply, which gives the connection back when it is closed."""

    def __init__(
        self,
        pool: Connections,
        host: _Host,
        connection: _Connection,
        stream: Any,
    ) -> None:
        self._give_back = (pool, host, connection)
        self._stream = stream
        self._closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        pool, host, connection = self._give_back
        try:
            await self._stream.aclose()
        finally:
            await pool.give_back(host, connection)


class PooledTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over `Connections` instead of httpcore's pool.

    Connections belong to the event loop that they were opened on. A client that is used
    again under another one, as by a second `asyncio.run`, starts without connections: those of
    a loop that is closed can neither be used nor closed.
    """

    def __init__(
        self, tls: ssl.SSLContext, max_connections: int = MAX_CONNECTIONS, keep: float = KEEP
    ) -> None:
        super().__init__(verify=tls)
        self._begin = partial(Connections, tls, max_connections, keep)
        self._connections = self._begin()
        use_pool(self, self._connections)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*; see httpx."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            if self._loop is not None:
                self._connections = self._begin()
                use_pool(self, self._connections)
            self._loop = loop
        return await super().handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections; requests in flight fail with `httpx.ReadError`."""
        if self._loop is asyncio.get_running_loop():
            await self._connections.aclose()
