"""Tasks between their create and their end: attempts, acceptance, statuses, leases; reading."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import attrs

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.errors import KlingTaskClashError, UnknownError
from kling_mock.relay.storage.money_rules import check_limit
from kling_mock.relay.storage.schema import WRITTEN_BY_OTHERS
from kling_mock.relay.storage.steps import DuplicateError, RetryTransactionError, Transaction
from kling_mock.relay.storage.text import fit, is_external_id, is_task_id, optional_id
from kling_mock.relay.storage.transactions.accounts import list_old_numbers
from kling_mock.relay.storage.transactions.reports import record_report
from kling_mock.relay.storage.transactions.services import record_service
from kling_mock.relay.storage.values import (
    MAX_LEASE,
    TERMINAL,
    Acceptance,
    Attempt,
    TaskResult,
    VideoRow,
)

# ---------------------------------------------------------------- reading

#: Characters of all reports of one page.
MAX_REPORTS: Final = 8 * 1024 * 1024


def find_task(task_id: str) -> Transaction[VideoRow | None]:
    """Return the row of a `task_id`, whichever user owns it."""
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
    """Return a user's row by its `task_id` or else by its `external_task_id`."""
    if is_task_id(any_id):
        rows = yield sql.OWN_VIDEO, (any_id, user_id, user_id)
        if rows:
            return VideoRow(*rows[0])
    if not is_external_id(any_id):
        return None
    rows = yield sql.VIDEO_BY_EXTERNAL_ID, (user_id, any_id)
    return VideoRow(*rows[0]) if rows else None


def find_by_kling_id(kling_task_id: str) -> Transaction[Sequence[VideoRow]]:
    """Return the rows with that Kling id; there is at most one per service."""
    if not is_external_id(kling_task_id):
        return []
    rows = yield sql.VIDEOS_BY_KLING_ID, (kling_task_id,)
    return [VideoRow(*row) for row in rows]


def list_tasks(
    user_id: int,
    *,
    before: int | None = None,
    limit: int = 20,
    status: str | None = None,
    reports_of: Collection[str] = (),
) -> Transaction[Sequence[VideoRow]]:
    """Return a user's rows with ids below *before*, the newest first, with "" for long texts.

    Args:
        before: Only rows with a smaller id; None begins with the newest.
        limit: How many rows at most.
        status: Only rows of this status; None for any.
        reports_of: The endpoints whose successes have their `json_data`, as long as these are
            smaller than `MAX_REPORTS` together. No row has its prompt.
    """
    check_limit(limit)
    if status is not None and not is_external_id(status):
        return []
    page: list[VideoRow] = []
    numbers = yield from list_old_numbers(user_id)
    for owner, legacy in (
        (user_id, (0, 0)),
        *((number, (1, WRITTEN_BY_OTHERS)) for number in numbers),
    ):
        if status is None:
            rows = yield sql.VIDEOS_OF_USER, (owner, *legacy, sql.ceiling(before), limit)
        else:
            values = (owner, *legacy, status, sql.ceiling(before), limit)
            rows = yield sql.VIDEOS_OF_USER_BY_STATUS, values
        page += [VideoRow(*row) for row in rows]
    if numbers:
        page = sorted(page, key=lambda row: row.id, reverse=True)[:limit]
    return (yield from _with_reports(page, reports_of))


def list_of_type(
    user_id: int, endpoint: str, *, offset: int, limit: int, reports_of: Collection[str] = ()
) -> Transaction[Sequence[VideoRow]]:
    """Return a user's rows of one endpoint, the newest first, with "" for long texts.

    Args:
        offset: How many of the newest are left out.
        limit: How many rows at most.
        reports_of: As of `list_tasks`.
    """
    numbers = yield from list_old_numbers(user_id)
    if numbers:  # the pages of several owners become one
        ids: list[int] = []
        for owner, legacy in (
            (user_id, 0),
            *((number, legacy) for number in numbers for legacy in (1, WRITTEN_BY_OTHERS)),
        ):
            rows = yield sql.IDS_OF_TYPE, (owner, endpoint, legacy, offset + limit, 0)
            ids += [number for (number,) in rows]
        ids = sorted(ids, reverse=True)[offset : offset + limit]
    else:
        rows = yield sql.IDS_OF_TYPE, (user_id, endpoint, 0, limit, offset)
        ids = [number for (number,) in rows]
    page: list[VideoRow] = []
    for number in ids:
        rows = yield sql.LISTED_VIDEO, (number,)
        page += [VideoRow(*row) for row in rows]
    return (yield from _with_reports(page, reports_of))


