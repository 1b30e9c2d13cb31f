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
from kling_mock.relay.storage.errors import StorageUnavailableError

Due = tuple[int, int, str]  # when, its number, whose


class Work(DueWork[Due, Due]):
    """Work on a list; each item ends when a test says so."""

    def __init__(
        self, clock: ManualClock, scheduler: Scheduler, shares: Shares, breakers: Breakers
    ) -> None:
        super().__init__(clock, scheduler, shares, breakers)
        self.due: list[Due] = []
        self.started: list[Due] = []
        self.ends: dict[int, asyncio.Event] = {}
        self.pages = 0
        self.limits: set[int] = set()
        self.is_away = False  # its database
        self.claimed: set[int] = set()  # by another process

    async def _page(self, now: int, after: tuple[int, int], limit: int) -> Sequence[Due]:
        self.pages += 1
        self.limits.add(limit)
        await asyncio.sleep(0)
        free = (work for work in sorted(self.due) if work[0] <= now and work[1] not in self.ends)
        return [work for work in free if work[:2] > after][:limit]

    def _position_of(self, due: Due) -> tuple[int, int]:
        return due[:2]

    def _path_of(self, due: Due) -> Path:
        return (due[2],)

    async def _claim(self, chosen: Sequence[Due], now: int) -> Sequence[Due | None]:
        del now
        assert chosen  # else the database is asked for nothing
        if self.is_away:
            raise StorageUnavailableError("the database is away")
        for work in chosen:
            self.ends[work[1]] = asyncio.Event()
        return [None if work[1] in self.claimed else work for work in chosen]

    async def _put_off(self, due: Sequence[Due], at: int, now: int) -> None:
        del now
        self.due = [(at, work[1], work[2]) if work in due else work for work in self.due]

    async def _do(self, work: Due) -> None:
        self.started.append(work)
        await self.ends[work[1]].wait()
        self.due.remove(work)
        if work[1] < 0:
            raise ValueError("a broken piece of work")

    def whose(self) -> list[str]:
        return [work[2] for work in self.started]


class Scene:
    def __init__(self, clock: ManualClock, *, total: int = 64, each: int = 4) -> None:
        self.clock = clock
        self.scheduler = Scheduler(clock, 60)
        self.changes: list[BreakerState] = []
        self.breakers = Breakers(self.monotonic, self.changes.append)
        self.shares = Shares(total, (each,))
        self.work = Work(clock, self.scheduler, self.shares, self.breakers)
        self.ahead = self.step = 0.0  # of the breakers' clock; step is added at each reading

    def monotonic(self) -> float:
        self.ahead += self.step
        return self.clock.monotonic() + self.ahead

    def add(self, owner: str, number: int, *, count: int = 1) -> None:
        now = int(self.clock.now())
        self.work.due += [(now, number + offset, owner) for offset in range(count)]

    async def settle(self) -> None:
        """Let all work continue that can."""
        for _ in range(2000):
            await asyncio.sleep(0)

    def end(self, *numbers: int) -> None:
        for number in numbers:
            self.work.ends[number].set()


@pytest.fixture
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    clock = ManualClock(1_700_000_000.0)
    clock.start(asyncio.get_running_loop())
    scene = Scene(clock, **getattr(request, "param", {}))
    yield scene
    scene.scheduler.stop()
    clock.stop()


async def test_a_backlog_that_hangs_hides_nothing(scene: Scene) -> None:
    """Behind 5,000 of one owner, the only one of another is started in the first round."""
    scene.add("stuck", 0, count=5000)
    scene.add("other", 9000)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    assert scene.work.whose() == ["stuck"] * 4 + ["other"]
    pages = scene.work.pages
    await scene.settle()
    assert scene.work.pages == pages  # it does not read on and on while nothing changes


async def test_what_ends_makes_room(scene: Scene) -> None:
    """The next is started at once, without a timer."""
    scene.add("a", 0, count=10)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    assert len(scene.work.started) == 4
    scene.end(0, 1)
    await scene.settle()
    assert [work[1] for work in scene.work.started] == [0, 1, 2, 3, 4, 5]


async def test_what_somebody_else_has_taken_takes_no_place(scene: Scene) -> None:
    """Two processes see the same, and one gets it."""
    scene.work.claimed = {0, 1, 2}
    scene.add("a", 0, count=7)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    scene.scheduler.run_now()
    await scene.settle()
    assert [work[1] for work in scene.work.started] == [3, 4, 5, 6]


