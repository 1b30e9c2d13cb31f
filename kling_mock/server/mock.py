"""`KlingMock`: a whole emulated Kling, started and stopped on its own loop thread."""

from __future__ import annotations

import asyncio
import secrets as random_source
import socket
import warnings
from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

from kling_mock.clock import MockClock
from kling_mock.clock.choice import check_seed, first_instant, make_clock
from kling_mock.controls.loop_proxy import LoopProxy
from kling_mock.kling.http.handler import HEALTH, OPENAPI
from kling_mock.kling.journal.journal import DEFAULT_SIZE
from kling_mock.kling.journal.notes import NoteKind, NotePolicy
from kling_mock.kling.model.accounts import GivenKeys
from kling_mock.kling.world import WorldSettings, admin_token
from kling_mock.server.chosen_secrets import Secrets, check_seeded, is_exposed
from kling_mock.server.clients import ServerClients
from kling_mock.server.emulator import Emulator, ServerSettings
from kling_mock.server.judged import STARTED, JudgedServer
from kling_mock.server.relay import EmbeddedRelay
from kling_mock.server.steering import Steering
from kling_mock.web.access import CALLERS, AccessPolicy, names_of
from kling_mock.web.addresses import (
    read_base_url,
    read_hosts,
    read_listening_host,
    read_origins,
)
from kling_mock.web.loop_thread import LoopThread
from kling_mock.web.tls import ServerCertificate, server_context
from kling_mock.web.values import as_flag, as_number, as_whole, is_one_of

if TYPE_CHECKING:
    from kling_mock.kling.snapshots import Snapshot
    from kling_mock.relay.settings import RelaySettings

_START_LIMIT = 10.0  # seconds of real time
_DATABASE_LIMIT = 35.0  # more for a database, which waits 30 s for a lock before an error
_OPENING_LIMIT = 2.0  # seconds of real time that an interrupted start may take to end
_STOP_LIMIT = 5.0  # seconds of real time, in addition to those for draining


