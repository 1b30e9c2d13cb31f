"""The time that the processes of a relay share, and whether it can be trusted.

It is the database's, or this computer's where the database has no clock of its own. Between two
readings it goes on at the pace of the monotonic clock, so a wall clock that jumps moves nothing.

Instants are Unix seconds, durations seconds. Monotonic instants begin anywhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import attrs

__all__ = ["INTERVAL", "LIMIT", "ClockFault", "ClockReading", "ClockStatus", "SharedTime"]

#: Clocks that are further apart than this do not agree.
LIMIT: Final = 60.0
#: From one reading to the next.
INTERVAL: Final = 60.0


class ClockFault(StrEnum):
    """Why a process fails no task for its age.

    `unread`: the database's time has not been read yet. `differs`: this computer's clock and the
    database's do not agree. `jumped`: the time, whichever it follows, has moved by another amount
    than the monotonic clock since the last reading that fitted.
    """

    UNREAD = "unread"
    DIFFERS = "differs"
    JUMPED = "jumped"


class ClockReading(NamedTuple):
    """All clocks at one instant.

    Attributes:
        wall: The wall clock of this computer.
        steady: Its monotonic clock.
        database: The database's clock; `None` if it has none but this computer's.
    """

    wall: float
    steady: float
    database: float | None

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
    """

    fault: ClockFault | None
    ahead: float = 0.0
    jumped: float = 0.0


@attrs.frozen
class SharedTime:
    """The time that the processes of a relay share, as far as this one knows it.

    Attributes:
        latest: The last reading.
        trusted: The last reading that fitted the one before, by the monotonic clock. A jump is
            measured from it, until the clocks are back or the process is started again.
    """

    latest: ClockReading
    trusted: ClockReading

    @classmethod
    def begin(cls, reading: ClockReading) -> SharedTime:
        """Return what is known after the first reading: there is nothing to compare it with."""
        return cls(reading, reading)

    def after(self, reading: ClockReading) -> SharedTime:
        """Return what is known after a further reading."""
        jump = reading.reference - self.trusted.continued(reading.steady)
        return SharedTime(reading, reading if abs(jump) <= LIMIT else self.trusted)

    def now(self, steady: float) -> float:
        """Return the shared time.

        A database's is followed wherever it jumps, since all processes have to agree. A wall clock
        that jumps is not: nobody else uses it.
        """
        followed = self.trusted if self.latest.database is None else self.latest
        return followed.continued(steady)

    def status(self, wall: float, steady: float) -> ClockStatus:
        """Return whether the clocks agree.

        Args:
            wall: The wall clock of this computer.
            steady: Its monotonic clock.
        """
        now = self.now(steady)
        ahead = wall - now
        jumped = now - self.trusted.continued(steady)
        if self.latest.database is None:
            # The time goes on as before; what has jumped is the wall clock.
            fault = ClockFault.JUMPED if abs(ahead) > LIMIT else None
        elif abs(ahead) > LIMIT:
            fault = ClockFault.DIFFERS
        else:
            fault = ClockFault.JUMPED if abs(jumped) > LIMIT else None
        return ClockStatus(fault, ahead, jumped)
