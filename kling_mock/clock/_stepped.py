"""The movement of a manual clock, on the server's loop: one thing after the other."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import threading
from collections.abc import Callable, Generator

from kling_mock.clock._base import MockClock
from kling_mock.clock._sleepers import Sleepers
from kling_mock.clock._stalls import GIVE_UP, QUIET, STOPPED, TICK, Stalls

__all__ = ["SteppedClock"]


class SteppedClock(MockClock):
    """A clock that moves from one thing that is due to the next, and waits for what it causes.

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
        self._settling: dict[object, float] = {}  # who waits for work and calls, and since when
        self._held_back: dict[object, float] = {}  # replies that a fault holds back, since when
        self._stalls = Stalls()
        self._watching = False

    def now(self) -> float:
        """Return the instant in Unix seconds."""
        return self._sleepers.now

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to run timers on *loop*; what came due since a stop runs now."""
        super().start(loop)
        self._pid = os.getpid()
        # Those of an earlier start belong to its loop.
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

    async def drain(self) -> None:
        """Wait until no spawned work is left, including work that the work spawned."""
        with self._waiting():
            await super().drain()

    @contextlib.contextmanager
    def holding_back_reply(self) -> Generator[None]:
        """Enclose the time for which a fault holds a reply back; see `MockClock`.

        Its client is awake all the time and cannot go on: the others need not wait for it.
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
        """Do what came due while no server ran."""
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
        """Do the one next thing that is due by *until*; return whether there was any.

        A timer goes before a sleeper of the same instant: whoever wakes up to ask finds the
        answer ready.
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
        """End the advances in progress, and let the calls in progress hold the clock no more."""
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

    # ------------------------------------------------------------ who holds it

    def _watch(self) -> None:
        """Look again in a moment, for as long as anybody waits on the clock."""
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
        """Wait no more for calls that can only be those whose replies a fault holds back."""
        held = [at for at in self._held_back.values() if at <= now - QUIET]
        if held and self._sleepers.set_aside_unanswered(held, self._loop):
            self._changed.set()

    def _wake_receiver(self, now: float) -> None:
        """Move for a call inside the work that the clock waits for.

        A receiver of a callback that calls Kling with a wired client, and has to repeat, sleeps
        on the clock, which waits for the receiver. So the clock moves, also beyond what an
        `advance` was asked for.
        """
        if not (self._spawned and self._sleepers.all_asleep):
            return
        sleeper, begun = self._sleepers.earliest(), min(w.begun for w in self._spawned.values())
        if sleeper is None or sleeper.call is None or sleeper.call.acted > now - QUIET:
            return
        if sleeper.call.begun >= begun:
            while sleeper.pending and self._step(sleeper.when):
                pass
