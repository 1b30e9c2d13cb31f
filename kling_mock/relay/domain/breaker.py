"""The circuit breaker: a table of states and events, and when a call may be made.

A peer that does not answer is left alone for a pause that doubles with each failed probe. Instants
are seconds of any clock that never runs backwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

#: Failures in a row that open a closed breaker.
FAILURES: Final = 5
#: Seconds for which a breaker is open at first.
FIRST_PAUSE: Final = 10.0
#: The longest time for which it is open: the end of an outage is noticed within this time.
MAX_PAUSE: Final = 300.0
#: Seconds after which a probe without a result no longer counts, so that another one is made.
PROBE_LEASE: Final = 60.0


class BreakerState(StrEnum):
    """The state of a breaker.

    `closed`: calls are made. `open`: calls are not made. `half_open`: one call is under way as a
    probe.
    """

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerEvent(StrEnum):
    """An event of a breaker.

    `replied`: a call got a reply, even if that was a refusal. `failed`: a call got no reply, and
    fewer than `FAILURES` in a row have failed. `tripped`: a call got no reply, and that many in a
    row have failed. `probed`: a call starts after the pause. `abandoned`: a call ended without
    showing whether the peer answers, for example because it was cancelled.
    """

    REPLIED = "replied"
    FAILED = "failed"
    TRIPPED = "tripped"
    PROBED = "probed"
    ABANDONED = "abandoned"


_S, _E = BreakerState, BreakerEvent

#: The next state. Only a closed breaker counts failures; only the others know `probed`.
NEXT: Final[Mapping[BreakerState, Mapping[BreakerEvent, BreakerState]]] = {
    _S.CLOSED: {
        _E.REPLIED: _S.CLOSED,
        _E.FAILED: _S.CLOSED,
        _E.TRIPPED: _S.OPEN,
        _E.ABANDONED: _S.CLOSED,
    },
    _S.OPEN: {
        _E.REPLIED: _S.CLOSED,  # a call that started earlier: the peer answers again
        _E.FAILED: _S.OPEN,  # also a call that started earlier; it changes nothing
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
        until: The instant before which no call is made; for `half_open`, the instant at which the
            probe is given up.
    """

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    openings: int = 0
    until: float = 0.0


#: A breaker without any history.
BREAKER: Final = Breaker()


def is_admitted(breaker: Breaker, now: float) -> bool:
    """Return whether a call may be made; if the breaker is not closed, as a probe."""
    return breaker.state is BreakerState.CLOSED or now >= breaker.until


def pause(openings: int) -> float:
    """Return the seconds for which a breaker stays open that opened *openings* times, 1 or more."""
    return min(FIRST_PAUSE * 2.0 ** min(openings - 1, 30), MAX_PAUSE)


def after(breaker: Breaker, event: BreakerEvent, now: float) -> Breaker:
    """Return the breaker after an event.

    Args:
        breaker: The breaker before the event.
        event: The event. `FAILED` is turned into `TRIPPED` where that applies.
        now: The instant.

    Raises:
        KeyError: The event cannot happen in this state.
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
