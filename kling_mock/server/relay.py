"""The relay in front of the emulated Kling. Nothing of it is loaded before it is first used."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random, SystemRandom
from secrets import token_bytes
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import attrs

from kling_mock.clock import MockClock
from kling_mock.server.emulator import Emulator
from kling_mock.web.access import AccessPolicy
from kling_mock.web.loop_thread import LoopThread
from kling_mock.web.tls import ServerCertificate

if TYPE_CHECKING:
    from kling_mock.relay.app import Relay
    from kling_mock.relay.settings import RelaySettings
    from kling_mock.storage.protocol import Storage

__all__ = ["EmbeddedRelay", "RelaySnapshot"]

T = TypeVar("T")

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class RelayState(NamedTuple):
    """What outlives a stop of the server, as Kling's tasks do.

    Attributes:
        storage: The rows.
        random: Where ids come from: a second run must not repeat them.
    """

    storage: Storage
    random: Random


class RelaySnapshot(NamedTuple):
    """What a snapshot holds of the relay.

    Attributes:
        state: The rows and the source of ids; `None` if the relay was never used.
        relay: The relay with all that it waits for; `None` if it has not been built.
        urls: Those of Kling and of the relay, which are in the rows.
    """

    state: RelayState | None
    relay: Relay | None
    urls: tuple[str, str]


class EmbeddedRelay:
    """The relay of one server. Its methods may be called from any thread, unless they say more.

    Args:
        settings: How it works.
        emulator: The Kling that it calls.
        thread: The server's thread.
        clock: The server's clock.
        key_seed: Makes its token and its callback secret.
        is_seeded: Whether tokens of further users are made from the seed as well; `False`
            takes random ones.
        access: Who may call the operator API.
        host: The address to listen on.
        tls: With it, https only.
        certificate: The server's own, with *tls*.
        callback_hosts: Hosts that callbacks may go to besides this computer.

    Raises:
        ValueError: The URL of the database is not one.
    """

    def __init__(
        self,
        settings: RelaySettings,
        emulator: Emulator,
        thread: LoopThread,
        clock: MockClock,
        *,
        key_seed: int,
        is_seeded: bool,
        access: AccessPolicy,
        host: str,
        tls: ssl.SSLContext | None,
        certificate: ServerCertificate | None,
        callback_hosts: frozenset[str],
    ) -> None:
        from kling_mock.relay.host import RelayHost

        self._settings = settings
        self._emulator = emulator
        self._thread = thread
        self._clock = clock
        self._key_seed = key_seed
        self._is_seeded = is_seeded
        self._access = access
        self._certificate = certificate
        self._callback_hosts = callback_hosts
        self._state: RelayState | None = None
        self.host = RelayHost(host, settings.port, tls, self._build, settings.limits, clock)
        if settings.database is not None:
            self._open_state()  # a wrong URL is reported here

    # ------------------------------------------------------------ for clients

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end.

        Raises:
            RuntimeError: The server does not run.
        """
        return self._thread.call(self.host.listen)

    @property
    def token(self) -> str:
        """The token of the user `default`."""
        from kling_mock.relay.domain.credentials import new_token

        return self._settings.token or new_token(self._random("token").randbytes(24))

    def run(self, work: Callable[[Storage], Awaitable[T]]) -> T:
        """Run *work* on the relay's store, on the server's thread, and return its result.

        Raises:
            RuntimeError: The server does not run.
        """

        async def with_storage() -> T:
            relay = await self.host.relay()
            return await work(relay.storage)

        return self._thread.wait(with_storage(), None)

    # ------------------------------------------------------------ on the server's thread

    async def open(self) -> None:
        """Listen if the port is fixed; connect if there is a database, or rows of an earlier start.

        Any other relay listens when its URL is first read, and is built by its first request.
        """
        if self._settings.port:
            self.host.listen()
        if self._settings.database is not None or self._state is not None:
            await self.host.relay()  # a database that is away is reported; open tasks go on

    def reset(self) -> None:
        """Forget all rows, except those in a database."""
        self._state = None
        self.host.replace()

    def snapshot(self) -> RelaySnapshot:
        """Return what a snapshot holds of the relay.

        Raises:
            RuntimeError: Its rows are in a database.
        """
        if self._settings.database is not None:
            raise RuntimeError(
                "snapshot: the relay's rows are in a database, which others may write to and "
                "which a restore could not put back. Leave out database=, so that they are in "
                "memory, or make the server with relay=False."
            )
        return RelaySnapshot(self._state, self.host.built, self._urls())

    def restore(self, snapshot: RelaySnapshot) -> None:
        """Become what the relay was when *snapshot* was taken."""
        self._state = snapshot.state
        relay = snapshot.relay
        if relay is not None and snapshot.urls != self._urls():
            # The server has been started again since, on other ports: a new relay takes the rows.
            relay.stop()
            relay = None
        self.host.replace(relay)

    def _urls(self) -> tuple[str, str]:
        return (self._emulator.url, self.host.url) if self._emulator.is_listening else ("", "")

    async def _build(self, url: str) -> Relay:
        from kling_mock.relay.bootstrap import start_relay
        from kling_mock.server.relay_test_hook import settle_emulated_task

        state = self._open_state()
        relay = await start_relay(
            state.storage,
            self._clock,
            self._effective_settings(url),
            self._access,
            state.random,
            token_bytes=None if self._is_seeded else token_bytes,
            certificate=self._certificate,
            emulated=True,
        )
        if self._settings.test_callback:
            relay.callbacks.test_hook = partial(settle_emulated_task, self._emulator.world)
        return relay

    def _effective_settings(self, url: str) -> RelaySettings:
        """Return the settings with what follows from the server; *url* is the relay's own."""
        given = self._settings
        account = self._emulator.world.account
        pair, api_key = account.key_pairs[0], account.api_keys[0].key
        return attrs.evolve(
            given,
            public_url=given.public_url or url,
            callback_hosts=given.callback_hosts | _LOCAL | self._callback_hosts,
            callback_secret=given.callback_secret or self._random("callbacks").randbytes(32),
            upstream_url=self._emulator.url,
            # Only the API key opens the interface with the model in the path.
            upstream_key=f"{pair.access_key}|{pair.secret_key}\n{api_key}",
            token=self.token,
            reads_at_once=1,  # Kling is on the same thread, and so none waits for the other
        )

    def _open_state(self) -> RelayState:
        if self._settings.database is not None:
            from kling_mock.storage.connect import connect

            # There may be ids of this seed already.
            return RelayState(connect(self._settings.database), SystemRandom())
        if self._state is None:
            from kling_mock.storage.memory import MemoryStorage

            random = Random(f"{self._emulator.world.seed}/relay")  # noqa: S311 - repeatable on purpose
            self._state = RelayState(MemoryStorage(), random)
        return self._state

    def _random(self, purpose: str) -> Random:
        # Not the state's seed: the token stays when a reset brings another one.
        return Random(f"{self._key_seed}/relay {purpose}")  # noqa: S311 - repeatable on purpose
