"""One relay process, put together: the only place where its concrete parts are named."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random
from time import perf_counter
from typing import Any, Final

from kling_mock.clock import Clock
from kling_mock.relay.http.handler import RelayHandler, is_local
from kling_mock.relay.http.middleware import RelayFront
from kling_mock.relay.http.pages import Pages
from kling_mock.relay.metrics.counters import Tally
from kling_mock.relay.operator.http import RelayAdmin
from kling_mock.relay.operator.service import Desk
from kling_mock.relay.options import RelayOptions
from kling_mock.relay.service.callbacks import Callbacks
from kling_mock.relay.service.channel_registry import Directory
from kling_mock.relay.service.dispatch import Sender
from kling_mock.relay.service.reconciler import Reports
from kling_mock.relay.service.scheduler import Alarm
from kling_mock.relay.service.sweeper import Sweeper
from kling_mock.relay.service.tasks import RelayService
from kling_mock.relay.service.upstream import Upstream
from kling_mock.relay.service.webhook_queue import Outbox
from kling_mock.relay.service.webhook_sender import UserCourier
from kling_mock.storage.errors import StorageError
from kling_mock.storage.protocol import Storage

__all__ = ["Relay"]

_IDLE: Final = 60.0  # seconds between looks for what other processes have left behind
_PING: Final = 2.0  # seconds of real time that the database may take to answer


class Relay:
    """One relay.

    Over a store in memory it can be written out with `pickle` while it does nothing, with what
    it waits for; its connections are left out.

    Args:
        storage: Where everything is kept; any number of relays may share it.
        clock: The time; it must run on the loop that serves the relay.
        options: What the operator has set.
        admin_token: What the operator's requests carry.
        random: Where ids, tokens and chance come from. Relays that share a store must not
            share it.

    Attributes:
        storage: As given.
        handler: The aiohttp handler.
        callbacks: Takes in what Kling reports.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        options: RelayOptions,
        admin_token: str,
        random: Random,
    ) -> None:
        self.storage = storage
        self._clock = clock
        tally = Tally(perf_counter)
        self._upstream = Upstream(clock, options.upstream_timeout, tally)
        self._courier = UserCourier(options.callback_hosts)
        # A source each: which of them is asked first depends on the network, and must not change
        # what the others say.
        by_weight, looks, retries = (Random(random.getrandbits(64)).random for _ in range(3))  # noqa: S311 - spreads work, guards nothing
        request_ids = Random(random.getrandbits(64))  # noqa: S311 - they are names, not secrets
        self._directory = directory = Directory(storage, clock, by_weight)
        reports = Reports(storage, directory, self._upstream, clock, self._tell, tally)
        sender = Sender(storage, self._upstream, clock, options, self._note, tally)
        sweeper = Sweeper(
            storage, reports, clock, looks, self._note, self._tell, options.reads_at_once, tally
        )
        outbox = Outbox(
            storage,
            self._courier,
            clock,
            retries,
            options.callback_secret,
            self._note_notice,
            tally,
        )
        self._sweeps = Alarm(clock, sweeper.sweep, _IDLE)
        self._deliveries = Alarm(clock, outbox.deliver, _IDLE)
        self.callbacks = Callbacks(storage, directory, reports, clock, self._note, tally)
        service = RelayService(
            storage, directory, reports, sender, clock, options, partial(_new_id, random), tally
        )
        secret = options.callback_secret
        token_bytes = options.token_bytes or random.randbytes
        desk = Desk(storage, clock, token_bytes, directory.forget, self._tell, secret)
        admin = RelayAdmin(desk, admin_token)
        has_operator = options.operator != "off"
        pages = Pages(tally, storage, clock, admin.check, is_local, has_operator=has_operator)
        handler = RelayHandler(
            service,
            self.callbacks,
            admin if has_operator else None,
            self.health,
            clock,
            pages.by_path,
            admin_is_local=options.operator == "local",
        )
        self.handler = RelayFront(handler, tally, partial(_new_request_id, request_ids))

    async def start(self) -> None:
        """Connect to the store, and take up what was left behind.

        Raises:
            StorageError: The store cannot be used.
        """
        await self.storage.open()
        self._sweeps.start()
        self._deliveries.start()

    def stop(self) -> None:
        """Start no more work."""
        self._sweeps.stop()
        self._deliveries.stop()

    async def close(self) -> None:
        """Disconnect; nothing may be asked of it any more."""
        await self._upstream.close()
        await self._courier.close()
        await self.storage.close()

    async def health(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the relay can serve, and what `/health` shows.

        Kling is not called for it: `upstream` is how the last call went. `degraded`, if there
        is any, are the channels that take no tasks and why.
        """
        degraded: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(_PING):
                await self.storage.ping()
                unreadable = await self._directory.unreadable()
            degraded = [{"channel": number, "reason": "unreadable"} for number in unreadable]
            well = True
        except (StorageError, TimeoutError):
            well = False
        upstream = {None: "unknown", True: "ok", False: "unreachable"}[self._upstream.answered]
        shown = {
            "status": "ok" if well else "unavailable",
            "database": "ok" if well else "unavailable",
            "upstream": upstream,
        }
        return well, shown | ({"degraded": degraded} if degraded else {})

    def _note(self, at: float) -> None:
        self._sweeps.note(at)

    def _note_notice(self, at: float) -> None:
        self._deliveries.note(at)

    def _tell(self) -> None:
        self._deliveries.note(self._clock.now())


def _new_id(random: Random) -> str:
    return f"kling_{random.getrandbits(128):032x}"


def _new_request_id(random: Random) -> str:
    return f"{random.getrandbits(128):032x}"
