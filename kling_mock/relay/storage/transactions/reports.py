"""Late and contradicting results, which are kept and not applied."""

from __future__ import annotations

from collections.abc import Sequence

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.money_rules import check_limit, reported
from kling_mock.relay.storage.steps import DuplicateError, RetryTransactionError, Transaction
from kling_mock.relay.storage.text import is_task_id
from kling_mock.relay.storage.values import LateReport, TaskResult, VideoRow


def record_report(
    row: VideoRow, result: TaskResult, now: int, *, status: str | None = None
) -> Transaction[None]:
    """Insert a result that is not applied, or count its repetition."""
    kept_as = status or result.status
    counted = yield sql.COUNT_REPORT, (now, row.task_id, kept_as)
    if counted:
        return
    try:
        yield (
            sql.INSERT_REPORT,
            (
                row.task_id,
                kept_as,
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
        raise RetryTransactionError from None


def find_report(task_id: str, status: str) -> Transaction[LateReport | None]:
    """Return the report of a task that is kept as *status*; None if there is none."""
    if not is_task_id(task_id):
        return None
    rows = yield sql.REPORT, (task_id, status)
    return LateReport(*rows[0]) if rows else None


def list_reports(
    *, before: int | None = None, limit: int = 100
) -> Transaction[Sequence[LateReport]]:
    """Return results that were not applied with ids below *before*, the newest first."""
    check_limit(limit)
    rows = yield sql.REPORTS, (sql.ceiling(before), limit)
    return [LateReport(*row) for row in rows]
