"""Applying Kling's reports of a task to its row: the only path of a result.

Queries, callbacks and the sweeper all end here, so it does not matter which of them comes first, or
how often.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from kling_mock.clock import MockClock
from kling_mock.relay.domain.channels import is_refused_key
from kling_mock.relay.domain.pricing import final_quota
from kling_mock.relay.domain.repeats import max_attempt
from kling_mock.relay.domain.schedule import READ_INTERVAL, first_poll
from kling_mock.relay.domain.states import Action, TaskEvent, action, state_of
from kling_mock.relay.domain.stored_values import (
    MAX_HINT,
    stored_duration,
    stored_id,
    stored_json,
    stored_reason,
    stored_url,
)
from kling_mock.relay.domain.user_webhooks import webhook_of
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.channel_registry import ChannelRegistry
from kling_mock.relay.service.upstream import Upstream
from kling_mock.relay.storage.errors import KlingTaskClashError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.text import TEXT_BYTES
from kling_mock.relay.storage.values import (
    MISNAMED,
    UNCONFIRMED,
    Absence,
    Settlement,
    TaskOutcome,
    TaskResult,
    VideoRow,
)
from kling_sdk import (
    Audio,
    CallbackVerificationError,
    KlingAPIError,
    KlingError,
    NotFoundError,
    Task,
    Video,
    parse_callback,
)

_log: Final = logging.getLogger("kling_mock.relay")

NEVER_CREATED: Final = "Kling knows no such task: the request did not arrive."

_EVENTS: Final = {
    "submitted": TaskEvent.SUBMITTED,
    "processing": TaskEvent.PROCESSING,
    "succeed": TaskEvent.SUCCEED,
    "succeeded": TaskEvent.SUCCEED,  # the vendor's newer spelling
    "failed": TaskEvent.FAILED,
}


class TaskReconciler:
    """Reads tasks from Kling and applies the result.

    Args:
        storage: The store of the rows.
        upstream: Kling.
        send_webhooks: Called when a webhook to a user is due.
        metrics: Counts how tasks end.
        may_expire: Returns whether the time can be trusted, so that a task may fail for its age.
    """

    def __init__(
        self,
        storage: Storage,
        channels: ChannelRegistry,
        breakers: Breakers,
        upstream: Upstream,
        clock: MockClock,
        send_webhooks: Callable[[], None],
        metrics: Metrics,
        may_expire: Callable[[], bool],
    ) -> None:
        self._metrics = metrics
        self._may_expire = may_expire
        self._storage = storage
        self._channels = channels
        self._breakers = breakers
        self._upstream = upstream
        self._clock = clock
        self._send_webhooks = send_webhooks

    async def refresh(self, row: VideoRow, source: str) -> bool:
        """Read an open row's task from Kling and apply the result, if that is not too soon.

        Args:
            source: The trigger of this poll, for the operator: `query`, `callback`.

        Returns:
            False if any process has read the task within the last 5 seconds, or if its channel
            does not answer and is left alone for a while.
        """
        if not self._breakers.is_admitted((row.channel_id,)):
            return False
        now = self._now()
        until = now + READ_INTERVAL
        if not await self._storage.claim_read(row.task_id, now=now, lease_until=until):
            return False
        await self.read(row, source)
        return True

    async def read(self, row: VideoRow, source: str) -> bool:
        """Read the task of *row* from Kling and apply the result.

        Returns:
            Whether Kling replied.
        """
        sent = await self._channels.sent_through(row)
        if sent is None:
            return False
        channel, key = sent
        sent_at = self._now()
        name = row.kling_task_id or row.task_id
        try:
            task = await self._upstream.read(channel, key, row.type, name)
        except NotFoundError as error:
            if error.code:  # else it is a page of a server between us and Kling
                await self._absent(row, sent_at, source)
            return bool(error.code)
        except KlingError as error:
            _log.log(
                # A refused key was logged once, with the channel.
                logging.DEBUG if is_refused_key(error) else logging.WARNING,
                "kling task error: %s cannot be read (%s)",
                row.task_id,
                error_summary(error),
            )
            return False
        if task is None:  # the channel is left alone for a while
            return False
        await self.apply(row, task, source)
        return True

    async def apply(self, row: VideoRow, task: Task, source: str) -> None:
        """Apply Kling's report of a task to its row.

        Args:
            row: The row as last seen.
            task: Kling's report; its origin must have been authenticated.
            source: How it was received.
        """
        if names_another(row, task):
            await self.reject(row, task, source)
            return
        if not would_change(row, task):
            return
        event = _event(task)
        try:
            if event in {TaskEvent.SUCCEED, TaskEvent.FAILED}:
                await self._end(row, task, event, source)
            else:
                await self._open(row, task, event)
        except KlingTaskClashError as error:
            # This is an error: two of our tasks would have the same task of Kling.
            _log.error("kling task error: %s", error)

    async def reject(self, row: VideoRow, task: Task, source: str) -> None:
        """Keep a report that names another task in the reports of *row*, and change nothing else.

        Args:
            task: Kling's report; see `names_another`.
            source: How it was received.
        """
        result = _result(row, task, _event(task), source, MAX_HINT)
        await self._storage.keep_report(result, status=MISNAMED, now=self._now())
        self._metrics.contradiction()
        _log.error(
            "kling task error: %s: what was received by %s names another external id; stored as a"
            " report, nothing changed",
            row.task_id,
            source,
        )

    async def read_first(self, row: VideoRow, task: Task) -> bool:
        """Read an open row's task from Kling, because its signed success does not state units.

        If Kling does not show that the task has ended, cannot be reached, or was read a moment ago,
        the success is stored as an `UNCONFIRMED` report: `settle_unconfirmed` applies it if no poll
        has ended the row by its deadline.

        Args:
            task: The success; its origin must have been authenticated.

        Returns:
            False if the task was read within the last 5 seconds, so that it must be read again
            later.
        """
        try:
            await self._store_id(row, task)
        except KlingTaskClashError as error:
            _log.error("kling task error: %s", error)
            return True
        known = await self._storage.find_task(row.task_id) or row
        was_read = await self.refresh(known, "callback")
        if was_read:
            known = await self._storage.find_task(row.task_id) or row
        if known.is_open:
            result = _result(known, task, TaskEvent.SUCCEED, "callback")
            await self._storage.keep_report(result, status=UNCONFIRMED, now=self._now())
            _log.warning(
                "kling task error: %s: a signed success does not state its units, and no poll has "
                "stated them yet",
                row.task_id,
            )
        return was_read

    async def settle_unconfirmed(self, row: VideoRow) -> bool:
        """End a row whose deadline has passed with its `UNCONFIRMED` success, if there is one.

        Neither the report nor a poll has stated units, so the row's hold is charged.

        Returns:
            Whether the row has ended.
        """
        stored = await self._storage.find_report(row.task_id, UNCONFIRMED)
        if stored is None:
            return False
        try:
            task = parse_callback(stored.json_data.encode(), verify=False).task
        except CallbackVerificationError:  # it was too large to be stored whole
            return False
        await self.apply(row, task, "callback")
        ended = await self._storage.find_task(row.task_id)
        return ended is not None and not ended.is_open

    async def keep_unverified(self, row: VideoRow, task: Task) -> None:
        """Store an unsigned callback that contradicts the end of *row* as a report.

        One callback per status is stored, with at most 4,096 bytes of its body; others are counted.
        """
        event = _event(task)
        result = _result(row, task, event, "callback", MAX_HINT)
        await self._storage.keep_report(result, status=f"unverified_{event}", now=self._now())
        _log.warning(
            "kling task error: %s is %s and an unsigned callback reports %s; stored as a report",
            row.task_id,
            row.status,
            event,
        )

    async def _store_id(self, row: VideoRow, task: Task) -> None:
        if row.kling_task_id is None:
            now = self._now()
            await self._storage.accept(
                row.task_id, task.task_id, now=now, next_poll_at=first_poll(now)
            )

    async def _open(self, row: VideoRow, task: Task, event: TaskEvent) -> None:
        await self._store_id(row, task)
        now = self._now()
        await self._storage.mark_open(row.task_id, event.value, now=now)
        _log.info("kling task %s is %s (kling %s)", row.task_id, event, task.task_id)

    async def _end(self, row: VideoRow, task: Task, event: TaskEvent, source: str) -> None:
        now = self._now()
        result = _result(row, task, event, source)
        settled = await self._storage.settle(
            result, now=now, notice=webhook_of(row, result, now), user_id=row.user_id
        )
        self._log_end(settled, result)
        if settled.outcome is TaskOutcome.SETTLED and row.callback_url is not None:
            self._send_webhooks()

    async def _absent(self, row: VideoRow, sent_at: int, source: str) -> None:
        if not self._may_expire():  # the time for which Kling has not known it cannot be trusted
            return
        failed = TaskResult(row.task_id, "failed", source, fail_reason=NEVER_CREATED)
        absence = await self._storage.report_not_found(
            row.task_id,
            queried_at=sent_at,
            reason=NEVER_CREATED,
            notice=webhook_of(row, failed, sent_at),
            max_lease=max_attempt(self._clock.speed),
        )
        if absence is Absence.FAILED:
            _log.warning("kling task error: %s failed: Kling never received it", row.task_id)
            self._metrics.settled("failed", source)
            self._send_webhooks()

    def _log_end(self, settled: Settlement, result: TaskResult) -> None:
        row = settled.row
        if settled.outcome is TaskOutcome.SETTLED:
            amounts = (settled.charged, settled.uncollected)
            self._metrics.settled(row.status, result.source, *amounts)
            _log.info(
                "kling task %s %s by %s: user %d charged %d quota (%d uncollected)",
                row.task_id,
                row.status,
                result.source,
                row.user_id,
                settled.charged,
                settled.uncollected,
            )
            if result.unmetered and not row.legacy:
                self._metrics.unmetered_success()
                _log.warning(
                    "kling task error: %s is unmetered: its units are unknown, so its hold "
                    "was charged",
                    row.task_id,
                )
        elif settled.outcome is TaskOutcome.CONTRADICTED:
            self._metrics.contradiction()
            _log.error(
                "kling task error: %s is %s and %s reports %s; stored as a report, nothing changed",
                row.task_id,
                row.status,
                result.source,
                result.status,
            )

    def _now(self) -> int:
        return int(self._clock.now())


def would_change(row: VideoRow, task: Task) -> bool:
    """Return whether applying *task* would change *row*, or contradict it."""
    return action(state_of(row.status, row.kling_task_id), _event(task)) is not Action.KEEP


def names_another(row: VideoRow, task: Task) -> bool:
    """Return whether *task* names another external id than the one with which *row* was sent.

    Such a task does not belong to the row, for example because the channel leads to another service
    by now. The external id of a legacy row is unknown.
    """
    return not row.legacy and task.external_task_id not in {None, "", row.task_id}


def lacks_units(task: Task) -> bool:
    """Return whether *task* is a success without its units."""
    return _event(task) is TaskEvent.SUCCEED and final_quota(task.units) is None


def _event(task: Task) -> TaskEvent:
    return _EVENTS.get(task.status, TaskEvent.PROCESSING)  # an unknown status is not an end


def error_summary(error: KlingError) -> str:
    """Return the parts of *error* that may be logged: a server's message may quote a prompt."""
    if isinstance(error, KlingAPIError):
        return f"HTTP {error.http_status}, code {error.code}"
    return type(error).__name__


def _result(
    row: VideoRow, task: Task, event: TaskEvent, source: str, max_bytes: int = TEXT_BYTES
) -> TaskResult:
    video = task.videos[0] if task.videos else None
    first = task.files[0] if task.files else None
    succeeded = event is TaskEvent.SUCCEED
    quota = final_quota(task.units, row.type) if succeeded else None
    return TaskResult(
        task_id=row.task_id,
        status="succeed" if succeeded else "failed",
        source=source,
        quota=quota,
        unmetered=succeeded and quota is None,
        kling_task_id=task.task_id,
        video_id="" if video is None else stored_id(video.id),
        store_url="" if first is None else stored_url(first.url),
        duration=stored_duration(first.duration) if isinstance(first, Video | Audio) else "",
        fail_reason="" if succeeded else stored_reason(task.status_msg) or "Kling gave no reason.",
        json_data=stored_json(task.raw, max_bytes),
    )
