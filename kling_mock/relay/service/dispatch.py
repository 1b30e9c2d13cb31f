"""Sending a task to Kling: once, and to another channel only after a proven refusal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from kling_mock.clock import MockClock
from kling_mock.relay.domain import replies, wire
from kling_mock.relay.domain.channels import FailoverDecision, failover_decision
from kling_mock.relay.domain.errors import RelayError, paused, stored_refusal, upstream_refusal
from kling_mock.relay.domain.schedule import UNKNOWN_PAUSE, first_poll
from kling_mock.relay.domain.wire import CreateTaskRequest
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.channel_registry import ChannelRoute
from kling_mock.relay.service.reconciler import error_summary
from kling_mock.relay.service.upstream import Upstream
from kling_mock.relay.storage.errors import KlingTaskClashError, StorageUnavailableError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import TaskOutcome, TaskResult, VideoRow
from kling_sdk import KlingError, Task

_log: Final = logging.getLogger("kling_mock.relay")

_SOON: Final = 5  # seconds: most lost replies belong to tasks that exist


class Dispatcher:
    """Sends creates to Kling.

    Args:
        storage: The store of the rows.
        upstream: Kling.
        public_url: The URL at which Kling's callbacks reach the relay; `None` requests none.
        lease: Seconds for which an attempt counts as under way; longer than it may take.
        schedule_sweep: Called with an instant at which the sweeper has work.
        metrics: Counts how creates end.
    """

    def __init__(
        self,
        storage: Storage,
        upstream: Upstream,
        breakers: Breakers,
        clock: MockClock,
        public_url: str | None,
        lease: int,
        schedule_sweep: Callable[[float], None],
        metrics: Metrics,
    ) -> None:
        self._metrics = metrics
        self._storage = storage
        self._upstream = upstream
        self._breakers = breakers
        self._clock = clock
        self._public_url = public_url
        self._lease = lease
        self._schedule_sweep = schedule_sweep

    def lease(self) -> int:
        """Return when the lease of an attempt that starts now ends, in Unix seconds."""
        return self._now() + self._lease

    def schedule_check(self, lease: int) -> int:
        """Schedule the sweeper's check of a create, should its sender be killed; return its time.

        Args:
            lease: When the lease of the create ends.
        """
        at = lease + UNKNOWN_PAUSE
        self._schedule_sweep(at)
        return at

    async def send(
        self, row: VideoRow, request: CreateTaskRequest, routes: Sequence[ChannelRoute]
    ) -> dict[str, Any]:
        """Send a row that was just inserted; return the reply to the user.

        Raises:
            RelayError: All channels refused, provably; the hold is released.
            StorageUnavailableError: The database is unavailable; the sweeper will end the row.
        """
        try:
            return await self._send(row, request, routes)
        except (RelayError, StorageUnavailableError):
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it may have happened after Kling took it
            _log.exception("kling task error: the create of %s was interrupted", row.task_id)
            return await self._interrupted(row)

    async def _send(
        self, row: VideoRow, request: CreateTaskRequest, routes: Sequence[ChannelRoute]
    ) -> dict[str, Any]:
        error: KlingError | None = None
        waits: list[float] = []
        for turn, route in enumerate(routes):
            path = (route.channel.id,)
            if not self._breakers.is_admitted(path):
                waits.append(self._breakers.wait(path))
                continue
            # A process that was stopped for that long has lost its lease before it sends.
            renew = turn > 0 or self._now() >= row.attempt_until
            if renew and not await self._bind(row, route, self.lease()):
                break
            try:
                task = await self._attempt(row, request, route)
            except KlingError as failure:
                error = failure
                decision = failover_decision(failure)
                _log.warning(
                    "kling task error: %s, channel %d: %s (%s)",
                    row.task_id,
                    route.channel.id,
                    decision,
                    error_summary(failure),
                )
                if decision is FailoverDecision.UNKNOWN:
                    return await self._unknown(row, route)
                if decision is FailoverDecision.REFUSED:
                    break
            else:
                if task is not None:
                    return await self._accepted(row, task, route)
                waits.append(self._breakers.wait(path))
        return await self._not_accepted(row, error, waits)

    async def _not_accepted(
        self, row: VideoRow, error: KlingError | None, waits: Sequence[float]
    ) -> dict[str, Any]:
        """Refuse a create that no channel has taken.

        Args:
            row: Its row.
            error: The last refusal, if it was sent to any channel.
            waits: Seconds until each channel that was skipped may be tried again.

        Raises:
            RelayError: It was refused.
        """
        if error is not None:
            return await self._refused(row, upstream_refusal(error), error_summary(error))
        if waits:
            return await self._refused(row, paused(min(waits)), "no channel answers")
        # The task was found or given up meanwhile.
        return replies.create_reply(await self._storage.find_task(row.task_id) or row)

    async def _attempt(
        self, row: VideoRow, request: CreateTaskRequest, route: ChannelRoute
    ) -> Task | None:
        public = self._public_url
        callback = None if public is None else f"{public}/kling/callback/{row.task_id}"
        body = wire.upstream_body(request, route.target, row.task_id, callback)
        return await self._upstream.create(route.channel, route.key, request.endpoint, body)

    async def _bind(self, row: VideoRow, route: ChannelRoute, until: int) -> bool:
        return await self._storage.bind_attempt(row.task_id, route.attempt(until))

    async def _accepted(self, row: VideoRow, task: Task, route: ChannelRoute) -> dict[str, Any]:
        now = self._now()
        poll_at = first_poll(now)
        self._metrics.create("accepted")
        try:
            await self._storage.accept(row.task_id, task.task_id, now=now, next_poll_at=poll_at)
        except KlingTaskClashError as error:
            _log.error("kling task error: %s", error)
            return replies.create_reply(row)
        except StorageUnavailableError as error:
            # The task exists, and the row has the id under which to find it.
            _log.error("kling task error: %s is accepted, not stored: %s", row.task_id, error)
        self._schedule_sweep(poll_at)
        _log.info(
            "kling task %s submitted: user %d, channel %d, kling %s, %s %s, %d quota held",
            row.task_id,
            row.user_id,
            route.channel.id,
            task.task_id,
            row.type,
            row.model,
            row.held_quota,
        )
        return {**replies.create_reply(row), "kling_task_id": task.task_id}

    async def _unknown(self, row: VideoRow, route: ChannelRoute) -> dict[str, Any]:
        """Leave the outcome to the sweeper; the reply shows a task that is only submitted."""
        now = self._now()
        self._metrics.create("unknown")
        poll_at = now + _SOON
        try:
            await self._bind(row, route, now)  # the attempt is over
            await self._storage.schedule_poll(row.task_id, poll_at)
        except StorageUnavailableError as error:
            # The task may exist, so the user must not be asked to repeat. The row's lease will end.
            _log.error("kling task error: %s is unknown, not stored: %s", row.task_id, error)
        self._schedule_sweep(poll_at)
        return replies.create_reply(row)

    async def _interrupted(self, row: VideoRow) -> dict[str, Any]:
        """Leave the outcome of a create that failed in this process to the sweeper."""
        now = self._now()
        try:
            self._metrics.create("unknown")
            await self._storage.close_attempt(row.task_id, at=now)
            await self._storage.schedule_poll(row.task_id, now + _SOON)
            self._schedule_sweep(now + _SOON)
        except Exception:  # noqa: BLE001 - the row's lease ends by itself
            _log.exception("kling task error: %s is unknown, not stored", row.task_id)
        return replies.create_reply(row)

    async def _refused(self, row: VideoRow, refusal: RelayError, why: str) -> dict[str, Any]:
        """Release the hold; the user may repeat the request under the same external id.

        The refusal is stored for repeats that wait for the end of this create in any process. If
        Kling has shown the task meanwhile, the task exists, whatever the reply to the create was:
        then its row is returned as it is.

        Raises:
            RelayError: It was refused.
        """
        result = TaskResult(
            row.task_id,
            "failed",
            "create",
            fail_reason=f"refused: {why}",
            json_data=stored_refusal(refusal),
            free_external_id=True,
        )
        settled = await self._storage.settle(result, now=self._now(), user_id=row.user_id)
        if settled.row.kling_task_id is not None:
            _log.warning(
                "kling task error: the create of %s was refused, but Kling has shown the task",
                row.task_id,
            )
            self._metrics.create("accepted")
            return replies.create_reply(settled.row)
        self._metrics.create("refused")
        if settled.outcome is TaskOutcome.SETTLED:
            self._metrics.settled("failed", "create")
        raise refusal

    def _now(self) -> int:
        return int(self._clock.now())
