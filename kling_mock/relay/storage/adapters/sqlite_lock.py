"""Waiting for the lock that another process has on a SQLite file.

SQLite's own waiting is not reported, cannot be ended by another thread, and does not happen at all
when two processes switch a new file to WAL. So SQLite is told not to wait, and is asked again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_log = logging.getLogger("kling_mock.storage")

_FIRST_PAUSE: Final = 0.001  # seconds between two attempts; each pause is twice the last one
_LAST_PAUSE: Final = 0.02
_REPORTED: Final = 1.0  # seconds after which a wait is reported


class LockWait:
    """The waits of one engine's connections for a lock, and how to end them.

    Args:
        path: The file, for the report.
        timeout: Seconds until a wait is given up.
        steady: Returns the seconds of a monotonic clock.
        pause: Waits for so many seconds between two attempts; `None` waits for an event that
            `give_up` sets.
    """

    def __init__(
        self,
        path: Path | None,
        timeout: float,
        *,
        steady: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._path = path
        self._timeout = timeout
        self._steady = steady
        self._given_up = threading.Event()
        self._pause = pause or self._given_up.wait

    def give_up(self) -> None:
        """End all waits, from any thread; their results are no longer needed."""
        self._given_up.set()

    def __call__(self, take: Callable[[], object]) -> None:
        """Call *take* until no other process has the lock.

        Args:
            take: Raises at once if another process has it: `busy_timeout` is 0.

        Raises:
            sqlite3.OperationalError: The lock was not released in time, or the wait was given up.
        """
        begin, pause, reported = self._steady(), _FIRST_PAUSE, False
        while True:
            try:
                take()
            except sqlite3.OperationalError as error:
                waited = self._steady() - begin
                if not is_busy(error) or waited >= self._timeout or self._given_up.is_set():
                    raise
            else:
                return
            if waited >= _REPORTED and not reported:
                reported = True
                _log.warning(
                    "kling storage: another process has locked %s; waiting for it, for up to %g s",
                    self._path,
                    self._timeout,
                )
            self._pause(min(pause, self._timeout - waited))
            pause = min(2 * pause, _LAST_PAUSE)


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether another connection holds a lock."""
    # An extended code has the reason; an error of the driver itself does not have a code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
