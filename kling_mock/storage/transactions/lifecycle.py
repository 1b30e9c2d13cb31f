"""Tasks between their create and their end: attempts, acceptance, statuses, leases; reading."""

from __future__ import annotations

from collections.abc import Sequence

from kling_mock.storage import statements as sql
from kling_mock.storage.errors import KlingTaskClashError, UnknownError
from kling_mock.storage.money_rules import check_limit
from kling_mock.storage.steps import DuplicateError, RetryTransactionError, Transaction
from kling_mock.storage.text import fit, is_external_id, is_task_id, optional_id
from kling_mock.storage.transactions.reports import record_report
from kling_mock.storage.transactions.services import record_service
from kling_mock.storage.values import TERMINAL, Acceptance, Attempt, TaskResult, VideoRow

# ---------------------------------------------------------------- reading


def find_task(task_id: str) -> Transaction[VideoRow | None]:
    if not is_task_id(task_id):
        return None
    rows = yield sql.VIDEO, (task_id,)
    return VideoRow(*rows[0]) if rows else None


def video(task_id: str) -> Transaction[VideoRow]:
    """Return a row, or raise `UnknownError`."""
    row = yield from find_task(task_id)
    if row is None:
        raise UnknownError("task", task_id)
    return row


def get_task(user_id: int, any_id: str) -> Transaction[VideoRow | None]:
    if is_task_id(any_id):
        rows = yield sql.OWN_VIDEO, (any_id, user_id)
        if rows:
            return VideoRow(*rows[0])
    if not is_external_id(any_id):
        return None
    rows = yield sql.VIDEO_BY_EXTERNAL_ID, (user_id, any_id)
    return VideoRow(*rows[0]) if rows else None


def find_by_kling_id(kling_task_id: str) -> Transaction[Sequence[VideoRow]]:
    if not is_external_id(kling_task_id):
        return []
    rows = yield sql.VIDEOS_BY_KLING_ID, (kling_task_id,)
    return [VideoRow(*row) for row in rows]


def list_tasks(
    user_id: int, *, before: int | None = None, limit: int = 20, status: str | None = None
) -> Transaction[Sequence[VideoRow]]:
    check_limit(limit)
    if status is None:
        rows = yield sql.VIDEOS_OF_USER, (user_id, sql.ceiling(before), limit)
    elif is_external_id(status):
        rows = yield sql.VIDEOS_OF_USER_BY_STATUS, (user_id, status, sql.ceiling(before), limit)
    else:
        rows = ()
    return [VideoRow(*row) for row in rows]


def list_stuck(
    *, created_until: int, after: int = 0, limit: int = 100
) -> Transaction[Sequence[VideoRow]]:
    check_limit(limit)
    rows = yield sql.STUCK, (created_until, after, limit)
    return [VideoRow(*row) for row in rows]


# ---------------------------------------------------------------- attempts and acceptance


def bind_attempt(task_id: str, attempt: Attempt) -> Transaction[bool]:
    row = yield from video(task_id)
    if not row.is_open or row.legacy or row.kling_task_id is not None:
        return False
    bound = (attempt.channel_id, attempt.channel_key_id, attempt.until, attempt.service)
    now = (row.channel_id, row.channel_key_id, row.attempt_until, row.service, row.not_found_at)
    if now == (*bound, None):
        return True  # bound by this call's first run; MySQL would count no change
    changed = yield sql.BIND_ATTEMPT, (*bound, task_id)
    if changed != 1:
        raise RetryTransactionError
    return True


def close_attempt(task_id: str, *, at: int) -> Transaction[None]:
    if is_task_id(task_id):
        yield sql.CLOSE_ATTEMPT, (at, task_id, at)


def check_kling_id(row: VideoRow, kling_task_id: str) -> Transaction[None]:
    """Check that a row may get this id of Kling's, or raise `KlingTaskClashError`."""
    if row.kling_task_id is not None:
        raise KlingTaskClashError(row.task_id, kling_task_id)
    rows = yield sql.VIDEOS_BY_KLING_ID, (kling_task_id,)
    for one in (VideoRow(*found) for found in rows):
        if one.task_id == row.task_id:
            raise RetryTransactionError  # it has got the id since it was read
        if one.channel_id == row.channel_id or (one.service and one.service == row.service):
            raise KlingTaskClashError(row.task_id, kling_task_id)


def accept(
    task_id: str, kling_task_id: str, *, now: int, next_poll_at: int
) -> Transaction[Acceptance]:
    if optional_id(kling_task_id) is None:
        raise ValueError("Kling's id of the task is empty")
    try:
        if is_task_id(task_id):
            changed = yield sql.ACCEPT, (kling_task_id, next_poll_at, task_id)
            if changed == 1:
                return Acceptance.RECORDED
        return (yield from _accept_seldom(task_id, kling_task_id, now, next_poll_at))
    except DuplicateError:
        raise KlingTaskClashError(task_id, kling_task_id) from None


def _accept_seldom(
    task_id: str, kling_task_id: str, now: int, next_poll_at: int
) -> Transaction[Acceptance]:
    """Accept a row that has no service yet, has the id already, has ended, or is legacy."""
    row = yield from video(task_id)
    if row.kling_task_id == kling_task_id:
        return Acceptance.ALREADY
    yield from check_kling_id(row, kling_task_id)
    row = yield from record_service(row)
    if row.is_open and not row.legacy:
        changed = yield sql.ACCEPT, (kling_task_id, next_poll_at, task_id)
    else:
        changed = yield sql.ACCEPT_QUIETLY, (kling_task_id, task_id, row.status)
    if changed != 1:
        raise RetryTransactionError
    if row.status != "failed":
        return Acceptance.RECORDED
    late = TaskResult(task_id, "failed", "create", kling_task_id=kling_task_id)
    yield from record_report(row, late, now, status="accepted")
    return Acceptance.LATE


def mark_open(task_id: str, status: str, *, now: int) -> Transaction[bool]:
    status = fit(status, 50).rstrip(" ")
    if not status or status in TERMINAL:
        raise ValueError("an open status is neither empty nor terminal")
    if status == "submitted" or not is_task_id(task_id):
        return False
    changed = yield sql.MARK_OPEN, (status, now, task_id, status)
    return bool(changed)


# ---------------------------------------------------------------- leases


def claim_read(task_id: str, *, now: int, lease_until: int) -> Transaction[bool]:
    if not is_task_id(task_id):
        return False
    changed = yield sql.CLAIM_READ, (lease_until, task_id, now)
    return bool(changed)


def schedule_poll(task_id: str, at: int) -> Transaction[None]:
    if is_task_id(task_id):
        yield sql.SCHEDULE, (at, task_id)


def schedule_sooner(task_id: str, at: int, *, now: int) -> Transaction[None]:
    if is_task_id(task_id):
        yield sql.SCHEDULE_SOONER, (at, task_id, at, now)


def end_poll(row: VideoRow, at: int, *, lease_until: int) -> Transaction[None]:
    yield sql.END_POLL, (row.next_poll_at, at, lease_until, row.task_id)
