"""Work that is done when something is due: one timer, on the relay's clock."""

from __future__ import annotations

import heapq
import math
from collections.abc import Awaitable, Callable

from kling_mock.clock import Clock, Timer
from kling_mock.web.request_ids import REQUEST_ID

__all__ = ["Alarm"]


class Alarm:
    """Runs *work* at every instant that it was told of, and now and then besides.

    Only one run is under way at a time. Instants are whole seconds; those that have passed by
    the beginning of a run are done with it.

    Args:
        clock: The time.
        work: What to do; it finds out by itself what is due.
        idle: Seconds after a run to the next one, if it is told of nothing. By then it sees
            what other processes have left behind.
    """

    def __init__(self, clock: Clock, work: Callable[[], Awaitable[None]], idle: float) -> None:
        self._clock = clock
        self._work = work
        self._idle = idle
        self._instants: list[int] = []
        self._known: set[int] = set()
        self._timer: Timer | None = None
        self._working = False
        self._stopped = False

    def start(self) -> None:
        """Do what has been left behind, now."""
        self.note(self._clock.now())

    def note(self, at: float) -> None:
        """Have the work done at the instant *at*, Unix seconds; at once if that has passed."""
        instant = math.floor(at) if at <= self._clock.now() else math.ceil(at)
        if self._stopped or instant in self._known:
            return
        self._known.add(instant)
        heapq.heappush(self._instants, instant)
        if not self._working:
            self._set()

    def stop(self) -> None:
        """Start no more work."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _set(self) -> None:
        """Ring for the earliest instant."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        first = self._instants[0]
        if first <= self._clock.now():
            self._ring()
        else:
            self._timer = self._clock.call_at(first, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._working = True
        self._clock.spawn(self._run())

    async def _run(self) -> None:
        REQUEST_ID.set("")  # it is not part of the request that made it due
        now = self._clock.now()
        while self._instants and self._instants[0] <= now:
            self._known.discard(heapq.heappop(self._instants))
        try:
            await self._work()
        finally:
            self._working = False
            if not self._stopped:
                if not self._instants:
                    self.note(self._clock.now() + self._idle)
                else:
                    self._set()
