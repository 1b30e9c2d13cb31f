"""The end of a task: one compare-and-set, and the charge or release that follows."""

from __future__ import annotations

from typing import Any

import attrs

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.errors import KlingTaskClashError, StorageError
from kling_mock.relay.storage.money_rules import Amounts, absence, amounts, needs_service
from kling_mock.relay.storage.steps import DuplicateError, RetryTransactionError, Transaction
from kling_mock.relay.storage.transactions.accounts import user_of_old_number
from kling_mock.relay.storage.transactions.lifecycle import check_kling_id, video
from kling_mock.relay.storage.transactions.reports import record_report
from kling_mock.relay.storage.transactions.services import record_service
from kling_mock.relay.storage.values import (
    MAX_LEASE,
    UNMETERED,
    Absence,
    LedgerKind,
    NewNotice,
    NoticeState,
    Settlement,
    TaskOutcome,
    TaskResult,
    VideoRow,
)


def settle(
    result: TaskResult, *, now: int, notice: NewNotice | None = None
) -> Transaction[Settlement]:
    """End a task: status, ledger, user, token and *notice*, together and once.

    `succeed` charges `min(final, hold)`, with a ledger row also for 0, and counts the rest
    as uncollected; `failed` releases the hold. A report on a row that has ended in the
    same way changes nothing; a contradicting report is kept in `reports`. A success that is
    `unmetered` leaves a report of that too. The refusal of a create
    (`free_external_id`) changes nothing once the row has Kling's id. A legacy row gets
    its status and, for a success, a report; no money moves for it, and *notice* goes to the user
    who sees the row, if there is one. A row without a service
    that has succeeded gets the service of its channel.

    Raises:
        KlingTaskClashError: The report names another `kling_task_id` than the row, or
            another row of its channel or service has the id; nothing was changed.
        UnknownError: There is no such task.
    """
    row = yield from video(result.task_id)
    if result.kling_task_id is not None and result.kling_task_id != row.kling_task_id:
        yield from check_kling_id(row, result.kling_task_id)
    if row.status == result.status:
        return Settlement(TaskOutcome.ALREADY, row)
    if not row.is_open:
        yield from record_report(row, result, now)
        return Settlement(TaskOutcome.CONTRADICTED, row)
    if result.free_external_id and row.kling_task_id is not None:
        return Settlement(TaskOutcome.OVERRULED, row)
    succeeded = result.status == "succeed"
    due = amounts(row, result.quota) if succeeded else Amounts(0, 0)
    ended = yield from _end(row, result, due.charged, now)
    if succeeded and row.legacy:
        yield from record_report(row, result, now)
    elif succeeded:
        if result.unmetered:
            yield from record_report(row, result, now, status=UNMETERED)
        yield from _charge(row, due, now)
    else:
        yield from _release(row, now)
    if result.free_external_id and not succeeded:
        yield sql.FREE_EXTERNAL_ID, (row.task_id,)
        ended = attrs.evolve(ended, external_task_id=None)
    yield from _notify(row, notice, now)
    return Settlement(TaskOutcome.SETTLED, ended, *due)


def _end(row: VideoRow, result: TaskResult, charged: int, now: int) -> Transaction[VideoRow]:
    """Set the terminal status, if the row is still open, and return the ended row."""
    ended = attrs.evolve(
        row,
        status=result.status,
        updated_at=now,
        kling_task_id=row.kling_task_id or result.kling_task_id,
        video_id=result.video_id or row.video_id,
        store_url=result.store_url or row.store_url,
        duration=result.duration or row.duration,
        fail_reason=result.fail_reason,
        json_data=result.json_data,
        quota=charged,
        held_quota=0,
        next_poll_at=None,
    )
    try:
        if needs_service(row, result):
            labelled = yield from record_service(row)
            ended = attrs.evolve(ended, service=labelled.service)
        changed = yield (
            sql.END,
            (
                ended.status,
                now,
                ended.kling_task_id,
                ended.video_id,
                ended.store_url,
                ended.duration,
                ended.fail_reason,
                ended.json_data,
                charged,
                row.task_id,
                row.channel_id,
                ended.kling_task_id or "",
            ),
        )
    except DuplicateError:
        raise KlingTaskClashError(row.task_id, ended.kling_task_id or "") from None
    if changed != 1:
        raise RetryTransactionError
    return ended


def _charge(row: VideoRow, due: Amounts, now: int) -> Transaction[None]:
    charge = _entry(row, LedgerKind.CHARGE, -due.charged, now, due.uncollected)
    if (yield from _has_hold(row, now)):
        release = _entry(row, LedgerKind.RELEASE, -row.held_quota, now, due.uncollected)
        yield sql.INSERT_TWO_ENTRIES, release + charge
    else:
        yield sql.INSERT_LEDGER, charge
    money = (due.charged, row.held_quota, due.charged)
    changed = yield sql.CHARGE_USER, (*money, row.user_id)
    if changed != 1:
        raise StorageError(f"user {row.user_id} of task {row.task_id} is gone; nothing was charged")
    if row.token_id:
        yield sql.CHARGE_TOKEN, (*money, row.token_id)


