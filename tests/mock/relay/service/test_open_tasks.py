"""The count of open tasks: rarely taken, and never too low for a process's own tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.open_tasks import RECOUNT_AFTER, OpenTasks
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.memory import MemoryStorage


class Counted(MemoryStorage):
    """A store that is asked how many open tasks there are, and says what a test has put there."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, int] = {}
        self.queries = 0
        self.is_away = False

    async def count_open_by_token(self) -> Mapping[int, int]:
        self.queries += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise StorageUnavailableError("away")
        return dict(self.rows)


class Scene:
    def __init__(self, limit: int) -> None:
        self.store = Counted()
        self.now = 0.0
        self.tasks = OpenTasks(self.store, limit, lambda: self.now, Metrics(lambda: 0.0))

    async def takes(self, token: int) -> bool:
        try:
            await self.tasks.take(token)
        except RelayError as error:
            assert (error.http, error.retry_after) == (429, 10)
            return False
        return True


async def test_a_create_costs_no_statement() -> None:
    """All are counted once; after that a process adds its own until it has to look again."""
    scene = Scene(1000)
    for _ in range(500):
        assert await scene.takes(1)
    assert scene.store.queries == 1
    scene.now += RECOUNT_AFTER
    assert await scene.takes(1)
    assert scene.store.queries == 2


async def test_no_limit_counts_nothing() -> None:
    """With 0 there is no limit."""
    scene = Scene(0)
    for _ in range(50):
        assert await scene.takes(1)
    assert scene.store.queries == 0


async def test_what_has_ended_makes_room() -> None:
    """At the limit the rows are counted, at most once a second, however many creates come."""
    scene = Scene(3)
    assert [await scene.takes(1) for _ in range(5)] == [True, True, True, False, False]
    assert await scene.takes(2)
    assert scene.store.queries == 1
    scene.store.rows = {1: 3}
    scene.now += 1
    assert [await scene.takes(1) for _ in range(9)] == [False] * 9
    assert scene.store.queries == 2
    scene.store.rows = {1: 2}
    scene.now += 1
    assert [await scene.takes(1) for _ in range(3)] == [True, False, False]


async def test_what_other_processes_have_created_counts_after_a_while() -> None:
    """They share a database, and nothing else."""
    scene = Scene(3)
    assert await scene.takes(1)
    scene.store.rows = {1: 3}
    assert await scene.takes(1)
    scene.now += RECOUNT_AFTER
    assert not await scene.takes(1)


async def test_many_at_once_are_counted_once() -> None:
    """A burst after a pause does not count the rows for each of its creates."""
    scene = Scene(10)
    results = await asyncio.gather(*(scene.takes(1) for _ in range(50)))
    assert (results.count(True), scene.store.queries) == (10, 1)


async def test_a_database_that_is_away_loses_no_count() -> None:
    """The create fails as any other then, and what was created before still counts."""
    scene = Scene(3)
    assert [await scene.takes(1) for _ in range(2)] == [True, True]
    scene.now += RECOUNT_AFTER
    scene.store.is_away = True
    with pytest.raises(StorageUnavailableError):
        await scene.tasks.take(1)
    scene.store.is_away = False
    scene.store.rows = {1: 2}
    assert [await scene.takes(1) for _ in range(2)] == [True, False]


async def test_a_token_at_its_limit_stays_there_while_the_database_is_away() -> None:
    """A count that fails does not forget the process's own creates."""
    scene = Scene(3)
    assert [await scene.takes(1) for _ in range(3)] == [True] * 3
    scene.store.rows = {1: 3}
    scene.now += 1
    scene.store.is_away = True
    with pytest.raises(StorageUnavailableError):
        await scene.tasks.take(1)
    scene.store.is_away = False
    assert not await scene.takes(1)