async def test_a_broken_piece_takes_no_place_for_ever(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and its place is free."""
    scene.add("a", -5, count=5)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    scene.end(-5)
    await scene.settle()
    assert len(scene.work.started) == 5
    assert "kling relay error: work that was due has failed" in caplog.text


async def test_who_is_left_alone_is_put_off_and_then_probed(scene: Scene) -> None:
    """All of it is due again at the end of the pause, when one is started; the rest after it."""
    for _ in range(FAILURES):
        scene.breakers.failed(("a",))
    scene.add("a", 0, count=600)
    scene.add("b", 1000)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    assert scene.work.whose() == ["b"]
    until = math.ceil(scene.clock.now() + FIRST_PAUSE)
    assert {work[0] for work in scene.work.due if work[2] == "a"} == {until}
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


async def test_a_run_is_short(scene: Scene) -> None:
    """It reads 1,000 in four statements; the next one continues after them at once."""
    scene.add("stuck", 0, count=5000)
    await scene.work.run()
    assert (scene.work.pages, scene.work.limits) == (4, {250})
    assert scene.work._resume == scene.work.due[999][:2]
    await scene.work.run()  # the beginning, and then what is behind the place of the last one
    assert scene.work.pages == 8
    assert scene.work._resume == scene.work.due[1749][:2]


@pytest.mark.parametrize(
    ("scene", "places"),
    [({"total": 2}, 2), ({"total": 250, "each": 250}, 250)],
    ids=["few", "a page"],
    indirect=["scene"],
)
async def test_without_room_nothing_is_looked_at(scene: Scene, places: int) -> None:
    """When something ends, the next is started at once."""
    scene.add("a", 0, count=300)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    assert (len(scene.work.started), scene.work.pages) == (places, 1)  # without a further page
    scene.end(0)
    await scene.settle()
    assert [work[1] for work in scene.work.started] == [*range(places + 1)]
    pages = scene.work.pages
    scene.scheduler.run_now()
    await scene.settle()
    assert scene.work.pages == pages


async def test_when_all_that_was_due_has_begun_its_end_makes_nobody_look(scene: Scene) -> None:
    """No work waits for the place, so the store is not read."""
    scene.add("a", 0, count=4)
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    pages = scene.work.pages
    scene.end(0, 1, 2, 3)
    await scene.settle()
    assert (len(scene.work.started), scene.work.pages) == (4, pages)


async def test_what_cannot_be_leased_takes_no_place(scene: Scene) -> None:
    """A database that is away ends the run; the next one has all places."""
    scene.add("a", 0, count=4)
    scene.work.is_away = True
    with pytest.raises(StorageUnavailableError):
        await scene.work.run()
    assert scene.shares.under_way() == 0
    scene.work.is_away = False
    scene.work.ends.clear()
    await scene.work.run()
    await scene.settle()
    assert len(scene.work.started) == 4


async def test_what_is_put_off_is_due_at_the_first_second_after_the_pause(scene: Scene) -> None:
    """It is read then; instants of the store are whole seconds."""
    for _ in range(FAILURES):
        scene.breakers.failed(("a",))
    scene.add("a", 0)
    now = int(scene.clock.now())
    scene.ahead = FIRST_PAUSE - 0.5
    scene.scheduler.start(scene.work.run)
    await scene.settle()
    assert scene.work.due == [(now + 1, 0, "a")]
    await scene.clock.aadvance(0.5)
    assert scene.work.started == []
    advanced = asyncio.ensure_future(scene.clock.aadvance(0.5))
    await scene.settle()
    assert scene.work.whose() == ["a"]
    advanced.cancel()


async def test_a_pause_that_ends_while_it_is_looked_at_is_one_of_a_second(scene: Scene) -> None:
    """Otherwise work that is put off until now would be read again and again."""
    for _ in range(FAILURES):
        scene.breakers.failed(("a",))
    scene.add("a", 0)
    now = int(scene.clock.now())
    scene.ahead, scene.step = FIRST_PAUSE - 0.15, 0.1
    await scene.work.run()
    assert scene.work.due == [(now + 1, 0, "a")]
