"""The clocks that run by themselves: real and scaled."""

import threading
from typing import Any

import pytest

from kling_mock.clock import MockClock, NodeClock, RealClock, ScaledClock

START = 1_700_000_000.0


def test_a_scaled_clock_runs_faster() -> None:
    """Speed 10 makes ten seconds of one, from the given start."""
    steady = [100.0]
    clock = ScaledClock(10, START, wall=lambda: 7.0, steady=lambda: steady[0])
    steady[0] += 2

    assert clock.now() == clock.time() == START + 20
    assert clock.token_window() == (7, 7)
    steady[0] += 1
    clock.reset()
    assert clock.now() == START


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_scaled_clock_refuses_nonsense(speed: float) -> None:
    """Speed is a number above 0."""
    with pytest.raises(ValueError, match="speed"):
        ScaledClock(speed)


def test_running_clocks_run_their_timers(served: Any) -> None:
    """Timers of a fast clock run by themselves, in order, on the server's loop."""
    clock = ScaledClock(1_000_000)
    seen: list[str] = []
    done = threading.Event()

    def set_timers() -> None:  # at one moment: 2,000 s are 2 ms
        now = clock.now()
        clock.call_at(now + 3000, done.set)
        clock.call_at(now + 2000, lambda: seen.append("b"))
        clock.call_at(now - 5, lambda: seen.append("a"))

    with served(clock) as server:
        server.run(set_timers)
        assert done.wait(5)

    assert seen == ["a", "b"]


async def test_running_clocks_sleep_by_their_scale() -> None:
    """An hour at a million times the speed is a few milliseconds."""
    clock = ScaledClock(1_000_000)
    before = clock.monotonic()
    with clock.call():
        clock.sleep(3600)
        clock.sleep(3600, threading.Event())
        await clock.asleep(3600)

    assert clock.monotonic() - before >= 3 * 3600


@pytest.mark.parametrize("clock", [RealClock(), ScaledClock(2)])
async def test_only_a_manual_clock_can_be_advanced(clock: MockClock) -> None:
    """A clock that runs by itself says how to get one that does not."""
    with pytest.raises(RuntimeError, match="manual"):
        clock.advance(1)
    with pytest.raises(RuntimeError, match="manual"):
        await clock.aadvance(1)


def test_a_node_clock_is_set_and_keeps_the_pace_of_the_monotonic_one(served: Any) -> None:
    """A wall clock that jumps does not move it, and what comes due as it is set runs."""
    wall, steady = [START], [100.0]
    clock = NodeClock(wall=lambda: wall[0], steady=lambda: steady[0])
    assert clock.now() == START
    wall[0] += 500
    steady[0] += 2
    assert clock.now() == START + 2
    assert clock.time() == clock.glance().wall == START + 500
    assert clock.glance().steady == clock.monotonic() + 100.0 == 102.0
    due = threading.Event()
    with served(clock) as server:
        server.run(clock.call_at, START + 1000, due.set)
        server.run(clock.set_to, START + 1000)
        assert due.wait(10)
    assert clock.now() == START + 1000
    assert clock.monotonic() == 2.0


def test_a_real_clock_takes_its_clocks_as_arguments() -> None:
    """It shows the wall clock, and measures time by the monotonic one."""
    clock = RealClock(wall=lambda: START, steady=lambda: 7.0)
    assert clock.now() == clock.time() == START
    assert clock.monotonic() == 0.0
