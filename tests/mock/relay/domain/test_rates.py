"""The token buckets of the relay's users, on a time that a test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain import rates
from kling_mock.relay.domain.rates import TokenBuckets


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    """Five at once, then one per half second; the refusal says when the next one may come."""
    time = Time()
    buckets = TokenBuckets(2.0, 5, time)
    assert [buckets.take("a") for _ in range(5)] == [0.0] * 5
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("a") == pytest.approx(0.5)  # what is refused takes nothing
    assert buckets.take("b") == 0.0
    time.now += 0.25
    assert buckets.take("a") == pytest.approx(0.25)
    time.now += 0.25
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == pytest.approx(0.5)
    time.now += 3600
    assert [buckets.take("a") for _ in range(5)] == [0.0] * 5
    assert buckets.take("a") > 0.0


@given(
    st.floats(0.1, 1000),
    st.integers(1, 50),
    st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_never_more_than_burst_and_rate(rate: float, burst: int, pauses: list[float]) -> None:
    """Over any time, at most what the bucket holds and is filled with meanwhile passes."""
    time = Time()
    buckets = TokenBuckets(rate, burst, time)
    passed = 0
    for pause in pauses:
        time.now += pause
        wait = buckets.take("a")
        passed += not wait
        assert passed <= burst + rate * (time.now - 1000.0) + 1e-3
        if wait:
            time.now += wait + 1e-6
            assert buckets.take("a") == 0.0
            passed += 1


def test_owners_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full buckets are forgotten first, and then the ones that were used the longest ago."""
    monkeypatch.setattr(rates, "_REMEMBERED", 10)
    time = Time()
    buckets = TokenBuckets(1.0, 3, time)
    for number in range(10):
        buckets.take(f"old {number}")
    assert len(buckets._full_at) == 10  # a bucket is forgotten only when there are too many
    time.now += 10
    for number in range(100):
        buckets.take(str(number))
        assert len(buckets._full_at) <= 10
    assert "old 1" not in buckets._full_at
    assert "99" in buckets._full_at


def test_half_of_the_owners_is_remembered_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The newest half, so that room is not made again at each call."""
    monkeypatch.setattr(rates, "_REMEMBERED", 10)
    buckets = TokenBuckets(1.0, 3, Time())
    for number in range(10):
        buckets.take(str(number))
    buckets.take("9")  # one that is known needs no room
    assert len(buckets._full_at) == 10
    buckets.take("new")
    assert [*buckets._full_at] == ["5", "6", "7", "8", "9", "new"]


def test_a_bucket_that_is_full_at_this_instant_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rates, "_REMEMBERED", 4)
    time = Time()
    buckets = TokenBuckets(1.0, 3, time)
    for owner in "abcd":
        buckets.take(owner)
        time.now += 0.5
    time.now = 1001.0  # "a" is full again
    buckets.take("e")
    assert [*buckets._full_at] == ["c", "d", "e"]


def test_ten_thousand_owners_are_remembered() -> None:
    """An attacker with so many tokens of its own is needed to be forgotten."""
    buckets = TokenBuckets(1.0, 1, Time())
    for number in range(10_000):
        buckets.take(str(number))
    assert buckets.take("0") > 0.0
    buckets.take("new")
    assert buckets.take("0") == 0.0


def test_rounding_does_not_cost_the_last_of_a_burst() -> None:
    """A third of a second three times is not quite one."""
    buckets = TokenBuckets(3.0, 30, Time())
    assert [buckets.take("a") for _ in range(30)] == [0.0] * 30
    assert buckets.take("a") == pytest.approx(1 / 3)
