"""What all clocks of a mock server share."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Generator
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeVarTuple

__all__ = ["MockClock", "SpawnedWork", "Timer", "TokenWindow"]

Ts = TypeVarTuple("Ts")

_log = logging.getLogger("kling_mock")

_REPORTS = 20  # that are kept

_RUNS_BY_ITSELF = (
    "This clock runs by itself. Only a manual clock can be advanced: KlingMock(clock='manual')."
)


class TokenWindow(NamedTuple):
    """The present of a client that knows nothing of the mock's clock, to judge its tokens by.

    Attributes:
        earliest: Unix seconds; a token that expires after it is still good.
        latest: Unix seconds; a token that begins before it has begun.
    """

    earliest: float
    latest: float


class ClockState(NamedTuple):
    """All that a clock knows at one instant; see `MockClock.save`.

    Attributes:
        now: Unix seconds.
        start: Unix seconds that a reset leads to; `None` is the present.
        offset: Seconds that the clock is ahead of real time, by which other clients go.
        speed: Seconds on the clock in one real second; `None` if it stands still.
        timers: What is due and when, in order.
    """

    now: float
    start: float | None
    offset: float
    speed: float | None
    timers: tuple[tuple[float, int, Timer], ...]


class Timer:
    """A function that is due at an instant."""

    __slots__ = ("_arguments", "_run", "when")

    def __init__(self, when: float, run: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.when = when
        self._run: Callable[..., None] | None = run
        self._arguments = arguments

    @property
    def pending(self) -> bool:
        """Whether it has still to run."""
        return self._run is not None

    @property
    def work(self) -> tuple[str, tuple[Any, ...]]:
        """The name of the function, and its arguments; "" once it has run."""
        return getattr(self._run, "__name__", ""), self._arguments

    def cancel(self) -> None:
        """Do not run; harmless after the run."""
        self._run = None
        self._arguments = ()  # it stays in the clock until it would be due; they need not

    def fire(self) -> None:
        """Run once. A failure is logged: one broken timer must not stop the clock."""
        run, self._run = self._run, None
        if run is not None:
            try:
                run(*self._arguments)
            except Exception:  # noqa: BLE001 - whatever it is, the clock goes on
                _log.exception("A timer of the mock's clock failed.")


class SpawnedWork(NamedTuple):
    """Work under way on the server's loop.

    Attributes:
        name: What it is, for a message.
        begun: When it began, in steady seconds of real time.
        again: What is due at the next start if the server stops before the work has ended;
            `None` is nothing.
    """

    name: str
    begun: float
    again: Timer | None


class MockClock(ABC):
    """What all clocks share: timers, and the work that they start.

    Timers belong to the server's event loop: only its thread may call `call_at` and `spawn`
    while it runs.
    """

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._loop: asyncio.AbstractEventLoop | None = None
        self._was_started = False
        self._given_start: float | None = None
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._spawned: dict[asyncio.Task[Any], SpawnedWork] = {}
        self._reports: list[str] = []

    @abstractmethod
    def now(self) -> float:
        """Return the instant in Unix seconds."""

    @abstractmethod
    def token_window(self) -> TokenWindow:
        """Return the present as seen by a client that uses real time."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to run timers on *loop*, those that a stop left included."""
        self._loop = loop
        self._was_started = True

    def stop(self) -> None:
        """Stop running timers, which are kept; work under way is cancelled, see `spawn`."""
        self._loop = None
        spawned, self._spawned = self._spawned, {}
        for task, work in spawned.items():
            if work.again is not None and not (task.done() or task.cancelling()):
                heapq.heappush(self._timers, (work.again.when, next(self._order), work.again))
            task.cancel()

    def reset(self, start: float | None = None) -> None:  # noqa: ARG002 - others have one
        """Drop all timers and reports and go back to the start.

        Args:
            start: Unix seconds of another start from now on, where the clock can have one.
        """
        self._timers.clear()
        self._reports.clear()
        for task in self._spawned:
            task.cancel()

    @property
    def reports(self) -> tuple[str, ...]:
        """What held the clock up since the last reset, the oldest first; see the log, too."""
        return tuple(self._reports)

    def report(self, text: str) -> None:
        """Write *text* to the log as a warning, and keep it for `reports`."""
        _log.warning("%s", text)
        # Another list, not this one changed: other threads read it.
        self._reports = [*self._reports, text][-_REPORTS:]

    def save(self) -> ClockState:
        """Return all that this clock knows, for `load`."""
        timers = sorted(entry for entry in self._timers if entry[2].pending)
        return ClockState(self.now(), self._given_start, 0.0, self.speed, tuple(timers))

    def load(self, moment: ClockState) -> None:
        """Become what this clock was at *moment*; like a reset, but to there.

        The real clock keeps its time: what was due meanwhile is due now.
        """
        self.reset()
        self._given_start = moment.start
        self._timers[:] = moment.timers  # sorted, and so a heap

    @property
    def next_due(self) -> Timer | None:
        """The timer that is due next; `None` if nothing is. On the server's thread only."""
        while self._timers and not self._timers[0][2].pending:
            heapq.heappop(self._timers)  # it was cancelled
        return self._timers[0][2] if self._timers else None

    @property
    def busy(self) -> bool:
        """Whether work that it has spawned is under way."""
        return bool(self._spawned)

    def call_at(self, when: float, run: Callable[[*Ts], None], *arguments: *Ts) -> Timer:
        """Run *run* on the server's loop at the instant *when*, at once if that has passed."""
        timer = Timer(when, run, arguments)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        if self._timers[0][2] is timer:
            self._first_is_due(when)
        return timer

    @property
    def speed(self) -> float | None:
        """Seconds on this clock in one real second; `None` if it stands still until moved.

        Of a scaled clock it can be set. Sleeps that have begun keep their length in real time.

        Raises:
            RuntimeError: On setting, this clock is not a scaled one.
            ValueError: On setting, the speed is not a number above 0.
        """
        return None

    @speed.setter
    def speed(self, given: float) -> None:  # noqa: ARG002 - the scaled clock's
        raise RuntimeError("Only a scaled clock has a speed to be set: KlingMock(clock=60).")

    @property
    def kind(self) -> Literal["manual", "scaled", "real"]:
        """How it moves: a manual clock stands still until it is moved, the others run."""
        return "manual" if self.speed is None else "scaled"

    @property
    def running(self) -> bool:
        """Whether a server runs its timers."""
        return self._loop is not None

    def spawn(
        self,
        work: Coroutine[Any, Any, Any],
        name: str = "",
        again: Callable[[], None] | None = None,
    ) -> None:
        """Start *work* on the server's loop; a manual clock does not move on before it ends.

        Args:
            work: What to do.
            name: What it is, for a message that it holds the clock; "" is the function's name.
            again: Called when the server starts again, if it stops before the work has ended.
        """
        task = asyncio.get_running_loop().create_task(work)
        timer = None if again is None else Timer(self.now(), again, ())
        self._spawned[task] = SpawnedWork(
            name or getattr(work, "__qualname__", "work"), self._steady(), timer
        )
        task.add_done_callback(self._ended)

    @contextlib.contextmanager
    def holding_back_reply(self) -> Generator[None]:
        """Enclose the time for which a fault holds a reply back; a manual clock moves meanwhile."""
        yield

    async def drain(self) -> None:
        """Wait until no spawned work is left, including work that the work spawned."""
        while self._spawned:
            await asyncio.wait(tuple(self._spawned))

    def advance(self, seconds: float) -> None:  # noqa: ARG002 - the manual clock's
        """Move a manual clock; see `ManualClock.advance`.

        Raises:
            RuntimeError: This clock moves by itself.
        """
        raise RuntimeError(_RUNS_BY_ITSELF)

    async def aadvance(self, seconds: float) -> None:  # noqa: ARG002 - the manual clock's
        """Move a manual clock; see `ManualClock.aadvance`.

        Raises:
            RuntimeError: This clock moves by itself.
        """
        raise RuntimeError(_RUNS_BY_ITSELF)

    def time(self) -> float:
        """Return the instant in Unix seconds, for a wired client."""
        return self.now()

    @abstractmethod
    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean anything."""

    @abstractmethod
    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Block the calling thread for *seconds* of this clock, or until *wake* is set."""

    @abstractmethod
    async def asleep(self, seconds: float) -> None:
        """Suspend the calling task for *seconds* of this clock; it can be cancelled."""

    def call(self) -> contextlib.AbstractContextManager[None]:
        """Enclose one call of a wired client; only a manual clock uses it."""
        return contextlib.nullcontext()

    def __repr__(self) -> str:
        at = datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="seconds")
        speed = "" if self.speed is None else f", speed {self.speed:g}"
        return f"<{type(self).__name__} at {at}{speed}>"

    def _first_is_due(self, when: float) -> None:  # noqa: B027 - optional: a manual clock needs no alarm
        """Handle that a timer was added which is due at *when*, before all others."""

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._spawned.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("Work that the mock's clock had started failed.", exc_info=error)

    def _due(self, until: float) -> Timer | None:
        """Take out the earliest timer that is due at *until* or before."""
        if self._timers and self._timers[0][0] <= until:
            return heapq.heappop(self._timers)[2]
        return None
