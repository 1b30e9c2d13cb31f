"""Which calls of wired clients are awake, and which sleep on a manual clock.

Four rules, each with a test:

1. A call counts as awake from the instant that the clock wakes it, not from the instant
   that its thread gets the processor. Otherwise the clock would run away.
2. A call inside a call (a helper that makes several) counts instead of the outer one, which
   only waits for it.
3. A sleeper outside every call is woken in time order like the others, but the clock never
   moves for its sake: a server's own background loops must not make time pass.
4. A call that was set aside, by a reset or since a fault holds its reply back, is not awake
   until it acts again. One that can never act again is dropped.

No event loop here and no thread of its own, only one lock: sleepers are on any thread.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import threading
from collections.abc import Callable, Collection
from contextvars import ContextVar
from types import TracebackType

from kling_mock.clock._calls import CallHolder

__all__ = ["PendingCall", "Sleeper", "Sleepers"]


class PendingCall:
    """One call of a wired client, as a context manager.

    Attributes:
        caller: Who makes it.
        begun: When it began, in steady seconds of real time.
        acted: When it last fell asleep, woke up or began a call inside it, likewise.
        reported: The `acted` of the last report that it holds the clock.
    """

    __slots__ = (
        "acted",
        "aside",
        "asleep",
        "awake",
        "begun",
        "caller",
        "children",
        "open",
        "parent",
        "reported",
        "sleepers",
        "sleeping",
        "waits_for_reply",
    )

    def __init__(self, sleepers: Sleepers) -> None:
        self.sleepers = sleepers
        self.parent: PendingCall | None = None
        self.children = 0
        self.sleeping = 0
        self.open = False
        self.awake = False
        self.asleep = False
        self.aside = False
        self.waits_for_reply = False
        self.begun = self.acted = 0.0
        self.reported = -1.0

    def __enter__(self) -> None:
        """Count the call as begun and awake."""
        self.caller = CallHolder.here()
        self.parent = self.sleepers.current_call()
        self.sleepers.enter(self)
        _current.set(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Count the call as ended."""
        # An abandoned coroutine is closed by the garbage collector, in the context of whoever
        # runs just then. A closed call that stays behind is skipped by current_call().
        if _current.get() is self:
            _current.set(self.parent)
        self.sleepers.leave(self)


class Sleeper:
    """One sleep in progress."""

    __slots__ = ("call", "pending", "wake", "when")

    def __init__(self, when: float, wake: Callable[[], None], call: PendingCall | None) -> None:
        self.when = when
        self.wake = wake
        self.call = call
        self.pending = True


# A key, not a store: the value is in the context of the caller, one per thread or task.
_current: ContextVar[PendingCall | None] = ContextVar("kling_mock_call", default=None)


