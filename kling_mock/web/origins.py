"""From which test a call comes: the one that runs, or an earlier one that left something running.

A test run reports where its tests begin and end; without one, nothing is known and nothing is late.
What can be found out of a call:

    thread      If a thread of this process has opened the connection, the call is of the test in
                which that thread began. One that was there before all tests, or that a fixture of
                a wider scope has started, calls for the test that runs.
    connection  Otherwise an unexpected call is of the test in which its connection was opened;
                on one that a fixture of a wider scope has opened it is of the test that runs.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from kling_mock.web.callers import Callers

__all__ = ["ORIGINS", "Origins", "TestRun"]

_MOST_LATE: Final = 100  # lines on late calls that are kept until they are taken


@dataclass(slots=True, eq=False)
class TestRun:
    """One run of one test; a repeat is another.

    Attributes:
        name: The test's name.
        strict: Whether its unexpected calls matter.
    """

    name: str
    strict: bool = True

    __test__ = False  # pytest need not collect it


class Origins:
    """Which tests there were, and which threads they have started.

    The test runner's thread begins and ends tests; any server's thread may ask.

    Args:
        callers: The threads that have opened connections; watched from the first test on.

    Attributes:
        unknown: What a call comes from that was made while no test ran, if it is not known.
        has_left: Whether an earlier test has left a thread that ran when this one began.
    """

    def __init__(self, callers: Callers | None = None) -> None:
        self.unknown = TestRun("a test that is not known")
        self._callers = callers or Callers()
        self._running: TestRun | None = None
        self._owner: TestRun | None = None  # of what begins now
        self._begun: WeakKeyDictionary[threading.Thread, TestRun | None] = WeakKeyDictionary()
        self._is_watching = False
        self.has_left = False
        self._late: Counter[str] = Counter()

    @property
    def running(self) -> TestRun | None:
        """The test that runs now; `None` between tests."""
        return self._running

    @property
    def owner(self) -> TestRun | None:
        """The test that a connection belongs to which is opened now; `None` for no test."""
        return self._owner

    def begin(self, run: TestRun) -> None:
        """Note that a test begins."""
        self._callers.watch()
        self._settle()
        self._is_watching = True
        self._running = self._owner = run
        self.has_left = any(origin and one.is_alive() for one, origin in self._begun.items())

    def end(self) -> None:
        """Note that the test has ended: what it calls from now on is late."""
        self._settle()
        self._running = self._owner = None

    def stop(self) -> None:
        """Note that there are no more tests: nothing is late any more."""
        self.end()
        self._is_watching = False
        self.has_left = False

    @contextmanager
    def for_no_test(self) -> Generator[None]:
        """Let threads and connections of this block belong to no test: several will use them."""
        self._settle()
        owner, self._owner = self._owner, None
        try:
            yield
        finally:
            self._settle()
            self._owner = owner

    def late_call(
        self, opened: TestRun | None, ports: tuple[int, int], *, by_connection: bool
    ) -> TestRun | None:
        """Return the earlier test that a call comes from; `None` if it is of the one that runs.

        Args:
            opened: The owner when the connection was opened.
            ports: The client's port and the server's.
            by_connection: Whether the connection decides where no thread is known; else such a
                call is of the test that runs.
        """
        if not self._is_watching:
            return None
        thread = self._callers.opener_of(*ports)
        if thread is not None:
            origin = self._begun.get(thread, self._owner)
        else:
            origin = opened if by_connection else None
        origin = origin or self._running or self.unknown
        return None if origin is self._running else origin

    def note_late(self, origin: TestRun, text: str) -> None:
        """Keep a late call for the report, unless its test means such calls.

        Args:
            origin: The test that it came from.
            text: The call, in one line.
        """
        line = f"{text}; it came from {origin.name}"
        if origin.strict and (line in self._late or len(self._late) < _MOST_LATE):
            self._late[line] += 1

    def take_late(self) -> list[str]:
        """Return what was noted since the last time, a line for all that are equal."""
        taken, self._late = self._late, Counter()
        return [line if n == 1 else f"{line}, {n} times" for line, n in taken.items()]

    def _settle(self) -> None:
        """Give the threads that have begun since the last time to their owner."""
        for thread in threading.enumerate():
            if thread not in self._begun:
                self._begun[thread] = self._owner


ORIGINS: Final = Origins()  # of this process, as the test that runs is the process's
