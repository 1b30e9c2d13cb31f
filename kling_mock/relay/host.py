"""A relay that listens at once and is created with its first request.

Most servers of a test suite never use theirs: they pay for a socket, or not even for that.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from kling_mock.web.limits import Limits
from kling_mock.web.listening import bind, url_of
from kling_mock.web.poll_after import POLL_AFTER_HEADER, poll_after
from kling_mock.web.replies import add_header

if TYPE_CHECKING:
    from kling_mock.clock import MockClock
    from kling_mock.relay.app import Relay
    from kling_mock.web.connections import Listener

__all__ = ["RelayHost"]

_LEAST_DRAIN = 0.02  # seconds of real time
_STOP_LIMIT = 1.0  # seconds of real time that a cancelled request may take to end

_log: Final = logging.getLogger("kling_mock.relay")


class RelayHost:
    """Serves one relay on one address. Only its loop's thread may use it.

    Args:
        host: The address to listen on.
        port: The port; 0 is any free one.
        tls: With it, https only.
        build: Creates and starts the relay, given its URL.
        limits: What its connections may take.
        emulated: The clock of an emulated Kling behind the relay; `None` is the real one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        build: Callable[[str], Awaitable[Relay]],
        limits: Limits | None = None,
        emulated: MockClock | None = None,
    ) -> None:
        self._emulated = emulated
        self._limits = Limits() if limits is None else limits
        self._host = host
        self._port = port
        self._tls = tls
        self._build = build
        self._url = ""
        self._last_port = 0
        self._relay: Relay | None = None
        self._building = asyncio.Lock()
        self._listener: Listener | None = None
        self._http: web.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._requests: set[asyncio.Task[Any]] = set()

    def listen(self) -> str:
        """Listen, if that is not so already; return the URL.

        Raises:
            OSError: The address cannot be bound.
        """
        if not self._url:
            bound = bind(self._host, self._port, self._last_port)
            self._last_port = bound.getsockname()[1]
            self._url = url_of(self._host, self._last_port, tls=self._tls is not None)
            self._spawn(self._serve(bound))  # until then callers wait in the socket's queue
        return self._url

    async def relay(self) -> Relay:
        """Return the relay; create it if there is none."""
        async with self._building:
            if self._relay is None:
                self._relay = await self._build(self.listen())
            return self._relay

    @property
    def url(self) -> str:
        """Where it listens; "" if it does not."""
        return self._url

    @property
    def built(self) -> Relay | None:
        """The relay, if it has been created."""
        return self._relay

    def replace(self, relay: Relay | None = None) -> None:
        """Replace the relay.

        Args:
            relay: A relay that has been started; `None` creates one with the next request.
        """
        old, self._relay = self._relay, relay
        if old is not None:
            old.stop()
            self._spawn(old.close())

    async def close(self, drain: float) -> None:
        """Stop serving.

        Args:
            drain: Seconds of real time that requests in progress may take.
        """
        if self._relay is not None:
            self._relay.stop()
        for task in [*self._tasks]:
            await task
        if self._listener is not None:
            await self._listener.close()
        if self._http is not None:
            self._http.pre_shutdown()  # idle connections first
            await self._end_requests(max(drain, _LEAST_DRAIN))
            await self._http.shutdown(_LEAST_DRAIN)  # aiohttp takes 0 as "forever"
        if self._relay is not None:
            await self._relay.close()
        for task in [*self._tasks]:
            await task
        self._relay = self._listener = self._http = None
        self._building = asyncio.Lock()  # the next start may have another loop
        self._url = ""

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = request.task
        self._requests.add(task)
        try:
            relay = self._relay or await self.relay()
            reply = await relay.handler(request)
            if self._emulated is not None:
                add_header(reply, POLL_AFTER_HEADER, str(poll_after(self._emulated.speed)))
            return reply
        finally:
            self._requests.discard(task)

    async def _end_requests(self, seconds: float) -> None:
        """Give requests in progress *seconds* of real time, and cancel the others.

        Left to aiohttp, one that ends while it is being shut down would raise there.
        """
        for limit in (seconds, _STOP_LIMIT):
            if self._requests:
                _, late = await asyncio.wait(self._requests, timeout=limit)
                for task in late:
                    task.cancel()

    async def _serve(self, bound: Any) -> None:
        from kling_mock.relay.http.protocol import RelayProtocol, make_request
        from kling_mock.web.connections import Listener

        http = self._http = web.Server(self._handle, request_factory=make_request)
        make = partial(RelayProtocol, http)
        self._listener = Listener(bound, make, self._limits, self._tls, _log, "kling relay")

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
