"""The clock that tests move."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import math
import threading
import time
from collections.abc import Callable

from kling_mock.clock._base import ClockState, MockClock, TokenWindow
from kling_mock.clock._sleepers import PendingCall, Sleepers

__all__ = ["ManualClock"]

_SETTLE_LIMIT = 5.0  # seconds of real time that advance() waits for the clients that it woke
_END = 253_402_300_800.0  # 10000-01-01T00:00:00Z, which no HTTP date can say
_WAKE_CHECK = 0.01  # seconds of real time between looks at a caller's own wake event


class ManualClock(MockClock):
    """A clock that stands still until it is advanced, or until every wired call sleeps.

    While calls of wired clients are in progress and all of them sleep, it moves by itself to
    the earliest wake-up and runs the server's timers on the way, in order. So `wait()` on a
    ten-minute video takes no real time, and nothing moves while anybody is busy.

    Args:
        start: Unix seconds to begin at; `None` is the present.
        wall: Where the present comes from, Unix seconds.
    """

    def __init__(
        self, start: float | None = None, *, wall: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._given_start = start
        self._wall = wall
        present = wall()
        first = present if start is None else start
        # Other clients sign their tokens with real time; `token_window` allows for this.
        self._offset = first - present
        self._sleepers = Sleepers(first, self._notify)
        self._moving = asyncio.Lock()
        self._changed = asyncio.Event()
        self._drifting: asyncio.Task[None] | None = None

    def now(self) -> float:
        """Return the instant in Unix seconds."""
        return self._sleepers.now

    def token_window(self) -> TokenWindow:
        """Return real time at the start, plus what the clock was moved by.

        A test that takes a real minute must not make tokens of other clients "not yet
        valid", so real time counts too where the beginning of a token is judged.
        """
        moved = self._sleepers.now - self._offset
        return TokenWindow(moved, max(moved, self._wall()))

    def reset(self, start: float | None = None) -> None:
        """Drop all timers, wake whoever sleeps, and go back to the start.

        Args:
            start: Unix seconds of another start from now on.
        """
        super().reset()
        if start is not None:
            self._given_start = start
        present = self._wall()
        first = present if self._given_start is None else self._given_start
        self._offset = first - present
        self._sleepers.reset(first)

    def save(self) -> ClockState:
        """Return all that this clock knows, for `load`."""
        return super().save()._replace(offset=self._offset)

    def load(self, moment: ClockState) -> None:
        """Become what this clock was at *moment*; whoever sleeps wakes up."""
        super().load(moment)
        self._offset = moment.offset
        self._sleepers.reset(moment.now)

    def advance(self, seconds: float) -> None:
        """Move forward; return when all that came due is done, deliveries included.

        Args:
            seconds: 0 or more; 0 runs what is due now.

        Raises:
            RuntimeError: Called inside a running event loop, which it would block (the
                receiver of a callback may run there); or the server is not running.
            ValueError: *seconds* is negative or not a number, or leads beyond the year 9999.
        """
        if _inside_event_loop():
            raise RuntimeError(
                "clock.advance() would block the running event loop, and with it whoever is to "
                "receive a callback. Use `await clock.aadvance(seconds)` here."
            )
        moving = self._submit(seconds)
        try:
            moving.result()
        finally:
            moving.cancel()  # on KeyboardInterrupt; otherwise it has ended

    async def aadvance(self, seconds: float) -> None:
        """Move forward like `advance`, from inside an event loop.

        Args:
            seconds: 0 or more; 0 runs what is due now.

        Raises:
            RuntimeError: The server is not running.
            ValueError: *seconds* is negative or not a number, or leads beyond the year 9999.
        """
        if asyncio.get_running_loop() is self._loop:
            await self._advance(self._duration(seconds))
        else:
            await asyncio.wrap_future(self._submit(seconds))

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to run timers on *loop*."""
        super().start(loop)
        self._sleepers.serve()

    def stop(self) -> None:
        """Stop running timers; from now on a sleep ends at once and moves the clock itself."""
        self._sleepers.retire()
        super().stop()

    def monotonic(self) -> float:
        """Return the seconds that the clock has moved; a reset does not take them back."""
        return self._sleepers.moved

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Block the calling thread until the clock has moved by *seconds*, or *wake* is set."""
        if seconds <= 0 or (wake is not None and wake.is_set()):
            return
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
        """Suspend the calling task until the clock has moved by *seconds*."""
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
        return PendingCall(self._sleepers)

    def _submit(self, seconds: float) -> concurrent.futures.Future[None]:
        duration = self._duration(seconds)
        if self._loop is None:
            raise RuntimeError("The clock moves only while its server runs: `with KlingMock()`.")
        return asyncio.run_coroutine_threadsafe(self._advance(duration), self._loop)

    def _duration(self, seconds: float) -> float:
        if not (seconds >= 0 and math.isfinite(seconds)):
            raise ValueError(f"seconds: must be a number of 0 or more, got {seconds!r}")
        if self.now() + seconds >= _END:
            raise ValueError("seconds: the clock cannot be moved beyond the year 9999")
        return float(seconds)

    async def _advance(self, seconds: float) -> None:
        async with self._moving:
            target = self.now() + seconds
            await self._settle()
            while self._step(target):
                await self._settle()
            self._sleepers.move(target)
        self._look()  # those woken on the way may all sleep again

    async def _drift(self) -> None:
        """Move for as long as every call sleeps."""
        async with self._moving:
            await self.drain()
            while self._sleepers.all_asleep and self._step(math.inf):
                await self.drain()

    def _step(self, until: float) -> bool:
        """Do the one next thing that is due by *until*; return whether there was any.

        A timer goes before a sleeper of the same instant: whoever wakes up to ask finds the
        answer ready.
        """
        sleeper = self._sleepers.earliest()
        limit = until if sleeper is None else min(until, sleeper)
        timer = self._due(limit)
        if timer is not None:
            self._sleepers.move(timer.when)
            timer.fire()
        elif sleeper is not None and sleeper <= until:
            self._sleepers.move(sleeper)
        else:
            return False
        return True

    async def _settle(self) -> None:
        """Wait for work in progress, and for the calls that the clock has woken."""
        await self.drain()
        while self._sleepers.unsettled:
            self._changed.clear()
            try:
                async with asyncio.timeout(_SETTLE_LIMIT):
                    while self._sleepers.unsettled:
                        await self._changed.wait()
                        self._changed.clear()
            except TimeoutError:
                self._sleepers.forget_unsettled()
            await self.drain()

    def _notify(self) -> None:
        """Pass on, from any thread, that calls have settled."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the server has just stopped
                loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._changed.set()
        idle = self._drifting is None or self._drifting.done()
        if idle and self._loop is not None and self._sleepers.all_asleep:
            self._drifting = self._loop.create_task(self._drift())


def _inside_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
