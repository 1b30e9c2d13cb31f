"""The emulated Kling of one server: its state, its listening address and its shutdown."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from kling_mock.clock import MockClock
from kling_mock.journal.changes import ChangeLog
from kling_mock.journal.notes import NotePolicy
from kling_mock.kling.callbacks.sender import HttpCallbackSender
from kling_mock.kling.http.handler import KlingHandler
from kling_mock.kling.http.protocol import KlingProtocol, make_request
from kling_mock.kling.model.accounts import GivenKeys
from kling_mock.kling.world import World
from kling_mock.web.connections import Listener
from kling_mock.web.limits import Limits
from kling_mock.web.listening import bind, url_of

if TYPE_CHECKING:
    from kling_mock.kling.snapshots import Snapshot

__all__ = ["LEAST_DRAIN", "Emulator"]

_log = logging.getLogger("kling_mock")

_TURNS = 20  # of the loop, in which a stream of events ends
LEAST_DRAIN = 0.02  # seconds of real time; aiohttp takes 0 for "wait forever"


class Emulator:
    """One emulated Kling. Its methods run on the server's thread, unless they say otherwise.

    Args:
        clock: The server's clock.
        seed: Makes ids and times.
        key_seed: Makes the keys, also after a reset with another seed.
        host: The address to listen on.
        port: The port; 0 is any free one.
        tls: With it, https only.
        public_url: Scheme, host and port of result URLs; `None` is what the client used.
        callback_hosts: Hosts that callbacks may go to besides this computer.
        journal_size: How many requests the journal keeps.
        note_policy: What notes lead to.
        keys: Keys of the account that every server has, instead of made ones.
        pages: What makes the JSON of paths that are not the vendor's.
        admin: Answers requests of the admin API; `None` if there is none.

    Attributes:
        clock: As given.
        limits: What connections may take; it counts from the next start.
    """

    def __init__(
        self,
        clock: MockClock,
        *,
        seed: int,
        key_seed: int,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        public_url: str | None,
        callback_hosts: Collection[str],
        journal_size: int,
        note_policy: NotePolicy,
        keys: GivenKeys,
        pages: Mapping[str, Callable[[], bytes]],
        admin: Callable[[web.BaseRequest, str, str], Awaitable[web.StreamResponse]] | None,
    ) -> None:
        self.limits = Limits()
        self.clock = clock
        self._key_seed = key_seed
        self._host = host
        self._port = port
        self._bound_port = 0
        self._last_port = 0
        self._tls = tls
        self._callback_hosts = callback_hosts
        self._journal_size = journal_size
        self._note_policy = note_policy
        self._keys = keys
        self._sender = HttpCallbackSender()
        self._changes = ChangeLog()
        self._world = self._new_world(seed)
        self._handler = KlingHandler(self._world, public_url, pages, admin)
        self._listener: Listener | None = None
        self._http: web.Server | None = None

    # ------------------------------------------------------------ any thread

    @property
    def world(self) -> World:
        """The present state; a reset or a restore replaces it."""
        return self._world

    @property
    def is_listening(self) -> bool:
        """Whether it accepts connections."""
        return bool(self._bound_port)

    @property
    def url(self) -> str:
        """The base URL while it accepts connections, without a slash at the end."""
        return url_of(self._host, self._bound_port, tls=self._tls is not None)

    def bind(self) -> socket.socket:
        """Return a socket for `open`: on the port of the last start if it is still free.

        Raises:
            OSError: The address cannot be bound, for example because the port is taken.
        """
        return bind(self._host, self._port, self._last_port)

    # ------------------------------------------------------------ listening

    async def open(self, bound: socket.socket) -> None:
        """Accept connections on *bound*, and start the clock."""
        http = self._http = web.Server(self._handler, request_factory=make_request)
        make = partial(KlingProtocol, http)
        self._listener = Listener(bound, make, self.limits, self._tls, _log, "kling mock")
        self._bound_port = self._last_port = bound.getsockname()[1]
        self.clock.start(asyncio.get_running_loop())

    async def close(self, drain: float) -> None:
        """Close all connections; the clock has been stopped.

        Args:
            drain: Seconds of real time that requests in progress may take.
        """
        await self._end_watchers()
        await self._sender.close()
        if self._listener is not None:
            await self._listener.close()
        if self._http is not None:
            self._http.pre_shutdown()  # idle connections first
            await self._http.shutdown(max(drain, LEAST_DRAIN))
        self._listener = self._http = None
        self._bound_port = 0

    async def _end_watchers(self) -> None:
        """Let streams of events end well: nobody else knows that they have no other end."""
        watchers = self._changes.watchers
        for end in [*watchers]:
            end()
        for _ in range(_TURNS):  # a client that does not read is cut off with the others
            if watchers:
                await asyncio.sleep(0)

    # ------------------------------------------------------------ state

    def reset(self, seed: int | None) -> None:
        """Begin with a new state; *seed* `None` keeps the last one."""
        self._sender.forget_apps()
        self._replace_world(self._new_world(self._world.seed if seed is None else seed))

    def snapshot(self, relay: object) -> Snapshot:
        """Return a snapshot of the state, of the clock, and of *relay*; see `take`."""
        from kling_mock.kling.snapshots import take  # most servers take none

        return take(self._world, relay, self.clock, self._sender)

    def restore(self, snapshot: Snapshot) -> Any:
        """Replace the state and the clock's time; return what *snapshot* holds of the relay."""
        from kling_mock.kling.snapshots import put_back

        world, relay = put_back(snapshot, self._sender, self._changes)
        self._replace_world(world)
        return relay

    def _new_world(self, seed: int) -> World:
        return World(
            seed,
            self.clock,
            self._sender,
            self._callback_hosts,
            self._key_seed,
            self._journal_size,
            self._note_policy,
            keys=self._keys,
            changes=self._changes,
        )

    def _replace_world(self, world: World) -> None:
        self._world = self._handler.world = world
        self._changes.note("reset")
