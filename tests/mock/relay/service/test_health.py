"""The database in `/health`, judged by the results of its writes."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from kling_mock.clock import ManualClock
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.channel_registry import ChannelRegistry
from kling_mock.relay.service.clock_watch import ClockWatch
from kling_mock.relay.service.health import Health
from kling_mock.relay.service.upstream import Upstream
from kling_mock.relay.storage.errors import (
    StorageError,
    StorageUnavailableError,
    WaitedInVainError,
)
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import DatabaseNode

FULL = StorageError("the database refused a statement: PostgreSQL 53100")


class Database(MemoryStorage):
    """A store whose writes do what its test says."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.probes = 0
        self.padding = 0
        self.paddings: list[int] = []
        self.error: Exception | None = None
        self.problem: str | None = None
        self.hangs: asyncio.Event | None = None
        self.last_write = self.failed_write = float("-inf")

    async def probe(self, *, now: int, padding: str = "") -> DatabaseNode:
        self.probes += 1
        self.padding = len(padding)
        self.paddings.append(len(padding))
        if self.hangs is not None:
            await self.hangs.wait()
        if self.error is not None:
            raise self.error
        if self.problem is not None:
            return DatabaseNode("db", self.problem)
        return await super().probe(now=now, padding=padding)

    @property
    def waits_for(self) -> str:
        return "" if self.hangs is None else "a lock"


class Scene:
    """A relay's health over such a store."""

    def __init__(self, write_limit: float = 3.0) -> None:
        self.database = Database()
        self.until = float("inf")
        self.is_over = asyncio.Event()
        clock = ManualClock()
        metrics = Metrics(lambda: 0.0)
        breakers = Breakers(clock.monotonic, lambda _: None, 0)
        self.health = Health(
            self.database,
            clock,
            ChannelRegistry(self.database, clock, random.random),
            breakers,
            Upstream(clock, 1.0, metrics, breakers),
            ClockWatch(self.database, clock),
            write_limit,
            lambda: self.database.now,
            self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        """Let a second pass; each write ends within it, unless it hangs."""
        self.database.now += seconds
        for _ in range(5):
            await asyncio.sleep(0)
        if self.database.now >= self.until:
            self.is_over.set()
            await asyncio.Event().wait()

    async def look(self, seconds: float = 0.0) -> Any:
        """Check after *seconds*; return the cause, `None` if all is well."""
        self.database.now += seconds
        healthy, report = await self.health.report()
        assert healthy is ("cause" not in report) is (report["status"] == "ok")
        return report.get("cause")


async def test_a_write_is_made_each_second_at_most() -> None:
    """Its row is the process's own, and there is one."""
    scene = Scene()
    for _ in range(20):
        assert await scene.look(0.5) is None
    assert scene.database.probes == 10


async def test_the_row_of_a_process_grows_and_shrinks() -> None:
    """A row that keeps its size can be written on a full disk."""
    scene = Scene()
    for _ in range(4):
        assert await scene.look(2.0) is None
    assert scene.database.paddings == [16_000, 0, 16_000, 0]


async def test_a_full_disk_that_a_create_meets_is_told_at_once() -> None:
    """Until a write succeeds, as many bytes as a create has."""
    scene = Scene()
    assert await scene.look() is None
    scene.database.failed_write = scene.database.no_room_at = scene.database.now + 0.1
    scene.database.no_room = "the database has no room"
    assert await scene.look(0.2) == "the database has no room"
    assert await scene.look(2.0) is None
    assert scene.database.padding > 16_000


async def test_a_disk_that_is_full_for_creates_alone_is_told_for_as_long() -> None:
    """A server writes the row of a process into pages that it has freed; a create needs more."""
    scene = Scene()
    assert await scene.look() is None
    scene.database.no_room = "the database has no room"
    for _ in range(8):
        scene.database.failed_write = scene.database.no_room_at = scene.database.now
        assert await scene.look(0.5) == "the database has no room"
    assert scene.database.probes > 4
    assert await scene.look(2.0) is None


@pytest.mark.parametrize("error", [FULL, StorageUnavailableError("the database is away")])
async def test_what_the_database_refuses_is_told_at_once(error: Exception) -> None:
    """The cause is shown until a write of any caller succeeds."""
    scene = Scene()
    assert await scene.look() is None
    scene.database.error = error
    assert await scene.look(0.5) is None  # not known yet
    assert await scene.look(0.5) == str(error)
    scene.database.error = None
    assert await scene.look(0.5) == str(error)
    assert await scene.look(0.5) is None
    assert scene.database.padding > 10_000  # enough for a create

    scene.database.error = error
    assert await scene.look(2.0) == str(error)
    scene.database.now += 0.5
    scene.database.last_write = scene.database.now
    assert await scene.look(0.1) is None


async def test_a_server_that_takes_no_writes() -> None:
    """The node that is shown says so too."""
    scene = Scene()
    scene.database.problem = "it is read-only"
    assert await scene.look() == "it is read-only"
    _, report = await scene.health.report()
    assert report["node"] == {"name": "db", "writable": False}


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "until"), [(3.0, 3.0), (10.0, 10.0)])
async def test_what_hangs_is_told_when_nothing_was_written_for_the_limit(
    limit: float, until: float
) -> None:
    """Other successful writes of the process rule it out: a user's row may be locked."""
    scene = Scene(limit)
    assert await scene.look() is None
    scene.database.hangs = asyncio.Event()
    assert await scene.look(2.0) is None
    scene.database.last_write = scene.database.now
    assert await scene.look(until - 0.4) is None
    cause = await scene.look(0.4)
    assert "it waits for a lock" in cause
    assert scene.database.probes == 2
    scene.database.hangs.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await scene.look() is None


