"""Calls of wired clients on a manual clock: the awake and the sleeping ones.

Four rules, each with a test:

1. A call counts as awake from the instant that the clock wakes it, not from the instant
   that its thread gets the processor. Otherwise the clock would run away.
2. A call inside a call (a helper that makes several) counts instead of the outer one, which
   only waits for it.
3. A sleeper outside every call is woken in time order like the others, but the clock never
   moves for its sake: a server's own background loops must not make time pass.
4. A call that was set aside, by a reset or because a fault holds its reply back, is not awake
   until it acts again. A call that can never act again is dropped.

This module has neither an event loop nor a thread of its own, only one lock: sleepers may be on
any thread.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar
from types import FrameType, TracebackType
from typing import Any, Literal, NamedTuple

_FRAMES = 6  # innermost frames of a stack that are shown


class CallHolder(NamedTuple):
    """The thread and task that make a call.

    Attributes:
        thread: The thread that started it.
        loop: The event loop that it started in; `None` for a call outside of any.
        task: The task that started it. A weak reference, so that an abandoned task can be
            collected, which ends its call.
    """

    thread: threading.Thread
    loop: asyncio.AbstractEventLoop | None
    task: weakref.ref[asyncio.Task[Any]] | None

    @classmethod
    def here(cls) -> CallHolder:
        """Return the thread and task that run this."""
        thread = threading.current_thread()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return cls(thread, None, None)
        task = asyncio.current_task()
        return cls(thread, loop, None if task is None else weakref.ref(task))

    @property
    def is_gone(self) -> bool:
        """Whether the caller can never continue: its event loop is closed or its thread ended."""
        if self.loop is None:
            return not self.thread.is_alive()
        return self.loop.is_closed() or not (self.loop.is_running() or self.thread.is_alive())

    @property
    def name(self) -> str:
        """The names of the task and the thread, for a message."""
        task = None if self.task is None else self.task()
        if task is None:
            return f"thread {self.thread.name!r}"
        paused = "" if self.loop is None or self.loop.is_running() else ", whose loop does not run"
        return f"task {task.get_name()!r} of thread {self.thread.name!r}{paused}"

    @property
    def stack(self) -> str:
        """The current stack, innermost first: `on_update (app.py:12) < main (app.py:30)`."""
        task = None if self.task is None else self.task()
        frames: list[FrameType] = []
        if task is not None:
            frames = list(_frames_of(task))
        if task is None or not frames or _runs(frames[-1]):
            frame = sys._current_frames().get(self.thread.ident or 0)  # noqa: SLF001 - documented, for debuggers
            frames = [] if frame is None else [f for f, _ in traceback.walk_stack(frame)][::-1]
        places = [where_is(frame) for frame in frames if not _is_ours(frame)]
        return " < ".join(reversed(places[-_FRAMES:])) or "no stack"


def event_loop_here() -> Literal["asyncio", "trio", ""]:
    """Return the library of the event loop that runs the caller; "" outside of any."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # The library of a running loop is loaded; another thread may be about to load it.
        trio: Any = getattr(sys.modules.get("trio"), "lowlevel", None)
        runs = getattr(trio, "in_trio_run", bool)
        return "trio" if runs() else ""
    return "asyncio"


def where_is(frame: FrameType) -> str:
    """Return the function and line of a frame, without source and values, which may be secret."""
    file = frame.f_code.co_filename.rpartition("/")[2]
    return f"{frame.f_code.co_name} ({file}:{frame.f_lineno})"


def _frames_of(task: asyncio.Task[Any]) -> Iterator[FrameType]:
    """Yield the frames of a task, outermost first: each coroutine and the one it awaits."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            return
        yield frame
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


def _runs(frame: FrameType) -> bool:
    """Return whether *frame* is on the stack of a thread now: its task blocks its loop."""
    for current in sys._current_frames().values():  # noqa: SLF001 - as above
        for stack_frame, _ in traceback.walk_stack(current):
            if stack_frame is frame:
                return True
    return False


def _is_ours(frame: FrameType) -> bool:
    """Return whether *frame* is in the clock itself, or in the interpreter's own waiting."""
    name = str(frame.f_globals.get("__name__", ""))
    return name.startswith(("kling_mock.clock", "threading", "asyncio", "selectors", "runpy"))


