"""Open rows that are due to be read upstream: pages of them, and leases on some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kling_mock.storage import statements as sql
from kling_mock.storage.money_rules import check_limit
from kling_mock.storage.steps import Transaction
from kling_mock.storage.text import is_task_id
from kling_mock.storage.values import DueTask, VideoRow


def list_due_tasks(
    *, now: int, after: tuple[int, int] = (0, 0), limit: int
) -> Transaction[Sequence[DueTask]]:
    check_limit(limit)
    at, number = after
    rows = yield sql.DUE_TASKS, (now, now, at, at, number, limit)
    return [DueTask(*row) for row in rows]


def claim_tasks(
    task_ids: Sequence[str], *, now: int, lease_until: int
) -> Transaction[Sequence[VideoRow]]:
    claimed: dict[str, VideoRow] = {}
    # Sorted, so that two sweepers lock the rows in the same order.
    for task_id in sorted(filter(is_task_id, task_ids)):
        changed = yield sql.CLAIM_DUE, (lease_until, task_id, now, now)
        if changed == 1:
            found = yield sql.VIDEO, (task_id,)
            claimed[task_id] = VideoRow(*found[0])
    return [claimed[task_id] for task_id in task_ids if task_id in claimed]


def put_off_tasks(task_ids: Sequence[str], at: int, *, now: int) -> Transaction[None]:
    for task_id in sorted(filter(is_task_id, task_ids)):
        yield sql.PUT_OFF, (at, task_id, at, now)


def count_open_by_token() -> Transaction[Mapping[int, int]]:
    rows = yield sql.OPEN_BY_TOKEN, ()
    return {int(token_id): int(count) for token_id, count in rows}
