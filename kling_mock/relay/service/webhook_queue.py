"""Delivering what users are to be told, until they have got it or it is given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from kling_mock.clock import Clock
from kling_mock.relay.domain.user_webhooks import after_attempt, user_secret
from kling_mock.relay.metrics.counters import Tally
from kling_mock.relay.service.webhook_sender import Answer
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import Delivery, Notice, NoticeState
from kling_mock.web.webhook_signing import signed_headers

__all__ = ["Outbox"]

_log: Final = logging.getLogger("kling_mock.relay")

_BATCH: Final = 32
_LEASE: Final = 60  # seconds: longer than an attempt takes


class Courier(Protocol):
    """Carries one notice."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST *body* to *url*; whatever happens is in the answer."""
        ...


class Outbox:
    """Sends the notices that are due; any number of processes may do so at a time.

    Args:
        storage: Where notices are kept.
        courier: Who carries them.
        clock: The time.
        chance: Returns a number from 0 up to 1, so that retries spread.
        secret: From which each user's secret is derived.
        note: Called with the instant of a notice's next attempt.
        tally: Counts the attempts.
    """

    def __init__(
        self,
        storage: Storage,
        courier: Courier,
        clock: Clock,
        chance: Callable[[], float],
        secret: bytes,
        note: Callable[[float], None],
        tally: Tally,
    ) -> None:
        self._tally = tally
        self._storage = storage
        self._courier = courier
        self._clock = clock
        self._chance = chance
        self._secret = secret
        self._note = note

    async def deliver(self) -> None:
        """Send every notice that is due."""
        more = True
        while more:
            now = self._now()
            due = await self._storage.claim_notices(now=now, lease_until=now + _LEASE, limit=_BATCH)
            # Drawn here, in order: the answers may come in any.
            await asyncio.gather(*(self._send(notice, self._chance()) for notice in due))
            more = len(due) == _BATCH

    async def _send(self, notice: Notice, chance: float) -> None:
        body = notice.body.encode()
        secret = user_secret(self._secret, notice.user_id)
        signed = signed_headers((secret,), notice.event_id, self._now(), body)
        headers = {"Content-Type": "application/json", **dict(signed)}
        answer = await self._courier.send(notice.url, headers, body)
        now = self._now()
        verdict = after_attempt(notice, answer.status, answer.retry_after, chance)
        at = now + verdict.wait
        await self._storage.record_delivery(
            Delivery(
                notice.event_id,
                notice.attempts,
                verdict.state,
                next_at=at,
                http_status=answer.status,
                error=answer.error,
            ),
            now=now,
        )
        self._tally.delivery(verdict.state)
        _log.info(
            "kling task %s: callback to user %d %s (HTTP %d)",
            notice.task_id,
            notice.user_id,
            verdict.state,
            answer.status,
        )
        if verdict.state is NoticeState.PENDING:
            self._note(at)

    def _now(self) -> int:
        return int(self._clock.now())
