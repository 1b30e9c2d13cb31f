"""The clock that tests move."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import math
import os
import threading
import time
from collections.abc import Callable

from kling_mock.clock._base import ClockState, TokenWindow
from kling_mock.clock._calls import event_loop_here
from kling_mock.clock._sleepers import PendingCall
from kling_mock.clock._stalls import (
    FORKED,
    IN_A_CALL,
    IN_A_LOOP,
    IN_ITS_OWN_LOOP,
    IN_ITS_OWN_WORK,
    IN_TRIO,
    NO_LOOP,
    NOT_STARTED,
    STOPPED,
)
from kling_mock.clock._stepped import SteppedClock

__all__ = ["ManualClock"]

_END = 253_402_300_800.0  # 10000-01-01T00:00:00Z, which no HTTP date can say
_WAKE_CHECK = 0.01  # seconds of real time between looks at a caller's own wake event


class ManualClock(SteppedClock):
    """A clock that stands still until it is advanced, or until every wired call sleeps.

    While calls of wired clients are in progress and all of them sleep, it moves by itself to
    the earliest wake-up and runs the server's timers on the way, in order. So `wait()` on a
    ten-minute video takes no real time, and nothing moves while anybody is busy. Whoever holds
    it for a second of real time while others wait is named in the log and in `reports`.

    Args:
        start: Unix seconds to begin at; `None` is the present.
        wall: Where the present comes from, Unix seconds.
        steady: Where the passing of real time comes from, seconds.
    """

    def __init__(
        self,
        start: float | None = None,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        present = wall()
        first = present if start is None else start
        super().__init__(first, steady)
        self._given_start = start
        self._wall = wall
        # Other clients sign their tokens with real time; `token_window` allows for this.
        self._offset = first - present

    def token_window(self) -> TokenWindow:
        """Return real time at the start, plus what the clock was moved by.

        A test that takes a real minute must not make tokens of other clients "not yet
        valid", so real time counts too where the beginning of a token is judged.
        """
        moved = self._sleepers.now - self._offset
        return TokenWindow(moved, max(moved, self._wall()))

    def reset(self, start: float | None = None) -> None:
        """Drop all timers, wake whoever sleeps, and go back to the start.

        An `advance` in progress ends. Calls of wired clients that are in progress hold the clock
        no more until they sleep again.

        Args:
            start: Unix seconds of another start from now on.
        """
        super().reset()
        if start is not None:
            self._given_start = start
        present = self._wall()
        first = present if self._given_start is None else self._given_start
        self._offset = first - present
        self._sleepers.set_back(first)
        self._end_movements()

    def save(self) -> ClockState:
        """Return all that this clock knows, for `load`."""
        return super().save()._replace(offset=self._offset)

    def load(self, moment: ClockState) -> None:
        """Become what this clock was at *moment*; like a reset, but to there."""
        super().load(moment)
        self._offset = moment.offset
        self._sleepers.set_back(moment.now)

    def advance(self, seconds: float) -> None:
        """Move forward; return when all that came due is done, deliveries included.

        A `reset` or `restore` meanwhile ends it.

        Args:
            seconds: 0 or more; 0 runs what is due now.

        Raises:
            RuntimeError: Called where it would wait for itself: inside a running event loop,
                which it would block (the receiver of a callback may run there), or inside a call
                of a wired client, such as its `on_update`. Or the server does not run, or stops
                meanwhile.
            ValueError: *seconds* is negative or not a number, or leads beyond the year 9999.
        """
        self._check_caller()
        library = event_loop_here()
        if library == "trio":
            raise RuntimeError(IN_TRIO)
        if library:
            inside = asyncio.get_running_loop() is self._loop
            raise RuntimeError(IN_ITS_OWN_LOOP if inside else IN_A_LOOP)
        moving = self._submit(seconds)
        try:
            moving.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError(STOPPED) from None
        finally:
            moving.cancel()  # on KeyboardInterrupt; otherwise it has ended

    async def aadvance(self, seconds: float) -> None:
        """Move forward like `advance`, from inside an event loop of asyncio.

        Args:
            seconds: 0 or more; 0 runs what is due now.

        Raises:
            RuntimeError: Called where it would wait for itself: inside a call of a wired
                client, or in work that the clock has started. Or there is no event loop of
                asyncio; or the server does not run, or stops meanwhile.
            ValueError: *seconds* is negative or not a number, or leads beyond the year 9999.
        """
        self._check_caller()
        library = event_loop_here()
        if library != "asyncio":
            raise RuntimeError(IN_TRIO if library else NO_LOOP)
        if asyncio.get_running_loop() is self._loop:
            if asyncio.current_task() in self._spawned:
                raise RuntimeError(IN_ITS_OWN_WORK)
            await self._advance(self._duration(seconds))
        else:
            await asyncio.wrap_future(self._submit(seconds))

    def monotonic(self) -> float:
        """Return the seconds that the clock has moved; a reset does not take them back."""
        return self._sleepers.moved

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Block the calling thread until the clock has moved by *seconds*, or *wake* is set.

        Raises:
            RuntimeError: In a process that was forked from the server's: nothing moves there.
        """
        if seconds <= 0 or (wake is not None and wake.is_set()):
            return
        self._check_process()
        alarm = threading.Event()
        sleeper = self._sleepers.add(seconds, alarm.set, self._sleepers.current_call())
        try:
            if wake is None:
                alarm.wait()
            else:
                # Nothing in the standard library waits for either of two events.
                while not alarm.wait(_WAKE_CHECK) and not wake.is_set():
                    pass
        finally:
            self._sleepers.remove(sleeper)

    async def asleep(self, seconds: float) -> None:
        """Suspend the calling task until the clock has moved by *seconds*.

        Raises:
            RuntimeError: As `sleep`; or there is no event loop of asyncio.
        """
        self._check_process()
        if (library := event_loop_here()) != "asyncio":
            raise RuntimeError(IN_TRIO if library else NO_LOOP)
        # Let the tasks that are ready to run begin their calls first: of two that are started
        # together, the first to fall asleep would otherwise move the clock for both.
        await asyncio.sleep(0)
        if seconds <= 0:
            return
        loop = asyncio.get_running_loop()
        alarm = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to wake
                loop.call_soon_threadsafe(alarm.set)

        sleeper = self._sleepers.add(seconds, wake, self._sleepers.current_call())
        try:
            await alarm.wait()
        finally:
            self._sleepers.remove(sleeper)

    def call(self) -> contextlib.AbstractContextManager[None]:
        """Enclose one call of a wired client: the clock stands still while it is awake."""
        if self._is_forked:
            return contextlib.nullcontext()  # the clock stands still in any case
        return PendingCall(self._sleepers)

    # ------------------------------------------------------------ who may move it

    @property
    def _is_forked(self) -> bool:
        """Whether the server runs in the process that this one was forked from."""
        return self._loop is not None and os.getpid() != self._pid

    def _check_process(self) -> None:
        if self._is_forked:
            raise RuntimeError(FORKED)

    def _check_caller(self) -> None:
        self._check_process()
        if self._sleepers.is_inside_call():
            raise RuntimeError(IN_A_CALL)

    def _submit(self, seconds: float) -> concurrent.futures.Future[None]:
        duration = self._duration(seconds)
        with self._gate:  # what is submitted before a stop runs, and then ends by itself
            if self._loop is None:
                raise RuntimeError(STOPPED if self._was_started else NOT_STARTED)
            return asyncio.run_coroutine_threadsafe(self._advance(duration), self._loop)

    def _duration(self, seconds: float) -> float:
        is_number = type(seconds) in {int, float}
        if not (is_number and 0 <= seconds < math.inf):  # a bool, or text, is a mistake
            raise ValueError(f"seconds: must be a number of 0 or more, got {seconds!r}")
        if self.now() + seconds >= _END:
            raise ValueError("seconds: the clock cannot be moved beyond the year 9999")
        return float(seconds)
