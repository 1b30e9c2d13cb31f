"""Looking through what is due: short runs, and nothing behind a long backlog is forgotten."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence

import pytest

from kling_mock.clock import ManualClock
from kling_mock.relay.domain.breaker import FAILURES, FIRST_PAUSE, BreakerState
from kling_mock.relay.domain.shares import Path, Shares
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.due_work import DueWork
from kling_mock.relay.service.scheduler import Scheduler

Due = tuple[int, int, str]  # when, its number, whose


class Work(DueWork[Due, Due]):
    """Work on a list, each of which ends when a test says so."""

    def __init__(
        self, clock: ManualClock, scheduler: Scheduler, shares: Shares, breakers: Breakers
    ) -> None:
        super().__init__(clock, scheduler, shares, breakers)
        self.due: list[Due] = []
        self.begun: list[Due] = []
        self.ends: dict[int, asyncio.Event] = {}
        self.pages = 0
        self.taken: set[int] = set()  # by another process

    async def _page(self, now: int, after: tuple[int, int], limit: int) -> Sequence[Due]:
        self.pages += 1
        await asyncio.sleep(0)
        free = (one for one in sorted(self.due) if one[0] <= now and one[1] not in self.ends)
        return [one for one in free if one[:2] > after][:limit]

    def _position_of(self, due: Due) -> tuple[int, int]:
        return due[:2]

    def _path_of(self, due: Due) -> Path:
        return (due[2],)

    async def _claim(self, chosen: Sequence[Due], now: int) -> Sequence[Due | None]:
        del now
        assert chosen  # else the database is asked for nothing
        for one in chosen:
            self.ends[one[1]] = asyncio.Event()
        return [None if one[1] in self.taken else one for one in chosen]

    async def _put_off(self, due: Sequence[Due], at: int, now: int) -> None:
        del now
        self.due = [(at, one[1], one[2]) if one in due else one for one in self.due]

    async def _do(self, work: Due) -> None:
        self.begun.append(work)
        await self.ends[work[1]].wait()
        self.due.remove(work)
        if work[1] < 0:
            raise ValueError("a broken piece of work")

    def whose(self) -> list[str]:
        return [one[2] for one in self.begun]


class Scene:
    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.scheduler = Scheduler(clock, 60)
        self.changes: list[BreakerState] = []
        self.breakers = Breakers(clock.monotonic, self.changes.append)
        self.work = Work(clock, self.scheduler, Shares(64, (4,)), self.breakers)

    def add(self, owner: str, number: int, *, count: int = 1) -> None:
        now = int(self.clock.now())
        self.work.due += [(now, number + one, owner) for one in range(count)]

    async def settle(self) -> None:
        """Let everything go on that can."""
        for _ in range(2000):
            await asyncio.sleep(0)

    def end(self, *numbers: int) -> None:
        for number in numbers:
            self.work.ends[number].set()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    clock = ManualClock()
    clock.start(asyncio.get_running_loop())
    scene = Scene(clock)
    yield scene
    scene.scheduler.stop()
    clock.stop()


async def test_a_backlog_that_hangs_hides_nothing(scene: Scene) -> None:
    """Behind 5,000 of one owner the only one of another is begun in the first look."""
    scene.add("stuck", 0, count=5000)
    scene.add("other", 9000)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    assert scene.work.whose() == ["stuck"] * 4 + ["other"]
    pages = scene.work.pages
    await scene.settle()
    assert scene.work.pages == pages  # it does not look on and on while nothing changes


async def test_what_ends_makes_room(scene: Scene) -> None:
    """The next is begun at once, without a timer."""
    scene.add("a", 0, count=10)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    assert len(scene.work.begun) == 4
    scene.end(0, 1)
    await scene.settle()
    assert [one[1] for one in scene.work.begun] == [0, 1, 2, 3, 4, 5]


async def test_what_somebody_else_has_taken_takes_no_place(scene: Scene) -> None:
    """Two processes see the same, and one gets it."""
    scene.work.taken = {0, 1, 2}
    scene.add("a", 0, count=7)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    scene.scheduler.run_now()
    await scene.settle()
    assert [one[1] for one in scene.work.begun] == [3, 4, 5, 6]


async def test_a_broken_piece_takes_no_place_for_ever(scene: Scene) -> None:
    """It is logged, and its place is free."""
    scene.add("a", -5, count=5)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    scene.end(-5)
    await scene.settle()
    assert len(scene.work.begun) == 5


async def test_who_is_left_alone_is_put_off_and_then_probed(scene: Scene) -> None:
    """All of it is due again at the end of the pause, when one is begun; the rest after it."""
    for _ in range(FAILURES):
        scene.breakers.failed(("a",))
    scene.add("a", 0, count=600)
    scene.add("b", 1000)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    assert scene.work.whose() == ["b"]
    until = math.ceil(scene.clock.now() + FIRST_PAUSE)
    assert {one[0] for one in scene.work.due if one[2] == "a"} == {until}
    scene.end(1000)
    await scene.settle()
    await scene.clock.aadvance(FIRST_PAUSE - 1)
    assert scene.work.whose() == ["b"]

    advanced = asyncio.ensure_future(scene.clock.aadvance(2))
    await scene.settle()
    assert scene.work.whose() == ["b", "a"]
    scene.breakers.begin(("a",))
    scene.scheduler.run_now()
    await scene.settle()
    assert scene.work.whose() == ["b", "a"]  # the others wait for the probe
    scene.breakers.replied(("a",))
    scene.end(0)
    await scene.settle()
    assert scene.work.whose() == ["b"] + ["a"] * 5
    assert scene.changes == [BreakerState.OPEN, BreakerState.CLOSED]
    advanced.cancel()
