"""Reconciliation and statistics in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from kling_mock.storage.memory.reconcile import reconciled
from kling_mock.storage.memory.webhooks import MemoryWebhooks
from kling_mock.storage.money_rules import check_limit
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import (
    REPEATS,
    Backlog,
    DailyTotals,
    DatabaseNode,
    DatabaseTime,
    LateReport,
    NoticeState,
    Reconciliation,
    SlowRecord,
    StoreStatistics,
    StoreSummary,
    VideoRow,
)

__all__ = ["MemoryStorage"]

_DAY = 86_400


class MemoryStorage(MemoryWebhooks, Storage):
    """A `Storage` without persistence: for tests, and to compare the SQL storages with."""

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def ping(self) -> DatabaseNode:
        return DatabaseNode()

    def on_connect(self, call: Callable[[], None]) -> None:
        pass

    async def read_clock(self) -> DatabaseTime | None:
        return None

    # ------------------------------------------------------------ when something is due

    def next_poll_due(self) -> int | None:
        """Return when a row will next be due, Unix seconds; `None` if never."""
        return min(
            (
                max(row.next_poll_at, row.lease_until)
                for row in self.tables.videos.values()
                if row.next_poll_at is not None
            ),
            default=None,
        )

    def next_notice_due(self) -> int | None:
        """Return when one will next be due, Unix seconds; `None` if never."""
        pending = (n for n in self.tables.notices.values() if n.state is NoticeState.PENDING)
        return min((max(n.next_at, n.lease_until) for n in pending), default=None)

    # ------------------------------------------------------------ operations

    async def find_report(self, task_id: str, status: str) -> LateReport | None:
        return self.tables.reports.get((task_id, status))

    async def list_reports(
        self, *, before: int | None = None, limit: int = 100
    ) -> Sequence[LateReport]:
        check_limit(limit)
        found = [one for one in self.tables.reports.values() if before is None or one.id < before]
        return found[::-1][:limit]

    async def reconcile(self, user_id: int | None = None) -> Sequence[Reconciliation]:
        return reconciled(self.tables, user_id)

    async def stats(self, *, since: int) -> Sequence[DailyTotals]:
        days: dict[int, list[VideoRow]] = {}
        for row in self.tables.videos.values():
            if row.created_at >= since:
                days.setdefault(row.created_at - row.created_at % _DAY, []).append(row)
        return [
            DailyTotals(
                day=day,
                total=len(rows),
                succeeded=sum(row.status == "succeed" for row in rows),
                failed=sum(row.status == "failed" for row in rows),
                charged=sum(row.quota for row in rows if row.status == "succeed"),
            )
            for day, rows in sorted(days.items(), reverse=True)
        ]

    async def list_stuck(
        self, *, created_until: int, after: int = 0, limit: int = 100
    ) -> Sequence[VideoRow]:
        check_limit(limit)
        rows = [
            row
            for row in self.tables.videos.values()
            if row.is_open and not row.legacy and row.created_at <= created_until and row.id > after
        ]
        return rows[:limit]

    async def summary(self, *, now: int) -> StoreSummary:
        polls = [one.next_poll_at for one in self.tables.videos.values()]
        states = Counter(one.state for one in self.tables.notices.values())
        return StoreSummary(
            open_tasks=sum(at is not None for at in polls),
            overdue_tasks=sum(at is not None and at <= now for at in polls),
            pending_notices=states[NoticeState.PENDING],
            dead_notices=states[NoticeState.DEAD] + states[NoticeState.GONE],
            reports=len(self.tables.reports),
        )

    async def backlog(self, *, now: int, stuck_until: int) -> Backlog:
        states = Counter[str]()
        overdue = stuck = lag = 0
        for row in self.tables.videos.values():
            if row.next_poll_at is not None:
                known = "processing" if row.status == "processing" else "submitted"
                states["unknown" if row.kling_task_id is None else known] += 1
                overdue += row.next_poll_at <= now
                stuck += row.created_at <= stuck_until
                lag = max(lag, now - row.next_poll_at)
        return Backlog(
            unknown=states["unknown"],
            submitted=states["submitted"],
            processing=states["processing"],
            overdue=overdue,
            stuck=stuck,
            lag=lag,
        )

    def statistics(self) -> StoreStatistics:
        return StoreStatistics(dict.fromkeys(REPEATS, 0))

    async def slow_statements(self, *, limit: int, running_for: float) -> SlowRecord:
        del limit, running_for
        return SlowRecord("none", recorded=False, advice="There is no database: it is in memory.")
