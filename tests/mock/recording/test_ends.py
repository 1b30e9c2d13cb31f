"""The ends of the tasks of a session, and their callbacks."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.recording.session import RecordedExchange, RecordedReply
from kling_mock.recording.tasks import RecordedEnds, ShownTask, callback_body

T2V = "/v1/videos/text2video"
NEW = "/text-to-video/kling-3.0"


def exchange(method: str, path: str, data: Any, body: Any = None) -> RecordedExchange:
    reply = None if data is None else RecordedReply(200, {"code": 0, "data": data})
    return RecordedExchange(0, 1, method, path, body=body, reply=reply)


def v1(task_id: str, status: str, **more: Any) -> dict[str, Any]:
    return {"task_id": task_id, "task_status": status, **more}


def model_path(task_id: str, status: str, **more: Any) -> dict[str, Any]:
    return {"id": task_id, "status": status, **more}


def end_of(create: RecordedExchange, *others: RecordedExchange) -> ShownTask | None:
    return RecordedEnds([create, *others]).of(create)


@pytest.mark.parametrize(
    "query",
    [
        exchange("GET", f"{T2V}/1", v1("1", "failed")),
        exchange("GET", T2V, [v1("2", "succeed"), v1("1", "failed")]),
    ],
)
def test_any_reply_may_show_the_end(query: RecordedExchange) -> None:
    """A query, or a list."""
    end = end_of(exchange("POST", T2V, v1("1", "submitted")), query)
    assert end is not None
    assert (end.task_id, end.end) == ("1", "failed")


def test_the_end_of_a_task_with_the_model_in_the_path() -> None:
    """Both kinds of lists show it."""
    create = exchange("POST", NEW, model_path("1", "submitted"))
    for data in ([model_path("1", "succeeded")], {"result": [model_path("1", "succeeded")]}):
        end = end_of(create, exchange("GET", "/tasks", data))
        assert end is not None
        assert end.end == "succeed"


def test_the_first_reply_that_shows_it_counts() -> None:
    """A later one may have other signatures."""
    ends = [
        exchange("GET", f"{T2V}/1", v1("1", "succeed", updated_at=number)) for number in range(2)
    ]
    end = end_of(exchange("POST", T2V, v1("1", "submitted")), *ends)
    assert end is not None
    assert end.members["updated_at"] == 0


@pytest.mark.parametrize(
    ("create", "task"),
    [
        # It was not polled until it had ended.
        (exchange("POST", T2V, v1("1", "submitted")), v1("1", "processing")),
        # Another one ended.
        (exchange("POST", T2V, v1("1", "submitted")), v1("2", "succeed")),
        # Seen in the form of the other interface alone.
        (exchange("POST", T2V, v1("1", "submitted")), model_path("1", "succeeded")),
        (exchange("POST", NEW, model_path("1", "submitted")), v1("1", "succeed")),
        # A refusal.
        (exchange("POST", T2V, {}), v1("1", "succeed")),
        # Without a response, and without an id of the client's.
        (exchange("POST", T2V, None, {"prompt": "a"}), v1("1", "succeed")),
    ],
)
def test_an_end_that_nothing_shows(create: RecordedExchange, task: dict[str, Any]) -> None:
    """No callback is made up."""
    assert end_of(create, exchange("GET", f"{T2V}/1", task)) is None


def test_a_create_without_a_reply_is_found_by_its_external_id() -> None:
    """A client finds it the same way."""
    info = {"external_task_id": "mine"}
    old = exchange("POST", T2V, None, info)
    new = exchange("POST", NEW, None, {"options": info})
    tasks = [v1("1", "succeed", task_info=info), model_path("2", "succeeded", external_id="mine")]
    ends = RecordedEnds([old, new, exchange("GET", "/tasks", tasks)])
    assert [end and end.task_id for end in map(ends.of, (old, new))] == ["1", "2"]


def test_a_callback_of_v1_has_the_external_id_and_no_watermark() -> None:
    """The vendor's page has it so; a query of a failed task leaves the id out."""
    task = v1("1", "failed", task_info={}, watermark_info={"enabled": False}, created_at=5)
    body = callback_body(ShownTask("1", "failed", "", task), "mine")
    assert body == v1("1", "failed", task_info={"external_task_id": "mine"}, created_at=5)
    assert callback_body(ShownTask("1", "failed", "", task), "")["task_info"] == {}


def test_a_callback_with_the_model_in_the_path_is_what_a_query_shows() -> None:
    """It has no envelope."""
    task = model_path("1", "succeeded", external_id="mine", outputs=[], billing=[])
    assert callback_body(ShownTask("1", "succeeded", "", task), "other") == task
