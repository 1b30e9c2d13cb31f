"""One relay: the composition root, where its concrete parts are created."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from time import perf_counter
from typing import Any, Final, cast

from kling_mock.clock import MockClock
from kling_mock.relay.domain.breaker import BreakerState
from kling_mock.relay.domain.rates import TokenBuckets
from kling_mock.relay.domain.shares import Shares
from kling_mock.relay.http.handler import RelayHandler
from kling_mock.relay.http.large_bodies import LargeBodies
from kling_mock.relay.http.pages import MonitoringPages
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.operator.http import OperatorApi
from kling_mock.relay.operator.service import OperatorService
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.callbacks import CallbackReceiver
from kling_mock.relay.service.channel_registry import ChannelRegistry
from kling_mock.relay.service.clock_watch import ClockWatch
from kling_mock.relay.service.dispatch import Dispatcher
from kling_mock.relay.service.open_tasks import OpenTasks
from kling_mock.relay.service.reconciler import TaskReconciler
from kling_mock.relay.service.repeats import RepeatedCreates
from kling_mock.relay.service.scheduler import Scheduler
from kling_mock.relay.service.sweeper import Sweeper
from kling_mock.relay.service.tasks import RelayService
from kling_mock.relay.service.upstream import Upstream
from kling_mock.relay.service.webhook_queue import WebhookQueue
from kling_mock.relay.service.webhook_sender import WebhookSender
from kling_mock.relay.settings import RelaySettings
from kling_mock.storage.errors import StorageError
from kling_mock.storage.memory import MemoryStorage
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import DatabaseNode
from kling_mock.web.access import AccessPolicy
from kling_mock.web.tls import ServerCertificate

__all__ = ["Relay"]

#: Receivers of one user that may be sent to at a time, with all that one of them may get.
_RECEIVERS: Final = 4
_DAY: Final = 86_400  # seconds
_PING: Final = 1.0  # seconds of real time for the reply of the database


class Relay:
    """One relay.

    With a store in memory it can be pickled while it is idle, scheduled work included; its
    connections are left out.

    Args:
        storage: The store; any number of relays may share it.
        clock: The time; it must run on the loop that serves the relay.
        settings: Its settings.
        access: Who may call the operator's API.
        random: Source of ids, tokens and chance. Relays that share a store must not share it.
        token_bytes: Returns that many random bytes, for new tokens of users; `None` takes
            *random*.
        certificate: What `upstream_url` is known by; `None` is an authority that the computer
            trusts, as it is for any other channel.

    Attributes:
        storage: As given.
        handler: The aiohttp handler.
        callbacks: Receives the callbacks of Kling.
    """

    def __init__(
        self,
        storage: Storage,
        clock: MockClock,
        settings: RelaySettings,
        access: AccessPolicy,
        random: Random,
        token_bytes: Callable[[int], bytes] | None = None,
        certificate: ServerCertificate | None = None,
    ) -> None:
        self.storage = storage
        self._clock = clock
        # A source for each use: which is asked first depends on the network, and must not change
        # what the others return.
        by_weight, jitter, retries = (Random(random.getrandbits(64)).random for _ in range(3))  # noqa: S311 - spreads work, guards nothing
        request_ids = Random(random.getrandbits(64))  # noqa: S311 - they are names, not secrets
        metrics = Metrics(perf_counter)
        self._clock_watch = watch = ClockWatch(storage, clock)
        alone = storage if isinstance(storage, MemoryStorage) else None  # no other writes to it
        self._sweeps = sweeps = Scheduler(
            clock, settings.sweep_interval, None if alone is None else alone.next_poll_due
        )
        self._deliveries = deliveries = Scheduler(
            clock, settings.sweep_interval, None if alone is None else alone.next_notice_due
        )
        self._metrics = metrics
        self._breakers = breakers = Breakers(
            clock.monotonic, self._on_channel, settings.calls_per_channel
        )
        self._upstream = Upstream(
            clock,
            settings.upstream_timeout,
            metrics,
            breakers,
            {} if certificate is None else {settings.upstream_url: certificate},
        )
        self._webhook_sender = WebhookSender(settings.callback_hosts)
        self._channels = ChannelRegistry(storage, clock, by_weight)
        reconciler = TaskReconciler(
            storage,
            self._channels,
            breakers,
            self._upstream,
            clock,
            deliveries.run_now,
            metrics,
            watch.may_expire,
        )
        # An attempt's time limit is real time: on a fast clock it takes longer.
        lease = round(settings.create_lease * max(1.0, clock.speed or 1.0))
        dispatcher = Dispatcher(
            storage,
            self._upstream,
            breakers,
            clock,
            settings.public_url,
            lease,
            sweeps.schedule,
            metrics,
        )
        self._sweeper = Sweeper(
            storage,
            reconciler,
            clock,
            jitter,
            sweeps,
            deliveries.run_now,
            Shares(settings.reads_at_once, (settings.reads_per_channel,)),
            breakers,
            metrics,
            watch.may_expire,
        )
        self._webhooks = WebhookQueue(
            storage,
            self._webhook_sender,
            clock,
            retries,
            settings.callback_secret,
            deliveries,
            _webhook_shares(settings),
            Breakers(clock.monotonic, self._on_receiver),
            round(settings.receiver_off_days * _DAY),
            metrics,
        )
        large = LargeBodies(settings.body_memory_mib * 1024**2, metrics)
        self.callbacks = CallbackReceiver(
            storage, self._channels, reconciler, clock, sweeps.schedule, large.parse, metrics
        )
        service = RelayService(
            storage,
            self._channels,
            breakers,
            OpenTasks(storage, settings.open_tasks_per_token, perf_counter, metrics),
            reconciler,
            dispatcher,
            RepeatedCreates(storage, clock, metrics),
            clock,
            settings,
            partial(_new_task_id, random),
            _token_buckets(settings),
            metrics,
        )
        operator = OperatorApi(
            OperatorService(
                storage,
                clock,
                token_bytes or random.randbytes,
                self._channels.invalidate,
                deliveries.run_now,
                settings.callback_secret,
            ),
            access,
            metrics,
        )
        pages = MonitoringPages(metrics, breakers, watch.status, storage, clock, operator)
        self.handler = RelayHandler(
            service,
            self.callbacks,
            operator,
            self.health,
            clock,
            pages.by_path,
            metrics,
            partial(_new_request_id, request_ids),
            large,
        )

    async def start(self) -> None:
        """Connect to the store, and continue what was left unfinished.

        Raises:
            StorageError: The store cannot be used.
        """
        await self.storage.open()
        await self._clock_watch.start()
        self._sweeps.start(self._sweeper.run)
        self._deliveries.start(self._webhooks.run)

    def stop(self) -> None:
        """Begin no further work."""
        self._clock_watch.stop()
        self._sweeps.stop()
        self._deliveries.stop()

    async def close(self) -> None:
        """Disconnect; the relay cannot be used again."""
        await self._upstream.close()
        await self._webhook_sender.close()
        await self.storage.close()

    async def health(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the relay can serve, and what `/health` shows.

        A table is read for it. `node`, if present, is the database server that is used, and whether
        it takes writes. Kling is not called: `upstream` is the result of the last call. `degraded`,
        if present, lists the channels that take no tasks or do not answer, and why; `clock`, if
        present, is what is wrong with the clocks.
        """
        degraded: list[dict[str, Any]] = []
        node = DatabaseNode()
        healthy = False
        try:
            async with asyncio.timeout(_PING):
                node = await self.storage.ping()
                degraded = await self._degraded()
            healthy = node.problem is None
        except (StorageError, TimeoutError):
            pass
        upstream = {None: "unknown", True: "ok", False: "unreachable"}[self._upstream.answered]
        shown: dict[str, Any] = {
            "status": "ok" if healthy else "unavailable",
            "database": "ok" if healthy else "unavailable",
            "upstream": upstream,
        }
        if node.name:
            shown["node"] = {"name": node.name, "writable": node.problem is None}
        listed = {"degraded": degraded} if degraded else {}
        return healthy, shown | listed | self._clock_watch.shown()

    async def _degraded(self) -> list[dict[str, Any]]:
        reasons = dict.fromkeys(await self._channels.unreadable(), "unreadable")
        in_use = await self._channels.in_use()
        for path, state in self._breakers.states().items():
            if state is not BreakerState.CLOSED:
                (number,) = cast("tuple[int]", path)
                if number in in_use:
                    reasons.setdefault(number, "unreachable")
        for number in self._upstream.refused_keys & in_use:
            reasons.setdefault(number, "key_refused")
        return [{"channel": one, "reason": reason} for one, reason in sorted(reasons.items())]

    def _on_channel(self, state: BreakerState) -> None:
        self._metrics.breaker(state)
        if state is BreakerState.CLOSED:
            self._sweeps.run_now()  # what was left alone is read now

    def _on_receiver(self, state: BreakerState) -> None:
        if state is BreakerState.CLOSED:
            self._deliveries.run_now()


def _webhook_shares(settings: RelaySettings) -> Shares:
    each = settings.webhooks_per_receiver
    return Shares(settings.webhooks_at_once, (_RECEIVERS * each, each))


def _token_buckets(settings: RelaySettings) -> TokenBuckets | None:
    if not settings.token_rate:
        return None
    return TokenBuckets(settings.token_rate, settings.token_burst, perf_counter)


def _new_task_id(random: Random) -> str:
    return f"kling_{random.getrandbits(128):032x}"


def _new_request_id(random: Random) -> str:
    return f"{random.getrandbits(128):032x}"
