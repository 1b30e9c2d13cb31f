"""When open tasks are looked at, and given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain.schedule import (
    DEADLINE,
    first_poll,
    is_expired,
    next_poll,
)

instant = st.integers(0, 2**40)


@given(instant, st.integers(0, 3 * DEADLINE), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_with_age_between_20_seconds_and_12_minutes(
    now: int, age: int, chance: float
) -> None:
    """An open task is looked at often while it is young, and at least every twelve minutes."""
    pause = next_poll(now + age, now, chance) - (now + age)
    assert 20 <= pause <= 720
    assert next_poll(now + age + 3600, now, chance) - (now + age + 3600) >= pause
    assert first_poll(now) > now


def test_a_day_of_one_task_costs_few_looks() -> None:
    """A task that stays open for its whole day is looked at fewer than 200 times."""
    looks, now = 0, first_poll(0)
    while not is_expired(now, 0, readable=True):
        looks, now = looks + 1, next_poll(now, 0, 0.0)
    assert 100 < looks < 200


@given(instant, st.integers(0, 3 * DEADLINE))
def test_a_silent_upstream_gets_twice_the_time(created: int, age: int) -> None:
    """A task ends after a day if Kling shows it open, after two if Kling cannot be asked."""
    assert is_expired(created + age, created, readable=True) == (age >= 24 * 3600)
    assert is_expired(created + age, created, readable=False) == (age >= 48 * 3600)