@pytest.mark.slow
async def test_the_first_look_after_a_long_time_waits_for_its_write() -> None:
    """Nothing has been written since, as no request came."""
    scene = Scene()
    assert await scene.look() is None
    scene.database.hangs = asyncio.Event()
    assert await scene.look(300.0) is None
    assert await scene.look(1.0) is None
    assert "it waits for a lock" in await scene.look(1.0)
    scene.health.stop()


async def test_a_probe_that_was_given_up_is_no_success() -> None:
    """The next one begins when it is time; until it succeeds the cause is that of the last."""
    scene = Scene()
    assert await scene.look() is None
    scene.database.error = WaitedInVainError("it waited 2 s for a connection")
    for _ in range(2):
        assert await scene.look(1.0) is None
    assert "it waited 2 s for a connection" in await scene.look(1.0)
    assert "it waited 2 s for a connection" in await scene.look(1.0)
    scene.database.error = None
    assert await scene.look(2.0) is None


@pytest.mark.slow
async def test_failures_of_real_writes_count_until_a_large_enough_one_succeeds() -> None:
    """A probe of few bytes may fit on a disk that is full for a create."""
    scene = Scene()
    assert await scene.look() is None
    scene.database.hangs = asyncio.Event()
    scene.database.failed_write = scene.database.now + 0.1
    assert await scene.look(1.0) is None
    assert "all changes have failed for 3 s" in await scene.look(2.0)
    assert scene.database.padding > 10_000
    scene.database.hangs.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await scene.look() is None


@pytest.mark.slow
async def test_a_slow_write_takes_no_idle_relay_out() -> None:
    """The last write is never more than a second old, although nobody has asked."""
    scene = Scene()
    scene.database.next_poll_due = None  # as of a database that others use, too
    scene.until = scene.database.now + 300
    scene.health.start()
    await scene.is_over.wait()
    assert scene.database.probes == 300
    scene.database.hangs = asyncio.Event()
    assert await scene.look(0.9) is None
    assert await scene.look(1.0) is None
    assert "it waits for a lock" in await scene.look(1.0)
    scene.health.stop()
