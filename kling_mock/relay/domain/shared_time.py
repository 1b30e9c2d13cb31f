"""The time that the processes of a relay share, and whether it can be trusted.

It is the time of the database server in use, or of this computer where the database does not have a
clock of its own. Between two readings it advances at the pace of the monotonic clock, so a jump of
the wall clock has no effect. Each server has a clock of its own, so a jump is detected only between
two readings of the same server.

Instants are Unix seconds, durations seconds. Monotonic instants have an arbitrary start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import attrs

#: Clocks that are further apart than this do not agree.
LIMIT: Final = 60.0
#: Time from one reading to the next.
INTERVAL: Final = 60.0
#: Time for which the clock of a server that is no longer used is compared with the others; after
#: that it may have been set right.
_REMEMBERED: Final = 3 * INTERVAL
#: A process writes every `INTERVAL`; one that has not written for so long has ended.
_SILENCE: Final = 1.7 * INTERVAL


class ClockFault(StrEnum):
    """The reason why a process must not fail tasks for their age.

    `unread`: the database's time has not been read yet. `differs`: this computer's clock and the
    database's do not agree. `jumped`: the time, whichever clock it follows, has moved by a
    different amount than the monotonic clock since the last reading that fitted. `apart`: the
    clocks of two servers of the database do not agree.
    """

    UNREAD = "unread"
    DIFFERS = "differs"
    JUMPED = "jumped"
    APART = "apart"


@attrs.define
class Peers:
    """The other processes that use the same SQLite file, by their signs of life in it.

    A file does not have a clock: only these signs show whether this process has the same time as
    the others. A process that has ended leaves an old sign behind, so a sign counts only once it
    has been seen to change.
    """

    _known: dict[str, tuple[int, float, bool]] = attrs.field(factory=dict)
    apart: float = 0.0
    is_open: bool = False

    def meet(self, signs: Mapping[str, tuple[int, int]], now: float, steady: float) -> None:
        """Record what the other processes have written.

        Args:
            signs: How often each has written, and when it did so last, by its name.
            now: The time of this process.
            steady: Its monotonic clock.
        """
        known: dict[str, tuple[int, float, bool]] = {}
        apart, is_open = [0.0], False
        for name, (beats, at) in signs.items():
            before = self._known.get(name)
            lives = before is not None and (before[2] or before[0] != beats)
            since = steady if before is None or before[0] != beats else before[1]
            known[name] = (beats, since, lives)
            is_far = abs(now - at) > LIMIT + INTERVAL
            has_ended = steady - since > _SILENCE
            if is_far and lives and not has_ended:
                apart.append(now - at)
            is_open |= is_far and not lives and not has_ended
        self._known = known
        self.apart = max(apart, key=abs)
        self.is_open = is_open


class ClockReading(NamedTuple):
    """All clocks at one instant.

    Attributes:
        wall: The wall clock of this computer.
        steady: Its monotonic clock.
        database: The database's clock; `None` if it uses this computer's.
        node: The server whose clock that is.
    """

    wall: float
    steady: float
    database: float | None
    node: str = ""

    @property
    def reference(self) -> float:
        """The instant of the clock that counts: the database's, or else this computer's."""
        return self.wall if self.database is None else self.database

    def continued(self, steady: float) -> float:
        """Return the reference instant at the moment when the monotonic clock shows *steady*."""
        return self.reference + (steady - self.steady)


class ClockStatus(NamedTuple):
    """The state of the clocks at one instant.

    Attributes:
        fault: Why tasks must not fail for their age; `None` if they may.
        ahead: Seconds that this computer's clock is ahead of the shared time; below 0, behind.
        jumped: Seconds by which the shared time has jumped.
        apart: Seconds that the server in use is ahead of the one with which it agrees least.
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
        trusted: For each server, the last reading that fitted the one before, by the monotonic
            clock. A jump is measured from it, until the clocks are back or the process is
            restarted.
    """

    latest: ClockReading
    trusted: Mapping[str, ClockReading]

    @classmethod
    def begin(cls, reading: ClockReading) -> SharedTime:
        """Return the state after the first reading, which cannot be compared with another."""
        return cls(reading, {reading.node: reading})

    def after(self, reading: ClockReading) -> SharedTime:
        """Return the state after a further reading."""
        before = self.trusted.get(reading.node, reading)
        jump = reading.reference - before.continued(reading.steady)
        fits = abs(jump) <= LIMIT
        if reading.database is None and jump < 0:
            # This computer's clock was ahead when the process started and has been set back, but
            # it has not jumped since the last reading. Setting it back makes no task fail.
            fits |= abs(reading.wall - self.latest.continued(reading.steady)) <= LIMIT
        others = {
            node: last
            for node, last in self.trusted.items()
            if reading.steady - last.steady <= _REMEMBERED
        }
        return SharedTime(reading, others | {reading.node: reading if fits else before})

    def now(self, steady: float) -> float:
        """Return the shared time.

        A database's clock is followed wherever it jumps, since all processes have to agree. A wall
        clock that jumps is not followed: no other process uses it.
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
        apart = max(
            (now - reading.continued(steady) for reading in self._others()), key=abs, default=0.0
        )
        if self.latest.database is None:
            # Only the wall clock has jumped; the shared time goes on as before.
            fault = ClockFault.JUMPED if abs(ahead) > LIMIT else None
        elif abs(ahead) > LIMIT:
            fault = ClockFault.DIFFERS
        elif abs(jumped) > LIMIT:
            fault = ClockFault.JUMPED
        else:
            fault = ClockFault.APART if abs(apart) > LIMIT else None
        return ClockStatus(fault, ahead, jumped, apart)

    def _others(self) -> Iterable[ClockReading]:
        return (reading for node, reading in self.trusted.items() if node != self.latest.node)
