"""A client's source of time: the system, or a test server's clock.

Every duration is in seconds. A client asks its clock for the time (to sign), for a
monotonic reading (to keep deadlines), and to sleep (between polls and retries); it
never calls `time` itself. A test passes a clock that moves by itself, so waiting for
a ten-minute video takes no real time.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Protocol


class Clock(Protocol):
    """The clock that a client needs.

    A clock is shared by all threads and event loops that use the client.
    """

    def time(self) -> float:
        """Return the wall clock in seconds since the Unix epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean anything."""
        ...

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Block the calling thread for *seconds*, or until *wake* is set."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Suspend the calling task for *seconds*; cancellable like `asyncio.sleep`."""
        ...

    def call(self) -> contextlib.AbstractContextManager[None]:
        """Enclose one call of a client, from its first byte to its result.

        A simulated clock may move forward by itself only while every enclosed call
        sleeps. A clock that runs on its own ignores this.
        """
        ...


class SystemClock:
    """The computer's own clocks."""

    def time(self) -> float:
        """Return `time.time()`."""
        return time.time()

    def monotonic(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Sleep *seconds*, or until *wake* is set."""
        if wake is None:
            time.sleep(seconds)
        else:
            wake.wait(seconds)

    async def asleep(self, seconds: float) -> None:
        """Sleep *seconds* on the running event loop."""
        import asyncio  # a sync program need not load it

        await asyncio.sleep(seconds)

    def call(self) -> contextlib.AbstractContextManager[None]:
        """Do nothing: real time passes whether or not a caller waits."""
        return contextlib.nullcontext()
