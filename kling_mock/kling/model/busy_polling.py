"""Noticing an app that polls a task in its own loop while the manual clock stands still."""

from __future__ import annotations

import math

__all__ = ["MANY", "BusyPolling"]

MANY = 20  # queries of one task at one instant; clients that wait in step make a few


class BusyPolling:
    """Counts the queries of each task at one instant of the clock."""

    def __init__(self) -> None:
        self._instant = math.nan
        self._counts: dict[str, int] = {}
        self._reported = False

    def note(self, task_id: str, now: float) -> str:
        """Count a query; return what is to be reported, "" for nothing. It is reported once.

        Args:
            task_id: A task that only time can end.
            now: The time on the clock.
        """
        if self._reported:
            return ""
        if now != self._instant:
            self._instant = now
            self._counts.clear()
        count = self._counts[task_id] = self._counts.get(task_id, 0) + 1
        if count < MANY:
            return ""
        self._reported = True
        return (
            f"Task {task_id} has been queried {count} times while the mock's clock stood still. An "
            "app's own loop of get() and time.sleep(), or a wait of another process, never sees it "
            "end: sleeping there does not move a manual clock. Move it from the test "
            "(mock.clock.advance(600)), use wait() or run() of a client made by the mock, or let "
            "the clock run by itself: KlingMock(clock=60), kling_mock_clock = 60 in the ini file "
            "of pytest."
        )
