"""Setting a relay's clock to the time that its processes share, and watching it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from kling_mock.clock import MockClock, NodeClock, Timer
from kling_mock.relay.domain.shared_time import (
    INTERVAL,
    ClockFault,
    ClockReading,
    ClockStatus,
    SharedTime,
)
from kling_mock.storage.errors import StorageError
from kling_mock.storage.protocol import Storage

__all__ = ["ClockWatch"]

_log: Final = logging.getLogger("kling_mock.relay")

#: Seconds of real time that a reading may take: its error is up to half of that.
_LONGEST: Final = 2.0
#: Seconds from a reading that failed to the next one, as long as there is none at all.
_SOON: Final = 5.0
_UNREAD: Final = ClockStatus(ClockFault.UNREAD)


class ClockWatch:
    """Keeps the clock of a process at the shared time, and says whether a task may expire.

    Only a `NodeClock` is set. Any other clock is the time itself, as in tests, and trusted.

    Args:
        storage: Whose time is shared.
        clock: The clock of this process.
    """

    def __init__(self, storage: Storage, clock: MockClock) -> None:
        self._storage = storage
        self._clock = clock
        self._known: SharedTime | None = None
        self._reported: ClockFault | None = None
        self._measuring = False
        self._timer: Timer | None = None
        self._stopped = False

    async def start(self) -> None:
        """Set the clock, and go on doing so: every minute, and after each connect."""
        if isinstance(self._clock, NodeClock):
            self._storage.on_connect(self._begin)
            await self.measure()

    def stop(self) -> None:
        """Measure no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def status(self) -> ClockStatus:
        """Return what is known of the clocks now; a change of it is logged."""
        if not isinstance(self._clock, NodeClock):
            return ClockStatus(None)
        status = _UNREAD if self._known is None else self._known.status(*self._clock.glance())
        self._report(status)
        return status

    def may_expire(self) -> bool:
        """Return whether a task may fail because time has passed."""
        return self.status().fault is None

    def shown(self) -> dict[str, Any]:
        """Return what `/health` shows of a fault; nothing if there is none."""
        status = self.status()
        if status.fault is None:
            return {}
        seconds = {
            "ahead_seconds": round(status.ahead),
            "jumped_seconds": round(status.jumped),
            "apart_seconds": round(status.apart),
        }
        return {"clock": {"fault": status.fault.value} | seconds}

    async def measure(self) -> None:
        """Read the clocks once, and set this process's; a failure is left to the next time."""
        clock = self._clock
        if self._measuring or not isinstance(clock, NodeClock):
            return
        self._measuring = True
        try:
            async with asyncio.timeout(_LONGEST):
                reading = await self._read(clock)
        except (StorageError, TimeoutError):
            _log.warning("kling relay error: the database's time cannot be read; it is tried again")
        else:
            known = SharedTime.begin(reading) if self._known is None else self._known.after(reading)
            self._known = known
            clock.set_to(known.now(clock.glance().steady))
        finally:
            self._measuring = False
        self.status()
        self._schedule(clock, _SOON if self._known is None else INTERVAL)

    async def _read(self, clock: NodeClock) -> ClockReading:
        _, begun = clock.glance()
        database = await self._storage.read_clock()
        wall, steady = clock.glance()
        half = (steady - begun) / 2  # it was read at some instant in between
        wall, steady = wall - half, steady - half
        if database is None:
            return ClockReading(wall, steady, None)
        return ClockReading(wall, steady, database.seconds, database.node)

    def _schedule(self, clock: NodeClock, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._stopped:
            self._timer = clock.call_at(clock.now() + seconds, self._begin)

    def _begin(self) -> None:
        if not (self._measuring or self._stopped):
            self._clock.spawn(self.measure())

    def _report(self, status: ClockStatus) -> None:
        """Log a fault that is new, and its end."""
        if status.fault is self._reported:
            return
        self._reported = status.fault
        if status.fault is None:
            _log.info("kling relay: the clocks agree; tasks fail for their age again")
        elif status.fault is not ClockFault.UNREAD:
            _log.error(_REPORTS[status.fault], round(_seconds(status)))


def _seconds(status: ClockStatus) -> float:
    """Return by how much the clocks do not agree."""
    if status.fault is ClockFault.APART:
        return status.apart
    jumped = status.fault is ClockFault.JUMPED and status.jumped
    return jumped or status.ahead


_WHAT_HAPPENS: Final = (
    " Until they agree, this process fails no task for its age, nor for being unknown to Kling."
)
_REPORTS: Final = {
    ClockFault.DIFFERS: "kling relay error: this computer's clock is %d s ahead of the database's"
    " (below 0: behind), whose time is used. Set the clock of the one that is wrong, by NTP."
    + _WHAT_HAPPENS,
    ClockFault.JUMPED: "kling relay error: the time has jumped by %d s. If it is right now, start"
    " this process again; if not, set the clock, by NTP." + _WHAT_HAPPENS,
    ClockFault.APART: "kling relay error: the clock of the database server in use is %d s ahead of"
    " another one's (below 0: behind). Set the clock of the one that is wrong, by NTP."
    + _WHAT_HAPPENS,
}
