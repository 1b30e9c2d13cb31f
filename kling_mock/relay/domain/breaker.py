"""The circuit breaker: a table of states and events, and when a call may be made.

Whoever does not answer is left alone for a while, that doubles with each failed probe. An instant
is any number of seconds that never runs backwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

__all__ = [
    "BREAKER",
    "NEXT",
    "Breaker",
    "BreakerEvent",
    "BreakerState",
    "after",
    "is_admitted",
    "pause",
]

#: Failures in a row that open a closed breaker.
FAILURES: Final = 5
#: Seconds for which it is open at first.
FIRST_PAUSE: Final = 10.0
#: The longest time for which it is open: an end of the trouble is noticed within this.
LONGEST_PAUSE: Final = 300.0
#: A probe without a result no longer counts after so many seconds, so that another one is made.
PROBE_LEASE: Final = 60.0


class BreakerState(StrEnum):
    """The state of a breaker.

    `closed`: calls are made. `open`: none is. `half_open`: one is under way as a probe.
    """

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerEvent(StrEnum):
    """What has happened.

    `replied`: a call got a reply, be it a refusal. `failed`: it got none, and fewer than
    `FAILURES` in a row did. `tripped`: it got none, and that many did. `probed`: a call begins
    after the pause. `abandoned`: it ended without showing anything, as by a cancellation.
    """

    REPLIED = "replied"
    FAILED = "failed"
    TRIPPED = "tripped"
    PROBED = "probed"
    ABANDONED = "abandoned"


_S, _E = BreakerState, BreakerEvent

#: What follows. Only a closed breaker counts failures; `probed` is for the others alone.
NEXT: Final[Mapping[BreakerState, Mapping[BreakerEvent, BreakerState]]] = {
    _S.CLOSED: {
        _E.REPLIED: _S.CLOSED,
        _E.FAILED: _S.CLOSED,
        _E.TRIPPED: _S.OPEN,
        _E.ABANDONED: _S.CLOSED,
    },
    _S.OPEN: {
        _E.REPLIED: _S.CLOSED,  # a call that began before: it is answering again
        _E.FAILED: _S.OPEN,  # likewise; it adds nothing
        _E.TRIPPED: _S.OPEN,
        _E.PROBED: _S.HALF_OPEN,
        _E.ABANDONED: _S.OPEN,
    },
    _S.HALF_OPEN: {
        _E.REPLIED: _S.CLOSED,
        _E.FAILED: _S.OPEN,
        _E.TRIPPED: _S.OPEN,
        _E.PROBED: _S.HALF_OPEN,
        _E.ABANDONED: _S.OPEN,
    },
}


class Breaker(NamedTuple):
    """One breaker.

    Attributes:
        state: Its state.
        failures: Calls in a row without a reply.
        openings: How often it has opened since the last reply.
        until: No call is made before; for `half_open`, before the probe is given up.
    """

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    openings: int = 0
    until: float = 0.0


#: A breaker of which nothing is known.
BREAKER: Final = Breaker()


def is_admitted(breaker: Breaker, now: float) -> bool:
    """Return whether a call may be made; if the breaker is not closed, as a probe."""
    return breaker.state is BreakerState.CLOSED or now >= breaker.until


def pause(openings: int) -> float:
    """Return for how many seconds a breaker is open that has opened *openings* times, 1 or more."""
    return min(FIRST_PAUSE * 2.0 ** min(openings - 1, 30), LONGEST_PAUSE)


def after(breaker: Breaker, event: BreakerEvent, now: float) -> Breaker:
    """Return what *breaker* is after an event.

    Args:
        breaker: What it was.
        event: `FAILED` becomes `TRIPPED` by itself.
        now: The instant.

    Raises:
        KeyError: The event cannot happen to it.
    """
    failures = breaker.failures + 1 if event is BreakerEvent.FAILED else breaker.failures
    if event is BreakerEvent.FAILED and failures >= FAILURES:
        event = BreakerEvent.TRIPPED
    state = NEXT[breaker.state][event]
    if event is BreakerEvent.REPLIED:
        return BREAKER
    if state is BreakerState.HALF_OPEN:
        return breaker._replace(state=state, until=now + PROBE_LEASE)
    if state is BreakerState.OPEN and breaker.state is not BreakerState.OPEN:
        if event is BreakerEvent.ABANDONED:  # the next one may try at once
            return breaker._replace(state=state, until=now)
        openings = breaker.openings + 1
        return Breaker(state, failures, openings, now + pause(openings))
    return breaker._replace(failures=failures)
