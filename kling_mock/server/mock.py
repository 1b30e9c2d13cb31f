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
from kling_mock.journal.journal import DEFAULT_SIZE
from kling_mock.journal.notes import NoteKind, NotePolicy
from kling_mock.kling.http.handler import HEALTH, OPENAPI
from kling_mock.kling.model.accounts import GivenKeys
from kling_mock.kling.world import admin_token
from kling_mock.server.chosen_secrets import Secrets, check_seeded, is_exposed
from kling_mock.server.clients import ServerClients
from kling_mock.server.emulator import Emulator
from kling_mock.server.relay import EmbeddedRelay
from kling_mock.server.steering import Steering
from kling_mock.web.access import CALLERS, AccessPolicy, names_of
from kling_mock.web.addresses import read_base_url, read_hosts, read_listening_host
from kling_mock.web.loop_thread import LoopThread
from kling_mock.web.tls import ServerCertificate, server_context
from kling_mock.web.values import as_number, as_whole, is_one_of

if TYPE_CHECKING:
    from kling_mock.kling.snapshots import Snapshot
    from kling_mock.relay.settings import RelaySettings

__all__ = ["KlingMock"]

_START_LIMIT = 10.0  # seconds of real time
_OPENING_LIMIT = 2.0  # seconds of real time that a start which was interrupted may take to end
_STOP_LIMIT = 5.0  # seconds of real time, beyond those given for draining


