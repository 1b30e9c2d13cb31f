"""Polling open tasks, so that they end without queries and callbacks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from kling_mock.clock import MockClock
from kling_mock.relay.domain.schedule import (
    READ_INTERVAL,
    UNKNOWN_PAUSE,
    expires_before,
    is_expired,
    next_poll,
)
from kling_mock.relay.domain.shares import Path, Shares
from kling_mock.relay.domain.user_webhooks import webhook_of
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.due_work import START, DueWork
from kling_mock.relay.service.reconciler import TaskReconciler
from kling_mock.relay.service.scheduler import Scheduler
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import DueTask, TaskResult, VideoRow

_log: Final = logging.getLogger("kling_mock.relay")

EXPIRED: Final = "The task did not end within its deadline."

_LEASE: Final = 120  # seconds: longer than one poll takes


class _Poll(NamedTuple):
    """One row to be polled, and the random number for its next poll.

    The number is drawn when the polls start, since they may end in any order.
    """

    row: VideoRow
    chance: float


class Sweeper(DueWork[DueTask, _Poll]):
    """Polls the rows that are due, and fails those past their deadline.

    Any number of processes may do so at a time: a row is leased to one of them. Rows are taken in
    shares per channel, so that a channel that hangs does not delay the rows of others.

    Args:
        storage: The store of the rows.
        reconciler: Reads tasks from Kling.
        chance: Returns a number from 0 up to 1, so that polls spread.
        scheduler: Runs the sweeps.
        send_webhooks: Called when a webhook to a user is due.
        shares: How many rows are read concurrently, in all and of a channel.
        metrics: Counts the tasks that expire.
        may_expire: Returns whether the time can be trusted, so that a task may fail for its age.
    """

    def __init__(
        self,
        storage: Storage,
        reconciler: TaskReconciler,
        clock: MockClock,
        chance: Callable[[], float],
        scheduler: Scheduler,
        send_webhooks: Callable[[], None],
        shares: Shares,
        breakers: Breakers,
        metrics: Metrics,
        may_expire: Callable[[], bool],
    ) -> None:
        super().__init__(clock, scheduler, shares, breakers)
        self._metrics = metrics
        self._may_expire = may_expire
        self._storage = storage
        self._reconciler = reconciler
        self._chance = chance
        self._send_webhooks = send_webhooks

    async def _page(self, now: int, after: tuple[int, int], limit: int) -> Sequence[DueTask]:
        if after == START:  # rows that a wrong clock has put off for hours are due now
            for task_id in await self._storage.list_far_tasks(now=now, limit=limit):
                await self._storage.schedule_sooner(task_id, now, now=now)
        return await self._storage.list_due_tasks(now=now, after=after, limit=limit)

    def _position_of(self, due: DueTask) -> tuple[int, int]:
        return due.next_poll_at, due.id

    def _path_of(self, due: DueTask) -> Path:
        return (due.channel_id,)

    async def _claim(self, chosen: Sequence[DueTask], now: int) -> Sequence[_Poll | None]:
        ids = [due.task_id for due in chosen]
        rows = await self._storage.claim_tasks(ids, now=now, lease_until=now + _LEASE)
        polls = {row.task_id: _Poll(row, self._chance()) for row in rows}
        return [polls.get(task_id) for task_id in ids]

    async def _put_off(self, due: Sequence[DueTask], at: int, now: int) -> None:
        await self._storage.put_off_tasks([task.task_id for task in due], at, now=now)

    def _is_last_call(self, due: DueTask, now: int) -> bool:
        # The row's deadline has passed, even the one for an upstream that cannot be read.
        return is_expired(now, due.created_at, readable=False)

    async def _do(self, work: _Poll) -> None:
        try:
            await self._poll(work)
        except Exception:  # noqa: BLE001 - one broken row must not keep others waiting
            _log.exception("kling task error: %s cannot be polled", work.row.task_id)

    async def _poll(self, poll: _Poll) -> None:
        row = poll.row
        readable = await self._read(row)
        now = self._now()
        expired = is_expired(now, row.created_at, readable=readable) and self._may_expire()
        if expired and (
            await self._reconciler.settle_unconfirmed(row)
            or await self._expire(row, now, expires_before(now, readable=readable))
        ):
            return
        known = row.kling_task_id is not None
        at = next_poll(now, row.created_at, poll.chance) if known else now + UNKNOWN_PAUSE
        soon = now + READ_INTERVAL
        was_set = await self._storage.end_poll(row, at, lease_until=soon)
        # A poll that was requested meanwhile is due when the lease ends; until then others find
        # the row leased.
        self._scheduler.schedule(at if was_set else soon)

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