class KlingMock(ServerClients):
    """An emulated Kling on localhost.

        with KlingMock() as mock:
            kling = mock.client()
            task = kling.text2video.create(prompt="a kitten on the grass")
            mock.clock.advance(600)
            assert kling.text2video.get(task.task_id).is_succeed

    It works with `with` and `async with`, and does not need an event loop: the server has a thread
    of its own. Every instance has its own port and state. The controls may be kept, and used from
    any thread.

    Args:
        clock: `"manual"` stands still until it is advanced, and moves by itself only while
            every call of the clients made here sleeps. `"real"` is the computer's time. A
            number is a speed: 60 turns each second into a minute.
        seed: The same seed makes the same keys, ids and times; `None` picks a random one. If
            others can call the server (*host*, or *admin* `"remote"`), they could compute its
            secrets from the seed: then a seed is refused without *secrets*, and keys of further
            accounts are random.
        start: Unix seconds at which the clock starts, or `"now"`. `None` is the present, or
            2026-01-01 UTC if there is a seed. The real clock always shows the present.
        host: The address to listen on.
        kling_port: The port to listen on; 0 picks a free one.
        public_url: Scheme, host and port that result URLs begin with, for a server behind a
            proxy; `None` uses those of the client's request.
        tls_cert: Path of a PEM certificate, which may be self-signed; with it the server serves
            https only, and the relay and all clients made here trust this certificate.
        tls_key: Path of the certificate's key; `None` if it is in the same file.
        callback_hosts: Hosts that callbacks may go to, in addition to this computer, without
            ports; a string is one host, "*" allows any.
        admin: Who may call the admin API under `/__kling/`, and the relay's operator API under
            `/__kling/relay/`: `"local"` allows this computer, `"remote"` any, `"off"` none.
        admin_hosts: Host names by which both may be called, without ports, in addition to
            addresses, `localhost`, *host* and the hosts of the public URLs; a string is one name,
            "*" allows any.
        admin_origins: Pages that may call the admin API from a browser, by scheme, host and port
            such as `http://localhost:5173`; a string is one.
        secrets: Secrets that you choose; the others are generated.
        journal_size: Maximum number of requests in the journal, 1 or more.
        ignored_fields: The treatment of keys in a body that the real service ignores: a `"note"`,
            or `"refuse"` for a 400.
        unexpected_notes: The kinds of `Note` that make a call unexpected.
        relay: The settings of the relay in front of the emulated Kling; `True` is
            `RelaySettings()`, `False` means no relay. The server itself sets the URL of its Kling,
            and opens the operator API to the callers of *admin*, with `admin_token`. A relay
            costs nothing before it is used.
        strict: Whether unexpected calls to this server, and callbacks that were not taken, fail
            the pytest test in which it runs. It has no effect outside of pytest.

    Attributes:
        clock: The time of everything in this server; pass it as `clock=` to your own clients.
        admin_token: The token for calls of the admin API and the operator API.

    Raises:
        ValueError: An argument is out of range; the text says what it must be.
        OSError: A TLS file cannot be read, or is not a certificate or key.
    """

    clock: Final[MockClock]
    admin_token: Final[str]

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
        admin: Literal["off", "local", "remote"] = "local",
        admin_hosts: Iterable[str] = (),
        admin_origins: Iterable[str] = (),
        secrets: Secrets | None = None,
        journal_size: int = DEFAULT_SIZE,
        ignored_fields: Literal["note", "refuse"] = "note",
        unexpected_notes: Iterable[NoteKind] = ("unknown",),
        relay: RelaySettings | bool = True,
        strict: bool = True,
    ) -> None:
        as_flag("strict", strict)
        if not is_one_of(admin, CALLERS):
            raise ValueError(f"admin: must be 'off', 'local' or 'remote', got {admin!r}")
        as_whole("journal_size", journal_size, 1)
        policy = NotePolicy.of(ignored_fields, unexpected_notes)
        as_whole("kling_port", kling_port, 0, 65535)
        read_listening_host("host", host)
        relay_settings = None if isinstance(relay, bool) else relay
        if relay_settings is relay and not isinstance(relay_settings, _relay_settings()):
            text = f"relay: must be RelaySettings(...), True or False, got {relay_settings!r}"
            raise ValueError(text)
        if public_url is not None:
            public_url = read_base_url("public_url", public_url)
        tls, hosts = server_context(tls_cert, tls_key), read_hosts("callback_hosts", callback_hosts)
        names = read_hosts("admin_hosts", admin_hosts) | names_of(host, public_url)
        origins = read_origins("admin_origins", admin_origins)
        chosen = Secrets() if secrets is None else secrets
        if not isinstance(chosen, Secrets):
            raise ValueError("secrets: must be Secrets(...) or None")  # noqa: TRY004 - one kind for all
        settings = None if relay is False else relay_settings or _relay_settings()()
        check_seed(seed)
        if seed is not None:
            values = None if settings is None else (settings.token, settings.callback_secret)
            check_seeded(host, admin, chosen, values)
        first_seed = random_source.randbits(64) if seed is None else seed
        # If others can call the server, later secrets must not be computable from a seed.
        is_seeded = not is_exposed(host, admin)
        key_seed = first_seed if is_seeded else random_source.randbits(256)
        if settings is not None:
            names |= settings.admin_hosts | names_of(settings.public_url)
        self.admin_token = chosen.admin_token or admin_token(key_seed)
        access = AccessPolicy(admin, self.admin_token, names, origins)
        keys = GivenKeys(chosen.access_key, chosen.secret_key, chosen.api_key)
        server = ServerSettings(
            seed=first_seed,
            key_seed=key_seed,
            is_seeded=is_seeded,
            has_start=start is not None,
            host=host,
            port=kling_port,
            tls=tls,
            certificate=None if tls_cert is None else ServerCertificate(tls_cert),
            public_url=public_url,
            access=access,
            world=WorldSettings(hosts, key_seed, journal_size, policy, keys),
        )
        self.clock = make_clock(clock, first_instant(clock, seed, start))
        # The server refers to this and not to `self`: see `__del__`.
        self._steering = steering = Steering(self.clock, server)
        pages = {OPENAPI: steering.openapi, HEALTH: steering.health}
        serve_admin = steering.serve_admin if access.is_on else None
        emulator = steering.emulator = Emulator(self.clock, server, pages, serve_admin)
        thread = LoopThread("kling-mock", "This KlingMock")
        self._opening: asyncio.Future[None] | None = None
        has_database = settings is not None and settings.database is not None
        self._start_limit = _START_LIMIT + _DATABASE_LIMIT * has_database
        embedded: EmbeddedRelay | None = None
        if settings is not None:
            embedded = EmbeddedRelay(settings, emulator, thread, self.clock, server)
            steering.relay = embedded
        proxy = steering.proxy = LoopProxy(thread, self.clock, emulator.handler)
        self._judged = JudgedServer(steering, thread, strict=strict)
        super().__init__(proxy, thread, emulator, embedded, server)

    # ------------------------------------------------------------ starting and stopping

    def start(self) -> Self:
        """Start the server; return once it accepts connections.

        After a stop the server continues with its state: tasks, clock, callbacks not yet delivered.
        It listens on the same port again if that is still free. `reset()` starts a new world.

        Raises:
            OSError: The address cannot be bound, for example because the port is taken.
            RuntimeError: It is already running, or is being stopped.
            StorageError: The relay's database cannot be used.
            TimeoutError: It did not start within 10 seconds, or 45 with a database.
        """
        if self._thread.running:
            raise RuntimeError("This KlingMock runs already; make another one for a second server.")
        if self._thread.state not in {"new", "stopped"}:
            raise self._thread.refusal()
        bound: socket.socket | None = None
        try:
            # Bound here, so that a used port is reported immediately, from the caller's own line.
            bound = self._emulator.bind()
            self._thread.start()
            self._thread.wait(self._open(bound), self._start_limit)
            self._judged.name = repr(self)[1:-1]
            STARTED.add(self._judged)
            return self  # noqa: TRY300 - an interrupt at this line stops it, too
        except BaseException:  # nothing may be left running, even after Ctrl-C
            try:
                self._thread.stop(partial(self._close, 0.0), _STOP_LIMIT)
            finally:
                if bound is not None:
                    bound.close()
            raise

    def stop(self, drain: float = 0.0) -> None:
        """Stop the server and close its connections; its state stays, and can still be read.

        It does nothing if the server is not running, or in a process forked from the server's.

        Args:
            drain: Seconds of real time that requests in progress may take to end, and as long
                again to be cancelled.

        Raises:
            ValueError: *drain* is not a number of 0 or more.
            TimeoutError: It did not end in time; the thread is stopped nevertheless.
        """
        seconds = as_number("drain", drain, unit="seconds")
        self._thread.stop(partial(self._close, seconds), seconds + _STOP_LIMIT)

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
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])  # a few milliseconds; nothing else would stop it later
            await asyncio.to_thread(self.stop)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    def __del__(self) -> None:
        """Warn of a server that cannot be stopped any more; it runs until the process ends."""
        thread = self.__dict__.get("_thread")  # missing if an argument was refused
        if thread is not None and thread.running:
            warnings.warn(
                f"{self!r} was garbage-collected while it runs, and keeps its thread and port: use "
                "it in a `with` statement, or call stop().",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"<KlingMock {self.kling_url if self._emulator.is_listening else 'not running'}>"

    async def _open(self, bound: socket.socket) -> None:
        await self._emulator.open(bound)
        if self._relay is not None:
            # Shielded: a database connection that is cancelled half-way would stay open.
            self._opening = asyncio.ensure_future(self._relay.open())
            await asyncio.shield(self._opening)

    async def _close(self, drain: float) -> None:
        opening, self._opening = self._opening, None
        if opening is not None and not opening.done():  # the start was interrupted
            await asyncio.wait([opening], timeout=_OPENING_LIMIT)
            if not opening.cancel():
                opening.exception()  # nothing else retrieves it
        self.clock.stop()
        if self._relay is not None:
            await self._relay.host.close(drain)
        await self._emulator.close(drain)

    # ------------------------------------------------------------ state

    def reset(self, seed: int | None = None) -> None:
        """Forget everything: the state and the clock become those of a new server with this seed.

        The address and the first keys stay. Open connections stay open. The method waits up to a
        second for callbacks under way, since the ids of their tasks may be reused. Inside an event
        loop, call `await mock.clock.aadvance(0)` first.

        Args:
            seed: The seed of ids and times from now on; `None` is the last one. With a seed, a
                manual or scaled clock without `start=` starts like that of
                `KlingMock(seed=...)`.

        Raises:
            ValueError: *seed* is not a whole number.
        """
        self._steering.reset(seed)

    def snapshot(self) -> Snapshot:
        """Return everything in this server now: state, clock, faults, journal, chance, relay.

        It waits for callbacks under way, which cannot be part of a snapshot.

        Raises:
            RuntimeError: Callbacks are under way inside an event loop, where waiting would
                block their receiver: call `await mock.clock.aadvance(0)` first. Or the relay's
                rows are in a database; or something other than the emulated Kling and its relay
                waits on the clock.
        """
        return self._steering.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Restore the state that this server had when *snapshot* was taken.

        The same calls then get the same replies as they would have got, to the byte. Only a real
        clock keeps its time. Controls stay valid; a `Fault` or `Delivery` read before shows its
        state at that time. The method waits for callbacks under way, like `reset`.

        Args:
            snapshot: A snapshot of this server; it may be restored several times.

        Raises:
            ValueError: It is not a snapshot of this server.
        """
        self._steering.restore(snapshot)


def _relay_settings() -> type[RelaySettings]:
    from kling_mock.relay.settings import RelaySettings

    return RelaySettings