def _release(row: VideoRow, now: int) -> Transaction[None]:
    if row.legacy:
        return
    if (yield from _has_hold(row, now)):
        yield sql.INSERT_LEDGER, _entry(row, LedgerKind.RELEASE, -row.held_quota, now)
    if row.held_quota:
        yield sql.RELEASE_USER, (row.held_quota, row.user_id)
        if row.token_id:
            yield sql.RELEASE_TOKEN, (row.held_quota, row.token_id)


def _has_hold(row: VideoRow, now: int) -> Transaction[bool]:
    """Return whether the ledger has the hold of a row, after adding it if it is missing.

    It is missing if the row was created by a process that does not write such entries. A task
    under the plain check does not have a hold.
    """
    rows = yield sql.LEDGER_ENTRY, (row.task_id, LedgerKind.HOLD.value)
    if not rows and row.held_quota:
        try:
            yield sql.INSERT_LEDGER, _entry(row, LedgerKind.HOLD, row.held_quota, now)
        except DuplicateError:
            raise RetryTransactionError from None
    return bool(rows or row.held_quota)


def _entry(
    row: VideoRow, kind: LedgerKind, amount: int, now: int, uncollected: int = 0
) -> tuple[Any, ...]:
    """Return the columns of a ledger entry of a task, without its number."""
    channel = 0 if kind is LedgerKind.HOLD else row.channel_id
    owner = (row.user_id, row.token_id, channel)
    return (kind.value, row.task_id, *owner, amount, uncollected, "", now)


def _notify(row: VideoRow, notice: NewNotice | None, now: int) -> Transaction[None]:
    if notice is None:
        return
    owner = (yield from user_of_old_number(row.user_id)) if row.legacy else row.user_id
    if owner is None:
        return
    try:
        yield (
            sql.INSERT_NOTICE,
            (
                notice.event_id,
                row.task_id,
                owner,
                notice.url,
                notice.body,
                NoticeState.PENDING.value,
                0,
                now,
                0,
                0,
                "",
                now,
                now,
            ),
        )
    except DuplicateError:
        # The caller's ids are wrong; without an error the settlement would be lost silently.
        raise StorageError(f"there is a notice {notice.event_id} already") from None


def keep_report(result: TaskResult, *, status: str, now: int) -> Transaction[None]:
    """Keep a report without applying it.

    The first report of each task and *status* is kept, and the others are counted, so the number of
    rows per task is limited by the number of statuses in use.

    Args:
        result: The report.
        status: The status under which it is kept; at most 50 characters.
        now: Unix seconds.

    Raises:
        UnknownError: There is no such task.
    """
    row = yield from video(result.task_id)
    yield from record_report(row, result, now, status=status)


def expire(
    task_id: str, *, created_until: int, reason: str, now: int, notice: NewNotice | None = None
) -> Transaction[bool]:
    """Fail an open task that was created at *created_until* or before, and release its hold.

    Returns:
        False if it had ended, is younger or is legacy: nothing was changed.

    Raises:
        UnknownError: There is no such task.
    """
    row = yield from video(task_id)
    if not row.is_open or row.legacy or row.created_at > created_until:
        return False
    result = TaskResult(task_id, "failed", "sweeper", fail_reason=reason)
    yield from _end(row, result, 0, now)
    yield from _release(row, now)
    yield from _notify(row, notice, now)
    return True


def report_not_found(
    task_id: str,
    *,
    queried_at: int,
    reason: str,
    notice: NewNotice | None = None,
    max_lease: int = MAX_LEASE,
) -> Transaction[Absence]:
    """Record that Kling, queried at *queried_at*, knew no task of this id.

    The second such reply fails the row and releases its hold, if its query was sent at
    least 60 s after the first, and the first at least 60 s after the attempt was over. Its
    external id is free then: the next request with it is a new task.

    Args:
        task_id: Our own id.
        queried_at: When the query was sent; also the time of the failure.
        reason: The `fail_reason`, if the row fails.
        notice: The callback to the user, if the row fails.
        max_lease: Maximum seconds of an attempt; an end that is further away is ignored.

    Raises:
        UnknownError: There is no such task.
    """
    row = yield from video(task_id)
    decision = absence(row, queried_at, max_lease)
    if decision is Absence.NOTED:
        latest = queried_at + max_lease
        changed = yield sql.NOTE_ABSENCE, (queried_at, task_id, latest, row.attempt_until)
        if changed != 1:
            raise RetryTransactionError
    elif decision is Absence.FAILED:
        result = TaskResult(task_id, "failed", "sweeper", fail_reason=reason)
        changed = yield (
            sql.END_ABSENT,
            (queried_at, result.fail_reason, task_id, row.not_found_at, row.attempt_until),
        )
        if changed != 1:
            raise RetryTransactionError
        yield from _release(row, queried_at)
        yield from _notify(row, notice, queried_at)
    return decision
