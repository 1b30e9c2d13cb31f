"""Which calls of wired clients are awake, and which sleep on a manual clock.

Three rules, each with a test:

1. A call counts as awake from the instant that the clock wakes it, not from the instant
   that its thread gets the processor. Otherwise the clock would run away.
2. A call inside a call (a helper that makes several) counts instead of the outer one, which
   only waits for it.
3. A sleeper outside every call is woken in time order like the others, but the clock never
   moves for its sake: a server's own background loops must not make time pass.

No event loop here and no thread of its own, only one lock: sleepers are on any thread.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType

__all__ = ["PendingCall", "Sleeper", "Sleepers"]


class PendingCall:
    """One call of a wired client, as a context manager."""

    __slots__ = ("awake", "children", "open", "parent", "sleepers", "sleeping")

    def __init__(self, sleepers: Sleepers) -> None:
        self.sleepers = sleepers
        self.parent: PendingCall | None = None
        self.children = 0
        self.sleeping = 0
        self.open = False
        self.awake = False

    def __enter__(self) -> None:
        """Count the call as begun and awake."""
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
        # Not ContextVar.reset(): an async generator may be closed in another context, where
        # the token is refused. A closed call that stays behind is skipped by current_call().
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
    """

    def __init__(self, now: float, settled: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._settled = settled
        self._now = now
        self._moved = 0.0
        self._heap: list[tuple[float, int, Sleeper]] = []
        self._order = itertools.count()
        self._calls = 0
        self._awake = 0
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
        """Whether calls are in progress and every one of them sleeps."""
        with self._lock:
            return self._calls > 0 and self._awake == 0

    @property
    def unsettled(self) -> bool:
        """Whether a call that the clock woke has neither ended nor fallen asleep again."""
        with self._lock:
            return bool(self._unsettled)

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

    def enter(self, call: PendingCall) -> None:
        """Begin *call*."""
        with self._lock:
            call.open = True
            self._calls += 1
            if call.parent is not None:
                if call.parent in self._unsettled:
                    self._unsettled.add(call)
                call.parent.children += 1
                self._judge(call.parent)
            self._judge(call)

    def leave(self, call: PendingCall) -> None:
        """End *call*, which makes the call around it awake again."""
        with self._lock:
            call.open = False
            self._calls -= 1
            if call.parent is not None:
                call.parent.children -= 1
                self._judge(call.parent)
                if call in self._unsettled and call.parent.awake:
                    self._unsettled.add(call.parent)
            quiet = self._judge(call)
        if quiet:
            self._settled()

    def serve(self) -> None:
        """Begin: a server moves the clock."""
        with self._lock:
            self._served = True

    def retire(self) -> None:
        """End: no server moves the clock any more, so each new sleep moves it by itself."""
        with self._lock:
            self._served = False

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
            quiet = False
            if call is not None:
                call.sleeping += 1
                quiet = self._judge(call)
        if quiet:
            self._settled()
        return sleeper

    def remove(self, sleeper: Sleeper) -> None:
        """End a sleep early; nothing happens if the clock has already ended it."""
        with self._lock:
            self._end(sleeper)

    def earliest(self) -> float | None:
        """Return when the next sleeper is due, or `None` if nobody sleeps."""
        with self._lock:
            while self._heap and not self._heap[0][2].pending:
                heapq.heappop(self._heap)
            return self._heap[0][0] if self._heap else None

    def move(self, to: float) -> None:
        """Move the clock to the instant *to* and wake everybody due by then."""
        with self._lock:
            self._set(to)
            woken = self._due()
        for sleeper in woken:
            sleeper.wake()

    def reset(self, now: float) -> None:
        """Put the clock back to *now* and wake everybody; time that has passed stays passed."""
        with self._lock:
            self._now = now
            woken = [entry[2] for entry in self._heap if entry[2].pending]
            self._heap.clear()
            for sleeper in woken:
                self._end(sleeper)
        for sleeper in woken:
            sleeper.wake()

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
                self._judge(sleeper.call)

    def _judge(self, call: PendingCall) -> bool:
        """Recount *call*; return whether nobody is awake now, or nobody woken is."""
        awake = call.open and not call.sleeping and not call.children
        self._awake += awake - call.awake
        call.awake = awake
        if awake:
            return False
        unsettled = call in self._unsettled
        self._unsettled.discard(call)
        return self._awake == 0 or (unsettled and not self._unsettled)
