"""The relay in front of the emulated Kling. Its code is loaded on first use."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random, SystemRandom
from secrets import token_bytes
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import attrs

from kling_mock.clock import MockClock
from kling_mock.kling.model.lifecycle import IllegalTransitionError
from kling_mock.kling.model.tasks import GivenVideo
from kling_mock.kling.world import World
from kling_mock.server.emulator import Emulator, ServerSettings
from kling_mock.web.loop_thread import LoopThread

if TYPE_CHECKING:
    from kling_mock.relay.app import Relay
    from kling_mock.relay.settings import RelaySettings
    from kling_mock.relay.storage.sql_storage import Storage
    from kling_mock.relay.storage.values import VideoRow
    from kling_sdk import CallbackEvent

T = TypeVar("T")

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class RelayState(NamedTuple):
    """The part of the relay that outlives a stop of the server, as Kling's tasks do.

    Attributes:
        storage: The rows.
        random: The source of ids, which a second run must not repeat.
    """

    storage: Storage
    random: Random


class RelaySnapshot(NamedTuple):
    """The part of a snapshot that belongs to the relay.

    Attributes:
        state: The rows and the source of ids; `None` if the relay was never used.
        relay: The relay with everything that it waits for; `None` if it has not been built.
        urls: The URLs of Kling and of the relay, which are in the rows.
    """

    state: RelayState | None
    relay: Relay | None
    urls: tuple[str, str]


class EmbeddedRelay:
    """The relay of one server. Its methods may be called from any thread unless marked otherwise.

    Args:
        settings: The settings of the relay.
        emulator: The Kling that it calls.
        thread: The server's thread.
        clock: The server's clock.
        server: The server's settings.

    Attributes:
        accepts_token: Whether `token` is valid. In a database that others have made, or whose user
            `default` is not enabled any more, it is not.

    Raises:
        ValueError: The URL of the database is invalid.
    """

    def __init__(
        self,
        settings: RelaySettings,
        emulator: Emulator,
        thread: LoopThread,
        clock: MockClock,
        server: ServerSettings,
    ) -> None:
        from kling_mock.relay.host import RelayHost

        if settings.database is not None:
            from kling_mock.relay.storage.connect import is_in_memory

            if is_in_memory(settings.database):  # treated like no database: its rows outlive a stop
                settings = attrs.evolve(settings, database=None)
        self._settings = settings
        self._emulator = emulator
        self._thread = thread
        self._clock = clock
        self._server = server
        self._state: RelayState | None = None
        self.accepts_token = True
        self.host = RelayHost(
            server.host,
            settings.port,
            server.tls,
            self._build,
            settings.limits,
            clock,
            emulator.findings.note_unexpected,
        )
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
        """The token of the user `default`; see `accepts_token`."""
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
            await self.host.relay()  # reports an unreachable database; open tasks continue

    def reset(self) -> None:
        """Forget all rows, except those in a database."""
        self._state = None
        self.host.replace()

    def snapshot(self) -> RelaySnapshot:
        """Return the part of a snapshot that belongs to the relay.

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
        """Restore the state that the relay had when *snapshot* was taken."""
        self._state = snapshot.state
        relay = snapshot.relay
        if relay is not None and snapshot.urls != self._urls():
            # The server was restarted since, on other ports: a new relay takes over the rows.
            relay.stop()
            relay = None
        self.host.replace(relay)

    def _urls(self) -> tuple[str, str]:
        return (self._emulator.url, self.host.url) if self._emulator.is_listening else ("", "")

    async def _build(self, url: str) -> Relay:
        from kling_mock.relay.bootstrap import accepts, start_relay

        self._emulator.findings.own_urls.add(f"{url}/")
        state = self._open_state()
        relay = await start_relay(
            state.storage,
            self._clock,
            self._effective_settings(url),
            self._server.access,
            state.random,
            token_bytes=None if self._server.is_seeded else token_bytes,
            certificate=self._server.certificate,
            callback_secret=self._random("callbacks").randbytes(32),
            emulated=True,
        )
        self.accepts_token = await accepts(
            relay.storage, self.token, logging.WARNING, is_given=bool(self._settings.token)
        )
        if self._settings.test_callback:
            relay.callbacks.test_hook = partial(settle_emulated_task, self._emulator.world)
        return relay

    def _effective_settings(self, url: str) -> RelaySettings:
        """Return the settings, completed from the server; *url* is the relay's own."""
        settings = self._settings
        account = self._emulator.world.account
        pair, api_key = account.key_pairs[0], account.api_keys[0].key
        return attrs.evolve(
            settings,
            public_url=settings.public_url or url,
            callback_hosts=settings.callback_hosts | _LOCAL | self._server.world.callback_hosts,
            upstream_url=self._emulator.url,
            # The interface with the model in the path accepts only the API key.
            upstream_key=f"{pair.access_key}|{pair.secret_key}\n{api_key}",
            token=self.token,
            reads_at_once=1,  # more would not help: Kling runs on the same thread
        )

    def _open_state(self) -> RelayState:
        if self._settings.database is not None:
            from kling_mock.relay.storage.connect import connect

            # The database may already contain ids of this seed.
            return RelayState(connect(self._settings.database), SystemRandom())
        if self._state is None:
            from kling_mock.relay.storage.memory import MemoryStorage

            random = Random(f"{self._emulator.world.seed}/relay")  # noqa: S311 - repeatable on purpose
            self._state = RelayState(MemoryStorage(), random)
        return self._state

    def _random(self, purpose: str) -> Random:
        # Not the state's seed: the token stays the same when a reset changes that seed.
        return Random(f"{self._server.key_seed}/relay {purpose}")  # noqa: S311 - repeatable on purpose


def settle_emulated_task(world: World, row: VideoRow, event: CallbackEvent) -> bool:
    """End a task of the emulated Kling with the result of a test's unsigned callback.

    The guide's internal test posts a callback by hand and expects it to count. The relay does
    not trust it; so the task itself gets this result, and the relay reads it from Kling.

    Returns:
        Whether the task has ended, so that a poll settles it.
    """
    task = world.tasks.peek(world.account, row.kling_task_id or row.task_id)
    if task is None or task.is_done or not event.task.is_done:
        return task is not None and task.is_done
    try:
        if event.task.is_succeed:
            for video in event.task.videos[:1]:
                task.test_video = GivenVideo(
                    video.id, video.url, f"{video.duration or task.plan.seconds}"
                )
            world.complete(task)
        else:
            world.fail(task, 5000, event.task.status_msg or None)
    except IllegalTransitionError:
        pass  # the task cannot end now
    return task.is_done
