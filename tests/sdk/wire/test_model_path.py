"""The interface with the model in the path: calls, and what is read of its replies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import (
    AlreadyExistsError,
    AuthenticationError,
    NotFoundError,
    RequestValidationError,
    Task,
    TextToVideo,
    TransportError,
    Video,
)
from kling_sdk.flows.asking import TASKS
from kling_sdk.wire import Reply
from kling_sdk.wire.model_path import MODEL_PATH

RECORD = TextToVideo.record
DONE: dict[str, Any] = {
    "id": "850000000000000001",
    "status": "succeeded",
    "message": "",
    "create_time": "1790000000000",
    "update_time": 1790000060000,
    "external_id": "job-7",
    "outputs": [
        {
            "type": "video",
            "id": "v1",
            "url": "https://example.com/v.mp4?s=1",
            "watermark_url": "",
            "duration": "5.041",
        },
        {"type": "image", "url": "https://example.com/i.png", "group_id": "g"},
        {"type": "hologram", "url": "https://example.com/h"},
    ],
    "billing": [{"charge_type": "unit", "amount": "3", "package_type": "video"}],
}


def reply(data: Any, status: int = 200, code: int = 0, message: str = "SUCCEED") -> Reply:
    envelope = {"code": code, "message": message, "request_id": "r", "data": data}
    return Reply(status, {"content-type": "application/json"}, json.dumps(envelope).encode())


def test_a_task_is_read_into_the_one_class() -> None:
    """Status, results, units, times and your id are where they are for /v1."""
    task = MODEL_PATH.task(reply([DONE]), RECORD)

    assert (task.task_id, task.status, task.external_task_id) == (DONE["id"], "succeed", "job-7")
    assert task.is_succeed
    assert task.interface == "model-path"
    assert task.endpoint == "text2video"
    assert task.videos == (Video("v1", "https://example.com/v.mp4?s=1", Decimal("5.041"), None),)
    assert [(image.url, image.index) for image in task.images] == [("https://example.com/i.png", 0)]
    assert task.units == 3
    assert task.created_at == datetime.fromtimestamp(1_790_000_000, UTC)
    assert task.updated_at == datetime.fromtimestamp(1_790_000_060, UTC)
    assert task.raw == DONE  # as it came, with the vendor's own words
    assert Task.from_dict(json.loads(json.dumps(task.to_dict()))) == task


def test_a_failed_task_says_why_and_costs_nothing() -> None:
    """Its reason is in `message`; a word that nobody knows stays text."""
    failed = {"id": "1", "status": "failed", "message": "no", "billing": [{"amount": "0"}]}
    task = MODEL_PATH.created(reply(failed), RECORD)
    assert (task.status, task.status_msg, task.units) == ("failed", "no", None)
    paused = MODEL_PATH.created(reply({"id": "1", "status": "paused"}), RECORD)
    assert (paused.status, paused.is_done) == ("paused", False)


def test_a_list_without_the_task_says_that_it_is_not_known() -> None:
    """Ids that are not known are left out, with HTTP 200."""
    with pytest.raises(NotFoundError) as caught:
        MODEL_PATH.task(reply([]), RECORD)
    assert (caught.value.http_status, caught.value.request_id) == (200, "r")


@pytest.mark.parametrize(
    "read",
    [
        lambda: MODEL_PATH.created(reply([]), RECORD),
        lambda: MODEL_PATH.created(reply([DONE]), RECORD),
        lambda: MODEL_PATH.created(reply({"status": "submitted"}), RECORD),
        lambda: MODEL_PATH.task(reply(DONE), RECORD),
        lambda: MODEL_PATH.tasks(reply(DONE), RECORD),
        lambda: MODEL_PATH.page(reply([DONE]), RECORD, 1, 100),
    ],
)
def test_the_reply_to_another_kind_of_call_is_no_answer(read: Any) -> None:
    """A list where a create's task is expected proves nothing: it must not become a refusal."""
    with pytest.raises(TransportError):
        read()


def test_refusals_are_those_of_v1() -> None:
    """The envelope and the codes are the same."""
    with pytest.raises(AlreadyExistsError):
        MODEL_PATH.created(reply(None, 400, 1201, "External_task_id x already exists"), RECORD)
    with pytest.raises(AuthenticationError):
        MODEL_PATH.created(reply(None, 401, 1002, "AK/SK not supported"), RECORD)


def test_a_page_has_a_cursor_while_there_are_more() -> None:
    """A page without tasks has only counts (observed)."""
    page = MODEL_PATH.page(
        reply({"result": [DONE], "count": 1, "next_cursor": "c", "has_more": True}), TASKS, 1, 100
    )
    assert (len(page), page.next_cursor, page.has_next) == (1, "c", True)
    last = {"result": [DONE], "count": 1, "next_cursor": "c", "has_more": False}
    page = MODEL_PATH.page(reply(last), TASKS, 1, 100)
    assert (page.next_cursor, page.has_next) == (None, False)
    empty = MODEL_PATH.page(reply({"count": 0, "has_more": False}), TASKS, 1, 100)
    assert (len(empty), empty.has_next) == (0, False)


def test_a_name_is_asked_for_as_what_it_looks_like_first() -> None:
    """A task id has 18 digits; either may be the other."""
    assert [call.params for call in MODEL_PATH.get(TASKS, "850000000000000001")] == [
        {"task_ids": "850000000000000001"},
        {"external_task_ids": "850000000000000001"},
    ]
    assert [call.params for call in MODEL_PATH.get(TASKS, "job-7")] == [
        {"external_task_ids": "job-7"},
        {"task_ids": "job-7"},
    ]
    known = MODEL_PATH.get(TASKS, "job-7", "external_id")
    assert [call.params for call in known] == [{"external_task_ids": "job-7"}]


def test_an_id_that_could_not_be_asked_for_is_refused() -> None:
    """`/tasks` takes a list with commas, so a lost create could not be found by it."""
    request = TextToVideo(prompt="a cat", model_name="kling-3.0", external_task_id="a,b")
    with pytest.raises(RequestValidationError, match="comma"):
        MODEL_PATH.create(request, "a,b")


def test_a_model_s_name_stays_one_part_of_the_path() -> None:
    """Whatever is in it."""
    request = TextToVideo(prompt="a cat", model_name="kling-3.0/../x?y", interface="model-path")
    assert MODEL_PATH.create(request, "").path == "/text-to-video/kling-3.0%2F..%2Fx%3Fy"
