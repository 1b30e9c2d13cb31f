"""Clients that know nothing of the server's clock, as in another process: their waits are short.

Each of these tests would take half a minute without what the server says about its clock.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.web.polling import POLL_AFTER_HEADER, poll_after_line
from kling_sdk import AsyncKling, Kling, TextToVideo
from tests.plain_http import NO_TLS

FAST = 50_000.0  # a minute takes a millisecond


def settings(mock: KlingMock) -> dict[str, Any]:
    """Return what a program in another process makes its client of."""
    return {
        "base_url": mock.kling_url,
        "access_key": mock.access_key,
        "secret_key": mock.secret_key,
        "trust_env": False,
    }


@pytest.mark.parametrize(
    ("speed", "milliseconds"),
    [(None, 100), (0.1, 1000), (1.0, 1000), (5.0, 1000), (60.0, 83), (1000.0, 20), (1e6, 20)],
)
def test_the_pause_follows_the_speed(speed: float | None, milliseconds: int) -> None:
    """5 s of the clock, but at least 20 ms and at most 1 s of real time; 100 ms if it stands."""
    assert poll_after_line(speed) == f"{POLL_AFTER_HEADER}: {milliseconds}\r\n"


def test_replies_say_it(mock: KlingMock, api: Any) -> None:
    """Those to creates, queries and lists, and refusals too; the speed is that of the moment."""
    task = api.new()
    for reply in (
        api.create(),
        api.get(f"/v1/videos/text2video/{task}"),
        api.get("/v1/videos/text2video"),
        api.get("/v1/videos/text2video/none"),
    ):
        assert reply.headers[POLL_AFTER_HEADER] == "100"
    with KlingMock(clock=60) as scaled:
        for speed, poll_after in ((60, "83"), (10, "500")):
            scaled.clock.speed = speed
            reply = httpx.get(
                f"{scaled.kling_url}/v1/videos/text2video", trust_env=False, verify=NO_TLS
            )
            assert reply.headers[POLL_AFTER_HEADER] == poll_after


def test_a_wait_ends_with_the_task() -> None:
    """The wait may be for a task that was just created, for one known by its id, or for several."""
    with KlingMock(clock=FAST) as mock, Kling(**settings(mock)) as kling:
        assert kling.text2video.run(prompt="a").is_succeed
        task = kling.text2video.create(prompt="a")
        assert kling.text2video.wait(task.task_id).is_succeed
        tasks = [kling.text2video.create(prompt="a") for _ in range(5)]
        assert all(outcome.task for outcome in kling.wait_all(tasks))
        requests = [TextToVideo(prompt="a") for _ in range(5)]
        assert all(outcome.task for outcome in kling.run_many(requests, max_concurrent=3))
        assert mock.journal.total < 60


@pytest.mark.slow
def test_a_wait_at_the_relay_ends_with_the_task() -> None:
    """The relay of a fast Kling is as fast."""
    with KlingMock(clock=200) as mock:  # a faster one would end the relay's own leases too soon
        relay = Kling.relay(mock.relay_url, mock.relay_token, trust_env=False)
        with relay as kling:
            assert kling.text2video.run(prompt="a").is_succeed


async def test_a_wait_of_the_async_client_ends_with_the_task() -> None:
    """The same."""
    with KlingMock(clock=FAST) as mock:
        async with AsyncKling(**settings(mock)) as kling:
            runs = [kling.text2video.run(prompt="a") for _ in range(5)]
            assert all(task.is_succeed for task in await asyncio.gather(*runs))
            tasks = [await kling.text2video.create(prompt="a") for _ in range(5)]
            assert all(outcome.task for outcome in await kling.wait_all(tasks))
            requests = [TextToVideo(prompt="a") for _ in range(5)]
            async for outcome in kling.run_many(requests, max_concurrent=3):
                assert outcome.task is not None


def test_on_a_clock_that_stands_still_it_looks_ten_times_a_second(mock: KlingMock) -> None:
    """It polls so until the test moves the clock, without spinning."""
    ended: list[bool] = []
    with Kling(**settings(mock)) as kling:
        task = kling.text2video.create(prompt="a")
        waiting = threading.Thread(
            target=lambda: ended.append(kling.text2video.wait(task).is_succeed)
        )
        waiting.start()
        while mock.journal.total < 3:  # the create, and two polls
            waiting.join(0.01)
        mock.clock.advance(900)
        waiting.join()
    assert ended == [True]
    assert mock.journal.total < 30  # even on a busy machine
