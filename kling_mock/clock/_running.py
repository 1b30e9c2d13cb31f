"""Clocks that run by themselves."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable

from kling_mock.clock._base import Clock, Outside

__all__ = ["RealClock", "ScaledClock"]

# Seconds of real time: timers that are due closer together than this run together. Waking up
# for each of a thousand tasks would cost more than all their requests.
_GRAIN = 0.005


class ScaledClock(Clock):
    """A clock that runs by itself, *speed* times as fast as real time.

    Args:
        speed: Seconds on this clock in one real second; more than 0.
        start: Unix seconds to begin at; `None` is the present.
        wall: Where the present comes from, Unix seconds.
        steady: Where the passing of time comes from, seconds.

    Raises:
        ValueError: *speed* is not a positive number.
    """

    def __init__(
        self,
        speed: float,
        start: float | None = None,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        if not (speed > 0 and math.isfinite(speed)):
            raise ValueError(f"speed: accepted is a number above 0, got {speed!r}")
        self._speed = speed
        self._wall = wall
        self._steady = steady
        self._given_start = start
        self._start = wall() if start is None else start
        self._zero = steady()
        self._alarm: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Return the instant in Unix seconds."""
        return self._start + (self._steady() - self._zero) * self._speed

    def outside(self) -> Outside:
        """Return real time: it is what other clients sign their tokens with."""
        present = self._wall()
        return Outside(present, present)

    def reset(self) -> None:
        """Drop all timers and go back to the start."""
        super().reset()
        self._start = self._wall() if self._given_start is None else self._given_start
        self._zero = self._steady()

    def stop(self) -> None:
        """Stop running timers."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        super().stop()

    def monotonic(self) -> float:
        """Return seconds of this clock since the computer started, say."""
        return self._steady() * self._speed

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Block the calling thread for *seconds* of this clock, or until *wake* is set."""
        real = max(seconds, 0.0) / self._speed
        if wake is None:
            time.sleep(real)
        else:
            wake.wait(real)

    async def asleep(self, seconds: float) -> None:
        """Suspend the calling task for *seconds* of this clock."""
        await asyncio.sleep(seconds / self._speed)

    def _scheduled(self, when: float) -> None:
        if self._loop is not None and self._timers[0][0] == when:
            self._set_alarm(self._loop, when)

    def _set_alarm(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        delay = (when - self.now()) / self._speed
        self._alarm = loop.call_later(max(delay, _GRAIN), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        while (timer := self._due(self.now())) is not None:
            timer.fire()
        if self._loop is not None and self._timers:
            self._set_alarm(self._loop, self._timers[0][0])


class RealClock(ScaledClock):
    """The computer's own time."""

    def __init__(self) -> None:
        super().__init__(1.0)

    def now(self) -> float:
        """Return the wall clock, Unix seconds."""
        return self._wall()
