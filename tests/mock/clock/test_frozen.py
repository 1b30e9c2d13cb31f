"""Clocks in a process whose time a test has frozen, and the tokens that they accept."""

from __future__ import annotations

import sys
import time
from types import ModuleType

import pytest

from kling_mock.clock import ManualClock, RealClock, ScaledClock, process_time
from kling_mock.clock.sleepers import event_loop_here

REAL = 1_800_000_000.0
FROZEN = 1_577_836_800.0


class Times:
    """The time of a process, the computer's, and seconds that pass."""

    def __init__(self, wall: float) -> None:
        self.wall = wall
        self.real = REAL
        self.steady = 0.0

    def pass_by(self, seconds: float) -> None:
        self.real += seconds
        self.steady += seconds

    def manual(self) -> ManualClock:
        return ManualClock(wall=lambda: self.wall, real=lambda: self.real)


def test_a_clock_that_begins_while_time_is_frozen_begins_there() -> None:
    """Tokens of the frozen process and of other processes are accepted; nothing is wrong."""
    times = Times(FROZEN)
    clock = times.manual()
    assert clock.now() == FROZEN
    assert clock.token_window() == (FROZEN, REAL)
    assert clock.reports == ()


def test_time_that_is_frozen_later_is_named_once() -> None:
    """Its tokens are good, too; the report has all three times."""
    times = Times(REAL)
    clock = times.manual()
    times.wall = FROZEN
    times.pass_by(100)
    for _ in range(2):
        assert clock.token_window() == (FROZEN, REAL + 100)
    (report,) = clock.reports
    assert "2020-01-01T00:00:00+00:00" in report
    assert "2027-01-15T08:01:40+00:00" in report
    assert "2027-01-15T08:00:00+00:00" in report
    times.wall = times.real
    assert clock.token_window() == (REAL, REAL + 100)


@pytest.mark.parametrize("name", ["trio", "time_machine"])
def test_a_library_that_another_thread_is_loading_changes_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module is in `sys.modules` before it has its attributes."""
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    assert event_loop_here() == ""
    assert abs(process_time.real_time() - time.time()) < 60


def test_a_snapshot_keeps_where_the_clock_began() -> None:
    """Otherwise tokens would be judged by another present after a restore."""
    times = Times(FROZEN)
    clock = times.manual()
    moment = clock.save()
    times.wall += 500
    clock.reset()
    clock.load(moment)
    assert clock.token_window() == (FROZEN, REAL)


@pytest.mark.parametrize("kind", [RealClock, lambda **named: ScaledClock(60.0, **named)])
def test_clocks_that_run_go_by_the_computer(kind: type[RealClock]) -> None:
    """They do not stand still with the process's time; its tokens are good."""
    times = Times(FROZEN)
    clock = kind(wall=lambda: times.wall, real=lambda: times.real, steady=lambda: times.steady)
    before = clock.now()
    times.pass_by(10)
    assert clock.now() - before in {10, 600}
    assert clock.token_window() == (FROZEN, REAL + 10)
    assert len(clock.reports) == 1


@pytest.mark.parametrize(
    ("speed", "seconds"), [(1, 0), (360, 0), (1_000, 3_200), (10**6, 4_998_200)]
)
def test_a_fast_clock_takes_tokens_that_expire_on_their_way(speed: int, seconds: int) -> None:
    """The time of a request, 5 s, may exceed a token's half hour; only the excess is allowed."""
    assert ScaledClock(speed).in_flight == seconds
