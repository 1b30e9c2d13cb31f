"""What Kling says of a task, carried into its row: the one way in which results arrive.

Queries, callbacks and the sweeper all end here, so it makes no difference which of them comes
first, or how often.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from kling_mock.clock import Clock
from kling_mock.relay.domain.money import final_quota
from kling_mock.relay.domain.schedule import READ_INTERVAL, first_look
from kling_mock.relay.domain.states import Action, Event, action, state_of
from kling_mock.relay.domain.stored_values import (
    MAX_HINT,
    stored_id,
    stored_json,
    stored_reason,
    stored_url,
)
from kling_mock.relay.domain.user_webhooks import notice_of
from kling_mock.relay.metrics.counters import Tally
from kling_mock.relay.service.channel_registry import Directory
from kling_mock.relay.service.upstream import Upstream
from kling_mock.storage.errors import KlingTaskClashError
from kling_mock.storage.protocol import Storage
from kling_mock.storage.text import TEXT_BYTES
from kling_mock.storage.values import (
    UNCONFIRMED,
    Absence,
    Outcome,
    Settlement,
    TaskResult,
    VideoRow,
)
from kling_sdk import CallbackVerificationError, parse_callback
from kling_sdk.errors import KlingAPIError, KlingError, NotFoundError
from kling_sdk.results import Task

__all__ = ["Reports", "brief", "names_no_units", "would_change"]

_log: Final = logging.getLogger("kling_mock.relay")

NEVER_CREATED: Final = "Kling knows no such task: the request did not arrive."

_LONGEST_SECONDS: Final = 20  # characters: `videos.duration`

_EVENTS: Final = {
    "submitted": Event.SUBMITTED,
    "processing": Event.PROCESSING,
    "succeed": Event.SUCCEED,
    "succeeded": Event.SUCCEED,  # the vendor's newer spelling
    "failed": Event.FAILED,
}


class Reports:
    """Reads tasks from Kling and applies what it says.

    Args:
        storage: Where the rows are.
        directory: The ways to Kling.
        upstream: Kling.
        clock: The time.
        told: Called when there is something to tell a user.
        tally: Counts how tasks end.
    """

    def __init__(
        self,
        storage: Storage,
        directory: Directory,
        upstream: Upstream,
        clock: Clock,
        told: Callable[[], None],
        tally: Tally,
    ) -> None:
        self._tally = tally
        self._storage = storage
        self._directory = directory
        self._upstream = upstream
        self._clock = clock
        self._told = told

    async def refresh(self, row: VideoRow, source: str) -> bool:
        """Read an open row from Kling and apply it, if that is not too soon.

        Args:
            row: The row.
            source: Who wants it, for the operator: `query`, `callback`.

        Returns:
            False if it was read within the last 5 seconds, by whichever process.
        """
        now = self._now()
        until = now + READ_INTERVAL
        if not await self._storage.claim_read(row.task_id, now=now, lease_until=until):
            return False
        await self.read(row, source)
        return True

    async def read(self, row: VideoRow, source: str) -> bool:
        """Read *row* from Kling and apply what it says.

        Returns:
            Whether Kling could be asked.
        """
        way = await self._directory.back(row)
        if way is None:
            _log.error(
                "kling task error: %s cannot be read: channel %d has no key %s any more",
                row.task_id,
                row.channel_id,
                row.channel_key_id,
            )
            return False
        asked_at = self._now()
        name = row.kling_task_id or row.task_id
        try:
            task = await self._upstream.read(way.channel.base_url, way.key, row.type, name)
        except NotFoundError as error:
            if error.code:  # else it is the page of something in between
                await self._absent(row, asked_at, source)
            return bool(error.code)
        except KlingError as error:
            _log.warning("kling task error: %s cannot be read (%s)", row.task_id, brief(error))
            return False
        await self.apply(row, task, source)
        return True

    async def apply(self, row: VideoRow, task: Task, source: str) -> None:
        """Apply what Kling says of *row*.

        Args:
            row: The row as last seen.
            task: What Kling says; it must have come over an authenticated way.
            source: How it came.
        """
        if not would_change(row, task):
            return
        event = _event(task)
        try:
            if event in {Event.SUCCEED, Event.FAILED}:
                await self._end(row, task, event, source)
            else:
                await self._open(row, task, event)
        except KlingTaskClashError as error:
            # Loud: two tasks of ours would be one of Kling's.
            _log.error("kling task error: %s", error)

    async def read_first(self, row: VideoRow, task: Task) -> bool:
        """Read an open row from Kling, because a signed success of it names no units.

        If Kling does not show its end, cannot be asked, or was asked a moment ago, the success
        is kept as `UNCONFIRMED`: `settle_unconfirmed` applies it if no reading has ended the
        row by its deadline.

        Args:
            row: The row.
            task: The success; it must have come over an authenticated way.

        Returns:
            False if it was read within the last 5 seconds, so that somebody must look later.
        """
        try:
            await self._note_id(row, task)
        except KlingTaskClashError as error:
            _log.error("kling task error: %s", error)
            return True
        known = await self._storage.find_task(row.task_id) or row
        was_read = await self.refresh(known, "callback")
        if was_read:
            known = await self._storage.find_task(row.task_id) or row
        if known.is_open:
            result = _result(known, task, Event.SUCCEED, "callback")
            await self._storage.keep_report(result, status=UNCONFIRMED, now=self._now())
            _log.warning(
                "kling task error: %s: a signed success names no units, and no reading has yet",
                row.task_id,
            )
        return was_read

    async def settle_unconfirmed(self, row: VideoRow) -> bool:
        """End a row whose deadline has passed by a success that is kept as `UNCONFIRMED`.

        Neither the report nor a reading has stated units, so its hold is charged.

        Returns:
            Whether the row has ended.
        """
        kept = await self._storage.find_report(row.task_id, UNCONFIRMED)
        if kept is None:
            return False
        try:
            task = parse_callback(kept.json_data.encode()).task
        except CallbackVerificationError:  # it was too large to be kept whole
            return False
        await self.apply(row, task, "callback")
        ended = await self._storage.find_task(row.task_id)
        return ended is not None and not ended.is_open

    async def keep_unverified(self, row: VideoRow, task: Task) -> None:
        """Keep a callback that nobody has signed and that contradicts the end of *row*.

        Of each status one is kept, with at most 4,096 bytes of its body; others are counted.
        """
        event = _event(task)
        result = _result(row, task, event, "callback", MAX_HINT)
        await self._storage.keep_report(result, status=f"unverified_{event}", now=self._now())
        _log.warning(
            "kling task error: %s is %s and an unsigned callback says %s; kept aside",
            row.task_id,
            row.status,
            event,
        )

    async def _note_id(self, row: VideoRow, task: Task) -> None:
        if row.kling_task_id is None:
            now = self._now()
            await self._storage.accept(
                row.task_id, task.task_id, now=now, next_poll_at=first_look(now)
            )

    async def _open(self, row: VideoRow, task: Task, event: Event) -> None:
        await self._note_id(row, task)
        now = self._now()
        await self._storage.mark_open(row.task_id, event.value, now=now)
        _log.info("kling task %s is %s (kling %s)", row.task_id, event, task.task_id)

    async def _end(self, row: VideoRow, task: Task, event: Event, source: str) -> None:
        now = self._now()
        result = _result(row, task, event, source)
        settled = await self._storage.settle(result, now=now, notice=notice_of(row, result, now))
        self._log_end(settled, result)
        if settled.outcome is Outcome.SETTLED and row.callback_url is not None:
            self._told()

    async def _absent(self, row: VideoRow, asked_at: int, source: str) -> None:
        failed = TaskResult(row.task_id, "failed", source, fail_reason=NEVER_CREATED)
        verdict = await self._storage.report_not_found(
            row.task_id,
            asked_at=asked_at,
            reason=NEVER_CREATED,
            notice=notice_of(row, failed, asked_at),
        )
        if verdict is Absence.FAILED:
            _log.warning("kling task error: %s failed: Kling never got it", row.task_id)
            self._tally.settled("failed", source)
            self._told()

    def _log_end(self, settled: Settlement, result: TaskResult) -> None:
        row = settled.row
        if settled.outcome is Outcome.SETTLED:
            amounts = (settled.charged, settled.uncollected)
            self._tally.settled(row.status, result.source, *amounts)
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
                self._tally.unstated()
                _log.warning(
                    "kling task error: %s is unmetered: nobody stated its units, so its hold "
                    "was charged",
                    row.task_id,
                )
        elif settled.outcome is Outcome.CONTRADICTED:
            self._tally.contradiction()
            _log.error(
                "kling task error: %s is %s and %s reports %s; kept aside, nothing changed",
                row.task_id,
                row.status,
                result.source,
                result.status,
            )

    def _now(self) -> int:
        return int(self._clock.now())


def would_change(row: VideoRow, task: Task) -> bool:
    """Whether what is said of *row* is news."""
    return action(state_of(row.status, row.kling_task_id), _event(task)) is not Action.KEEP


def names_no_units(task: Task) -> bool:
    """Whether *task* is a success that does not say what it cost."""
    return _event(task) is Event.SUCCEED and final_quota(task.units) is None


def _event(task: Task) -> Event:
    return _EVENTS.get(task.status, Event.PROCESSING)  # a new word is not an end


def brief(error: KlingError) -> str:
    """Return what may be logged of *error*: a server's own words may quote a prompt."""
    if isinstance(error, KlingAPIError):
        return f"HTTP {error.http_status}, code {error.code}"
    return type(error).__name__


def _result(
    row: VideoRow, task: Task, event: Event, source: str, most: int = TEXT_BYTES
) -> TaskResult:
    video = task.videos[0] if task.videos else None
    succeeded = event is Event.SUCCEED
    quota = final_quota(task.units) if succeeded else None
    return TaskResult(
        task_id=row.task_id,
        status="succeed" if succeeded else "failed",
        source=source,
        quota=quota,
        unmetered=succeeded and quota is None,
        kling_task_id=task.task_id,
        video_id="" if video is None else stored_id(video.id),
        store_url="" if video is None else stored_url(video.url),
        duration="" if video is None else _seconds(video.duration),
        fail_reason="" if succeeded else stored_reason(task.status_msg) or "Kling gave no reason.",
        json_data=stored_json(task.raw, most),
    )


def _seconds(duration: Decimal | None) -> str:
    """Return a result's length as text; "" if Kling states none that `videos` has room for."""
    text = "" if duration is None else f"{duration:f}"
    return text if len(text) <= _LONGEST_SECONDS else ""
