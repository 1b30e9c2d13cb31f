"""Polling open tasks, so that they end without queries and callbacks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kling_mock.clock import MockClock
from kling_mock.relay.domain.schedule import (
    READ_INTERVAL,
    UNKNOWN_PAUSE,
    expires_before,
    is_expired,
    next_poll,
)
from kling_mock.relay.domain.user_webhooks import webhook_of
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.reconciler import TaskReconciler
from kling_mock.storage.errors import StorageUnavailableError
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import TaskResult, VideoRow

__all__ = ["Sweeper"]

_log: Final = logging.getLogger("kling_mock.relay")

EXPIRED: Final = "The task did not end within its deadline."

_BATCH: Final = 64  # rows that one process takes at a time
_LEASE: Final = 120  # seconds: longer than reading a batch takes


class Sweeper:
    """Polls the rows that are due, and fails those past their deadline.

    Any number of processes may do so at a time: a row is leased to one of them.

    Args:
        storage: Where the rows are.
        reconciler: Reads tasks from Kling.
        clock: The time.
        chance: Returns a number from 0 up to 1, so that polls spread.
        schedule_sweep: Called with the instant of a row's next poll.
        send_webhooks: Called when a webhook to a user is due.
        at_once: How many rows are read concurrently.
        metrics: Counts the tasks that expire.
    """

    def __init__(
        self,
        storage: Storage,
        reconciler: TaskReconciler,
        clock: MockClock,
        chance: Callable[[], float],
        schedule_sweep: Callable[[float], None],
        send_webhooks: Callable[[], None],
        at_once: int,
        metrics: Metrics,
    ) -> None:
        self._metrics = metrics
        self._storage = storage
        self._reconciler = reconciler
        self._clock = clock
        self._chance = chance
        self._schedule_sweep = schedule_sweep
        self._send_webhooks = send_webhooks
        self._at_once = at_once

    async def sweep(self) -> None:
        """Poll every row that is due."""
        more = True
        while more:
            now = self._now()
            rows = await self._storage.claim_due(now=now, lease_until=now + _LEASE, limit=_BATCH)
            at_once = asyncio.Semaphore(self._at_once)
            await asyncio.gather(*(self._guarded(row, at_once) for row in rows))
            more = len(rows) == _BATCH

    async def _guarded(self, row: VideoRow, at_once: asyncio.Semaphore) -> None:
        async with at_once:
            try:
                await self._poll(row)
            except Exception:  # noqa: BLE001 - one broken row must not keep others waiting
                _log.exception("kling task error: %s cannot be polled", row.task_id)

    async def _poll(self, row: VideoRow) -> None:
        readable = await self._read(row)
        now = self._now()
        if is_expired(now, row.created_at, readable=readable) and (
            await self._reconciler.settle_unconfirmed(row)
            or await self._expire(row, now, expires_before(now, readable=readable))
        ):
            return
        known = row.kling_task_id is not None
        at = next_poll(now, row.created_at, self._chance()) if known else now + UNKNOWN_PAUSE
        await self._storage.end_poll(row, at, lease_until=now + READ_INTERVAL)
        self._schedule_sweep(at)

    async def _read(self, row: VideoRow) -> bool:
        try:
            return await self._reconciler.read(row, "sweeper")
        except StorageUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - an unreadable report must not keep a task open
            _log.exception("kling task error: the report of %s cannot be applied", row.task_id)
            return False

    async def _expire(self, row: VideoRow, now: int, created_until: int) -> bool:
        failed = TaskResult(row.task_id, "failed", "sweeper", fail_reason=EXPIRED)
        expired = await self._storage.expire(
            row.task_id,
            created_until=created_until,
            reason=EXPIRED,
            now=now,
            notice=webhook_of(row, failed, now),
        )
        if expired:
            _log.warning("kling task error: %s failed: its deadline has passed", row.task_id)
            self._metrics.settled("failed", "sweeper")
            self._send_webhooks()
        return expired

    def _now(self) -> int:
        return int(self._clock.now())