class KlingMock(ServerClients):
    """An emulated Kling on localhost.

        with KlingMock() as mock:
            kling = mock.client()
            task = kling.text2video.create(prompt="a kitten on the grass")
            mock.clock.advance(600)
            assert kling.text2video.get(task.task_id).is_succeed

    It works as `with` and as `async with`, and needs no event loop of yours: the server has a
    thread of its own. Every instance has its own port and state. The controls may be kept, and
    used from any thread.

    Args:
        clock: `"manual"` stands still until it is advanced, and moves by itself only while
            every call of the clients made here sleeps. `"real"` is the computer's time. A
            number is a speed: 60 makes a minute of each second.
        seed: The same seed makes the same keys, ids and times; `None` is a random one. Where
            others can call (*host*, or *admin* `"remote"`), everybody could compute what a seed
            makes: there it is refused without *secrets*, and keys of further accounts are random.
        start: Unix seconds at which the clock begins, or `"now"`. `None` is the present, or
            2026-01-01 UTC if there is a seed. The real clock is always now.
        host: The address to listen on.
        kling_port: The port to listen on; 0 is any free one.
        public_url: Scheme, host and port that result URLs begin with, for a server behind
            something; `None` is what the client itself used.
        tls_cert: Path of a PEM certificate, which may be self-signed; with it the server serves
            https only, and the relay and all clients made here trust this certificate.
        tls_key: Path of the certificate's key; `None` if it is in the same file.
        callback_hosts: Hosts that callbacks may go to besides this computer, without ports; a
            string is one host, "*" is any.
        admin: Who may call the admin API under `/__kling/`, and the relay's operator API under
            `/__kling/relay/`: `"local"` is this computer, `"remote"` any, `"off"` nobody.
        admin_hosts: Names by which both may be called, without ports, besides addresses,
            `localhost`, *host* and the hosts of the public URLs; a string is one, "*" is any.
        secrets: Secrets that are given and not made.
        journal_size: How many requests the journal keeps, 1 or more.
        ignored_fields: What becomes of keys in a body that the real service ignores: a `"note"`,
            or `"refuse"` for a 400.
        unexpected_notes: The kinds of `Note` that make a call unexpected.
        relay: How the relay in front of the emulated Kling works; `True` is
            `RelaySettings()`, `False` is no relay. The server itself sets where its Kling is,
            and that the operator API is for the callers of *admin*, with `admin_token`. A
            relay costs nothing before it is used.

    Attributes:
        clock: The time of everything in this server; also the `clock=` of a client of yours.
        admin_token: What calls of the admin API and the operator API carry.

    Raises:
        ValueError: An argument is out of range; the text says what it must be.
        OSError: A file of TLS cannot be read, or is no certificate or key.
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
        secrets: Secrets | None = None,
        journal_size: int = DEFAULT_SIZE,
        ignored_fields: Literal["note", "refuse"] = "note",
        unexpected_notes: Iterable[NoteKind] = ("unknown",),
        relay: RelaySettings | bool = True,
    ) -> None:
        if not is_one_of(admin, CALLERS):
            raise ValueError(f"admin: must be 'off', 'local' or 'remote', got {admin!r}")
        as_whole("journal_size", journal_size, 1)
        policy = NotePolicy.of(ignored_fields, unexpected_notes)
        as_whole("kling_port", kling_port, 0, 65535)
        read_listening_host("host", host)
        given = None if isinstance(relay, bool) else relay
        if given is relay and not isinstance(given, _relay_settings()):
            text = f"relay: must be RelaySettings(...), True or False, got {given!r}"
            raise ValueError(text)
        if public_url is not None:
            public_url = read_base_url("public_url", public_url)
        tls, hosts = server_context(tls_cert, tls_key), read_hosts("callback_hosts", callback_hosts)
        names = read_hosts("admin_hosts", admin_hosts) | names_of(host, public_url)
        chosen = Secrets() if secrets is None else secrets
        if not isinstance(chosen, Secrets):
            raise ValueError("secrets: must be Secrets(...) or None")  # noqa: TRY004 - one kind for all
        settings = None if relay is False else given or _relay_settings()()
        check_seed(seed)
        if seed is not None:
            values = None if settings is None else (settings.token, settings.callback_secret)
            check_seeded(host, admin, chosen, values)
        first_seed = random_source.randbits(64) if seed is None else seed
        # Where others can call, nobody may compute from a seed what is made later.
        is_seeded = not is_exposed(host, admin)
        key_seed = first_seed if is_seeded else random_source.randbits(256)
        if settings is not None:
            names |= settings.admin_hosts | names_of(settings.public_url)
        self.admin_token = chosen.admin_token or admin_token(key_seed)
        access = AccessPolicy(admin, self.admin_token, names)
        certificate = None if tls_cert is None else ServerCertificate(tls_cert)
        self.clock = make_clock(clock, first_instant(clock, seed, start))
        # It and not this object is what the server holds: see `__del__`.
        self._steering = steering = Steering(self.clock, access, has_start=start is not None)
        emulator = steering.emulator = Emulator(
            self.clock,
            seed=first_seed,
            key_seed=key_seed,
            host=host,
            port=kling_port,
            tls=tls,
            public_url=public_url,
            callback_hosts=hosts,
            journal_size=journal_size,
            note_policy=policy,
            keys=GivenKeys(chosen.access_key, chosen.secret_key, chosen.api_key),
            pages={OPENAPI: steering.openapi, HEALTH: steering.health},
            admin=steering.serve_admin if access.is_on else None,
        )
        thread = LoopThread("kling-mock", "This KlingMock")
        self._opening: asyncio.Future[None] | None = None
        embedded: EmbeddedRelay | None = None
        if settings is not None:
            embedded = steering.relay = EmbeddedRelay(
                settings,
                emulator,
                thread,
                self.clock,
                key_seed=key_seed,
                is_seeded=is_seeded,
                access=access,
                host=host,
                tls=tls,
                certificate=certificate,
                callback_hosts=hosts,
            )
        proxy = steering.proxy = LoopProxy(thread, self.clock, lambda: emulator.world)
        super().__init__(proxy, thread, emulator, embedded, access, certificate)

    # ------------------------------------------------------------ starting and stopping

    def start(self) -> Self:
        """Start the server; return once it accepts connections.

        After a stop it goes on with all that it knew: tasks, clock, callbacks not yet delivered.
        It listens on the same port again if that is still free. `reset()` starts a new world.

        Raises:
            OSError: The address cannot be bound, for example because the port is taken.
            RuntimeError: It runs already, or is being stopped.
            TimeoutError: It did not come up within 10 seconds.
        """
        if self._thread.running:
            raise RuntimeError("This KlingMock runs already; make another one for a second server.")
        if self._thread.state not in {"new", "stopped"}:
            raise self._thread.refusal()
        bound: socket.socket | None = None
        try:
            # Bound here: a port that is taken is reported at once, and from the caller's own line.
            bound = self._emulator.bind()
            self._thread.start()
            self._thread.wait(self._open(bound), _START_LIMIT)
            return self  # noqa: TRY300 - an interrupt at this line stops it, too
        except BaseException:  # Ctrl-C leaves nothing running either
            try:
                self._thread.stop(partial(self._close, 0.0), _STOP_LIMIT)
            finally:
                if bound is not None:
                    bound.close()
            raise

    def stop(self, drain: float = 0.0) -> None:
        """Stop the server and close its connections; its state stays, and can still be read.

        Harmless if it does not run, and in a process that was forked from the server's.

        Args:
            drain: Seconds of real time that requests in progress may take to end, and as long
                again to be cancelled.

        Raises:
            ValueError: *drain* is no number of 0 or more.
            TimeoutError: It did not end in time; the thread is stopped all the same.
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
            await asyncio.wait([starting])  # a few milliseconds; nobody would stop it later
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
        """Warn of a server that nobody can stop any more; it runs on until the process ends."""
        thread = self.__dict__.get("_thread")  # missing if an argument was refused
        if thread is not None and thread.running:
            warnings.warn(
                f"{self!r} was dropped while it runs, and keeps its thread and port: use it in a "
                "`with` statement, or call stop().",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"<KlingMock {self.kling_url if self._emulator.is_listening else 'not running'}>"

    async def _open(self, bound: socket.socket) -> None:
        await self._emulator.open(bound)
        if self._relay is not None:
            # Shielded: a connection of a database that is given up half-way stays open.
            self._opening = asyncio.ensure_future(self._relay.open())
            await asyncio.shield(self._opening)

    async def _close(self, drain: float) -> None:
        opening, self._opening = self._opening, None
        if opening is not None and not opening.done():  # the start was interrupted
            await asyncio.wait([opening], timeout=_OPENING_LIMIT)
            if not opening.cancel():
                opening.exception()  # nobody else asks for it
        self.clock.stop()
        if self._relay is not None:
            await self._relay.host.close(drain)
        await self._emulator.close(drain)

    # ------------------------------------------------------------ state

    def reset(self, seed: int | None = None) -> None:
        """Forget everything: all state and the clock are as on a new server of this seed.

        The address and the first keys stay. Open connections stay open.

        Args:
            seed: Makes the ids and times from now on; `None` is the last one. A manual or
                scaled clock without `start=` then begins like that of `KlingMock(seed=...)`.

        Raises:
            ValueError: *seed* is no whole number.
        """
        self._steering.reset(seed)

    def snapshot(self) -> Snapshot:
        """Return all that this server knows now: state, clock, faults, journal, chance, relay.

        It waits for callbacks under way, which cannot be kept.

        Raises:
            RuntimeError: Callbacks are under way inside an event loop, where waiting would
                block their receiver: `await mock.clock.aadvance(0)` first. Or the relay's rows
                are in a database; or something else than the emulated Kling and its relay waits
                on the clock.
        """
        return self._steering.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Be again what this server was when *snapshot* was taken.

        What follows is then what would have followed: the same calls get the same replies, to
        the byte. Only a real clock keeps its time. Controls stay valid; a `Fault` or `Delivery`
        read before shows what was true then.

        Args:
            snapshot: Made by `snapshot` of this server; it may be put back again later.

        Raises:
            ValueError: It was taken of another server.
        """
        self._steering.restore(snapshot)


def _relay_settings() -> type[RelaySettings]:
    from kling_mock.relay.settings import RelaySettings

    return RelaySettings
