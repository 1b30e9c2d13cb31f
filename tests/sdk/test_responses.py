"""The response that a task keeps, and the ends of tasks."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_sdk import AsyncKling, Kling, Response, Task, TaskFailedError
from tests.sdk.clients import CLIENTS, over
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock


@pytest.mark.parametrize("client", CLIENTS)
def test_a_task_has_the_id_and_the_headers_of_its_reply(client: str) -> None:
    """Headers that may hold a secret are left out, on every transport; it pickles and copies."""
    task = {"task_id": "1", "task_status": "submitted"}
    body = json.dumps({"code": 0, "request_id": "req-7", "data": task}).encode()
    headers = {
        "content_type": "application/json",
        "x_trace": "abc",
        "set_cookie": "session=s3cret",
        "x_auth_token": "s3cret",
        "link": "https://a.test/a?sign=s3cret",
    }
    with FaultyKling() as server:
        server.breaks(then=Fault.page(200, body, **headers))
        seen: Task = over(client, lambda kling: kling.text2video.get("1"), server.url, FakeClock())
    assert seen.request_id == "req-7"
    assert seen.response is not None
    assert seen.response.status == 200
    assert seen.response.headers["x-trace"] == "abc"
    assert seen.response.headers["link"] == "https://a.test/a"
    assert "s3cret" not in str(seen.response.headers)
    for other in (pickle.loads(pickle.dumps(seen)), copy.deepcopy(seen)):  # noqa: S301 - our own
        assert other.response == seen.response
    assert Task.from_dict(json.loads(json.dumps(seen.to_dict()))).request_id == "req-7"


def test_every_call_that_returns_a_task_has_it(kling_mock: KlingMock, kling: Kling) -> None:
    """This holds on both interfaces; the tasks of a page have the page's response."""
    created = kling.text2video.create(prompt="a kitten")
    tasks = [created, kling.text2video.get(created), kling.text2video.wait(created)]
    page = kling.text2video.list()
    tasks += [*page, *kling.tasks.list(), kling.tasks.get(created.task_id)]
    tasks.append(kling.text2video.create(prompt="a kitten", model_name="kling-3.0"))
    assert all(task.request_id for task in tasks)
    assert len({task.request_id for task in tasks}) >= 6
    assert Task("1", "submitted").request_id == ""


def test_the_reply_of_a_relay_is_kept_too(kling_mock: KlingMock, kling_relay: Kling) -> None:
    """It has the relay's own id."""
    task = kling_relay.text2video.create(prompt="a kitten")
    assert task.request_id
    assert task.response is not None
    assert task.response.status == 200


def test_a_response_changes_nothing_about_which_task_it_is() -> None:
    """Two readings of one task are equal."""
    first, second = (Task("1", "failed", response=Response(200, {}, own)) for own in ("a", "b"))
    assert first == second
    assert "response" not in repr(first)


@pytest.mark.parametrize("status", ["cancelled", "canceled", "expired"])
def test_a_wait_ends_with_a_word_for_an_end(status: str) -> None:
    """The vendor's pages have these words elsewhere; no wait of two hours depends on it."""
    task = Task("1", status, endpoint="text2video")
    assert task.is_done
    with Kling(api_key="key", base_url="http://127.0.0.1:9") as kling:
        with pytest.raises(TaskFailedError, match=f"task 1 ended as {status}: the vendor"):
            kling.text2video.wait(task)
        (outcome,) = kling.wait_all([task])
    assert isinstance(outcome.error, TaskFailedError)


def test_a_word_that_is_not_known_is_no_end() -> None:
    """The task may continue."""
    for status in ("paused", "queued", "submitted"):
        assert not Task("1", status).is_done


async def test_the_async_client_keeps_it_as_well(
    kling_mock: KlingMock, async_kling: AsyncKling
) -> None:
    """This holds for a create and for a batch."""
    task = await async_kling.text2video.create(prompt="a kitten")
    outcomes: list[Any] = await async_kling.wait_all([task])
    assert task.request_id
    assert outcomes[0].task.request_id != task.request_id
