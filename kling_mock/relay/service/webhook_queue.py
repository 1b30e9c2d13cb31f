"""Delivering webhooks to users, until each is delivered or given up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from kling_mock.clock import MockClock
from kling_mock.relay.domain.credentials import signing_secrets
from kling_mock.relay.domain.receivers import MIN_FAILURES, host_of_url
from kling_mock.relay.domain.shares import Path, Shares
from kling_mock.relay.domain.user_webhooks import DeliveryDecision, delivery_decision
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.due_work import START, DueWork
from kling_mock.relay.service.scheduler import Scheduler
from kling_mock.relay.service.webhook_sender import WebhookReply, WebhookSender
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import (
    DueNotice,
    Notice,
    NoticeState,
    Receiver,
    WebhookDelivery,
)
from kling_mock.web.webhook_signing import signed_headers

_log: Final = logging.getLogger("kling_mock.relay")

_LEASE: Final = 60  # seconds: longer than an attempt takes


class _Delivery(NamedTuple):
    """One attempt, and the random number for the pause after it.

    The number is drawn when the attempts start, since their replies may arrive in any order.
    """

    notice: Notice
    path: Path
    chance: float


class WebhookQueue(DueWork[DueNotice, _Delivery]):
    """Sends the webhooks that are due; any number of processes may share a store.

    They are sent in shares per user and receiver, so that a receiver that hangs does not delay the
    webhooks of others.

    Args:
        storage: The store in which webhooks are queued.
        sender: Sends one webhook.
        chance: Returns a number from 0 up to 1, so that retries spread.
        secret: The secret from which each user's secrets are derived.
        scheduler: Runs the deliveries.
        shares: How many attempts are made concurrently: in all, for a user, and for a receiver.
        breakers: The receivers' breakers.
        off_after: Seconds of failures in a row after which a receiver is switched off; 0 for never.
        metrics: Counts the attempts.
    """

    def __init__(
        self,
        storage: Storage,
        sender: WebhookSender,
        clock: MockClock,
        chance: Callable[[], float],
        secret: bytes,
        scheduler: Scheduler,
        shares: Shares,
        breakers: Breakers,
        off_after: int,
        metrics: Metrics,
    ) -> None:
        super().__init__(clock, scheduler, shares, breakers)
        self._metrics = metrics
        self._storage = storage
        self._sender = sender
        self._chance = chance
        self._secret = secret
        self._off_after = off_after

    async def _page(self, now: int, after: tuple[int, int], limit: int) -> Sequence[DueNotice]:
        if after == START and await self._storage.has_far_notices(now=now):
            await self._storage.hasten_notices(now=now)
        return await self._storage.list_due_notices(now=now, after=after, limit=limit)

    def _position_of(self, due: DueNotice) -> tuple[int, int]:
        return due.next_at, due.id

    def _path_of(self, due: DueNotice) -> Path:
        return due.user_id, host_of_url(due.url)

    async def _claim(self, chosen: Sequence[DueNotice], now: int) -> Sequence[_Delivery | None]:
        ids = [due.event_id for due in chosen]
        notices = await self._storage.claim_notices(ids, now=now, lease_until=now + _LEASE)
        paths = {due.event_id: self._path_of(due) for due in chosen}
        deliveries = {
            notice.event_id: _Delivery(notice, paths[notice.event_id], self._chance())
            for notice in notices
        }
        for delivery in deliveries.values():
            self._breakers.begin(delivery.path)
        return [deliveries.get(event_id) for event_id in ids]

    async def _put_off(self, due: Sequence[DueNotice], at: int, now: int) -> None:
        await self._storage.put_off_notices([notice.event_id for notice in due], at, now=now)

    async def _do(self, work: _Delivery) -> None:
        known = False
        try:
            known = await self._deliver(work)
        finally:
            if not known:
                self._breakers.abandoned(work.path)

    async def _deliver(self, delivery: _Delivery) -> bool:
        """Make one attempt unless the receiver is off; return whether the attempt was made."""
        notice = delivery.notice
        receiver = await self._storage.find_receiver(
            notice.user_id, host := host_of_url(notice.url)
        )
        if receiver is not None and receiver.is_off:
            await self._storage.stop_notice(notice.event_id, now=self._now())
            self._metrics.delivery(NoticeState.STOPPED)
            return False
        reply = await self._send(notice)
        decision = delivery_decision(notice, reply.status, reply.retry_after, delivery.chance)
        if decision.state in {NoticeState.DELIVERED, NoticeState.GONE}:
            self._breakers.replied(delivery.path)
            if receiver is not None:
                await self._storage.record_success(notice.user_id, host)
        else:
            self._breakers.failed(delivery.path)
            await self._count_failure(notice, host)
        await self._record(notice, reply, decision)
        return True

    async def _send(self, notice: Notice) -> WebhookReply:
        body = notice.body.encode()
        now = self._now()
        stored = await self._storage.find_webhook_secret(notice.user_id)
        secrets = signing_secrets(self._secret, notice.user_id, stored, now)
        signed = signed_headers(secrets, notice.event_id, now, body)
        headers = {"Content-Type": "application/json", **dict(signed)}
        return await self._sender.send(notice.url, headers, body)

    async def _count_failure(self, notice: Notice, host: str) -> None:
        now = self._now()
        receiver: Receiver = await self._storage.record_failure(
            notice.user_id,
            host,
            now=now,
            off_from=now - self._off_after if self._off_after else -1,
            min_failures=MIN_FAILURES,
        )
        if receiver.off_at == now:
            _log.error(
                "kling relay error: receiver %d of user %d has failed for days and is switched"
                " off; to switch it on again: kling-mock receiver enable %d",
                receiver.id,
                notice.user_id,
                receiver.id,
            )

    async def _record(
        self, notice: Notice, reply: WebhookReply, decision: DeliveryDecision
    ) -> None:
        now = self._now()
        at = now + decision.wait
        await self._storage.record_delivery(
            WebhookDelivery(
                notice.event_id,
                notice.attempts,
                decision.state,
                next_at=at,
                http_status=reply.status,
                error=reply.error,
            ),
            now=now,
        )
        self._metrics.delivery(decision.state)
        _log.info(
            "kling task %s: webhook to user %d %s (HTTP %d)",
            notice.task_id,
            notice.user_id,
            decision.state,
            reply.status,
        )
        if decision.state is NoticeState.PENDING:
            self._scheduler.schedule(at)
