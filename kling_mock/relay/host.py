"""A relay that listens at once and is created by its first request.

Most servers of a test suite never use their relay: they pay for a socket at most.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from aiohttp import web

from kling_mock.web.addresses import bind, url_of
from kling_mock.web.limits import Limits
from kling_mock.web.polling import POLL_AFTER_HEADER, poll_after
from kling_mock.web.replies import add_header
from kling_mock.web.values import stands_for_no_value

if TYPE_CHECKING:
    from kling_mock.clock import MockClock
    from kling_mock.relay.app import Relay
    from kling_mock.web.connections import Listener

_MIN_DRAIN = 0.02  # seconds of real time
_STOP_LIMIT = 1.0  # seconds of real time that a cancelled request may take to end

_log: Final = logging.getLogger("kling_mock.relay")


class RelayHost:
    """Serves one relay on one address. Only its loop's thread may use it.

    Args:
        host: The address to listen on.
        port: The port; 0 for any free one.
        tls: If it is given, the relay serves https only.
        build: Creates and starts the relay, given its URL.
        limits: The limits of its connections.
        emulated: The clock of an emulated Kling behind the relay; `None` means a real Kling.
        note_unexpected: Called with a line about each request that a user of a relay cannot have
            intended: with an unknown path, a wrong method, a wrong token, an unreadable body, an
            unknown query parameter or without an id. `None` ignores them.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        build: Callable[[str], Awaitable[Relay]],
        limits: Limits | None = None,
        emulated: MockClock | None = None,
        note_unexpected: Callable[[str], None] | None = None,
    ) -> None:
        self._emulated = emulated
        self._note_unexpected = note_unexpected
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
        """Start listening, if not started yet; return the URL.

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
        """The relay's URL; "" if it does not listen."""
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
            await self._end_requests(max(drain, _MIN_DRAIN))
            await self._http.shutdown(_STOP_LIMIT)  # of a reply that is being written
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
            if self._note_unexpected is not None:
                path = request.rel_url.raw_path
                for mistake in _mistakes(request, path, reply.status):
                    self._note_unexpected(f"{request.method} {path[:200]}: {mistake}")
            if self._emulated is not None:
                add_header(reply, POLL_AFTER_HEADER, str(poll_after(self._emulated.speed)))
            return reply
        finally:
            self._requests.discard(task)

    async def _end_requests(self, seconds: float) -> None:
        """Give requests in progress *seconds* of real time, and cancel the others.

        If that were left to aiohttp, a request that ends during its shutdown would raise there.
        """
        for limit in (seconds, _STOP_LIMIT):
            if self._requests:
                _, late = await asyncio.wait(self._requests, timeout=limit)
                for task in late:
                    task.cancel()

    async def _serve(self, bound: Any) -> None:
        from kling_mock.relay.http.protocol import RelayProtocol
        from kling_mock.web.connections import Listener, make_request

        http = self._http = web.Server(self._handle, request_factory=make_request)
        make = partial(RelayProtocol, http)
        self._listener = Listener(bound, make, self._limits, self._tls, _log, "kling relay")

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _mistakes(request: web.BaseRequest, path: str, status: int) -> Iterator[str]:
    """Yield the mistakes that a client made in a request whose response has *status*."""
    from kling_mock.relay.domain.replies import LIST_QUERY, PAGE_QUERY
    from kling_mock.relay.http.kling_paths import VIDEOS, split
    from kling_mock.relay.http.routes import OTHER, REFUSAL, template

    refusal = request.get(REFUSAL, "")
    is_unknown = status == 404 and template(path) == OTHER  # an unknown task is not a mistake
    if status in {401, 405} or is_unknown:
        yield f"{status} of the relay"
    elif refusal.startswith("body: "):
        yield f"{status} of the relay, {refusal}"
    call = split(path)
    if not (call or path.startswith(VIDEOS)):
        return
    if stands_for_no_value(unquote(path.rpartition("/")[2])):
        yield "its id stands for a missing value"
    for name, value in request.query.items():
        if name not in (PAGE_QUERY if call else LIST_QUERY):  # without a value it may be a token
            yield f"the relay has no such query parameter: {name if value else '<hidden>'}"
