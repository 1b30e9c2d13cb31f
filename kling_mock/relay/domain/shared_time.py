"""The time that the processes of a relay share, and whether it can be trusted.

It is that of the database server which is used, or this computer's where the database has no clock
of its own. Between two readings it goes on at the pace of the monotonic clock, so a wall clock that
jumps moves nothing. Each server has a clock of its own, so a jump is seen only between two readings
of the same one.

Instants are Unix seconds, durations seconds. Monotonic instants begin anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import attrs

__all__ = ["INTERVAL", "LIMIT", "ClockFault", "ClockReading", "ClockStatus", "SharedTime"]

#: Clocks that are further apart than this do not agree.
LIMIT: Final = 60.0
#: From one reading to the next.
INTERVAL: Final = 60.0
#: For so long the clock of a server that is not used any more is compared with the others': it may
#: be set right meanwhile.
_REMEMBERED: Final = 3 * INTERVAL


class ClockFault(StrEnum):
    """Why a process fails no task for its age.

    `unread`: the database's time has not been read yet. `differs`: this computer's clock and the
    database's do not agree. `jumped`: the time, whichever it follows, has moved by another amount
    than the monotonic clock since the last reading that fitted. `apart`: the clocks of two servers
    of the database do not agree.
    """

    UNREAD = "unread"
    DIFFERS = "differs"
    JUMPED = "jumped"
    APART = "apart"


class ClockReading(NamedTuple):
    """All clocks at one instant.

    Attributes:
        wall: The wall clock of this computer.
        steady: Its monotonic clock.
        database: The database's clock; `None` if it has none but this computer's.
        node: The server whose clock that is.
    """

    wall: float
    steady: float
    database: float | None
    node: str = ""

    @property
    def reference(self) -> float:
        """The instant that counts."""
        return self.wall if self.database is None else self.database

    def continued(self, steady: float) -> float:
        """Return the instant that counts, when the monotonic clock is at *steady*."""
        return self.reference + (steady - self.steady)


class ClockStatus(NamedTuple):
    """What is known of the clocks at one instant.

    Attributes:
        fault: Why no task may fail for its age; `None` if one may.
        ahead: Seconds that this computer's clock is ahead of the shared time; below 0, behind.
        jumped: Seconds by which the shared time has jumped.
        apart: Seconds that the server in use is ahead of the one that it agrees with least.
    """

    fault: ClockFault | None
    ahead: float = 0.0
    jumped: float = 0.0
    apart: float = 0.0


@attrs.frozen
class SharedTime:
    """The time that the processes of a relay share, as far as this one knows it.

    Attributes:
        latest: The last reading.
        trusted: Of each server, the last reading that fitted the one before, by the monotonic
            clock. A jump is measured from it, until the clocks are back or the process is started
            again.
    """

    latest: ClockReading
    trusted: Mapping[str, ClockReading]

    @classmethod
    def begin(cls, reading: ClockReading) -> SharedTime:
        """Return what is known after the first reading: there is nothing to compare it with."""
        return cls(reading, {reading.node: reading})

    def after(self, reading: ClockReading) -> SharedTime:
        """Return what is known after a further reading."""
        before = self.trusted.get(reading.node, reading)
        fits = abs(reading.reference - before.continued(reading.steady)) <= LIMIT
        others = {
            node: one
            for node, one in self.trusted.items()
            if reading.steady - one.steady <= _REMEMBERED
        }
        return SharedTime(reading, others | {reading.node: reading if fits else before})

    def now(self, steady: float) -> float:
        """Return the shared time.

        A database's is followed wherever it jumps, since all processes have to agree. A wall clock
        that jumps is not: nobody else uses it.
        """
        followed = self._trusted if self.latest.database is None else self.latest
        return followed.continued(steady)

    @property
    def _trusted(self) -> ClockReading:
        return self.trusted[self.latest.node]

    def status(self, wall: float, steady: float) -> ClockStatus:
        """Return whether the clocks agree.

        Args:
            wall: The wall clock of this computer.
            steady: Its monotonic clock.
        """
        now = self.now(steady)
        ahead = wall - now
        jumped = now - self._trusted.continued(steady)
        apart = max((now - one.continued(steady) for one in self._others()), key=abs, default=0.0)
        if self.latest.database is None:
            # The time goes on as before; what has jumped is the wall clock.
            fault = ClockFault.JUMPED if abs(ahead) > LIMIT else None
        elif abs(ahead) > LIMIT:
            fault = ClockFault.DIFFERS
        elif abs(jumped) > LIMIT:
            fault = ClockFault.JUMPED
        else:
            fault = ClockFault.APART if abs(apart) > LIMIT else None
        return ClockStatus(fault, ahead, jumped, apart)

    def _others(self) -> Iterable[ClockReading]:
        return (one for node, one in self.trusted.items() if node != self.latest.node)
