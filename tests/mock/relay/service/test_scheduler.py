"""When scheduled work runs: once at each instant, never twice at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from kling_mock.clock import ManualClock
from kling_mock.relay.service.scheduler import Scheduler

START = 1_000_000


class Runs:
    """A scheduler, and the seconds from the start at which its work ran."""

    def __init__(self, clock: ManualClock, idle: float = 1000) -> None:
        self.clock = clock
        self.scheduler = Scheduler(clock, idle)
        self.at: list[float] = []
        self.overlap = 0

    async def work(self) -> None:
        self.overlap += 1
        assert self.overlap == 1
        self.at.append(self.clock.now() - START)
        await asyncio.sleep(0)
        self.overlap -= 1

    async def until(self, seconds: float) -> list[float]:
        await self.clock.aadvance(START + seconds - self.clock.now())
        return self.at


@pytest.fixture
async def runs() -> AsyncIterator[Runs]:
    clock = ManualClock(START)
    clock.start(asyncio.get_running_loop())
    found = Runs(clock)
    found.scheduler.start(found.work)
    yield found
    found.scheduler.stop()
    clock.stop()


async def test_it_runs_once_at_each_instant_in_whatever_order(runs: Runs) -> None:
    """An earlier instant does not leave the timer of a later one behind."""
    for second in (30, 10, 20, 10, 30):
        runs.scheduler.schedule(START + second)
    assert await runs.until(100) == [0, 10, 20, 30]


async def test_instants_are_whole_seconds_and_never_too_early(runs: Runs) -> None:
    """What is due within a second is done at its end, together."""
    await runs.until(1)
    for at in (10.2, 10.7, 11.0):
        runs.scheduler.schedule(START + at)
    assert await runs.until(100) == [0, 11]


async def test_what_has_passed_runs_at_once(runs: Runs) -> None:
    """One run covers all of it."""
    await runs.until(50)
    runs.scheduler.schedule(START + 20)
    runs.scheduler.run_now()
    assert await runs.until(51) == [0, 50]


async def test_without_anything_due_it_looks_after_the_interval(runs: Runs) -> None:
    """By then other processes may have left something behind; each run begins the interval."""
    await runs.until(1)
    runs.scheduler.schedule(START + 1400)
    assert await runs.until(3000) == [0, 1000, 1400, 2400]


async def test_nothing_runs_after_a_stop(runs: Runs) -> None:
    """Neither what was scheduled before nor what is scheduled then."""
    runs.scheduler.schedule(START + 10)
    await runs.until(5)
    runs.scheduler.stop()
    runs.scheduler.schedule(START + 20)
    assert await runs.until(2000) == [0]
