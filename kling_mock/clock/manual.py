"""The clock that tests move, step by step on the server's loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import math
import os
import threading
from collections.abc import Callable, Generator

from kling_mock.clock import process_time
from kling_mock.clock.base import ClockState, MockClock, TokenWindow, differs
from kling_mock.clock.sleepers import PendingCall, Sleepers, event_loop_here
from kling_mock.clock.stalls import (
    FORKED,
    GIVE_UP,
    IN_A_CALL,
    IN_A_LOOP,
    IN_ITS_OWN_LOOP,
    IN_ITS_OWN_WORK,
    IN_TRIO,
    NO_LOOP,
    NOT_STARTED,
    QUIET,
    STOPPED,
    TICK,
    Stalls,
)
from kling_mock.clock.unawaited import must_be_awaited


class SteppedClock(MockClock):
    """A clock that moves from one due event to the next, and waits for its consequences.

    Args:
        first: The instant to begin at, Unix seconds.
        steady: Where the passing of real time comes from, seconds.
    """

    def __init__(self, first: float, steady: Callable[[], float]) -> None:
        super().__init__(steady)
        self._sleepers = Sleepers(first, self._notify, self._hold, steady)
        self._pid = os.getpid()
        self._gate = threading.Lock()  # between `_submit` and `stop`
        self._moving = asyncio.Lock()
        self._changed = asyncio.Event()
        self._drifting: asyncio.Task[None] | None = None
        self._catching_up: asyncio.Task[None] | None = None
        self._epoch = 0  # counts resets and stops: each ends the advances before it
        self._settling: dict[object, float] = {}  # waits for work and calls, with their starts
        self._held_back: dict[object, float] = {}  # replies that a fault holds back: starts
        self._stalls = Stalls()
        self._watching = False

    def now(self) -> float:
        """Return the instant in Unix seconds."""
        return self._sleepers.now

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to run timers on *loop*; timers that came due since a stop run now."""
        super().start(loop)
        self._pid = os.getpid()
        # The objects of an earlier start belong to its loop.
        self._moving, self._changed, self._drifting = asyncio.Lock(), asyncio.Event(), None
        self._watching = False
        self._sleepers.serve(served=True)
        if self._timers and self._timers[0][0] <= self.now():
            self._catching_up = loop.create_task(self._catch_up())

    def stop(self) -> None:
        """Stop running timers; from now on a sleep ends at once and moves the clock itself."""
        with self._gate:
            super().stop()
        self._sleepers.serve(served=False)
        self._end_movements()

    async def drain(self, seconds: float | None = None) -> None:
        """Wait until no spawned work is left; see `MockClock.drain`."""
        with self._waiting():
            await super().drain(seconds)

    @contextlib.contextmanager
    def holding_back_reply(self) -> Generator[None]:
        """Enclose the time for which a fault holds a reply back; see `MockClock`.

        Its client is awake all the time but cannot continue: the others need not wait for it.
        """
        mark = object()
        self._held_back[mark] = self._steady()
        try:
            yield
        finally:
            del self._held_back[mark]
            self._sleepers.recall()
            self._watch()

    # ------------------------------------------------------------ moving

    async def _advance(self, seconds: float) -> None:
        epoch = self._epoch
        async with self._moving:
            target = self.now() + seconds
            await self._settle(epoch)
            while epoch == self._epoch and self._step(target):
                await self._settle(epoch)
            if epoch == self._epoch:
                self._sleepers.move(target)
        if self._loop is None:
            raise RuntimeError(STOPPED)
        self._look()  # those woken on the way may all sleep again

    async def _catch_up(self) -> None:
        """Run the timers that came due while no server ran."""
        with contextlib.suppress(RuntimeError):  # it stops again
            await self._advance(0.0)

    async def _drift(self) -> None:
        """Move for as long as every call sleeps."""
        epoch = self._epoch
        async with self._moving:
            await self._settle(epoch, calls=False)
            while epoch == self._epoch and self._sleepers.all_asleep and self._step(math.inf):
                await self._settle(epoch, calls=False)
        if self._sleepers.is_held:  # by a call that was woken just now
            self._watch()

    def _step(self, until: float) -> bool:
        """Run the next timer or wake the next sleeper due by *until*; return whether there was one.

        A timer precedes a sleeper of the same instant, so a caller that wakes up to query finds
        the answer ready.
        """
        sleeper = self._sleepers.earliest()
        limit = until if sleeper is None else min(until, sleeper.when)
        timer = self._due(limit)
        if timer is not None:
            self._sleepers.move(timer.when)
            timer.fire()
        elif sleeper is not None and sleeper.when <= until:
            self._sleepers.move(sleeper.when)
        else:
            return False
        return True

    async def _settle(self, epoch: int, *, calls: bool = True) -> None:
        """Wait for work in progress, and for the calls that the clock has woken.

        Args:
            epoch: A reset or stop since then ends the waiting.
            calls: `False` waits for work only.
        """
        if not (self._spawned or (calls and self._sleepers.unsettled)):
            return
        with self._waiting():
            while epoch == self._epoch and (self._spawned or (calls and self._sleepers.unsettled)):
                self._changed.clear()
                await self._changed.wait()

    @contextlib.contextmanager
    def _waiting(self) -> Generator[None]:
        """Enclose a wait for work or calls, which is watched."""
        mark = object()
        self._settling[mark] = self._steady()
        self._watch()
        try:
            yield
        finally:
            del self._settling[mark]

    def _end_movements(self) -> None:
        """End the advances in progress, and stop the calls in progress from holding the clock."""
        self._epoch += 1
        self._sleepers.wake_all()
        self._sleepers.write_off()
        self._changed.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        super()._ended(task)
        self._changed.set()

    def _notify(self) -> None:
        """Pass on, from any thread, that calls have settled."""
        self._on_loop(self._look)

    def _hold(self) -> None:
        """Pass on, from any thread, that a call sleeps while others are awake."""
        if not self._watching:
            self._on_loop(self._watch)

    def _on_loop(self, function: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the server has just stopped
                loop.call_soon_threadsafe(function)

    def _look(self) -> None:
        self._changed.set()
        idle = self._drifting is None or self._drifting.done()
        if idle and self._loop is not None and self._sleepers.all_asleep:
            self._drifting = self._loop.create_task(self._drift())
        elif self._sleepers.is_held:
            self._watch()

    # ------------------------------------------------------------ calls that hold it

    def _watch(self) -> None:
        """Look again in a moment, for as long as any caller waits for the clock."""
        if self._loop is not None and not self._watching:
            self._watching = True
            self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        self._watching = False
        if self._loop is None or not (self._settling or self._sleepers.is_held):
            self._stalls.end()
            return
        self._watch()
        now = self._steady()
        self._sleepers.drop_gone()
        self._set_aside_unanswered(now)
        self._wake_receiver(now)
        waiting = min(self._settling.values(), default=math.inf)
        if self._sleepers.unsettled and waiting <= now - GIVE_UP:
            self._sleepers.forget_unsettled()
            self._changed.set()
        is_held = self._sleepers.is_held or self._sleepers.unsettled
        calls = self._sleepers.awake if is_held else []
        work = [*self._spawned.values()] if self._settling else []
        text = self._stalls.look(now, self.now(), calls, work)
        if text:
            self.report(text)

    def _set_aside_unanswered(self, now: float) -> None:
        """Stop waiting for calls that can only be those whose replies a fault holds back."""
        held = [at for at in self._held_back.values() if at <= now - QUIET]
        if held and self._sleepers.set_aside_unanswered(held, self._loop):
            self._changed.set()

    def _wake_receiver(self, now: float) -> None:
        """Move for a call inside the work that the clock waits for.

        A receiver of a callback may call Kling with a wired client and have to retry: then it
        sleeps on the clock, which waits for the receiver. So the clock moves, even beyond the
        seconds requested of an `advance`.
        """
        if not (self._spawned and self._sleepers.all_asleep):
            return
        sleeper, first_start = (
            self._sleepers.earliest(),
            min(w.started_at for w in self._spawned.values()),
        )
        if sleeper is None or sleeper.call is None or sleeper.call.acted > now - QUIET:
            return
        if sleeper.call.started_at >= first_start:
            while sleeper.pending and self._step(sleeper.when):
                pass


_END = 253_402_300_800.0  # 10000-01-01T00:00:00Z, which no HTTP date can say
_WAKE_CHECK = 0.01  # seconds of real time between looks at a caller's own wake event


class ManualClock(SteppedClock):
    """A clock that stands still until it is advanced, or until every wired call sleeps.

    While calls of wired clients are in progress and all of them sleep, it moves by itself to
    the earliest wake-up and runs the server's timers on the way, in order. So `wait()` on a
    ten-minute video takes no real time, and nothing moves while any call is busy. A call that
    holds it for a second of real time while others wait is named in the log and in `reports`.

    Args:
        start: Unix seconds to begin at; `None` is the present.
        wall: Where the present comes from, Unix seconds.
        real: Where the computer's time comes from, which no test can freeze; `None` is *wall*.
        steady: Where the passing of real time comes from, seconds.
    """

    def __init__(
        self,
        start: float | None = None,
        *,
        wall: Callable[[], float] = process_time.wall,
        real: Callable[[], float] | None = None,
        steady: Callable[[], float] = process_time.steady,
    ) -> None:
        present = wall()
        first = present if start is None else start
        super().__init__(first, steady)
        self._given_start = start
        self._present = present
        self._wall, self._real = wall, real or wall
        # Other clients sign their tokens with real time; `token_window` allows for this.
        self._offset = first - present

    def token_window(self) -> TokenWindow:
        """Return real time at the start, plus the seconds that the clock was moved.

        A test that takes a real minute must not make tokens of other clients "not yet
        valid", so real time counts too where the beginning of a token is judged. Where a test
        has frozen the time of this process, its clients sign their tokens with the frozen time.
        """
        moved = self._sleepers.now - self._offset
        here, there = self._wall(), self._real()
        if not differs(here, there):
            return TokenWindow(moved, max(moved, there))
        if differs(here, self._present):  # else the mock began at the frozen time
            self._report_frozen(here, there)
        return TokenWindow(min(moved, here + moved - self._present), max(moved, here, there))

    def reset(self, start: float | None = None) -> None:
        """Drop all timers, wake all sleepers, and go back to the start.

        An `advance` in progress ends. Calls of wired clients that are in progress do not hold the
        clock until they sleep again.

        Args:
            start: Unix seconds of another start from now on.
        """
        super().reset()
        if start is not None:
            self._given_start = start
        present = self._present = self._wall()
        first = present if self._given_start is None else self._given_start
        self._offset = first - present
        self._sleepers.set_back(first)
        self._end_movements()

    def save(self) -> ClockState:
        """Return the state of this clock, for `load`."""
        return super().save()._replace(offset=self._offset, present=self._present)

    def load(self, moment: ClockState) -> None:
        """Restore the state that this clock had at *moment*; like a reset, but to that state."""
        super().load(moment)
        self._offset, self._present = moment.offset, moment.present
        self._sleepers.set_back(moment.now)

    def advance(self, seconds: float) -> None:
        """Move forward; return when everything that came due is done, including deliveries.

        A `reset` or `restore` meanwhile ends the movement.

        Args:
            seconds: 0 or more; 0 runs what is due now.

        Raises:
            RuntimeError: It is called where it would wait for itself: inside a running event
                loop, which it would block (the receiver of a callback may run there), or inside a
                call of a wired client, such as its `on_update`. Or the server does not run, or
                stops meanwhile.
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

    @must_be_awaited
    async def aadvance(self, seconds: float) -> None:
        """Move forward like `advance`, from inside an event loop of asyncio.

        Args:
            seconds: 0 or more; 0 runs what is due now.

        Raises:
            RuntimeError: It is called where it would wait for itself: inside a call of a wired
                client, or in work that the clock has started. Or no asyncio event loop runs
                here; or the server does not run, or stops meanwhile.
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
            RuntimeError: This process was forked from the server's: the clock never moves here.
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
            RuntimeError: As for `sleep`; or no asyncio event loop runs here.
        """
        self._check_process()
        if (library := event_loop_here()) != "asyncio":
            raise RuntimeError(IN_TRIO if library else NO_LOOP)
        # Let the tasks that are ready to run begin their calls first. Otherwise, if two are
        # started together, the first to fall asleep would move the clock for both.
        await asyncio.sleep(0)
        if seconds <= 0:
            return
        loop = asyncio.get_running_loop()
        alarm = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: no task is left to wake
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

    # ------------------------------------------------------------ callers that may move it

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
