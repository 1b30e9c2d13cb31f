"""Polling of tasks: an app that polls in its own loop while the manual clock stands still.

A client in another process does not know this server's clock, and would wait as for the real
service: half a minute until its first poll, however fast the clock is. So each reply states a
pause in real time. The project's SDK never waits longer than that if its own clock is the
computer's; other clients ignore the header.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from kling_mock.clock import process_time
from kling_mock.web.origins import ORIGINS
from kling_mock.web.terminal import tell

MANY = 20  # queries of one task at one instant; clients that wait in step make a few

# Seconds of real time since the first query of a wait.
_TOLD = 2.0  # the user is told
_ENDED = 30.0  # the wait is ended, since the clock was not moved

_APART = 10.0  # seconds of real time; queries further apart are not one wait, as at a breakpoint

_ENDS = "It was queried for {:.0f} s of real time, so this wait is ended. "
_TEXT = (
    "Task {} has been queried {} times while the mock's clock stood still. A client that was not "
    "made by the mock, or an app's own loop of get() and time.sleep(), never sees it end: sleeping "
    "there does not move a manual clock. Move it from the test (mock.clock.advance(600)), let the "
    "app use a client made by the mock (mock.client(), or Kling(clock=mock.clock)), or let the "
    "clock run by itself: KlingMock(clock=60), kling_mock_clock = 60 in the ini file of pytest."
)


class Polling(NamedTuple):
    """The findings about a query.

    Attributes:
        report: The text to report, which is set once; "" for nothing.
        is_urgent: Whether the user must be told at once; this too is set once.
        refusal: Why the query is refused; "" if it is answered.
    """

    report: str = ""
    is_urgent: bool = False
    refusal: str = ""


class StandingClock(Protocol):
    """The part of a manual clock that is used here."""

    is_moved_by_hand: bool

    def now(self) -> float:
        """Return the time on the clock."""
        ...

    def report(self, text: str) -> None:
        """Report what held the clock up."""
        ...


class _Queries(NamedTuple):
    number: int
    since: float
    newest: float


class BusyPolling:
    """Counts the queries of each task at one instant of the clock.

    Args:
        steady: A clock of real time, seconds.
    """

    def __init__(self, steady: Callable[[], float] = process_time.steady) -> None:
        self._steady = steady
        self._instant = math.nan
        self._queries: dict[str, _Queries] = {}
        self._is_reported = False
        self._is_told = False

    def note(self, task_id: str, now: float, *, may_end: bool = True) -> Polling:
        """Count a query.

        Args:
            task_id: A task that only time can end.
            now: The time on the clock.
            may_end: Whether a wait may be ended; false where a person moves the clock.
        """
        if now != self._instant:
            self._instant = now
            self._queries.clear()
        present = self._steady()
        before = self._queries.get(task_id)
        if before is None or present - before.newest > _APART:
            before = _Queries(0, present, present)
        count, since = before.number + 1, before.since
        self._queries[task_id] = _Queries(count, since, present)
        waited = present - since
        if count < MANY and waited < _TOLD:
            return Polling()
        text = _TEXT.format(task_id, count)
        report, self._is_reported = "" if self._is_reported else text, True
        is_urgent = waited >= _TOLD and not self._is_told
        self._is_told = self._is_told or is_urgent
        refusal = _ENDS.format(waited) + text if may_end and waited >= _ENDED else ""
        return Polling(report or text * is_urgent, is_urgent, refusal)

    def watch(self, task_id: str, clock: StandingClock) -> str:
        """Count a query, report its findings, and tell the user if they are urgent.

        Args:
            task_id: A task that only time can end.
            clock: The clock that stands still.

        Returns:
            Why the query is refused; "" if it is answered.
        """
        may_end = not clock.is_moved_by_hand
        noted = self.note(task_id, clock.now(), may_end=may_end)
        if noted.report:
            clock.report(noted.report)
        if noted.is_urgent and may_end:
            where = "" if ORIGINS.running is None else f"{ORIGINS.running.name}: "
            tell(f"{where}{noted.report}")
        return noted.refusal


# ---------------------------------------------------------------- the next poll


POLL_AFTER_HEADER: Final = "x-kling-mock-poll-after-ms"

_EVERY: Final = 5_000.0  # milliseconds of the server's clock
_MIN_POLLS: Final = 20
_MAX_POLLS: Final = 1_000  # for a running clock; a task of a test may end at once on any clock
_STANDING: Final = 100  # for a manual clock, which may be advanced at any time


def poll_after(speed: float | None) -> int:
    """Return the pause in milliseconds of real time.

    Args:
        speed: Seconds on the server's clock in one real second; `None` if it stands still.
    """
    return _STANDING if speed is None else max(_MIN_POLLS, min(_MAX_POLLS, round(_EVERY / speed)))


@lru_cache(maxsize=4)
def poll_after_line(speed: float | None) -> str:
    """Return the header line with its line end, for the *speed* of `poll_after`."""
    return f"{POLL_AFTER_HEADER}: {poll_after(speed)}\r\n"
