"""A manual clock whose server stops or is reset, and other clients' time."""

import asyncio
import threading
from typing import Any

from kling_mock.clock import ManualClock

START = 1_700_000_000.0


def test_a_stopped_clock_moves_with_its_sleepers(clock: ManualClock, served: Any) -> None:
    """After the server has gone, sleeping ends at once and deadlines are still reached."""
    with served(clock):
        pass
    with clock.call():
        clock.sleep(30)

    async def later() -> None:
        with clock.call():
            await clock.asleep(30)
            await clock.asleep(0)

    asyncio.run(later())

    assert clock.monotonic() == 60


def test_stopping_wakes_sleepers(clock: ManualClock, served: Any) -> None:
    """A client does not stay asleep on a clock whose server has stopped."""
    thread = threading.Thread(target=clock.sleep, args=(1000,))
    with served(clock):
        thread.start()
        while clock._sleepers.earliest() is None:
            pass
    thread.join(5)

    assert not thread.is_alive()


def test_reset_goes_back_but_never_for_deadlines(clock: ManualClock, server: Any) -> None:
    """A reset restores the instant, forgets timers, and keeps monotonic time running."""
    seen: list[int] = []
    server.run(clock.call_at, START + 100, lambda: seen.append(1))
    clock.advance(60)
    server.run(clock.reset)
    assert clock.now() == START
    clock.advance(100)

    assert not seen
    assert clock.monotonic() == 160


def test_outside_time_follows_the_clock_by_a_fixed_offset(served: Any) -> None:
    """A clock of another year judges real-time tokens by the offset at its start."""
    real = [5_000.0]
    clock = ManualClock(START, wall=lambda: real[0])
    assert clock.token_window() == (5_000, 5_000)

    real[0] += 60
    assert clock.token_window() == (5_000, 5_060)

    with served(clock):
        clock.advance(100)
        assert clock.token_window() == (5_100, 5_100)
