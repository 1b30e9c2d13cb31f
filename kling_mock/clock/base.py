"""The base class of a mock server's clocks."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Generator
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeVarTuple

from kling_mock.clock.unawaited import must_be_awaited

Ts = TypeVarTuple("Ts")

_log = logging.getLogger("kling_mock")

_REPORTS = 20  # maximum number of reports kept
_FROZEN = 60.0  # seconds between the process's time and the computer's: too many for a correction

_RUNS_BY_ITSELF = (
    "This clock runs by itself. Only a manual clock can be advanced: KlingMock(clock='manual')."
)


class TokenWindow(NamedTuple):
    """The present as a client that does not use the mock's clock sees it, to judge its tokens.

    Attributes:
        earliest: Unix seconds; a token that expires later is still valid.
        latest: Unix seconds; a token whose validity begins earlier is already valid.
    """

    earliest: float
    latest: float


class ClockState(NamedTuple):
    """The state of a clock at one instant; see `MockClock.save`.

    Attributes:
        now: Unix seconds.
        start: Unix seconds that a reset leads to; `None` is the present.
        offset: Seconds that the clock is ahead of real time, by which other clients go.
        speed: Seconds on the clock in one real second; `None` if it stands still.
        timers: What is due and when, in order.
        present: The process's time at the start or the last reset, Unix seconds.
    """

    now: float
    start: float | None
    offset: float
    speed: float | None
    timers: tuple[tuple[float, int, Timer], ...]
    present: float = 0.0


class Timer:
    """A function that is due at an instant."""

    __slots__ = ("_arguments", "_run", "when")

    def __init__(self, when: float, run: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.when = when
        self._run: Callable[..., None] | None = run
        self._arguments = arguments

    @property
    def pending(self) -> bool:
        """Whether the timer has not run yet."""
        return self._run is not None

    @property
    def work(self) -> tuple[str, tuple[Any, ...]]:
        """The name of the function, and its arguments; "" once it has run."""
        return getattr(self._run, "__name__", ""), self._arguments

    def cancel(self) -> None:
        """Do not run; harmless after the run."""
        self._run = None
        self._arguments = ()  # the timer stays in the clock until it would be due

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
        started_at: When it started, in steady seconds of real time.
        again: What is due at the next start if the server stops before the work has ended, or
            `None`.
    """

    name: str
    started_at: float
    again: Timer | None


class MockClock(ABC):
    """The base of all clocks: timers, and the work that they start.

    Timers belong to the server's event loop: only its thread may call `call_at` and `spawn`
    while it runs.

    Attributes:
        is_moved_by_hand: Whether a person moves it rather than a test: then a caller that waits
            for it is neither warned nor ended.
    """

    is_moved_by_hand = False

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._loop: asyncio.AbstractEventLoop | None = None
        self._was_started = False
        self._given_start: float | None = None
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._spawned: dict[asyncio.Task[Any], SpawnedWork] = {}
        self._reports: list[str] = []
        self._is_frozen_reported = False

    @abstractmethod
    def now(self) -> float:
        """Return the instant in Unix seconds."""

    @abstractmethod
    def token_window(self) -> TokenWindow:
        """Return the present as seen by a client that uses real time."""

    @property
    def in_flight(self) -> float:
        """Seconds of this clock for which a token that has expired is still taken.

        On a fast clock half an hour is over before a request has arrived.
        """
        return 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to run timers on *loop*, including those that were left at a stop."""
        self._loop = loop
        self._was_started = True

    def stop(self) -> None:
        """Stop running timers, but keep them; cancel work under way, see `spawn`."""
        self._loop = None
        spawned, self._spawned = self._spawned, {}
        for task, work in spawned.items():
            if work.again is not None and not (task.done() or task.cancelling()):
                heapq.heappush(self._timers, (work.again.when, next(self._order), work.again))
            task.cancel()

    def reset(self, start: float | None = None) -> None:  # noqa: ARG002 - others have one
        """Drop all timers and reports and go back to the start.

        Args:
            start: Unix seconds of a new start, used from now on by clocks that can have one.
        """
        self._timers.clear()
        self._reports.clear()
        self._is_frozen_reported = False
        for task in self._spawned:
            task.cancel()

    @property
    def reports(self) -> tuple[str, ...]:
        """The warnings since the last reset, such as stalls, oldest first; they are also logged."""
        return tuple(self._reports)

    def report(self, text: str) -> None:
        """Write *text* to the log as a warning, and keep it for `reports`."""
        _log.warning("%s", text)
        # Replace the list instead of changing it: other threads read it.
        self._reports = [*self._reports, text][-_REPORTS:]

    def save(self) -> ClockState:
        """Return the state of this clock, for `load`."""
        timers = sorted(entry for entry in self._timers if entry[2].pending)
        return ClockState(self.now(), self._given_start, 0.0, self.speed, tuple(timers))

    def load(self, moment: ClockState) -> None:
        """Restore the state that this clock had at *moment*; like a reset, but to that state.

        The real clock keeps its time: what came due meanwhile is due now.
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
        """Whether work that the clock has spawned is under way."""
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

        A scaled clock's speed can be set. Sleeps in progress keep their length in real time.

        Raises:
            RuntimeError: When it is set and this clock is not a scaled one.
            ValueError: When it is set to something other than a number above 0.
        """
        return None

    @speed.setter
    def speed(self, speed: float) -> None:  # noqa: ARG002 - the scaled clock's
        raise RuntimeError("Only a scaled clock has a speed to be set: KlingMock(clock=60).")

    @property
    def kind(self) -> Literal["manual", "scaled", "real"]:
        """The kind of movement: a manual clock stands still until it is moved, the others run."""
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
            name: Its name in a message that it holds the clock; "" is the function's name.
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

    async def drain(self, seconds: float | None = None) -> None:
        """Wait until no spawned work is left, including work that the work spawned.

        Args:
            seconds: The maximum wait, in real time; `None` means no limit.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._spawned:
                    await asyncio.wait(tuple(self._spawned))

    def advance(self, seconds: float) -> None:  # noqa: ARG002 - the manual clock's
        """Move a manual clock; see `ManualClock.advance`.

        Raises:
            RuntimeError: This clock moves by itself.
        """
        raise RuntimeError(_RUNS_BY_ITSELF)

    @must_be_awaited
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
        speed = "" if self.speed is None else f", speed {self.speed:g}"
        return f"<{type(self).__name__} at {_iso(self.now())}{speed}>"

    def _report_frozen(self, here: float, there: float) -> None:
        """Report once that a test has frozen the time of this process.

        Args:
            here: The time of this process, Unix seconds.
            there: The time of the computer.
        """
        if not self._is_frozen_reported:
            self._is_frozen_reported = True
            self.report(
                f"The time of this process is {_iso(here)}, that of the computer "
                f"{_iso(there)} and the mock's {_iso(self.now())}: a test has frozen or moved "
                f"the first one{_by()}. Tokens are valid by any of the three; other code that "
                "compares times with the mock's must use mock.clock.time(), or the mock must start "
                "after the freeze."
            )

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


def differs(here: float, there: float) -> bool:
    """Return whether two readings of the time, Unix seconds, are of different clocks."""
    return abs(here - there) >= _FROZEN


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _by() -> str:
    names = " or ".join(name for name in ("freezegun", "time_machine") if name in sys.modules)
    return f", probably with {names}" if names else ""
