"""Clients that live on the mock's clock: waiting for a video takes no real time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.clock import MockClock
from tests.plain_http import NO_TLS

LIST = "/v1/videos/text2video"
BODY = {"model_name": "kling-v2-6", "prompt": "a cat"}


def run(mock: KlingMock, every: float) -> list[str]:
    """Act as a client: create, then poll every so many seconds until it has ended."""
    headers = {"Authorization": f"Bearer {mock.api_key}"}
    clock: MockClock = mock.clock
    statuses: list[str] = []
    with (
        clock.call(),
        httpx.Client(base_url=mock.kling_url, trust_env=False, verify=NO_TLS) as client,
    ):
        created = client.post(LIST, json=BODY, headers=headers).json()["data"]
        while not statuses or statuses[-1] in {"submitted", "processing"}:
            clock.sleep(every)
            task = client.get(f"{LIST}/{created['task_id']}", headers=headers).json()["data"]
            statuses.append(task["task_status"])
    return statuses


async def arun(mock: KlingMock, every: float) -> list[str]:
    headers = {"Authorization": f"Bearer {mock.api_key}"}
    clock: MockClock = mock.clock
    statuses: list[str] = []
    with clock.call():
        async with httpx.AsyncClient(
            base_url=mock.kling_url, trust_env=False, verify=NO_TLS
        ) as client:
            created = (await client.post(LIST, json=BODY, headers=headers)).json()["data"]
            while not statuses or statuses[-1] in {"submitted", "processing"}:
                await clock.asleep(every)
                reply = await client.get(f"{LIST}/{created['task_id']}", headers=headers)
                statuses.append(reply.json()["data"]["task_status"])
    return statuses


def is_a_life(statuses: list[str], every: float) -> bool:
    """Whether a task of 120 to 144 seconds was seen as often as it should be."""
    *open_, last = statuses
    return last == "succeed" and 120 / every - 1 <= len(open_) <= 144 / every


def test_one_client() -> None:
    """The clock moves with the polls, and stops where the client has ended."""
    with KlingMock(seed=1) as mock:
        before = mock.clock.now()
        statuses = run(mock, 10)
        assert is_a_life(statuses, 10)
        assert mock.clock.now() - before == 10 * len(statuses)
        assert len(mock.journal) == len(statuses) + 1


def test_many_threads() -> None:
    """Clients on threads of their own stay in step: none of them misses its polls."""
    with KlingMock(seed=1) as mock, ThreadPoolExecutor(8) as pool:
        lives = list(pool.map(lambda _: run(mock, 10), range(8)))
    assert all(is_a_life(life, 10) for life in lives)


async def test_many_tasks_of_one_loop() -> None:
    """So do clients on one event loop."""
    with KlingMock(seed=1) as mock:
        lives = await asyncio.gather(*(arun(mock, 10) for _ in range(8)))
    assert all(is_a_life(life, 10) for life in lives)


async def test_threads_and_tasks_together() -> None:
    """They are clients on threads and on an event loop of one server."""
    with KlingMock(seed=1) as mock:
        lives: list[Any] = await asyncio.gather(
            *(arun(mock, 10) for _ in range(3)),
            *(asyncio.to_thread(run, mock, 15) for _ in range(3)),
        )
    assert all(is_a_life(life, 10) for life in lives[:3])
    assert all(is_a_life(life, 15) for life in lives[3:])


async def test_a_cancelled_wait_lets_the_others_go_on() -> None:
    """A client that gives up does not hold the clock for those that wait on."""
    with KlingMock(seed=1) as mock:
        gives_up = asyncio.create_task(arun(mock, 10_000))
        stays = asyncio.create_task(arun(mock, 10))
        await asyncio.sleep(0)
        gives_up.cancel()
        assert is_a_life(await stays, 10)
        assert gives_up.cancelled() or gives_up.done()


def test_the_server_going_away_ends_a_wait() -> None:
    """A client that sleeps while the server stops wakes up, and finds no server."""
    mock = KlingMock(seed=1)
    # The call in the last line of `with` holds the clock, so that the other one stays asleep.
    with mock, ThreadPoolExecutor(1) as pool, mock.clock.call():
        waiting = pool.submit(run, mock, 10)
        while len(mock.journal) < 1:
            pass
        mock.stop()
        assert isinstance(waiting.exception(10), httpx.TransportError)


def test_the_fastest_clock_leaves_a_call_seconds_of_real_time() -> None:
    """A token lasts 2 ms there, and a create's own time 0.1 ms: neither may be over on the way."""
    with KlingMock(clock=1_000_000) as mock, mock.client() as kling:
        for _ in range(20):
            assert kling.text2video.create(prompt="a kitten").task_id
        kling.text2video.run(prompt="a kitten")
        assert {entry.code for entry in mock.journal} == {0}
    assert mock._time_limits() == {
        "deadline": 5_000_000,
        "create_deadline": 10_000_000,
        "wait_timeout": 30_000_000,
    }


@pytest.mark.parametrize("clock", ["manual", "real", 12])
def test_clocks_of_usual_speed_leave_the_limits_alone(clock: Any) -> None:
    """They are the SDK's own: a test of a deadline takes no longer than it says."""
    assert KlingMock(clock=clock)._time_limits() == {}