class PendingCall:
    """One call of a wired client, as a context manager.

    Attributes:
        caller: The thread and task that make it.
        started_at: When it started, in steady seconds of real time.
        acted: When it last fell asleep, woke up or started a call inside it, in the same seconds.
        reported: The `acted` of the last report that it holds the clock.
    """

    __slots__ = (
        "acted",
        "aside",
        "asleep",
        "awake",
        "caller",
        "children",
        "open",
        "parent",
        "reported",
        "sleepers",
        "sleeping",
        "started_at",
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
        self.started_at = self.acted = 0.0
        self.reported = -1.0

    def __enter__(self) -> None:
        """Count the call as started and awake."""
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
        # The garbage collector closes an abandoned coroutine in the context of whatever code is
        # running then. A closed call that stays behind is skipped by current_call().
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
    """The instant of a manual clock, and the callers that wait for later ones.

    Args:
        now: The instant to begin with, Unix seconds.
        settled: Called, on any thread, each time the last awake call has ended or fallen
            asleep. It must do nothing but notify others.
        held: Called, on any thread, each time a call falls asleep while others are awake, or
            starts while others sleep. It must do nothing but notify others.
        steady: Where the passing of real time comes from, seconds.

    Attributes:
        now: The instant, Unix seconds.
        moved: Seconds that the clock has moved forward in all; a reset does not take them back.
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
        self.now = now
        self.moved = 0.0
        self._heap: list[tuple[float, int, Sleeper]] = []
        self._order = itertools.count()
        self._open: dict[PendingCall, None] = {}  # in the order in which they started
        self._awake = 0
        self._asleep = 0
        self._unsettled: set[PendingCall] = set()
        self._served = False

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
            call.started_at = self._steady()
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
        """Set all calls aside until they act again: the callers may be gone."""
        with self._lock:
            for call in self._open:
                self._set_aside(call)

    def drop_gone(self) -> None:
        """Stop counting calls whose thread or event loop has ended."""
        with self._lock:
            quiet = [self._drop(call) for call in [*self._open] if call.caller.is_gone]
        if any(quiet):
            self._settled()

    def set_aside_unanswered(
        self, held_since: Collection[float], server: asyncio.AbstractEventLoop | None
    ) -> bool:
        """Set the awake calls aside if each may be waiting for a reply that is held back.

        Args:
            held_since: Since when each such reply is held back, in steady seconds.
            server: The server's loop. Its own calls, those of a relay, serve the calls of others.

        Returns:
            Whether all of them may be.
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
        """Count again the calls whose replies were held back: they may act at any time now."""
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
            # Never the present instant: a caller whose sleep is a mere rounding error would be
            # woken at once and could try again without end.
            when = max(self.now + seconds, math.nextafter(self.now, math.inf))
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
        """Return the sleeper that is due next, or `None` if there is none."""
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
        """Move the clock to the instant *to* and wake all sleepers that are due by then."""
        with self._lock:
            self._set(to)
            woken = self._due()
        for sleeper in woken:
            sleeper.wake()

    def wake_all(self) -> None:
        """Wake all sleepers without moving the clock."""
        with self._lock:
            woken = [entry[2] for entry in self._heap if entry[2].pending]
            self._heap.clear()
            for sleeper in woken:
                self._end(sleeper)
        for sleeper in woken:
            sleeper.wake()

    def set_back(self, now: float) -> None:
        """Set the clock to *now*; the total of the time that has passed stays."""
        with self._lock:
            self.now = now

    # ------------------------------------------------------------ inside, with the lock held

    def _set(self, to: float) -> None:
        if to > self.now:
            self.moved += to - self.now
            self.now = to

    def _due(self) -> list[Sleeper]:
        woken: list[Sleeper] = []
        while self._heap and self._heap[0][0] <= self.now:
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
        """End *call*; return what `_judge` returns. Harmless if it has ended."""
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
        """Recount *call*; return whether no call is awake now, or none that the clock woke."""
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
