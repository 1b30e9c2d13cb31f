"""The composition root of a relay, where its concrete parts are created."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from time import perf_counter
from typing import Final

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
from kling_mock.relay.service.health import Health
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
from kling_mock.relay.storage.errors import StorageError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.web.access import AccessPolicy
from kling_mock.web.tls import ServerCertificate

#: Receivers of one user to which webhooks may be sent at a time, each with all that it may get.
_RECEIVERS: Final = 4
_LEAVE: Final = 0.5  # seconds of real time for the last write to the database
_DAY: Final = 86_400  # seconds


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
        token_bytes: Returns that many random bytes, for new tokens of users; `None` uses
            *random*.
        certificate: The certificate that identifies `upstream_url`; with `None` an authority
            that the computer trusts must have issued it, as for any other channel.

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
        # Each use has a source of its own: the order in which they are called depends on the
        # network, and must not change what the others return.
        by_weight, jitter, retries = (Random(random.getrandbits(64)).random for _ in range(3))  # noqa: S311 - spreads work, guards nothing
        request_ids = Random(random.getrandbits(64))  # noqa: S311 - they are names, not secrets
        metrics = Metrics(perf_counter)
        self._clock_watch = watch = ClockWatch(storage, clock)
        interval = settings.sweep_interval
        self._sweeps = sweeps = Scheduler(clock, interval, storage.next_poll_due)
        self._deliveries = deliveries = Scheduler(clock, interval, storage.next_notice_due)
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
            RepeatedCreates(storage, clock, metrics, large.run),
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
        self._health = health = Health(
            storage, clock, self._channels, breakers, self._upstream, watch, settings.write_limit
        )
        pages = MonitoringPages(metrics, breakers, health, watch.status, storage, clock, operator)
        self.handler = RelayHandler(
            service,
            self.callbacks,
            operator,
            health.report,
            clock,
            pages.by_path,
            metrics,
            partial(_new_request_id, request_ids),
            large,
        )

    async def start(self) -> None:
        """Resume unfinished work; the store is open.

        Raises:
            StorageError: The store cannot be used.
        """
        await self._clock_watch.start()
        self._health.start()
        self._sweeps.start(self._sweeper.run)
        self._deliveries.start(self._webhooks.run)

    def stop(self) -> None:
        """Stop starting new work."""
        self._clock_watch.stop()
        self._health.stop()
        self._sweeps.stop()
        self._deliveries.stop()

    async def close(self) -> None:
        """Disconnect; the relay cannot be used again."""
        with suppress(StorageError, TimeoutError):
            async with asyncio.timeout(_LEAVE):
                await self.storage.leave(self.storage.process)
        await self._upstream.close()
        await self._webhook_sender.close()
        await self.storage.close()

    def _on_channel(self, state: BreakerState) -> None:
        self._metrics.breaker(state)
        if state is BreakerState.CLOSED:
            self._sweeps.run_now()  # poll now the tasks that were put off

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
