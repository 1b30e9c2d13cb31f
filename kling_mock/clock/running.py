"""Clocks that run by themselves."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import threading
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from kling_mock.clock import process_time
from kling_mock.clock.base import ClockState, MockClock, TokenWindow, differs

# Seconds of real time: timers that are due closer together than this run together. Waking up
# for each of a thousand tasks would cost more than all their requests.
_GRAIN = 0.005

_FASTEST = 1_000_000  # a second of real time is then 11 days

_TOKEN = 1_800.0  # seconds of the clock for which a token of the SDK is valid
_ON_ITS_WAY = 5.0  # seconds of real time that a request is given to arrive before a token expires


class _Segment(NamedTuple):
    """The linear course of a clock since its speed or its time was last set.

    Attributes:
        now: Unix seconds on the clock at that instant.
        passed: Seconds that had passed on the clock by then.
        since: The same instant in steady seconds of real time.
        speed: Seconds on the clock in one real second.
    """

    now: float
    passed: float
    since: float
    speed: float


class Glance(NamedTuple):
    """Both clocks of a computer at one instant.

    Attributes:
        wall: The wall clock, Unix seconds.
        steady: The monotonic clock, seconds.
    """

    wall: float
    steady: float


class ScaledClock(MockClock):
    """A clock that runs by itself, *speed* times as fast as real time.

    Args:
        speed: Seconds on this clock in one real second; more than 0.
        start: Unix seconds to begin at; `None` is the present.
        wall: Where the present comes from, Unix seconds.
        real: Where the computer's time comes from, which no test can freeze; `None` is *wall*.
        steady: Where the passing of time comes from, seconds.

    Raises:
        ValueError: *speed* is not a positive number.
    """

    def __init__(
        self,
        speed: float,
        start: float | None = None,
        *,
        wall: Callable[[], float] = process_time.wall,
        real: Callable[[], float] | None = None,
        steady: Callable[[], float] = process_time.steady,
    ) -> None:
        super().__init__(steady)
        self._wall = wall
        self._real = real or wall
        self._given_start = start
        first = wall() if start is None else start
        self._segment = _Segment(first, 0.0, steady(), _checked(speed))
        self._alarm: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Return the instant in Unix seconds."""
        segment = self._segment
        return segment.now + (self._steady() - segment.since) * segment.speed

    def token_window(self) -> TokenWindow:
        """Return real time, by which other clients sign their tokens, frozen or not."""
        here, there = self._wall(), self._real()
        if not differs(here, there):
            return TokenWindow(here, here)
        self._report_frozen(here, there)
        return TokenWindow(min(here, there), max(here, there))

    @property
    def in_flight(self) -> float:
        """Seconds of this clock for which a token that has expired is still taken."""
        return max(0.0, _ON_ITS_WAY * self._segment.speed - _TOKEN)

    @property
    def speed(self) -> float | None:
        """Seconds on this clock in one real second; see `MockClock.speed`."""
        return self._segment.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._set_speed(self.now(), _checked(speed))

    def reset(self, start: float | None = None) -> None:
        """Drop all timers and go back to the start.

        Args:
            start: Unix seconds of a new start, used from now on.
        """
        super().reset()
        if start is not None:
            self._given_start = start
        first = self._wall() if self._given_start is None else self._given_start
        self._set_speed(first, self._segment.speed)

    def load(self, moment: ClockState) -> None:
        """Restore the state that this clock had at *moment*, including its speed."""
        super().load(moment)
        self._set_speed(moment.now, moment.speed or self._segment.speed)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to run timers on *loop*; timers that came due since a stop run now."""
        super().start(loop)
        if self._timers:
            self._set_alarm(loop, self._timers[0][0])

    def stop(self) -> None:
        """Stop running timers; the time goes on."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        super().stop()

    def monotonic(self) -> float:
        """Return the seconds that have passed on this clock; a reset does not take them back."""
        segment = self._segment
        return segment.passed + (self._steady() - segment.since) * segment.speed

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Block the calling thread for *seconds* of this clock, or until *wake* is set."""
        real = max(seconds, 0.0) / self._segment.speed
        if wake is None:
            time.sleep(real)
        else:
            wake.wait(real)

    async def asleep(self, seconds: float) -> None:
        """Suspend the calling task for *seconds* of this clock."""
        await asyncio.sleep(seconds / self._segment.speed)

    def _set_speed(self, now: float, speed: float) -> None:
        """Continue from the instant *now* at *speed*; callable from any thread."""
        # A single assignment, because other threads read the clock meanwhile.
        self._segment = _Segment(now, self.monotonic(), self._steady(), speed)
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the server has just stopped
                self._loop.call_soon_threadsafe(self._run_due)

    def _first_is_due(self, when: float) -> None:
        if self._loop is not None:
            self._set_alarm(self._loop, when)

    def _set_alarm(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        delay = (when - self.now()) / self._segment.speed
        self._alarm = loop.call_later(max(delay, _GRAIN), self._run_due)

    def _run_due(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        timers, now = self._timers, self.now()
        while timers and timers[0][0] <= now:
            heapq.heappop(timers)[2].fire()
        if self._loop is not None and self._timers:
            self._set_alarm(self._loop, self._timers[0][0])


class RealClock(ScaledClock):
    """The computer's own time.

    Args:
        wall: The wall clock as this process sees it, Unix seconds.
        real: The computer's own, which no test can freeze; `None` is *wall*.
        steady: Its monotonic clock, seconds.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = process_time.wall,
        real: Callable[[], float] | None = None,
        steady: Callable[[], float] = process_time.steady,
    ) -> None:
        super().__init__(1.0, wall=wall, real=real, steady=steady)

    def now(self) -> float:
        """Return the computer's time, Unix seconds; it runs even where a test has frozen time."""
        return self._real()

    @property
    def kind(self) -> Literal["manual", "scaled", "real"]:
        """`real`: the computer's time."""
        return "real"

    @property
    def speed(self) -> float | None:
        """1: real time."""
        return 1.0

    @speed.setter
    def speed(self, speed: float) -> None:  # noqa: ARG002 - the scaled clock's
        raise RuntimeError("The real clock keeps its speed; use KlingMock(clock=1.0) to change it.")


class NodeClock(RealClock):
    """The clock of one process among several: real time, set to the time that they share.

    It starts at the wall clock's time and continues at the pace of the monotonic clock until it
    is set, so a wall clock that jumps does not move it.
    """

    def now(self) -> float:
        """Return the shared time, Unix seconds."""
        return ScaledClock.now(self)

    def time(self) -> float:
        """Return the wall clock's time, with which wired clients sign their tokens.

        A server judges tokens by its own clock, and the shared time is not known to be right.
        """
        return self._wall()

    def glance(self) -> Glance:
        """Read both clocks of this computer at once."""
        return Glance(self._wall(), self._steady())

    def set_to(self, now: float) -> None:
        """Continue from *now*, Unix seconds, and run the timers that have come due."""
        self._set_speed(now, self._segment.speed)


def _checked(speed: float) -> float:
    if type(speed) not in {int, float} or not 0 < speed <= _FASTEST:
        raise ValueError(f"speed: must be a number above 0 and up to {_FASTEST}, got {speed!r}")
    return speed
