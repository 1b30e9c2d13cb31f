"""Mistakes that people make: each is answered at once, with what would be right."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest

from kling_sdk import AsyncKling, Kling, RequestValidationError, Task, TextToVideo
from tests.sdk.clients import KEY, PROMPT
from tests.sdk.fake_kling import HonestKling
from tests.sdk.faulty_server import FaultyKling
from tests.sdk.scripted import FakeClock

TASK = Task("1", "submitted", endpoint="text2video")
REQUEST = TextToVideo(prompt=PROMPT)


async def _nothing() -> AsyncIterator[TextToVideo]:
    for request in list[TextToVideo]():
        yield request


MISTAKES: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda kling: kling.wait_all([REQUEST]), TypeError, "takes tasks or their ids"),
    (lambda kling: kling.wait_all("1"), TypeError, "wait_all takes several tasks, not a str"),
    (lambda kling: kling.wait_all(TASK), TypeError, "wait_all takes several tasks, not a Task"),
    (lambda kling: kling.as_completed([{}]), TypeError, "as_completed takes tasks or their ids"),
    (lambda kling: kling.run_many([PROMPT]), TypeError, "run_many takes Request objects"),
    (lambda kling: kling.run_many([TASK]), TypeError, "not a Task"),
    (lambda kling: kling.run_many([REQUEST], max_concurrent=0), ValueError, "1 or more"),
    (lambda kling: kling.run_many([REQUEST], timeout=-1), ValueError, "timeout is -1; it must be"),
    (lambda kling: kling.run_many([REQUEST], max_units=-1), ValueError, "max_units is -1; it must"),
    (lambda kling: kling.run_many(REQUEST), TypeError, "several requests, not a TextToVideo"),
    (lambda kling: kling.run_many(_nothing()), TypeError, "only AsyncKling's run_many takes"),
    (lambda kling: kling.download(TASK, "a.mp4"), TypeError, r"such as task.videos\[0\]"),
    (lambda kling: kling.download(None, "a.mp4"), TypeError, "or a URL, not a NoneType"),
    (lambda kling: kling.with_options(timeout="5"), TypeError, "timeout is a str"),
    (lambda kling: kling.with_options(timeout=None), TypeError, "must be a number"),
    (lambda kling: kling.with_options(deadline=True), TypeError, "deadline is a bool"),
    (lambda kling: kling.with_options(retries=-1), ValueError, "0 or more"),
    (lambda kling: kling.with_options(wait_timeout=float("nan")), ValueError, "0 or more"),
    (lambda kling: kling.with_options(poll_interval=5), ValueError, "shortest, longest"),
    (lambda kling: kling.with_options(poll_interval=(5, 1)), ValueError, "shortest, longest"),
    (lambda _: Kling(KEY, api_key="k"), ValueError, "several keys are given"),
    (lambda _: Kling(api_key="k", access_key="a", secret_key="s"), ValueError, "several keys"),
]


@pytest.mark.parametrize(("mistake", "error", "words"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_named_before_anything_is_sent(
    mistake: Callable[[Any], Any], error: type[Exception], words: str
) -> None:
    """The call itself raises, and says what is accepted."""
    with FaultyKling() as server, Kling(KEY, base_url=server.url) as kling:
        with pytest.raises(error, match=words):
            mistake(kling)
        assert server.requests == []


def test_none_means_no_limit_where_there_may_be_none() -> None:
    """`retries` and `first_look` take None, as the table of options says."""
    client = Kling(KEY).with_options(retries=None, first_look=None, poll_interval=(1, 1))
    assert client._settings.ctx.options.poll_interval == (1, 1)


@pytest.mark.parametrize("library", [httpx, httpx2])
async def test_a_client_of_the_other_kind_is_refused(library: Any) -> None:
    """Each of the twins says which HTTP client it takes, before anything is sent."""
    async with library.AsyncClient() as other, aiohttp.ClientSession() as session:
        for http in (other, session, object()):
            with pytest.raises(RequestValidationError, match="expected a Client of httpx"):
                Kling(KEY, http_client=http).text2video.create(prompt=PROMPT)
    with library.Client() as sync:
        for http in (sync, object()):
            with pytest.raises(RequestValidationError, match="expected an AsyncClient of httpx"):
                await AsyncKling(KEY, http_client=http).text2video.create(prompt=PROMPT)


def test_a_task_is_waited_for_where_it_was_made() -> None:
    """The resource of another endpoint still finds the task: the task knows its own."""
    clock = FakeClock()
    with (
        FaultyKling(HonestKling(now=clock.time, takes=60.0)) as server,
        Kling(KEY, base_url=server.url, clock=clock) as kling,
    ):
        task = kling.text2video.create(prompt=PROMPT)
        assert kling.image2video.wait(task).is_succeed
