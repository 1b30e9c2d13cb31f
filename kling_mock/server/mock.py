"""`KlingMock`: a whole emulated Kling, started and stopped on its own loop thread."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import ssl
from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from aiohttp import web

from kling_mock.clock import Clock
from kling_mock.clock.choice import SEEDED_START, first_instant, make_clock
from kling_mock.controls.loop_proxy import Reach
from kling_mock.journal.journal import DEFAULT_SIZE, Journal
from kling_mock.kling.callbacks.sender import HttpCallbackSender
from kling_mock.kling.http.handler import KlingHandler
from kling_mock.kling.http.protocol import KlingProtocol, make_request
from kling_mock.kling.world import World, admin_token
from kling_mock.server.controls import Steering
from kling_mock.server.emulator import KlingSide
from kling_mock.server.relay import RelaySide
from kling_mock.web.connections import Listener
from kling_mock.web.limits import Limits
from kling_mock.web.listening import bind
from kling_mock.web.loop_thread import LoopThread
from kling_mock.web.loopback import is_loopback

if TYPE_CHECKING:
    from kling_mock.admin.api import AdminApi
    from kling_mock.kling.snapshots import Snapshot

__all__ = ["KlingMock"]

_log = logging.getLogger("kling_mock")

_START_LIMIT = 10.0  # seconds of real time
_STOP_LIMIT = 5.0  # seconds of real time, beyond those given for draining
_OPERATORS = {True: "local", False: "off", "remote": "remote"}
_LEAST_DRAIN = 0.02  # seconds of real time


class KlingMock(Steering, KlingSide, RelaySide):
    """An emulated Kling on localhost.

        with KlingMock() as mock:
            kling = mock.client()
            task = kling.text2video.create(prompt="a kitten on the grass")
            mock.clock.advance(600)
            assert kling.text2video.get(task.task_id).is_succeed

    It works as `with` and as `async with`, and needs no event loop of yours: the server has a
    thread of its own. Every instance has its own port and state.

    Args:
        clock: `"manual"` stands still until it is advanced, and moves by itself only while
            every call of the clients made here sleeps. `"real"` is the computer's time. A
            number is a speed: 60 makes a minute of each second.
        seed: The same seed makes the same keys, ids and times; `None` is a random one. On a
            *host* that other computers can reach it makes ids and times only: keys and tokens
            are random there, as everybody could compute them.
        start: Unix seconds at which the clock begins, or `"now"`. `None` is the present, or
            2026-01-01 UTC if there is a seed. The real clock is always now.
        host: The address to listen on.
        kling_port: The port to listen on; 0 is any free one.
        public_url: Scheme, host and port that result URLs begin with, for a server behind
            something; `None` is what the client itself used.
        tls_cert: Path of a PEM certificate; with it the server speaks https only.
        tls_key: Path of the certificate's key; `None` if it is in the same file.
        callback_hosts: Hosts that callbacks may go to besides this computer; "*" is any.
        admin: Whether the admin API under `/__kling/`, and the relay's operator API under
            `/__kling/relay/`, is served: to this computer, with `"remote"` to all, with `False`
            to none.
        journal_size: How many requests the journal keeps, 1 or more.
        database: URL of the relay's database, such as `sqlite:///relay.db`; `None` is in memory.
            What is in a database outlives a `reset` and the server.
        relay: Whether there is a relay in front of the emulated Kling. It costs nothing before
            it is used.
        relay_port: The port on which the relay listens; 0 is any free one.
        relay_public_url: Scheme, host and port by which Kling's callbacks reach the relay;
            `None` is its own address.
        relay_pricing: `"units"` for Kling's price list, `"guide"` for the formula of the
            deployment guide's relay.
        relay_test_callback: Whether an unsigned callback from this computer gives a task of the
            emulated Kling its result; see `docs/relay.md`.

    Raises:
        ValueError: An argument is not one of those accepted.
    """

    def __init__(
        self,
        *,
        clock: Literal["manual", "real"] | float = "manual",
        seed: int | None = None,
        start: float | Literal["now"] | None = None,
        host: str = "127.0.0.1",
        kling_port: int = 0,
        public_url: str | None = None,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        callback_hosts: Iterable[str] = (),
        admin: Literal[True, False, "remote"] = True,
        journal_size: int = DEFAULT_SIZE,
        database: str | None = None,
        relay: bool = True,
        relay_port: int = 0,
        relay_public_url: str | None = None,
        relay_pricing: Literal["units", "guide"] = "units",
        relay_test_callback: bool = False,
    ) -> None:
        self._has_start = start is not None
        self._clock = make_clock(clock, first_instant(clock, seed, start))
        self._seed = secrets.randbits(64) if seed is None else seed
        # Where others can call, nobody may compute the keys from a seed that he knows, or finds.
        self._keys_are_seeded = is_loopback(host)
        self._first_seed = self._seed if self._keys_are_seeded else secrets.randbits(256)
        if admin not in {True, False, "remote"}:
            raise ValueError(f"admin: accepted are True, False and 'remote', got {admin!r}")
        self._admin = admin
        if type(journal_size) is not int or journal_size < 1:
            raise ValueError(
                f"journal_size: accepted is a whole number of 1 or more, got {journal_size!r}"
            )
        self._journal_size = journal_size
        self._admin_api: AdminApi | None = None
        for name, port in (("kling_port", kling_port), ("relay_port", relay_port)):
            if not 0 <= port <= 65535:
                raise ValueError(f"{name}: accepted is a port from 0 to 65535, got {port}")
        self._host = host
        self._port = kling_port
        self._tls = _tls_context(tls_cert, tls_key)
        self._callback_hosts = frozenset(callback_hosts)
        self._courier = HttpCallbackSender()
        self._world = self._new_world()
        serve_admin = self._serve_admin if admin else None
        self._handler = KlingHandler(self._world, public_url, self._openapi, serve_admin)
        self._thread = LoopThread("kling-mock")
        self._reach = Reach(self._thread, self._clock, lambda: self._world)
        self._listener: Listener | None = None
        self._limits = Limits()
        self._http: web.Server | None = None
        self._bound_port = 0
        self.admin_token = admin_token(self._first_seed)
        self._relay_port = relay_port
        self._relay_options = {
            "public_url": relay_public_url,
            "pricing": relay_pricing,
            "trial": relay_test_callback,
            "operator": _OPERATORS[admin],
            "callback_hosts": self._callback_hosts,
        }
        self._database = database
        if database is not None:
            self._open_books()  # a wrong URL is told here
        self._relay = self._new_relay(host, relay_port, self._tls) if relay else None

    # ------------------------------------------------------------ starting and stopping

    def start(self) -> Self:
        """Start the server; return once it accepts connections.

        Raises:
            OSError: The address cannot be bound, for example because the port is taken.
            RuntimeError: It runs already.
            TimeoutError: It did not come up within 10 seconds.
        """
        if self._thread.running:
            raise RuntimeError("This KlingMock runs already; make another one for a second server.")
        # Bound here: a port that is taken is reported at once, and from the caller's own line.
        bound = bind(self._host, self._port)
        self._thread.start()
        try:
            self._thread.wait(self._open(bound), _START_LIMIT)
            if self._relay_port and self._relay is not None:
                self._thread.call(self._relay.listen)  # an unused one listens when it is asked for
            if self._database is not None and self._relay is not None:
                self._thread.wait(
                    self._relay.relay(), _START_LIMIT
                )  # so is a database that is away
        except BaseException:
            self._thread.stop(partial(self._close, 0.0), _STOP_LIMIT)
            bound.close()
            raise
        return self

    def stop(self, drain: float = 0.0) -> None:
        """Stop the server and close its connections; harmless if it does not run.

        Args:
            drain: Seconds of real time that requests in progress may take to end, and as long
                again to be cancelled.
        """
        if not self._thread.running:
            return
        self._thread.stop(partial(self._close, drain), drain + _STOP_LIMIT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    def __repr__(self) -> str:
        return f"<KlingMock {self.kling_url if self._bound_port else 'not running'}>"

    # ------------------------------------------------------------ steering

    @property
    def clock(self) -> Clock:
        """The time of everything in this server; also the `clock=` of a client of yours."""
        return self._clock

    @property
    def journal(self) -> Journal:
        """The newest requests and their answers."""
        return self._world.journal

    def reset(self, seed: int | None = None) -> None:
        """Forget everything: all state and the clock are as on a new server of this seed.

        The address and the first keys stay. Open connections stay open.

        Args:
            seed: Makes the ids and times from now on; `None` is the last one. A manual or
                scaled clock without `start=` then begins like that of `KlingMock(seed=...)`.
        """
        self._reach.call(lambda _: self._renew(seed))

    def snapshot(self) -> Snapshot:
        """Return all that this server knows now: state, clock, faults, journal, chance, relay.

        It waits for callbacks under way, which cannot be kept.

        Raises:
            RuntimeError: Callbacks are under way inside an event loop, where waiting would
                block their receiver: `await mock.clock.aadvance(0)` first. Or the relay's books
                are in a database; or something else than the emulated Kling and its relay waits
                on the clock.
        """
        from kling_mock.kling.snapshots import take  # most servers take none

        def work(world: World) -> Snapshot:
            return take(world, self._keep_relay(), self._clock, self._courier)

        return self._reach.quiet(work)

    def restore(self, snapshot: Snapshot) -> None:
        """Be again what this server was when *snapshot* was taken.

        What follows is then what would have followed: the same calls get the same answers, to
        the byte. Only a real clock keeps its time. Handles stay good; a `Fault` or `Delivery`
        read before is a picture of the past.

        Args:
            snapshot: Made by `snapshot` of this server; it may be put back again later.

        Raises:
            ValueError: It was taken of another server.
        """
        from kling_mock.kling.snapshots import put_back

        if snapshot.clock is not self._clock:
            raise ValueError("snapshot: accepted is one of this server; it was taken of another")

        def work(_: World) -> None:
            world, relay = put_back(snapshot, self._courier)
            self._world = self._handler.world = world
            self._seed = world.seed
            self._put_back_relay(relay)

        self._reach.call(work)

    # ------------------------------------------------------------ inside

    def _renew(self, seed: int | None = None) -> None:
        self._forget_relay()
        self._seed = self._seed if seed is None else seed
        self._clock.reset(None if seed is None or self._has_start else SEEDED_START)
        self._world = self._handler.world = self._new_world()
        self._admin_api = None  # and with it the snapshots that it keeps

    def _new_world(self) -> World:
        keys = self._first_seed
        return World(
            self._seed,
            self._clock,
            self._courier,
            self._callback_hosts,
            keys,
            self._journal_size,
        )

    async def _serve_admin(
        self, request: web.BaseRequest, path: str, query: str
    ) -> web.StreamResponse:
        if self._admin_api is None:
            # When it is asked for: most servers never are.
            from kling_mock.admin.api import AdminApi
            from kling_mock.admin.routes import Desk

            desk = Desk(self, self._reach, {})
            remote = self._admin == "remote"
            self._admin_api = AdminApi(desk, self.admin_token, remote=remote)
        return await self._admin_api(request, path, query)

    def _openapi(self) -> bytes:
        # When it is asked for, too.
        from kling_mock.reference.documents import openapi_bytes

        return openapi_bytes(with_admin=bool(self._admin))

    async def _open(self, bound: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        http = self._http = web.Server(self._handler, request_factory=make_request)
        make = partial(KlingProtocol, http)
        self._listener = Listener(bound, make, self._limits, self._tls, _log, "kling mock")
        self._bound_port = bound.getsockname()[1]
        self._clock.start(loop)

    async def _close(self, drain: float) -> None:
        self._clock.stop()
        if self._relay is not None:
            await self._relay.close(drain)
        await self._courier.close()
        if self._listener is not None:
            await self._listener.close()
        if self._http is not None:
            self._http.pre_shutdown()  # idle connections first
            # aiohttp takes 0 for "wait for ever".
            await self._http.shutdown(max(drain, _LEAST_DRAIN))
        self._listener = self._http = None
        self._bound_port = 0


def _tls_context(cert: str | None, key: str | None) -> ssl.SSLContext | None:
    if cert is None:
        if key is not None:
            raise ValueError("tls_key: accepted only with tls_cert")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context