def _with_reports(page: list[VideoRow], of: Collection[str]) -> Transaction[Sequence[VideoRow]]:
    """Add the reports of successes to a page, the first ones whose sizes the page can hold."""
    room = MAX_REPORTS
    for place, row in enumerate(page):
        if row.type in of and row.status == "succeed" and room > 0:
            ((report,),) = yield sql.REPORT_OF_VIDEO, (row.id,)
            page[place] = attrs.evolve(row, json_data=report)
            room -= len(report)
    return page


def list_stuck(
    *, created_until: int, after: int = 0, limit: int = 100
) -> Transaction[Sequence[VideoRow]]:
    """Return open rows created at *created_until* or before, ids above *after*, lowest first.

    Legacy rows are left out.
    """
    check_limit(limit)
    rows = yield sql.STUCK, (created_until, after, limit)
    return [VideoRow(*row) for row in rows]


# ---------------------------------------------------------------- attempts and acceptance


def bind_attempt(task_id: str, attempt: Attempt) -> Transaction[bool]:
    """Record the channel through which the task is about to be sent.

    It may be called for another channel only after proof that the previous one has refused the
    task. Earlier "not found" replies no longer count.

    Returns:
        False if the row has ended or has been accepted: then the task must not be sent.

    Raises:
        UnknownError: There is no such task.
    """
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
    """Record that the attempt's socket was closed at *at*, before its lease would end."""
    if is_task_id(task_id):
        yield sql.CLOSE_ATTEMPT, (at, task_id, at)


def check_kling_id(row: VideoRow, kling_task_id: str) -> Transaction[None]:
    """Check that a row may get this id of Kling's, or raise `KlingTaskClashError`."""
    if row.kling_task_id is not None:
        raise KlingTaskClashError(row.task_id, kling_task_id)
    rows = yield sql.VIDEOS_BY_KLING_ID, (kling_task_id,)
    for task in (VideoRow(*columns) for columns in rows):
        if task.task_id == row.task_id:
            raise RetryTransactionError  # it has got the id since it was read
        if task.channel_id == row.channel_id or (task.service and task.service == row.service):
            raise KlingTaskClashError(row.task_id, kling_task_id)


def accept(
    task_id: str, kling_task_id: str, *, now: int, next_poll_at: int
) -> Transaction[Acceptance]:
    """Record Kling's id of the task. A row that has ended keeps its status.

    A row without a service gets the one of its channel.

    Raises:
        KlingTaskClashError: The row has another id, or another row of its channel or
            service has this one; nothing was changed.
        UnknownError: There is no such task.
        ValueError: The id is empty or longer than 200 characters.
    """
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
    """Record that the task is in an open *status*, known or not.

    `submitted` never replaces another status, and nothing replaces a terminal one.

    Returns:
        Whether the status changed.

    Raises:
        ValueError: The status is a terminal one: use `settle`; or it is empty.
    """
    status = fit(status, 50).rstrip(" ")
    if not status or status in TERMINAL:
        raise ValueError("an open status is neither empty nor terminal")
    if status == "submitted" or not is_task_id(task_id):
        return False
    changed = yield sql.MARK_OPEN, (status, now, task_id, status)
    return bool(changed)


# ---------------------------------------------------------------- leases


def claim_read(task_id: str, *, now: int, lease_until: int) -> Transaction[bool]:
    """Lease an open row for one poll upstream.

    Returns:
        True for one caller among all processes; False until *lease_until* for the others, and
        for rows that have ended.
    """
    if not is_task_id(task_id):
        return False
    changed = yield sql.CLAIM_READ, (lease_until, task_id, now, now + MAX_LEASE)
    return bool(changed)


def schedule_poll(task_id: str, at: int) -> Transaction[None]:
    """Set when the sweeper reads an open row next; rows that have ended are left alone.

    Args:
        at: When.
    """
    if is_task_id(task_id):
        yield sql.SCHEDULE, (at, task_id)


def schedule_sooner(task_id: str, at: int, *, now: int) -> Transaction[None]:
    """Make the sweeper poll an open row at a given time at the latest.

    If a poll is under way at this moment, the row is polled again: the result of that poll may be
    older than what the caller knows.

    Args:
        at: When.
        now: The present.
    """
    if is_task_id(task_id):
        yield sql.SCHEDULE_SOONER, (at, task_id, at, now)


def end_poll(row: VideoRow, at: int, *, lease_until: int) -> Transaction[bool]:
    """Set when a row that was claimed is read next, unless that was set since the claim.

    Args:
        row: The row, as `claim_tasks` returned it.
        at: When.
        lease_until: A new lease, before whose end no other caller reads it.

    Returns:
        False if another time was set since the claim, as by a callback.
    """
    changed = yield sql.END_POLL, (at, lease_until, row.task_id, row.next_poll_at)
    if not changed:
        yield sql.END_LEASE, (lease_until, row.task_id)
    return bool(changed)
