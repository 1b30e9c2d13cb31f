"""Open rows that are due to be read upstream: pages of them, and leases on some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.money_rules import check_limit
from kling_mock.relay.storage.steps import Statement, Transaction
from kling_mock.relay.storage.text import is_task_id
from kling_mock.relay.storage.values import MAX_LEASE, MAX_PAUSE, DueTask, VideoRow


def list_due_tasks(
    *, now: int, after: tuple[int, int] = (0, 0), limit: int
) -> Transaction[Sequence[DueTask]]:
    """Return a page of open rows that are due and not leased, the longest overdue first.

    Args:
        after: `next_poll_at` and `id` of the last row of the page before.
        limit: Maximum number of rows.
    """
    check_limit(limit)
    at, number = after
    rows = yield sql.DUE_TASKS, (now, now, now + MAX_LEASE, at, at, number, limit)
    return [DueTask(*row) for row in rows]


def list_far_tasks(*, now: int, limit: int) -> Transaction[Sequence[str]]:
    """Return open rows whose next poll is further away than any pause, as after a wrong clock."""
    check_limit(limit)
    rows = yield sql.FAR_POLLS, (now + MAX_PAUSE, limit)
    return [str(task_id) for (task_id,) in rows]


def claim_tasks(
    task_ids: Sequence[str], *, now: int, lease_until: int
) -> Transaction[Sequence[VideoRow]]:
    """Lease those of some rows that are still due to be read upstream.

    No other caller gets them before *lease_until*. If the caller is killed before it calls
    `end_poll`, they are free again after that time.
    """
    claimed: dict[str, VideoRow] = {}
    # Sorted, so that two sweepers lock the rows in the same order.
    for task_id in sorted(filter(is_task_id, task_ids)):
        changed = yield sql.CLAIM_DUE, (lease_until, task_id, now, now, now + MAX_LEASE)
        if changed == 1:
            rows = yield sql.VIDEO, (task_id,)
            claimed[task_id] = VideoRow(*rows[0])
    return [claimed[task_id] for task_id in task_ids if task_id in claimed]


def put_off_tasks(task_ids: Sequence[str], at: int, *, now: int) -> Transaction[None]:
    """Schedule the poll of some rows that are not leased for *at*, unless they are due later."""
    for task_id in sorted(filter(is_task_id, task_ids)):
        yield sql.PUT_OFF, (at, task_id, at, now, now + MAX_LEASE)


def count_open_by_token() -> Transaction[Mapping[int, int]]:
    """Return the number of open tasks of each token; tokens without any may be missing."""
    rows = yield sql.OPEN_BY_TOKEN, ()
    return {int(token_id): int(count) for token_id, count in rows}


def count_open_of_channel(channel_id: int) -> Transaction[int]:
    """Return the number of a channel's open tasks."""
    ((count,),) = yield sql.OPEN_OF_CHANNEL, (channel_id,)
    return int(count)


def next_due(statement: Statement) -> Transaction[int | None]:
    """Return when a row or a notice will next be due, Unix seconds; `None` if never."""
    ((at,),) = yield statement, ()
    return None if at is None else int(at)
