"""`KlingMock`: a whole emulated Kling, started and stopped on its own loop thread."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections.abc import Iterable
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from aiohttp import web

from kling_mock.clock import MockClock
from kling_mock.clock.choice import SEEDED_START, check_seed, first_instant, make_clock
from kling_mock.controls.attributes import KnownAttributes
from kling_mock.controls.loop_proxy import HasTaskId, LoopProxy, id_of
from kling_mock.journal.journal import DEFAULT_SIZE, Journal
from kling_mock.kling.http.handler import ADMIN
from kling_mock.kling.world import World, admin_token
from kling_mock.server.emulator import Emulator
from kling_mock.server.relay import EmbeddedRelay
from kling_mock.web.addresses import read_base_url, read_hosts
from kling_mock.web.listening import is_loopback
from kling_mock.web.loop_thread import LoopThread

if TYPE_CHECKING:
    from kling_mock.admin.api import AdminApi
    from kling_mock.controls.accounts import AccountHandle, AccountsHandle
    from kling_mock.controls.callbacks import CallbacksHandle, DeliveriesHandle
    from kling_mock.controls.ledger import LedgerHandle
    from kling_mock.controls.rules import ContentHandle, FaultsHandle, ProgressHandle
    from kling_mock.kling.snapshots import Snapshot
    from kling_mock.relay.settings import RelaySettings
    from kling_sdk import AsyncKling, Kling

__all__ = ["KlingMock"]

_START_LIMIT = 10.0  # seconds of real time
_STOP_LIMIT = 5.0  # seconds of real time, beyond those given for draining
_ADMIN = ("off", "local", "remote")


class KlingMock(KnownAttributes):
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
        seed: The same seed makes the same keys, ids and times; `None` is a random one. On a
            *host* that other computers can reach it makes ids and times only: keys and tokens
            are random there, as everybody could compute them.
        start: Unix seconds at which the clock begins, or `"now"`. `None` is the present, or
            2026-01-01 UTC if there is a seed. The real clock is always now.
        host: The address to listen on.
        kling_port: The port to listen on; 0 is any free one.
        public_url: Scheme, host and port that result URLs begin with, for a server behind
            something; `None` is what the client itself used.
        tls_cert: Path of a PEM certificate; with it the server serves https only.
        tls_key: Path of the certificate's key; `None` if it is in the same file.
        callback_hosts: Hosts that callbacks may go to besides this computer, without ports; a
            string is one host, "*" is any.
        admin: Who may call the admin API under `/__kling/`, and the relay's operator API under
            `/__kling/relay/`: `"local"` is this computer, `"remote"` any, `"off"` nobody.
        journal_size: How many requests the journal keeps, 1 or more.
        relay: How the relay in front of the emulated Kling works; `True` is
            `RelaySettings()`, `False` is no relay. The server itself sets where its Kling is,
            and that the operator API is for the callers of *admin*, with `admin_token`. A
            relay costs nothing before it is used.

    Attributes:
        clock: The time of everything in this server; also the `clock=` of a client of yours.
        admin_token: What calls of the admin API and the operator API carry.

    Raises:
        ValueError: An argument is out of range; the text says what it must be.
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
        journal_size: int = DEFAULT_SIZE,
        relay: RelaySettings | bool = True,
    ) -> None:
        if admin not in _ADMIN:
            raise ValueError(f"admin: must be 'off', 'local' or 'remote', got {admin!r}")
        if type(journal_size) is not int or journal_size < 1:
            raise ValueError(
                f"journal_size: must be a whole number of 1 or more, got {journal_size!r}"
            )
        if type(kling_port) is not int or not 0 <= kling_port <= 65535:
            raise ValueError(f"kling_port: must be a port from 0 to 65535, got {kling_port!r}")
        given = None if isinstance(relay, bool) else relay
        if given is not None and not isinstance(given, _relay_settings()):
            text = f"relay: must be RelaySettings(...), True or False, got {given!r}"
            raise ValueError(text)
        if public_url is not None:
            public_url = read_base_url("public_url", public_url)
        tls, hosts = _tls_context(tls_cert, tls_key), read_hosts("callback_hosts", callback_hosts)
        check_seed(seed)
        self._has_start = start is not None
        first_seed = secrets.randbits(64) if seed is None else seed
        # Where others can call, nobody may compute the keys from a seed that he knows, or finds.
        is_seeded = is_loopback(host)
        key_seed = first_seed if is_seeded else secrets.randbits(256)
        self._admin = admin
        self._admin_api: AdminApi | None = None
        self.admin_token = admin_token(key_seed)
        self.clock = make_clock(clock, first_instant(clock, seed, start))
        self._emulator = Emulator(
            self.clock,
            seed=first_seed,
            key_seed=key_seed,
            host=host,
            port=kling_port,
            tls=tls,
            public_url=public_url,
            callback_hosts=hosts,
            journal_size=journal_size,
            document=self._openapi,
            admin=None if admin == "off" else self._serve_admin,
        )
        self._thread = LoopThread("kling-mock", "This KlingMock")
        self._relay: EmbeddedRelay | None = None
        if relay is not False:
            self._relay = EmbeddedRelay(
                given or _relay_settings()(),
                self._emulator,
                self._thread,
                self.clock,
                key_seed=key_seed,
                is_seeded=is_seeded,
                admin_token=self.admin_token,
                operator=admin,
                host=host,
                tls=tls,
                callback_hosts=hosts,
            )
        self._proxy = LoopProxy(self._thread, self.clock, lambda: self._emulator.world)

    # ------------------------------------------------------------ starting and stopping

    def start(self) -> Self:
        """Start the server; return once it accepts connections.

        After a stop it goes on with all that it knew: tasks, clock, callbacks not yet delivered.
        It listens on the same port again if that is still free. `reset()` begins anew.

        Raises:
            OSError: The address cannot be bound, for example because the port is taken.
            RuntimeError: It runs already, or is being stopped.
            TimeoutError: It did not come up within 10 seconds.
        """
        if self._thread.running:
            raise RuntimeError("This KlingMock runs already; make another one for a second server.")
        if self._thread.state not in {"new", "stopped"}:
            raise self._thread.refusal()
        # Bound here: a port that is taken is reported at once, and from the caller's own line.
        bound = self._emulator.bind()
        self._thread.start()
        try:
            self._thread.wait(self._open(bound), _START_LIMIT)
        except BaseException:
            self._thread.stop(partial(self._close, 0.0), _STOP_LIMIT)
            bound.close()
            raise
        return self

    def stop(self, drain: float = 0.0) -> None:
        """Stop the server and close its connections; its state stays, and can still be read.

        Harmless if it does not run, and in a process that was forked from the server's.

        Args:
            drain: Seconds of real time that requests in progress may take to end, and as long
                again to be cancelled.
        """
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
        return f"<KlingMock {self.kling_url if self._emulator.is_listening else 'not running'}>"

    async def _open(self, bound: socket.socket) -> None:
        await self._emulator.open(bound)
        if self._relay is not None:
            await self._relay.open()

    async def _close(self, drain: float) -> None:
        self.clock.stop()
        if self._relay is not None:
            await self._relay.host.close(drain)
        await self._emulator.close(drain)

    # ------------------------------------------------------------ the emulated Kling's clients

    @property
    def kling_url(self) -> str:
        """The base URL of the emulated Kling, without a slash at the end.

        Raises:
            RuntimeError: The server does not run.
        """
        if not self._emulator.is_listening:
            raise self._thread.refusal()
        return self._emulator.url

    @property
    def dashboard_url(self) -> str | None:
        """The page that shows the server at work; `None` if the admin API is off.

        Raises:
            RuntimeError: The server does not run.
        """
        return None if self._admin == "off" else f"{self.kling_url}{ADMIN}"

    @property
    def access_key(self) -> str:
        """The access key of the account that every server has."""
        return self._emulator.world.account.key_pairs[0].access_key

    @property
    def secret_key(self) -> str:
        """The secret of `access_key`."""
        return self._emulator.world.account.key_pairs[0].secret_key

    @property
    def api_key(self) -> str:
        """A static API key of the same account."""
        return self._emulator.world.account.api_keys[0].key

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which an app finds this server, its relay and the keys.

        `KLING_BASE_URL`, `KLING_ACCESS_KEY` and `KLING_SECRET_KEY` are those that `Kling()` reads;
        `KLING_RELAY_URL` and `KLING_RELAY_TOKEN` are for `Kling.relay(url, token)`, and missing
        if there is no relay.

        Raises:
            RuntimeError: The server does not run.
        """
        found = {
            "KLING_BASE_URL": self.kling_url,
            "KLING_ACCESS_KEY": self.access_key,
            "KLING_SECRET_KEY": self.secret_key,
        }
        if self._relay is not None:
            found |= {"KLING_RELAY_URL": self.relay_url, "KLING_RELAY_TOKEN": self.relay_token}
        return found

    def client(self, **options: Any) -> Kling:
        """Return an SDK client wired to this server: its URL, keys and clock.

        Args:
            options: Passed on to `kling_sdk.Kling`; they win over what is set here.
        """
        from kling_sdk import Kling

        return Kling(**(self._client_options() | options))

    def async_client(self, **options: Any) -> AsyncKling:
        """Return an async SDK client wired to this server: its URL, keys and clock.

        Args:
            options: Passed on to `kling_sdk.AsyncKling`; they win over what is set here.
        """
        from kling_sdk import AsyncKling

        return AsyncKling(**(self._client_options() | options))

    def _client_options(self) -> dict[str, Any]:
        return {
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "base_url": self.kling_url,
            "trust_env": False,  # no proxy knows the way to this computer
            "clock": self.clock,
        }

    # ------------------------------------------------------------ the relay's clients

    @property
    def relay_url(self) -> str:
        """The base URL of the relay, without a slash at the end.

        Raises:
            RuntimeError: The server does not run, or has no relay.
        """
        return self._existing_relay().url

    @property
    def relay_token(self) -> str:
        """The token of the relay's user `default`, `sk-...`.

        Raises:
            RuntimeError: The server has no relay.
        """
        return self._existing_relay().token

    def relay_client(self, **options: Any) -> Kling:
        """Return an SDK client wired to the relay: its URL, token and clock.

        Args:
            options: Passed on to `kling_sdk.Kling.relay`; they win over what is set here.
        """
        from kling_sdk import Kling

        return Kling.relay(**(self._relay_client_options() | options))

    def async_relay_client(self, **options: Any) -> AsyncKling:
        """Return an async SDK client wired to the relay: its URL, token and clock.

        Args:
            options: Passed on to `kling_sdk.AsyncKling.relay`; they win over what is set here.
        """
        from kling_sdk import AsyncKling

        return AsyncKling.relay(**(self._relay_client_options() | options))

    @property
    def ledger(self) -> LedgerHandle:
        """The money of the relay's users: `mock.ledger.assert_balanced()`.

        Raises:
            RuntimeError: The server has no relay.
        """
        from kling_mock.controls.ledger import LedgerHandle

        return LedgerHandle(self._existing_relay().run, lambda: int(self.clock.now()))

    def _existing_relay(self) -> EmbeddedRelay:
        if self._relay is None:
            raise RuntimeError("This server has no relay: it was made with relay=False.")
        return self._relay

    def _relay_client_options(self) -> dict[str, Any]:
        return {
            "url": self.relay_url,
            "token": self.relay_token,
            "trust_env": False,  # no proxy knows the way to this computer
            "clock": self.clock,
        }

    # ------------------------------------------------------------ controls
    # Each is loaded when it is first used: most servers of a test suite need none.

    @cached_property
    def accounts(self) -> AccountsHandle:
        """All accounts: `mock.accounts.add("acme")`, `mock.accounts["acme"]`."""
        from kling_mock.controls.accounts import AccountsHandle

        return AccountsHandle(self._proxy)

    @cached_property
    def account(self) -> AccountHandle:
        """The account that every server has: `mock.account.slots = 2`."""
        from kling_mock.controls.accounts import AccountHandle

        return AccountHandle(self._proxy, "default")

    @cached_property
    def progress(self) -> ProgressHandle:
        """How fast tasks progress: `mock.progress.add("polls", polls=3)`."""
        from kling_mock.controls.rules import ProgressHandle

        return ProgressHandle(self._proxy)

    @cached_property
    def content(self) -> ContentHandle:
        """What the content review refuses: `mock.content.add("blood")`."""
        from kling_mock.controls.rules import ContentHandle

        return ContentHandle(self._proxy)

    @cached_property
    def faults(self) -> FaultsHandle:
        """What goes wrong: `mock.faults.add("response-lost", "POST *", times=1)`."""
        from kling_mock.controls.rules import FaultsHandle

        return FaultsHandle(self._proxy)

    @cached_property
    def callbacks(self) -> CallbacksHandle:
        """How callbacks are sent: `mock.callbacks.retries = (1, 2)`."""
        from kling_mock.controls.callbacks import CallbacksHandle

        return CallbacksHandle(self._proxy)

    @cached_property
    def deliveries(self) -> DeliveriesHandle:
        """Which callbacks were sent, and with what result."""
        from kling_mock.controls.callbacks import DeliveriesHandle

        return DeliveriesHandle(self._proxy)

    @property
    def journal(self) -> Journal:
        """The newest requests and the replies to them."""
        return self._proxy.world.journal

    @property
    def discontinued(self) -> frozenset[str]:
        """Models that create calls are refused with, as the vendor ends them; none at first.

        `mock.discontinued = {"kling-v1"}`. The text of the refusal was seen of kling-v1 in
        September 2026; its code was not recorded (1201 is assumed).
        """
        return self._proxy.call(lambda world: world.discontinued)

    @discontinued.setter
    def discontinued(self, models: Iterable[str]) -> None:
        from kling_mock.controls.account_settings import read_models

        ended = read_models(models)

        def work(world: World) -> None:
            world.discontinued = ended

        self._proxy.call(work)

    def process(self, task: str | HasTaskId) -> None:
        """Let *task* be processed now, if it waits for that.

        Args:
            task: A task, or its task id.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It is processed already, or has ended.
        """
        self._proxy.call(lambda world: world.start(world.tasks.any(id_of(task))))
        self._proxy.settle()

    def complete(self, task: str | HasTaskId) -> None:
        """Let *task* succeed now.

        Returns when its callbacks are delivered. Inside an event loop it returns at once, since
        the receiver may run there; `await mock.clock.aadvance(0)` then waits.

        Args:
            task: A task, or its task id.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It has ended already.
        """
        self._proxy.call(lambda world: world.complete(world.tasks.any(id_of(task))))
        self._proxy.settle()

    def fail(self, task: str | HasTaskId, code: int = 1301, message: str | None = None) -> None:
        """Let *task* fail now; returns like `complete`.

        Args:
            task: A task, or its task id.
            code: A service code of Kling; its text is the reason unless *message* is given.
            message: The reason that queries show.

        Raises:
            KeyError: There is no such task.
            IllegalTransitionError: It has ended already.
            ValueError: There is no such code.
        """
        self._proxy.call(lambda world: world.fail(world.tasks.any(id_of(task)), code, message))
        self._proxy.settle()

    def reset(self, seed: int | None = None) -> None:
        """Forget everything: all state and the clock are as on a new server of this seed.

        The address and the first keys stay. Open connections stay open.

        Args:
            seed: Makes the ids and times from now on; `None` is the last one. A manual or
                scaled clock without `start=` then begins like that of `KlingMock(seed=...)`.
        """

        def work(_: World) -> None:
            if self._relay is not None:
                self._relay.reset()
            self.clock.reset(None if seed is None or self._has_start else SEEDED_START)
            self._emulator.reset(seed)
            self._admin_api = None  # and with it the snapshots that it keeps

        self._proxy.call(work)

    def snapshot(self) -> Snapshot:
        """Return all that this server knows now: state, clock, faults, journal, chance, relay.

        It waits for callbacks under way, which cannot be kept.

        Raises:
            RuntimeError: Callbacks are under way inside an event loop, where waiting would
                block their receiver: `await mock.clock.aadvance(0)` first. Or the relay's rows
                are in a database; or something else than the emulated Kling and its relay waits
                on the clock.
        """

        def work(_: World) -> Snapshot:
            relay = None if self._relay is None else self._relay.snapshot()
            return self._emulator.snapshot(relay)

        return self._proxy.when_settled(work)

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
        if snapshot.clock is not self.clock:
            raise ValueError("snapshot: must be one of this server; it was taken of another")

        def work(_: World) -> None:
            relay = self._emulator.restore(snapshot)
            if self._relay is not None:
                self._relay.restore(relay)

        self._proxy.call(work)

    # ------------------------------------------------------------ what is loaded when first used

    async def _serve_admin(
        self, request: web.BaseRequest, path: str, query: str
    ) -> web.StreamResponse:
        if self._admin_api is None:
            from kling_mock.admin.api import AdminApi
            from kling_mock.admin.context import AdminContext

            context = AdminContext(self._proxy, self.clock, self.reset, self.snapshot, self.restore)
            self._admin_api = AdminApi(context, self.admin_token, remote=self._admin == "remote")
        return await self._admin_api(request, path, query)

    def _openapi(self) -> bytes:
        from kling_mock.reference.documents import openapi_bytes

        return openapi_bytes(with_admin=self._admin != "off")


def _relay_settings() -> type[RelaySettings]:
    from kling_mock.relay.settings import RelaySettings

    return RelaySettings


def _tls_context(cert: str | None, key: str | None) -> ssl.SSLContext | None:
    if cert is None:
        if key is not None:
            raise ValueError("tls_key: must come with tls_cert")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context
