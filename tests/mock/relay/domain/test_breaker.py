"""The circuit breaker: every state and event, and how long it stays open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain.breaker import (
    BREAKER,
    FAILURES,
    FIRST_PAUSE,
    MAX_PAUSE,
    NEXT,
    PROBE_LEASE,
    Breaker,
    BreakerEvent,
    BreakerState,
    after,
    is_admitted,
    pause,
)

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
REPLIED, FAILED, PROBED = BreakerEvent.REPLIED, BreakerEvent.FAILED, BreakerEvent.PROBED
TRIPPED, ABANDONED = BreakerEvent.TRIPPED, BreakerEvent.ABANDONED


@pytest.mark.parametrize(
    ("state", "event", "follows"),
    [
        (CLOSED, REPLIED, CLOSED),
        (CLOSED, FAILED, CLOSED),
        (CLOSED, TRIPPED, OPEN),
        (CLOSED, ABANDONED, CLOSED),
        (OPEN, REPLIED, CLOSED),
        (OPEN, FAILED, OPEN),
        (OPEN, TRIPPED, OPEN),
        (OPEN, PROBED, HALF_OPEN),
        (OPEN, ABANDONED, OPEN),
        (HALF_OPEN, REPLIED, CLOSED),
        (HALF_OPEN, FAILED, OPEN),
        (HALF_OPEN, TRIPPED, OPEN),
        (HALF_OPEN, PROBED, HALF_OPEN),
        (HALF_OPEN, ABANDONED, OPEN),
    ],
)
def test_what_follows(state: BreakerState, event: BreakerEvent, follows: BreakerState) -> None:
    """The table, written a second time."""
    assert NEXT[state][event] is follows


def test_the_table_has_no_other_pair() -> None:
    """A closed breaker makes calls, not probes; everything else can happen to each."""
    pairs = {(state, event) for state, row in NEXT.items() for event in row}
    every = {(state, event) for state in BreakerState for event in BreakerEvent}
    assert every - pairs == {(CLOSED, PROBED)}
    with pytest.raises(KeyError):
        after(BREAKER, PROBED, 0.0)


def opened(now: float = 0.0) -> Breaker:
    breaker = BREAKER
    for _ in range(FAILURES):
        assert is_admitted(breaker, now)
        breaker = after(breaker, FAILED, now)
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    """One reply in between, and it counts from the beginning."""
    breaker = BREAKER
    for _ in range(3):
        for _ in range(FAILURES - 1):
            breaker = after(breaker, FAILED, 0.0)
        assert breaker.state is CLOSED
        breaker = after(breaker, REPLIED, 0.0)
        assert breaker == BREAKER
    assert opened(7.0) == Breaker(OPEN, FAILURES, 1, 7.0 + FIRST_PAUSE)


def test_one_probe_is_made_at_a_time() -> None:
    """After the pause one call is made; the others wait for it, but not forever."""
    breaker = opened()
    assert not is_admitted(breaker, FIRST_PAUSE - 0.001)
    assert is_admitted(breaker, FIRST_PAUSE)
    probing = after(breaker, PROBED, FIRST_PAUSE)
    assert (probing.state, probing.until) == (HALF_OPEN, FIRST_PAUSE + PROBE_LEASE)
    assert not is_admitted(probing, FIRST_PAUSE + PROBE_LEASE - 0.001)
    assert is_admitted(probing, FIRST_PAUSE + PROBE_LEASE)  # its process was stopped, say
    assert after(probing, REPLIED, FIRST_PAUSE + 1) == BREAKER
    given_up = after(probing, ABANDONED, FIRST_PAUSE + 1)
    assert (given_up.state, given_up.openings) == (OPEN, 1)
    assert is_admitted(given_up, FIRST_PAUSE + 1)


def test_the_pause_doubles_up_to_its_limit() -> None:
    """10, 20, 40 seconds and so on, at most 5 minutes, and from the beginning after a reply."""
    breaker, now, pauses = opened(), 0.0, []
    for _ in range(8):
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker = after(after(breaker, PROBED, now), FAILED, now)
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]
    assert opened().until == FIRST_PAUSE
    assert pause(10**6) == MAX_PAUSE


def test_a_late_failure_does_not_lengthen_the_pause() -> None:
    """600 calls that began before it opened may all fail afterwards."""
    breaker = opened(1.0)
    for _ in range(600):
        breaker = after(breaker, FAILED, 5.0)
    assert (breaker.state, breaker.openings, breaker.until) == (OPEN, 1, 1.0 + FIRST_PAUSE)


@given(st.lists(st.tuples(st.sampled_from([REPLIED, FAILED, ABANDONED]), st.floats(0, 400))))
def test_it_always_lets_somebody_try_again(events: list[tuple[BreakerEvent, float]]) -> None:
    """Whatever happens, a call is admitted within the longest pause."""
    breaker, now = BREAKER, 0.0
    for event, pause_before in events:
        now += pause_before
        if is_admitted(breaker, now) and breaker.state is not CLOSED:
            breaker = after(breaker, PROBED, now)
        breaker = after(breaker, event, now)
        assert is_admitted(breaker, now + MAX_PAUSE)
        assert (breaker.state is CLOSED) <= (breaker.failures < FAILURES)


def test_the_states_are_words_of_metrics() -> None:
    """Dashboards and alert rules ask for them."""
    assert [state.value for state in BreakerState] == ["closed", "open", "half_open"]


def test_the_limits_are_those_that_alerts_count_on() -> None:
    """Five failures; 10 seconds to 5 minutes; a probe is given up after a minute."""
    assert (FAILURES, FIRST_PAUSE, MAX_PAUSE, PROBE_LEASE) == (5, 10.0, 300.0, 60.0)
    assert [pause(openings) for openings in (1, 2, 5, 6)] == [10.0, 20.0, 160.0, 300.0]


def test_a_breaker_of_which_nothing_is_known_admits_calls() -> None:
    assert Breaker() == Breaker(CLOSED, 0, 0, 0.0) == BREAKER
    assert is_admitted(BREAKER, -1.0)
