"""The origins of calls: the running test, or an earlier one that left something running.

The interpreter raises an audit event in the thread that connects, before it does. Looking for
the thread later in the stacks of all threads is not possible: on CPython 3.11, reading the local
variables of a frame that another thread runs can crash the process.

A test run reports where its tests begin and end; without one, nothing is known and nothing is late.
What can be found out about a call:

    thread      If a thread of this process has opened the connection, the call belongs to the test
                in which that thread started. A thread that existed before all tests, or that a
                fixture of a wider scope has started, calls for the running test.
    connection  Otherwise an unexpected call belongs to the test in which its connection was
                opened; if a fixture of a wider scope has opened it, to the running test.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

_EVENT: Final = "socket.connect"  # also raised by `connect_ex` and by asyncio's event loops


class Callers:
    """The threads that have opened this process's connections.

    A connection that several threads use belongs to the thread that opened it. Connections opened
    without Python's `socket` (as by uvloop) or before `watch` are unknown.
    """

    def __init__(self) -> None:
        self._openers: dict[int, threading.Thread] = {}  # by descriptor; reuse replaces one
        self._is_watching = False

    def watch(self) -> None:
        """Note threads that connect, until the process ends: audit hooks cannot be removed."""
        if not self._is_watching:
            self._is_watching = True
            sys.addaudithook(self._note)

    def opener_of(self, client: int, server: int) -> threading.Thread | None:
        """Return the thread that has opened a connection; `None` if it is not known.

        Args:
            client: The client's port, 1 to 65535. It is not enough alone: connections to
                different servers may share it.
            server: The server's port, 1 to 65535.
        """
        for descriptor, thread in tuple(self._openers.items()):
            if _ports_of(descriptor) == (client, server):
                return thread
        return None

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != _EVENT:
            return
        here, descriptor = threading.get_ident(), arguments[0].fileno()
        self._openers.pop(descriptor, None)
        # Not `current_thread`, which makes an object for a thread that Python has not started.
        for thread in threading.enumerate():
            if thread.ident == here:
                self._openers[descriptor] = thread


def _ports_of(descriptor: int) -> tuple[int, int] | None:
    """Return the local and the peer's port; `None` if closed or not a TCP connection."""
    with suppress(OSError):
        # Its owner may close it, and then its number may be reused. On Windows, `os` does not
        # accept sockets.
        copy = socket.dup(descriptor)
        try:
            connection = socket.socket(fileno=copy)
        except OSError:
            socket.close(copy)
            raise
        with connection:
            own, peer = connection.getsockname(), connection.getpeername()
        return (own[1], peer[1]) if isinstance(own, tuple) else None
    return None


_MAX_LATE: Final = 100  # maximum number of lines on late calls, kept until they are taken


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
    """The tests of this process, and the threads that they have started.

    The test runner's thread begins and ends tests; any server's thread may query.

    Args:
        callers: The threads that have opened connections; watched from the first test on.

    Attributes:
        unknown: The origin of a call that was made while no test ran, if it is unknown.
        has_left: Whether an earlier test has left a thread that ran when this test began.
    """

    def __init__(self, callers: Callers | None = None) -> None:
        self.unknown = TestRun("a test that is not known")
        self._callers = callers or Callers()
        self._running: TestRun | None = None
        self._owner: TestRun | None = None  # of threads and connections that start now
        self._runs_by_thread: WeakKeyDictionary[threading.Thread, TestRun | None] = (
            WeakKeyDictionary()
        )
        self._is_watching = False
        self.has_left = False
        self._late: Counter[str] = Counter()

    @property
    def running(self) -> TestRun | None:
        """The test that runs now; `None` between tests."""
        return self._running

    @property
    def owner(self) -> TestRun | None:
        """The test that a connection opened now belongs to; `None` if there is none."""
        return self._owner

    @property
    def has_started(self) -> bool:
        """Whether the running test has started a thread that still runs."""
        runs = tuple(self._runs_by_thread.items())
        return any(run is self._running and thread.is_alive() for thread, run in runs if run)

    def begin(self, run: TestRun) -> None:
        """Note that a test begins."""
        self._callers.watch()
        self._settle()
        self._is_watching = True
        self._running = self._owner = run
        self.has_left = any(
            origin and thread.is_alive() for thread, origin in self._runs_by_thread.items()
        )

    def end(self) -> None:
        """Note that the test has ended: its calls from now on are late."""
        self._settle()
        self._running = self._owner = None

    def stop(self) -> None:
        """Note that there are no more tests: nothing is late any more."""
        self.end()
        self._is_watching = False
        self.has_left = False

    @contextmanager
    def for_no_test(self) -> Generator[None]:
        """Do not assign threads and connections of this block to a test: several will use them."""
        self._settle()
        owner, self._owner = self._owner, None
        try:
            yield
        finally:
            self._settle()
            self._owner = owner

    def late_call(
        self,
        opened: TestRun | None,
        ports: tuple[int, int] | None,
        *,
        by_connection: bool,
        has_client: Callable[[], bool] = lambda: True,
    ) -> TestRun | None:
        """Return the earlier test that a call comes from; `None` if it is the running test's.

        Args:
            opened: The owner when the connection was opened.
            ports: The client's port and the server's; `None` if the connection is closed.
            by_connection: Whether the connection decides where the thread is unknown; otherwise
                such a call belongs to the running test.
            has_client: Returns whether its client still waits. A client that has given up on a
                busy computer is no longer known, and may belong to a thread that an earlier test
                has left. This is called after the search for the thread: a client may leave in
                between.
        """
        if not self._is_watching:
            return None
        thread = None if ports is None else self._callers.opener_of(*ports)
        if thread is not None:
            origin = self._runs_by_thread.get(thread, self._owner)
        elif by_connection and self.has_left and not has_client():
            origin = self.unknown
        else:
            origin = opened if by_connection else None
        origin = origin or self._running or self.unknown
        return None if origin is self._running else origin

    def note_late(self, origin: TestRun, text: str) -> None:
        """Keep a late call for the report, unless its test makes such calls on purpose.

        Args:
            origin: The test that it came from.
            text: The call, in one line.
        """
        line = f"{text}; it came from {origin.name}"
        if origin.strict and (line in self._late or len(self._late) < _MAX_LATE):
            self._late[line] += 1

    def take_late(self) -> list[str]:
        """Return the calls noted since the last time, one line for all equal ones."""
        late, self._late = self._late, Counter()
        return [line if n == 1 else f"{line}, {n} times" for line, n in late.items()]

    def _settle(self) -> None:
        """Assign the threads that have started since the last time to their owner."""
        for thread in threading.enumerate():
            if thread not in self._runs_by_thread:
                self._runs_by_thread[thread] = self._owner


ORIGINS: Final = Origins()  # of this process, which runs one test at a time
