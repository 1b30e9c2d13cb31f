"""A scheduler of due work: one timer on the relay's clock."""

from __future__ import annotations

import heapq
import math
from collections.abc import Awaitable, Callable

from kling_mock.clock import MockClock, Timer
from kling_mock.web.request_log import REQUEST_ID


class Scheduler:
    """Runs one piece of work at every instant it was scheduled for, and after each idle interval.

    Runs never overlap. Instants are whole seconds; a run covers the instants that have passed when
    it starts.

    Args:
        interval: Seconds from a run to the next one if nothing is scheduled. That run finds the
            work that other processes have left behind.
        next_due: Returns when something in the store is due, `None` for nothing; for a store
            that no other process writes to, so that idle intervals are skipped.
    """

    def __init__(
        self,
        clock: MockClock,
        interval: float,
        next_due: Callable[[], int | None] | None = None,
    ) -> None:
        self._clock = clock
        self._interval = interval
        self._next_due = next_due
        self._work: Callable[[], Awaitable[None]] | None = None
        self._instants: list[int] = []
        self._known: set[int] = set()
        self._timer: Timer | None = None
        self._working = False
        self._stopped = False

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run *work* now, and then whenever it is due; *work* itself finds out what is due."""
        self._work = work
        self.schedule(self._clock.now())

    def schedule(self, at: float) -> None:
        """Run at the instant *at*, Unix seconds; at once if that has passed."""
        instant = math.floor(at) if at <= self._clock.now() else math.ceil(at)
        if self._stopped or instant in self._known:
            return
        self._known.add(instant)
        heapq.heappush(self._instants, instant)
        if self._work is not None and not self._working:
            self._set_timer(self._work)

    def run_now(self) -> None:
        """Run at once, or again after the run under way."""
        self.schedule(self._clock.now())

    def stop(self) -> None:
        """Stop starting runs."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self, work: Callable[[], Awaitable[None]]) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        first = self._instants[0]
        if first <= self._clock.now():
            self._begin(work)
        else:
            self._timer = self._clock.call_at(first, self._begin, work)

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        self._timer = None
        self._working = True
        self._clock.spawn(self._run(work))

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        REQUEST_ID.set("")  # the run is not part of the request that made it due
        now = self._clock.now()
        while self._instants and self._instants[0] <= now:
            self._known.discard(heapq.heappop(self._instants))
        try:
            await work()
        finally:
            self._working = False
            if not self._stopped:
                self._schedule_idle()
                if self._instants:
                    self._set_timer(work)

    def _schedule_idle(self) -> None:
        """Schedule the next run if nothing else has done so."""
        if self._instants:
            return
        at = self._clock.now() + self._interval
        if self._next_due is not None:
            due = self._next_due()
            if due is None:
                return
            at = max(at, due)  # work that could not be done yet is retried only after a pause
        instant = math.ceil(at)
        self._known.add(instant)
        heapq.heappush(self._instants, instant)
