"""Flows with children over real sockets and simulated time, in threads and in tasks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_sdk import (
    NotCreatedError,
    Outcome,
    TextToVideo,
    WaitTimeoutError,
)


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as mock:
        yield mock


def requests(count: int) -> list[TextToVideo]:
    return [TextToVideo(prompt=f"kitten {number}") for number in range(count)]


def run_many(mock: KlingMock, colour: str, count: int, **options: Any) -> list[Outcome]:
    """Return the outcomes of a batch by a client of either colour."""
    if colour == "sync":
        with mock.client() as kling:
            return list(kling.run_many(requests(count), **options))

    async def collect() -> list[Outcome]:
        async with mock.async_client() as kling:
            return [outcome async for outcome in kling.run_many(requests(count), **options)]

    return asyncio.run(collect())


colours = pytest.mark.parametrize("colour", ["sync", "async"])


# ---------------------------------------------------------------- over real sockets


@colours
@pytest.mark.parametrize("most", [None, 4])
def test_a_batch_over_a_simulated_clock_takes_no_real_time(
    mock: KlingMock, colour: str, most: int | None
) -> None:
    """The clock neither waits for a child that is not counted, nor runs ahead of one that works."""
    mock.account.slots = 4
    mock.progress.add("after", seconds=30)

    outcomes = run_many(mock, colour, 12, max_concurrent=most)

    assert sorted(outcome.index for outcome in outcomes) == list(range(12))
    assert all(outcome.result().videos for outcome in outcomes)
    created = sorted(
        entry.at for entry in mock.journal if entry.method == "POST" and not entry.code
    )
    # Three rounds of 30 s, whose ends are noticed within 3 s.
    assert created[-1] - created[0] <= 2 * (30 + 3.1)


@colours
def test_a_batch_over_a_relay(mock: KlingMock, colour: str) -> None:
    """A relay has one list for all endpoints, and does not limit slots."""
    mock.progress.add("after", seconds=30)
    if colour == "sync":
        with mock.relay_client() as kling:
            outcomes = list(kling.run_many(requests(6), max_concurrent=3))
            again = kling.wait_all([outcome.result().task_id for outcome in outcomes])
    else:

        async def collect() -> tuple[list[Outcome], list[Outcome]]:
            async with mock.async_relay_client() as kling:
                created = [
                    outcome async for outcome in kling.run_many(requests(6), max_concurrent=3)
                ]
                return created, await kling.wait_all(
                    [outcome.result().task_id for outcome in created]
                )

        outcomes, again = asyncio.run(collect())

    assert [outcome.result().endpoint for outcome in outcomes] == ["text2video"] * 6
    assert {outcome.result().task_id for outcome in again} == {
        outcome.result().task_id for outcome in outcomes
    }


@colours
def test_a_timeout_of_the_whole_call(mock: KlingMock, colour: str) -> None:
    """This holds over real sockets: tasks continue, and the rest was not created."""
    mock.progress.add("after", seconds=60)

    outcomes = run_many(mock, colour, 6, max_concurrent=2, timeout=90)

    error_types = {outcome.index: type(outcome.error) for outcome in outcomes}
    assert [error_types[index] for index in range(6)] == [
        type(None),
        type(None),
        WaitTimeoutError,
        WaitTimeoutError,
        NotCreatedError,
        NotCreatedError,
    ]


def test_on_update_is_called_in_the_thread_of_the_caller(mock: KlingMock) -> None:
    """A hook need not be safe for threads, although creates run in several."""
    seen = set[tuple[str, int]]()
    with mock.client() as kling:
        list(
            kling.run_many(
                requests(5),
                on_update=lambda task: seen.add((task.status, threading.get_ident())),
            )
        )

    assert {thread for _, thread in seen} == {threading.get_ident()}
    assert {status for status, _ in seen} >= {"submitted", "succeed"}


def test_a_caller_may_use_the_clock_and_the_client_between_two_outcomes(mock: KlingMock) -> None:
    """A create that ended meanwhile does not stop the clock for others."""
    mock.progress.add("after", seconds=30)
    with mock.client() as kling:
        for outcome in kling.run_many(requests(6), max_concurrent=2):
            assert outcome.error is None
            mock.clock.advance(100)
            kling.text2video.run(prompt="another")


async def test_tasks_of_a_loop_may_use_the_clock_beside_a_batch(mock: KlingMock) -> None:
    """Two batches and a wait at the same time, on one clock."""
    mock.progress.add("after", seconds=30)
    async with mock.async_client() as kling:

        async def batch() -> int:
            count = 0
            async for outcome in kling.run_many(requests(5), max_concurrent=2):
                await kling.text2video.run(prompt="between")
                count += outcome.error is None
            return count

        assert list(await asyncio.gather(batch(), batch())) == [5, 5]


async def test_an_async_iterable_is_read_while_tasks_are_watched(mock: KlingMock) -> None:
    """A source that gives its next request only when a task has ended does not block the batch."""
    mock.progress.add("after", seconds=30)
    ended = asyncio.Event()

    async def jobs() -> AsyncIterator[TextToVideo]:
        yield TextToVideo(prompt="first")
        await ended.wait()
        yield TextToVideo(prompt="second")

    async with mock.async_client() as kling:
        indexes: list[int] = []
        async for outcome in kling.run_many(jobs()):
            indexes.append(outcome.index)
            ended.set()

    assert indexes == [0, 1]


@colours
def test_a_restart_with_the_same_external_ids_buys_nothing_again(
    mock: KlingMock, colour: str
) -> None:
    """Left after two of four, and started again with the same ids: four tasks were bought."""
    mock.progress.add("after", seconds=30)
    work = [TextToVideo(prompt=str(n), external_task_id=f"job-{n}") for n in range(4)]

    def leave() -> list[Outcome]:
        with mock.client() as kling:
            first = kling.run_many(work, max_concurrent=2)
            next(first)
            next(first)
            first.close()  # type: ignore[attr-defined] # as leaving a `for` loop does
            return list(kling.run_many(work))

    async def aleave() -> list[Outcome]:
        async with mock.async_client() as kling:
            first = kling.run_many(work, max_concurrent=2)
            await anext(first)
            await anext(first)
            await first.aclose()  # type: ignore[attr-defined] # as above
            return [outcome async for outcome in kling.run_many(work)]

    outcomes = leave() if colour == "sync" else asyncio.run(aleave())

    bought = {entry.task_id for entry in mock.journal if entry.method == "POST" and not entry.code}
    assert {outcome.result().task_id for outcome in outcomes} == bought
    assert len(bought) == 4