class Sleepers:
    """The instant of a manual clock, and who waits for which other one.

    Args:
        now: The instant to begin with, Unix seconds.
        settled: Called, on any thread, each time the last awake call has ended or fallen
            asleep. It must only notify others.
        held: Called, on any thread, each time a call falls asleep while others are awake, or
            begins while others sleep. It must only notify others.
        steady: Where the passing of real time comes from, seconds.
    """

    def __init__(
        self,
        now: float,
        settled: Callable[[], None],
        held: Callable[[], None],
        steady: Callable[[], float],
    ) -> None:
        self._lock = threading.Lock()
        self._settled = settled
        self._held = held
        self._steady = steady
        self._now = now
        self._moved = 0.0
        self._heap: list[tuple[float, int, Sleeper]] = []
        self._order = itertools.count()
        self._open: dict[PendingCall, None] = {}  # in the order in which they began
        self._awake = 0
        self._asleep = 0
        self._unsettled: set[PendingCall] = set()
        self._served = False

    @property
    def now(self) -> float:
        """The instant, Unix seconds."""
        return self._now

    @property
    def moved(self) -> float:
        """Seconds that the clock has moved forward in all; a reset does not take them back."""
        return self._moved

    @property
    def all_asleep(self) -> bool:
        """Whether a call sleeps, and none is awake."""
        with self._lock:
            return self._asleep > 0 and self._awake == 0

    @property
    def is_held(self) -> bool:
        """Whether a call sleeps while another one is awake."""
        return self._asleep > 0 and self._awake > 0

    @property
    def unsettled(self) -> bool:
        """Whether a call that the clock woke has neither ended nor fallen asleep again."""
        with self._lock:
            return bool(self._unsettled)

    @property
    def awake(self) -> list[PendingCall]:
        """The calls that the clock waits for, the oldest first."""
        with self._lock:
            return [call for call in self._open if call.awake]

    def forget_unsettled(self) -> None:
        """Stop counting woken calls as unsettled; used when one of them hangs."""
        with self._lock:
            self._unsettled.clear()

    def current_call(self) -> PendingCall | None:
        """Return the innermost call of this thread or task that is still in progress."""
        call = _current.get()
        while call is not None and (call.sleepers is not self or not call.open):
            call = call.parent
        return call

    def is_inside_call(self) -> bool:
        """Return whether this runs in a call in progress, not in a task that the call started."""
        call, (thread, _, task) = self.current_call(), CallHolder.here()
        while call is not None:
            if call.open and (call.caller.thread, call.caller.task) == (thread, task):
                return True
            call = call.parent
        return False

    # ------------------------------------------------------------ calls

    def enter(self, call: PendingCall) -> None:
        """Begin *call*."""
        with self._lock:
            call.open = True
            call.begun = self._steady()
            self._open[call] = None
            if call.parent is not None:
                if call.parent in self._unsettled:
                    self._unsettled.add(call)
                call.parent.children += 1
                self._act(call.parent)
            self._act(call)
            held = self._asleep > 0
        if held:
            self._held()

    def leave(self, call: PendingCall) -> None:
        """End *call*, which makes the call around it awake again."""
        with self._lock:
            quiet = self._drop(call)
        if quiet:
            self._settled()

    def write_off(self) -> None:
        """Set all calls aside until they act again: whoever began them may be gone."""
        with self._lock:
            for call in self._open:
                self._set_aside(call)

    def drop_gone(self) -> None:
        """Count no more the calls whose thread or event loop has ended."""
        with self._lock:
            quiet = [self._drop(call) for call in [*self._open] if call.caller.is_gone]
        if any(quiet):
            self._settled()

    def set_aside_unanswered(
        self, held_since: Collection[float], server: asyncio.AbstractEventLoop | None
    ) -> bool:
        """Set the awake calls aside if each can be one that waits for a reply held back.

        Args:
            held_since: Since when each such reply is held back, in steady seconds.
            server: The server's loop. Its own calls, of a relay, are made for those of others.

        Returns:
            Whether all of them could.
        """
        with self._lock:
            awake = [call for call in self._open if call.awake]
            outer = [call for call in awake if call.caller.loop is not server]
            acted = sorted(call.acted for call in outer or awake)
            since = sorted(held_since)[-len(acted) :]
            if not acted or len(acted) > len(since):
                return False
            if any(at > held for at, held in zip(acted, since, strict=True)):
                return False
            for call in awake:
                self._set_aside(call)
                call.waits_for_reply = True
        self._settled()
        return True

    def recall(self) -> None:
        """Count the calls again whose replies were held back: they may act any time now."""
        with self._lock:
            for call in self._open:
                if call.waits_for_reply:
                    call.aside = call.waits_for_reply = False
                    self._judge(call)

    # ------------------------------------------------------------ sleeping

    def serve(self, *, served: bool) -> None:
        """Note whether a server moves the clock; if none does, each new sleep does."""
        with self._lock:
            self._served = served

    def add(self, seconds: float, wake: Callable[[], None], call: PendingCall | None) -> Sleeper:
        """Register a sleep of *seconds* that ends with a call of *wake* from any thread."""
        with self._lock:
            # Never the present instant: a caller that sleeps away a last rounding error
            # would be woken at once, with nothing left to stop it from trying again.
            when = max(self._now + seconds, math.nextafter(self._now, math.inf))
            sleeper = Sleeper(when, wake, call)
            if not self._served:
                sleeper.pending = False
                self._set(when)
                wake()
                return sleeper
            heapq.heappush(self._heap, (sleeper.when, next(self._order), sleeper))
            quiet = held = False
            if call is not None:
                call.sleeping += 1
                quiet = self._act(call)
                held = self._awake > 0
        if quiet:
            self._settled()
        if held:
            self._held()
        return sleeper

    def remove(self, sleeper: Sleeper) -> None:
        """End a sleep early; nothing happens if the clock has already ended it."""
        with self._lock:
            self._end(sleeper)

    def earliest(self) -> Sleeper | None:
        """Return the sleeper that is due next, or `None` if nobody sleeps."""
        with self._lock:
            while self._heap:
                sleeper = self._heap[0][2]
                if sleeper.pending and (sleeper.call is None or not sleeper.call.caller.is_gone):
                    return sleeper
                heapq.heappop(self._heap)
                if sleeper.pending and sleeper.call is not None:
                    sleeper.pending = False
                    self._drop(sleeper.call)
            return None

    def move(self, to: float) -> None:
        """Move the clock to the instant *to* and wake everybody due by then."""
        with self._lock:
            self._set(to)
            woken = self._due()
        for sleeper in woken:
            sleeper.wake()

    def wake_all(self) -> None:
        """Wake everybody, without moving the clock."""
        with self._lock:
            woken = [entry[2] for entry in self._heap if entry[2].pending]
            self._heap.clear()
            for sleeper in woken:
                self._end(sleeper)
        for sleeper in woken:
            sleeper.wake()

    def set_back(self, now: float) -> None:
        """Put the clock to *now*; time that has passed stays passed."""
        with self._lock:
            self._now = now

    # ------------------------------------------------------------ inside, with the lock held

    def _set(self, to: float) -> None:
        if to > self._now:
            self._moved += to - self._now
            self._now = to

    def _due(self) -> list[Sleeper]:
        woken: list[Sleeper] = []
        while self._heap and self._heap[0][0] <= self._now:
            sleeper = heapq.heappop(self._heap)[2]
            if sleeper.pending:
                woken.append(sleeper)
                self._end(sleeper)
                if sleeper.call is not None and sleeper.call.awake:
                    self._unsettled.add(sleeper.call)
        return woken

    def _end(self, sleeper: Sleeper) -> None:
        if sleeper.pending:
            sleeper.pending = False
            if sleeper.call is not None:
                sleeper.call.sleeping -= 1
                self._act(sleeper.call)

    def _drop(self, call: PendingCall) -> bool:
        """End *call*; return as `_judge`. Harmless if it has ended."""
        if not call.open:
            return False
        call.open = False
        self._open.pop(call, None)
        if call.parent is not None:
            call.parent.children -= 1
            self._act(call.parent)
            if call in self._unsettled and call.parent.awake:
                self._unsettled.add(call.parent)
        return self._judge(call)

    def _set_aside(self, call: PendingCall) -> None:
        call.aside = True
        self._judge(call)

    def _act(self, call: PendingCall) -> bool:
        call.acted = self._steady()
        call.aside = call.waits_for_reply = False
        return self._judge(call)

    def _judge(self, call: PendingCall) -> bool:
        """Recount *call*; return whether nobody is awake now, or nobody woken is."""
        asleep = call.open and call.sleeping > 0
        awake = call.open and not (call.aside or asleep or call.children)
        self._asleep += asleep - call.asleep
        self._awake += awake - call.awake
        call.asleep, call.awake = asleep, awake
        if awake:
            return False
        unsettled = call in self._unsettled
        self._unsettled.discard(call)
        return self._awake == 0 or (unsettled and not self._unsettled)
