"""The runs of scheduled work: once at each instant, never twice at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from kling_mock.clock import ManualClock
from kling_mock.relay.service.scheduler import Scheduler
from kling_mock.web.request_log import REQUEST_ID

START = 1_000_000


class Runs:
    """A scheduler, and the seconds from the start at which its work ran."""

    def __init__(
        self, clock: ManualClock, next_due: Callable[[], int | None] | None = None
    ) -> None:
        self.clock = clock
        self.scheduler = Scheduler(clock, 1000, next_due)
        self.at: list[float] = []
        self.most = self.overlap = 0
        self.again = 0  # how often it has itself run once more
        self.requests: set[str] = set()

    async def work(self) -> None:
        self.overlap += 1
        self.most = max(self.most, self.overlap)
        self.at.append(self.clock.now() - START)
        self.requests.add(REQUEST_ID.get())
        if self.again:
            self.again -= 1
            self.scheduler.run_now()
        for _ in range(5):
            await asyncio.sleep(0)
        self.overlap -= 1

    async def until(self, seconds: float) -> list[float]:
        await self.clock.aadvance(START + seconds - self.clock.now())
        assert self.most <= 1
        return self.at


@pytest.fixture
async def runs(request: pytest.FixtureRequest) -> AsyncIterator[Runs]:
    clock = ManualClock(START)
    clock.start(asyncio.get_running_loop())
    recorder = Runs(clock, getattr(request, "param", None))
    recorder.scheduler.start(recorder.work)
    yield recorder
    recorder.scheduler.stop()
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


@pytest.mark.parametrize("now", [50, 50.5])
async def test_what_has_passed_runs_at_once(runs: Runs, now: float) -> None:
    """One run covers all of it, also in the middle of a second."""
    await runs.until(now)
    runs.scheduler.schedule(START + 20)
    runs.scheduler.run_now()
    assert await runs.until(51) == [0, now]


async def test_without_anything_due_it_looks_after_the_interval(runs: Runs) -> None:
    """By then other processes may have left something behind; each run begins the interval."""
    await runs.until(1)
    runs.scheduler.schedule(START + 1400)
    assert await runs.until(3000) == [0, 1000, 1400, 2400]


async def test_nothing_runs_after_a_stop(runs: Runs) -> None:
    """Neither earlier nor later schedules run."""
    runs.scheduler.schedule(START + 10)
    await runs.until(5)
    runs.scheduler.stop()
    assert runs.clock.save().timers == ()
    runs.scheduler.schedule(START + 20)
    assert await runs.until(2000) == [0]


async def test_a_run_that_is_stopped_is_the_last_one(runs: Runs) -> None:
    """It ends, and leaves no timer behind."""
    await runs.until(1)

    async def stop() -> None:
        runs.scheduler.schedule(START + 50)
        runs.scheduler.stop()

    runs.scheduler._work = stop
    runs.scheduler.run_now()
    await runs.until(2)
    assert runs.clock.save().timers == ()


async def test_an_instant_that_is_scheduled_often_takes_the_memory_of_one(runs: Runs) -> None:
    """Every create schedules the check of its lease; the idle interval is one of them."""
    await runs.until(1)
    for _ in range(100):
        runs.scheduler.schedule(START + 30)
        runs.scheduler.schedule(START + 1000)  # the interval does the same
    assert len(runs.scheduler._instants) == 2
    assert await runs.until(1001) == [0, 30, 1000]


async def test_what_is_scheduled_before_the_start_is_done_by_it() -> None:
    """Nothing runs before, and the first run covers what has passed."""
    clock = ManualClock(START)
    clock.start(asyncio.get_running_loop())
    runs = Runs(clock)
    runs.scheduler.schedule(START + 10)
    runs.scheduler.run_now()
    assert await runs.until(20) == []
    runs.scheduler.start(runs.work)
    assert await runs.until(30) == [20]
    runs.scheduler.stop()
    clock.stop()


async def test_what_is_due_during_a_run_is_done_after_it(runs: Runs) -> None:
    """It is done once more, and never two at a time."""
    await runs.until(1)
    runs.again = 2
    runs.scheduler.run_now()
    assert await runs.until(2) == [0, 1, 1, 1]


async def test_a_run_is_not_part_of_the_request_that_made_it_due(runs: Runs) -> None:
    """Its lines in the log do not have the id of a request."""
    await runs.until(1)
    REQUEST_ID.set("mine")
    runs.scheduler.run_now()
    runs.scheduler.schedule(START + 5)
    await runs.until(10)
    assert runs.requests == {""}


@pytest.mark.parametrize(
    ("runs", "at"),
    [
        (lambda: None, [0]),
        (lambda: START + 5000, [0, 5000, 6000]),
        (lambda: START + 10, [0, 1000, 2000, 3000, 4000, 5000, 6000]),
    ],
    ids=["nothing", "later", "overdue"],
    indirect=["runs"],
)
async def test_a_store_of_its_own_says_when_something_is_due(runs: Runs, at: list[float]) -> None:
    """It is read then; failed work is not repeated before a pause of the interval."""
    assert await runs.until(6500) == at
