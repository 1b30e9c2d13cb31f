"""Setting a relay's clock to the time that its processes share, and monitoring it."""

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
    Peers,
    SharedTime,
)
from kling_mock.relay.storage.errors import StorageError
from kling_mock.relay.storage.sql_storage import Storage

_log: Final = logging.getLogger("kling_mock.relay")

#: Seconds of real time that a reading may take: its error is up to half of that.
_MAX_PAUSE: Final = 2.0
#: Seconds from a failed reading to the next one, as long as no reading has succeeded.
_SOON: Final = 5.0
_UNREAD: Final = ClockStatus(ClockFault.UNREAD)


class ClockWatch:
    """Keeps the clock of a process at the shared time, and says whether a task may expire.

    Only a `NodeClock` is set. Any other clock, as in tests, is the time by definition and trusted.

    Args:
        storage: The store whose time is shared.
        clock: The clock of this process.
    """

    def __init__(self, storage: Storage, clock: MockClock) -> None:
        self._storage = storage
        self._clock = clock
        self._known: SharedTime | None = None
        self._peers = Peers()
        self._reported: ClockFault | None = None
        self._measuring = False
        self._timer: Timer | None = None
        self._stopped = False

    async def start(self) -> None:
        """Set the clock now, and then every minute and after each connect."""
        if isinstance(self._clock, NodeClock):
            self._storage.on_connect(self._begin)
            await self.measure()

    def stop(self) -> None:
        """Stop measuring."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def status(self) -> ClockStatus:
        """Return the present state of the clocks; log it if it has changed."""
        if not isinstance(self._clock, NodeClock):
            return ClockStatus(None)
        status = _UNREAD if self._known is None else self._known.status(*self._clock.glance())
        if status.fault is None and self._peers.apart:
            status = status._replace(fault=ClockFault.APART, apart=self._peers.apart)
        elif status.fault is None and self._peers.is_open:
            status = _UNREAD
        self._report(status)
        return status

    def may_expire(self) -> bool:
        """Return whether a task may fail because time has passed."""
        return self.status().fault is None

    def health_fields(self) -> dict[str, Any]:
        """Return the fields of `/health` about a fault; empty if there is no fault."""
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
        """Read the clocks once, and set this process's; after a failure the next call tries it."""
        clock = self._clock
        if self._measuring or not isinstance(clock, NodeClock):
            return
        self._measuring = True
        try:
            async with asyncio.timeout(_MAX_PAUSE):
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
        self._schedule(clock, _SOON if self.status().fault is ClockFault.UNREAD else INTERVAL)

    async def _read(self, clock: NodeClock) -> ClockReading:
        _, started_at = clock.glance()
        database = await self._storage.read_clock()
        wall, steady = clock.glance()
        half = (steady - started_at) / 2  # the clock was read at some instant in between
        wall, steady = wall - half, steady - half
        if database is None:
            signs = await self._storage.meet(self._storage.process, now=int(clock.now()))
            self._peers.meet(signs, clock.now(), steady)
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
        """Log the start and the end of a fault."""
        if status.fault is self._reported:
            return
        self._reported = status.fault
        if status.fault is None:
            _log.info("kling relay: the clocks agree; tasks fail for their age again")
        elif status.fault is ClockFault.APART and self._peers.apart:
            _log.error(_PEER + _WHAT_HAPPENS, round(status.apart))
        elif status.fault is not ClockFault.UNREAD:
            _log.error(_REPORTS[status.fault], round(_seconds(status)))


def _seconds(status: ClockStatus) -> float:
    """Return the difference between the clocks in seconds."""
    if status.fault is ClockFault.APART:
        return status.apart
    jumped = status.fault is ClockFault.JUMPED and status.jumped
    return jumped or status.ahead


_WHAT_HAPPENS: Final = (
    " Until they agree, this process fails no task for its age, nor for being unknown to Kling."
)
_PEER: Final = (
    "kling relay error: this computer's clock is %d s ahead of what another process writes into the"
    " same SQLite file (below 0: behind). Set the clock of the one that is wrong, by NTP, and start"
    " it again."
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
