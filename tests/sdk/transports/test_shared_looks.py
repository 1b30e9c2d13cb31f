"""Many waits of one client at the same time, in threads and in tasks, over real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from kling_mock import KlingMock
from kling_sdk import Task, WaitTimeoutError

WAITS = 60


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as mock:
        mock.progress.add("after", seconds=120)
        yield mock


def looks(mock: KlingMock) -> int:
    return sum(entry.method == "GET" for entry in mock.journal)


@pytest.mark.slow
def test_threads_share_their_looks(mock: KlingMock) -> None:
    """60 threads that each wait for a task ask about as often as one."""
    with mock.client() as kling:
        tasks = [kling.text2video.create(prompt=str(number)) for number in range(WAITS)]
        together = threading.Barrier(WAITS)

        def wait(task: Task) -> Task:
            together.wait()
            return kling.text2video.wait(task)

        with ThreadPoolExecutor(WAITS) as pool:
            done = list(pool.map(wait, tasks))

    assert [task.task_id for task in done] == [task.task_id for task in tasks]
    assert all(task.is_succeed for task in done)
    assert looks(mock) <= 3 * WAITS  # alone, each polls about ten times


@pytest.mark.slow
async def test_tasks_share_their_looks_and_a_cancelled_one_harms_nobody(mock: KlingMock) -> None:
    """Half of the waits are cancelled or time out; the others end with their own tasks."""
    async with mock.async_client() as kling:
        tasks = [await kling.text2video.create(prompt=str(number)) for number in range(WAITS)]

        async def wait(place: int, task: Task) -> Task | None:
            if place % 4 == 0:
                with pytest.raises(WaitTimeoutError):
                    await kling.text2video.wait(task, timeout=50)
                return None
            return await kling.text2video.wait(task)

        waits = [asyncio.ensure_future(wait(place, task)) for place, task in enumerate(tasks)]
        for place in range(2, WAITS, 4):
            asyncio.get_running_loop().call_later(0.001 * place, waits[place].cancel)
        outcomes = await asyncio.gather(*waits, return_exceptions=True)

    for place in range(1, WAITS, 2):
        seen = outcomes[place]
        assert isinstance(seen, Task)
        assert seen.task_id == tasks[place].task_id
    assert looks(mock) <= 4 * WAITS
    assert not kling._settings.ctx.board.waits("/v1/videos/text2video")


def test_the_looks_of_copies_of_a_client_are_shared_too(mock: KlingMock) -> None:
    """`with_options` makes a client of the same account."""
    with mock.client() as kling:
        assert kling.with_options(timeout=5)._settings.ctx.board is kling._settings.ctx.board
        assert mock.client()._settings.ctx.board is not kling._settings.ctx.board
