"""How the tasks of a session ended, and the callbacks that tell it."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.recording.ends import RecordedEnds, callback_body
from kling_mock.recording.session import RecordedExchange, RecordedReply
from kling_mock.recording.tasks import ShownTask

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
    "shown",
    [
        exchange("GET", f"{T2V}/1", v1("1", "failed")),
        exchange("GET", T2V, [v1("2", "succeed"), v1("1", "failed")]),
    ],
)
def test_any_reply_may_show_the_end(shown: RecordedExchange) -> None:
    """A query, or a list."""
    end = end_of(exchange("POST", T2V, v1("1", "submitted")), shown)
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
    assert end.shown["updated_at"] == 0


@pytest.mark.parametrize(
    ("create", "shown"),
    [
        # Nobody asked until it had ended.
        (exchange("POST", T2V, v1("1", "submitted")), v1("1", "processing")),
        # Another one ended.
        (exchange("POST", T2V, v1("1", "submitted")), v1("2", "succeed")),
        # Seen in the form of the other interface alone.
        (exchange("POST", T2V, v1("1", "submitted")), model_path("1", "succeeded")),
        (exchange("POST", NEW, model_path("1", "submitted")), v1("1", "succeed")),
        # A refusal.
        (exchange("POST", T2V, {}), v1("1", "succeed")),
        # No reply, and no id of the client's.
        (exchange("POST", T2V, None, {"prompt": "a"}), v1("1", "succeed")),
    ],
)
def test_an_end_that_nothing_shows(create: RecordedExchange, shown: dict[str, Any]) -> None:
    """No callback is made up."""
    assert end_of(create, exchange("GET", f"{T2V}/1", shown)) is None


def test_a_create_without_a_reply_is_found_by_its_external_id() -> None:
    """As a client finds it."""
    info = {"external_task_id": "mine"}
    old = exchange("POST", T2V, None, info)
    new = exchange("POST", NEW, None, {"options": info})
    shown = [v1("1", "succeed", task_info=info), model_path("2", "succeeded", external_id="mine")]
    ends = RecordedEnds([old, new, exchange("GET", "/tasks", shown)])
    assert [end and end.task_id for end in map(ends.of, (old, new))] == ["1", "2"]


def test_a_callback_of_v1_has_the_external_id_and_no_watermark() -> None:
    """The vendor's page has it so; a query of a failed task leaves the id out."""
    shown = v1("1", "failed", task_info={}, watermark_info={"enabled": False}, created_at=5)
    body = callback_body(ShownTask("1", "failed", "", shown), "mine")
    assert body == v1("1", "failed", task_info={"external_task_id": "mine"}, created_at=5)
    assert callback_body(ShownTask("1", "failed", "", shown), "")["task_info"] == {}


def test_a_callback_with_the_model_in_the_path_is_what_a_query_shows() -> None:
    """Without an envelope."""
    shown = model_path("1", "succeeded", external_id="mine", outputs=[], billing=[])
    assert callback_body(ShownTask("1", "succeeded", "", shown), "other") == shown
