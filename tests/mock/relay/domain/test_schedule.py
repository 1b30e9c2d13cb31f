"""The schedule of polls of open tasks, and their end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain.schedule import (
    DEADLINE,
    READ_INTERVAL,
    UNKNOWN_PAUSE,
    expires_before,
    first_poll,
    is_expired,
    next_poll,
)

instant = st.integers(0, 2**40)


@given(instant, st.integers(0, 3 * DEADLINE), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_with_age_between_20_seconds_and_12_minutes(
    now: int, age: int, chance: float
) -> None:
    """An open task is polled often while it is young, and at least every twelve minutes."""
    pause = next_poll(now + age, now, chance) - (now + age)
    assert 20 <= pause <= 720
    assert next_poll(now + age + 3600, now, chance) - (now + age + 3600) >= pause
    assert first_poll(now) > now


def test_a_day_of_one_task_costs_few_looks() -> None:
    """A task that stays open for its whole day is polled fewer than 200 times."""
    looks, now = 0, first_poll(0)
    while not is_expired(now, 0, readable=True):
        looks, now = looks + 1, next_poll(now, 0, 0.0)
    assert 100 < looks < 200


@given(instant, st.integers(0, 3 * DEADLINE))
def test_a_silent_upstream_gets_twice_the_time(created: int, age: int) -> None:
    """A task ends after a day if Kling shows it open, after two if Kling cannot be asked."""
    assert is_expired(created + age, created, readable=True) == (age >= 24 * 3600)
    assert is_expired(created + age, created, readable=False) == (age >= 48 * 3600)


def test_a_task_that_was_accepted_is_read_after_20_seconds() -> None:
    assert first_poll(1_000) == 1_020


@pytest.mark.parametrize(
    ("age", "chance", "pause"),
    [
        (0, 0.0, 20),
        (80, 0.0, 20),
        (84, 0.0, 21),
        (2_396, 0.0, 599),
        (2_400, 0.0, 600),
        (86_400, 0.0, 600),
        (400, 0.5, 110),
        (400, 1.0, 120),
        (2_400, 1.0, 720),
    ],
)
def test_the_next_reading_is_after_a_quarter_of_the_age(
    age: int, chance: float, pause: int
) -> None:
    """20 seconds to 10 minutes, and up to a fifth more."""
    assert next_poll(1_000_000 + age, 1_000_000, chance) == 1_000_000 + age + pause


def test_deadlines_are_a_day_and_two() -> None:
    """Up to that time of creation, which is included."""
    assert expires_before(1_000_000, readable=True) == 1_000_000 - 86_400
    assert expires_before(1_000_000, readable=False) == 1_000_000 - 172_800


def test_the_intervals_of_readings_are_promised() -> None:
    """One poll per 5 s; 65 s until one may find that a create never arrived."""
    assert (READ_INTERVAL, UNKNOWN_PAUSE) == (5, 65)
