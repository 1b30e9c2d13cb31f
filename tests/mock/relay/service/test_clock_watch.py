"""A process's clock is kept at the shared time, and what is wrong with it is reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from kling_mock.clock import ManualClock, NodeClock
from kling_mock.relay.domain.shared_time import INTERVAL, ClockFault, ClockStatus
from kling_mock.relay.service.clock_watch import ClockWatch
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import DatabaseTime

NOW = 1_700_000_000.0
DAY = 86_400.0


class Computer:
    """A computer with a database, whose clocks a test moves."""

    def __init__(self, ahead: float = 0.0, database: float | None = 0.0) -> None:
        self.passed = 0.0
        self.ahead = ahead
        self.database = database
        self.clock = NodeClock(wall=self.wall, steady=lambda: 50.0 + self.passed)
        self.storage = Store(self)
        self.watch = ClockWatch(self.storage, self.clock)

    def wall(self) -> float:
        return NOW + self.passed + self.ahead

    @property
    def error(self) -> float:
        """How far ahead of the true time the relay's clock is."""
        return self.clock.now() - NOW - self.passed


class Store(MemoryStorage):
    """A store with a clock, which takes a second to read."""

    def __init__(self, computer: Computer) -> None:
        super().__init__()
        self._computer = computer
        self.is_away = False
        self.readings = 0
        self.node = "db1:3306"
        self.connected: Callable[[], None] = lambda: None

    def on_connect(self, call: Callable[[], None]) -> None:
        self.connected = call

    async def read_clock(self) -> DatabaseTime | None:
        self.readings += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise StorageUnavailableError("the database is away")
        own = self._computer.database
        self._computer.passed += 0.5
        instant = None if own is None else NOW + self._computer.passed + own
        self._computer.passed += 0.5
        return None if instant is None else DatabaseTime(self.node, instant)


async def test_the_clock_is_set_to_the_databases_time() -> None:
    """It is compared at the middle of the reading; tokens for Kling use the computer's clock."""
    computer = Computer(ahead=25 * 3600.0)
    assert computer.error == 25 * 3600.0
    await computer.watch.start()
    assert computer.error == pytest.approx(0.0)
    assert computer.clock.time() == computer.wall()


async def test_a_fault_is_reported_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is in the log, and in `/health`; tasks do not expire meanwhile."""
    caplog.set_level(logging.INFO, "kling_mock.relay")
    computer = Computer(ahead=7200.0)
    await computer.watch.start()
    (line,) = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert "this computer's clock is 7200 s ahead of the database's" in line
    await computer.watch.measure()
    assert not computer.watch.may_expire()
    expected = {
        "fault": "differs",
        "ahead_seconds": 7200,
        "jumped_seconds": 0,
        "apart_seconds": 0,
    }
    assert computer.watch.health_fields() == {"clock": expected}
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        line
    ]
    computer.ahead = 0.0
    assert computer.watch.may_expire()
    assert computer.watch.health_fields() == {}
    assert caplog.records[-1].message.startswith("kling relay: the clocks agree")


async def test_a_jump_of_the_wall_clock_moves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Without a clock of the database, the monotonic clock is the reference."""
    computer = Computer(database=None)
    await computer.watch.start()
    assert computer.watch.may_expire()
    computer.ahead = DAY
    assert computer.error == pytest.approx(0.0)
    assert not computer.watch.may_expire()
    await computer.watch.measure()
    assert computer.error == pytest.approx(0.0)
    assert computer.watch.status().fault is ClockFault.JUMPED
    assert "the time has jumped by 86400 s" in caplog.text
    assert caplog.text.count("kling relay error") == 1


@pytest.mark.parametrize(
    ("database", "wall", "line"),
    [
        (DAY, 0.0, "this computer's clock is -86400 s ahead of the database's"),
        (DAY, DAY, "the time has jumped by 86400 s"),
        (DAY, 2 * DAY, "this computer's clock is 86400 s ahead of the database's"),
    ],
    ids=["database", "both", "computer further"],
)
async def test_what_has_jumped_is_what_is_reported(
    caplog: pytest.LogCaptureFixture, database: float, wall: float, line: str
) -> None:
    """Clocks that differ are reported as such; where they agree, by how much both have moved."""
    computer = Computer()
    await computer.watch.start()
    computer.database, computer.ahead = database, wall
    await computer.watch.measure()
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith(f"kling relay error: {line}")


async def test_a_database_that_is_away_keeps_what_is_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The clock continues, and is read again later; each time is logged."""
    computer = Computer()
    await computer.watch.start()
    computer.storage.is_away = True
    computer.passed += 300
    await computer.watch.measure()
    assert computer.watch.may_expire()
    assert computer.error == pytest.approx(0.0)
    assert [record.message for record in caplog.records] == [
        "kling relay error: the database's time cannot be read; it is tried again"
    ]


async def test_nothing_expires_before_the_first_reading() -> None:
    """A process that does not know the time says so, and asks again within seconds."""
    computer = Computer(ahead=DAY)
    computer.storage.is_away = True
    computer.clock.start(asyncio.get_running_loop())
    await computer.watch.start()
    assert not computer.watch.may_expire()
    assert computer.watch.health_fields()["clock"]["fault"] == "unread"
    (timer,) = computer.clock.save().timers
    assert timer[0] - computer.clock.now() == pytest.approx(5.0)
    computer.watch.stop()
    computer.clock.stop()


async def test_it_is_read_every_minute_and_after_each_connect() -> None:
    """A connection may lead to another server."""
    computer = Computer()
    computer.clock.start(asyncio.get_running_loop())
    await computer.watch.start()
    (timer,) = computer.clock.save().timers
    assert timer[0] - computer.clock.now() == pytest.approx(INTERVAL)
    timer[2].fire()
    await computer.clock.drain()
    assert computer.storage.readings == 2
    computer.storage.connected()
    computer.storage.connected()
    await computer.clock.drain()
    assert computer.storage.readings == 3  # they are read once at a time
    await computer.watch.measure()
    assert len(computer.clock.save().timers) == 1
    computer.watch.stop()
    assert computer.clock.save().timers == ()
    before = computer.storage.readings
    computer.storage.connected()
    await computer.clock.drain()
    assert computer.storage.readings == before
    computer.clock.stop()


async def test_a_clock_that_a_test_moves_is_the_time() -> None:
    """It is not set, and tasks expire by it."""
    clock = ManualClock(NOW)
    store = Computer(ahead=DAY).storage
    watch = ClockWatch(store, clock)
    await watch.start()
    await watch.measure()
    assert clock.now() == NOW
    assert watch.status() == ClockStatus(None)
    assert watch.may_expire()
    assert store.readings == 0
