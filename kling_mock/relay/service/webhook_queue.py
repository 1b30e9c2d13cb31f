"""Delivering webhooks to users, until each is delivered or given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kling_mock.clock import MockClock
from kling_mock.relay.domain.credentials import user_secret
from kling_mock.relay.domain.user_webhooks import delivery_decision
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.webhook_sender import WebhookSender
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import Notice, NoticeState, WebhookDelivery
from kling_mock.web.webhook_signing import signed_headers

__all__ = ["WebhookQueue"]

_log: Final = logging.getLogger("kling_mock.relay")

_BATCH: Final = 32
_LEASE: Final = 60  # seconds: longer than an attempt takes


class WebhookQueue:
    """Sends the webhooks that are due; any number of processes may share a store.

    Args:
        storage: Where webhooks are queued.
        sender: Sends one.
        clock: The time.
        chance: Returns a number from 0 up to 1, so that retries spread.
        secret: From which each user's secret is derived.
        schedule: Called with the instant of a next attempt.
        metrics: Counts the attempts.
    """

    def __init__(
        self,
        storage: Storage,
        sender: WebhookSender,
        clock: MockClock,
        chance: Callable[[], float],
        secret: bytes,
        schedule: Callable[[float], None],
        metrics: Metrics,
    ) -> None:
        self._metrics = metrics
        self._storage = storage
        self._sender = sender
        self._clock = clock
        self._chance = chance
        self._secret = secret
        self._schedule = schedule

    async def deliver(self) -> None:
        """Send every webhook that is due."""
        more = True
        while more:
            now = self._now()
            due = await self._storage.claim_notices(now=now, lease_until=now + _LEASE, limit=_BATCH)
            # Drawn here, in order: the replies may arrive in any.
            await asyncio.gather(*(self._send(notice, self._chance()) for notice in due))
            more = len(due) == _BATCH

    async def _send(self, notice: Notice, chance: float) -> None:
        body = notice.body.encode()
        secret = user_secret(self._secret, notice.user_id)
        signed = signed_headers((secret,), notice.event_id, self._now(), body)
        headers = {"Content-Type": "application/json", **dict(signed)}
        reply = await self._sender.send(notice.url, headers, body)
        now = self._now()
        decision = delivery_decision(notice, reply.status, reply.retry_after, chance)
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
            self._schedule(at)

    def _now(self) -> int:
        return int(self._clock.now())
