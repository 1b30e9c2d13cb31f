"""What `KlingMock` offers of its relay. Nothing here loads the relay before it is used."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from random import Random, SystemRandom
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, NamedTuple

from kling_mock.clock import Clock
from kling_mock.web.loop_thread import LoopThread

if TYPE_CHECKING:
    from kling_mock.controls.ledger import LedgerHandle
    from kling_mock.kling.world import World
    from kling_mock.relay.app import Relay
    from kling_mock.relay.host import RelayHost
    from kling_mock.storage.protocol import Storage
    from kling_sdk import AsyncKling, Kling

__all__ = ["KeptRelay", "RelaySide"]

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class Books(NamedTuple):
    """What outlives a stop of the server, as Kling's tasks do.

    Attributes:
        storage: The rows.
        random: Where ids come from: a second run must not begin them anew.
    """

    storage: Storage
    random: Random


class KeptRelay(NamedTuple):
    """What a snapshot holds of the relay.

    Attributes:
        books: As they are; `None` if the relay was never used.
        relay: The relay with all that it waits for; `None` if it is not put together.
        urls: Those of Kling and of the relay, in whose rows they are.
    """

    books: Books | None
    relay: Relay | None
    urls: tuple[str, str]


class RelaySide:
    """The relay of one server: its URL, token and clients, and the ledger."""

    admin_token: str
    _keys_are_seeded: bool
    _clock: Clock
    _seed: int
    _first_seed: int
    _thread: LoopThread
    _world: World
    _relay: RelayHost | None
    _relay_options: dict[str, Any]
    _database: str | None
    _relay_books: Books | None = None

    @property
    def kling_url(self) -> str:
        """The base URL of the emulated Kling."""
        raise NotImplementedError

    @property
    def relay_url(self) -> str:
        """The base URL of the relay, without a slash at the end.

        Raises:
            RuntimeError: The server has not been started, or has no relay.
        """
        host = self._relay_host()
        return self._thread.call(host.listen)

    @property
    def relay_token(self) -> str:
        """The token of the relay's user `default`, `sk-...`."""
        from kling_mock.relay.domain.credentials import new_token

        return new_token(self._relay_random("token").randbytes(24))

    def relay_client(self, **options: Any) -> Kling:
        """Return an SDK client wired to the relay: its URL, token and clock.

        Args:
            options: Passed on to `kling_sdk.Kling.relay`; they win over what is set here.
        """
        from kling_sdk import Kling

        return Kling.relay(**(self._relay_wiring() | options))

    def async_relay_client(self, **options: Any) -> AsyncKling:
        """Return an async SDK client wired to the relay: its URL, token and clock.

        Args:
            options: Passed on to `kling_sdk.AsyncKling.relay`; they win over what is set here.
        """
        from kling_sdk import AsyncKling

        return AsyncKling.relay(**(self._relay_wiring() | options))

    @property
    def ledger(self) -> LedgerHandle:
        """The money of the relay's users: `mock.ledger.assert_balanced()`."""
        from kling_mock.controls.ledger import LedgerHandle

        return LedgerHandle(self._on_storage, lambda: int(self._clock.now()))

    # ------------------------------------------------------------ inside

    def _relay_host(self) -> RelayHost:
        if self._relay is None:
            raise RuntimeError("This server has no relay: it was made with relay=False.")
        if not self._thread.running:
            raise RuntimeError("The relay has no URL before it is started: `with KlingMock()`.")
        return self._relay

    def _new_relay(self, host: str, port: int, tls: ssl.SSLContext | None) -> RelayHost:
        from kling_mock.relay.host import RelayHost

        return RelayHost(host, port, tls, self._build_relay)

    def _forget_relay(self) -> None:
        self._relay_books = None
        if self._relay is not None:
            self._relay.replace()

    def _keep_relay(self) -> KeptRelay:
        """Return what is to be written out of the relay.

        Raises:
            RuntimeError: Its books are in a database.
        """
        if self._relay is None:
            return KeptRelay(None, None, ("", ""))
        if self._database is not None:
            raise RuntimeError(
                "snapshot: the relay's books are in a database, which others may write to and "
                "which a restore could not put back. Leave out database=, so that they are in "
                "memory, or make the server with relay=False."
            )
        return KeptRelay(self._relay_books, self._relay.built, self._relay_urls(self._relay))

    def _put_back_relay(self, kept: KeptRelay) -> None:
        self._relay_books = kept.books
        if self._relay is None:
            return
        relay = kept.relay
        if relay is not None and kept.urls != self._relay_urls(self._relay):
            # The server was started anew since, on other ports: so a new relay takes the books.
            relay.stop()
            relay = None
        self._relay.replace(relay)

    def _relay_urls(self, host: RelayHost) -> tuple[str, str]:
        return (self.kling_url, host.url) if self._thread.running else ("", "")

    async def _build_relay(self, url: str) -> Relay:
        from kling_mock.relay.bootstrap import start_relay
        from kling_mock.relay.settings import CREATE_LEASE, RelaySettings
        from kling_mock.server.relay_test_hook import settle_emulated_task

        given = dict(self._relay_options)
        trial = given.pop("trial")
        hosts: Iterable[str] = given.pop("callback_hosts")
        pair = self._world.account.key_pairs[0]
        settings = RelaySettings(
            public_url=given.pop("public_url") or url,
            callback_secret=self._relay_random("callbacks").randbytes(32),
            callback_hosts=_LOCAL.union(hosts),
            upstream_url=self.kling_url,
            upstream_key=f"{pair.access_key}|{pair.secret_key}",
            token=self.relay_token,
            admin_token=self.admin_token,
            # An attempt's time limit is real time: on a fast clock it takes longer.
            create_lease=round(CREATE_LEASE * max(1.0, self._clock.speed or 1.0)),
            reads_at_once=1,  # Kling is on the same thread, and so none waits for the other
            **given,
        )
        storage, random = self._open_books()
        relay = await start_relay(
            storage,
            self._clock,
            settings,
            random,
            token_bytes=None if self._keys_are_seeded else token_bytes,
            emulated=True,
        )
        if trial:
            relay.callbacks.test_hook = partial(settle_emulated_task, self._world)
        return relay

    def _open_books(self) -> Books:
        if self._database is not None:
            from kling_mock.storage.connect import connect

            # There may be ids of this seed already.
            return Books(connect(self._database), SystemRandom())
        if self._relay_books is None:
            from kling_mock.storage.memory import MemoryStorage

            random = Random(f"{self._seed}/relay")  # noqa: S311 - repeatable on purpose
            self._relay_books = Books(MemoryStorage(), random)
        return self._relay_books

    def _relay_random(self, purpose: str) -> Random:
        # The first seed: the token stays when a reset brings another one.
        return Random(f"{self._first_seed}/relay {purpose}")  # noqa: S311 - repeatable on purpose

    def _relay_wiring(self) -> dict[str, Any]:
        return {
            "url": self.relay_url,
            "token": self.relay_token,
            "trust_env": False,  # no proxy knows the way to this computer
            "clock": self._clock,
        }

    def _on_storage(self, work: Callable[[Storage], Awaitable[Any]]) -> Any:
        return self._thread.wait(self._with_storage(work), None)

    async def _with_storage(self, work: Callable[[Storage], Awaitable[Any]]) -> Any:
        relay = await self._relay_host().relay()
        return await work(relay.storage)
