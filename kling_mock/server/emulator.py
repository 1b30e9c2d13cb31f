"""The emulated Kling of one server: its state, its listening address and its shutdown."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

from kling_mock.clock import MockClock
from kling_mock.kling.callbacks.sender import HttpCallbackSender
from kling_mock.kling.http.exchange import KlingProtocol
from kling_mock.kling.http.handler import KlingHandler
from kling_mock.kling.journal.changes import ChangeLog
from kling_mock.kling.journal.findings import Findings
from kling_mock.kling.world import World, WorldSettings
from kling_mock.web.access import AccessPolicy
from kling_mock.web.addresses import bind, url_of
from kling_mock.web.connections import Listener, make_request
from kling_mock.web.limits import Limits
from kling_mock.web.tls import ServerCertificate

if TYPE_CHECKING:
    from kling_mock.kling.callbacks.apps import InProcessApp
    from kling_mock.kling.snapshots import Snapshot

_log = logging.getLogger("kling_mock")

_TURNS = 20  # turns of the loop, in which a stream of events ends
MIN_DRAIN = 0.02  # seconds of real time; aiohttp takes 0 for "wait forever"


@attrs.frozen
class ServerSettings:
    """The settings of a server, checked; its emulated Kling and its relay have them in common.

    Attributes:
        seed: Makes ids and times.
        key_seed: Makes the keys, also after a reset with another seed.
        is_seeded: Whether later secrets are also made from the seed; `False` makes random ones.
        has_start: Whether the clock has a start of its own, to which a reset returns.
        host: The address to listen on.
        port: The port of the emulated Kling; 0 picks a free one.
        tls: The TLS context; the server then accepts https only.
        certificate: The server's own certificate, with *tls*.
        public_url: Scheme, host and port of result URLs; `None` uses those of the request.
        access: The callers allowed for the admin API and the relay's operator API.
        world: The settings of the emulated Kling's state.
    """

    seed: int
    key_seed: int
    is_seeded: bool
    has_start: bool
    host: str
    port: int
    tls: ssl.SSLContext | None
    certificate: ServerCertificate | None
    public_url: str | None
    access: AccessPolicy
    world: WorldSettings


class Emulator:
    """One emulated Kling. Its methods run on the server's thread, unless they say otherwise.

    Args:
        clock: The server's clock.
        settings: The server's settings.
        pages: The functions that make the JSON of paths that are not the vendor's.
        admin: Answers requests of the admin API; `None` if there is none.

    Attributes:
        clock: As given.
        limits: The limits of connections; a change takes effect at the next start.
        findings: The findings that tests have to answer for.
        handler: Has the current state, and serves requests.
    """

    def __init__(
        self,
        clock: MockClock,
        settings: ServerSettings,
        pages: Mapping[str, Callable[[], bytes]],
        admin: Callable[[web.BaseRequest, str, str], Awaitable[web.StreamResponse]] | None,
    ) -> None:
        self.limits = Limits()
        self.clock = clock
        self._settings = settings
        self._bound_port = 0
        self._last_port = 0
        self._sender = HttpCallbackSender()
        self._changes = ChangeLog()
        self.findings = Findings()
        world = self._new_world(settings.seed)
        self.handler = KlingHandler(world, settings.public_url, pages, admin)
        self._listener: Listener | None = None
        self._http: web.Server | None = None

    # ------------------------------------------------------------ any thread

    @property
    def world(self) -> World:
        """The current state; a reset or a restore replaces it."""
        return self.handler.world

    @property
    def is_listening(self) -> bool:
        """Whether the emulator accepts connections."""
        return bool(self._bound_port)

    @property
    def url(self) -> str:
        """The base URL while connections are accepted, without a slash at the end."""
        return url_of(self._settings.host, self._bound_port, tls=self._settings.tls is not None)

    @property
    def apps(self) -> Mapping[str, InProcessApp]:
        """The apps in this process that get callbacks, by host."""
        return self._sender.apps

    def bind(self) -> socket.socket:
        """Return a socket for `open`: on the port of the last start if it is still free.

        Raises:
            OSError: The address cannot be bound, for example because the port is taken.
        """
        return bind(self._settings.host, self._settings.port, self._last_port)

    # ------------------------------------------------------------ listening

    async def open(self, bound: socket.socket) -> None:
        """Accept connections on *bound*, and start the clock."""
        http = self._http = web.Server(self.handler, request_factory=make_request)
        make = partial(KlingProtocol, http)
        self._listener = Listener(bound, make, self.limits, self._settings.tls, _log, "kling mock")
        self._bound_port = self._last_port = bound.getsockname()[1]
        self.clock.start(asyncio.get_running_loop())

    async def close(self, drain: float) -> None:
        """Close all connections, after the clock was stopped.

        Args:
            drain: Seconds of real time that requests in progress may take.
        """
        self.note_cut_calls()
        await self._end_watchers()
        await self._sender.close()
        if self._listener is not None:
            await self._listener.close()
        if self._http is not None:
            self._http.pre_shutdown()  # idle connections first
            await self._http.shutdown(max(drain, MIN_DRAIN))
        self._listener = self._http = None
        self._bound_port = 0

    def replace_apps(self, apps: Mapping[str, InProcessApp]) -> None:
        """Deliver callbacks to *apps*, and no longer to any other app."""
        self._sender.replace_apps(apps)

    def note_cut_calls(self) -> None:
        """Keep the unexpected calls under way: their entries would come too late, or never."""
        for call in self.findings.waiting(lambda call: call.is_refused):
            self.findings.under_way.discard(call)
            self.findings.note_unexpected(call.so_far())

    async def _end_watchers(self) -> None:
        """End streams of events cleanly: they do not end by themselves."""
        watchers = self._changes.watchers
        for end in [*watchers]:
            end()
        for _ in range(_TURNS):  # a client that does not read is cut off with the others
            if watchers:
                await asyncio.sleep(0)

    # ------------------------------------------------------------ state

    def reset(self, seed: int | None) -> None:
        """Start a new state; *seed* `None` keeps the last seed."""
        self._sender.replace_apps({})
        self._replace_world(self._new_world(self.world.seed if seed is None else seed))

    def snapshot(self, relay: object) -> Snapshot:
        """Return a snapshot of the state, of the clock, and of *relay*; see `take`."""
        from kling_mock.kling.snapshots import take  # most servers do not take any

        return take(self.world, relay, self.clock, self._sender)

    def restore(self, snapshot: Snapshot) -> Any:
        """Replace the state and the clock's time; return what *snapshot* holds of the relay."""
        from kling_mock.kling.snapshots import put_back

        world, relay = put_back(snapshot, self._sender, self._changes, self.findings)
        self._replace_world(world)
        return relay

    def _new_world(self, seed: int) -> World:
        return World(
            seed,
            self.clock,
            self._sender,
            self._settings.world,
            changes=self._changes,
            findings=self.findings,
        )

    def _replace_world(self, world: World) -> None:
        self.findings.settle()
        self.handler.world = world
        self._changes.note("reset")
