"""Results that are kept and not applied."""

from __future__ import annotations

from collections.abc import Sequence

from kling_mock.storage import statements as sql
from kling_mock.storage.money_rules import check_limit, reported
from kling_mock.storage.text import is_task_id
from kling_mock.storage.transaction import AgainError, DuplicateError, Unit
from kling_mock.storage.transactions.ranges import ceiling
from kling_mock.storage.values import Report, TaskResult, VideoRow


def keep_report(
    row: VideoRow, result: TaskResult, now: int, *, status: str | None = None
) -> Unit[None]:
    """Keep a result that is not applied; the same again is counted."""
    said = status or result.status
    counted = yield sql.COUNT_REPORT, (now, row.task_id, said)
    if counted:
        return
    try:
        yield (
            sql.INSERT_REPORT,
            (
                row.task_id,
                said,
                row.user_id,
                row.channel_id,
                row.kling_task_id or result.kling_task_id,
                result.source,
                reported(row, result),
                result.json_data,
                1,
                now,
                now,
            ),
        )
    except DuplicateError:
        raise AgainError from None


def find_report(task_id: str, status: str) -> Unit[Report | None]:
    """See `Storage.find_report`."""
    if not is_task_id(task_id):
        return None
    rows = yield sql.REPORT, (task_id, status)
    return Report(*rows[0]) if rows else None


def list_reports(before: int | None, limit: int) -> Unit[Sequence[Report]]:
    """See `Storage.list_reports`."""
    check_limit(limit)
    rows = yield sql.REPORTS, (ceiling(before), limit)
    return [Report(*row) for row in rows]
