"""Tasks in requests and responses of either interface."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.recording.tasks import is_task, option_of, tasks_in

V1 = {"task_id": "1", "task_status": "failed", "task_status_msg": "why"}
MODEL_PATH = {"id": "2", "status": "succeeded", "message": "", "external_id": "mine"}


def test_tasks_of_both_interfaces() -> None:
    """Both have their names, their places, and the reasons of failures."""
    old, new = tasks_in([{"data": V1}, {"result": [MODEL_PATH, {"id": "3"}]}])
    assert (old.task_id, old.status, old.message, old.end) == ("1", "failed", "why", "failed")
    assert (new.task_id, new.status, new.message, new.end) == ("2", "succeeded", "", "succeed")
    assert (old.is_v1, old.members) == (True, V1)
    assert (new.is_v1, new.members) == (False, MODEL_PATH)


@pytest.mark.parametrize("status", ["submitted", "processing", "paused"])
def test_an_open_task_has_no_end(status: str) -> None:
    """An unknown status does not count as an end."""
    (task,) = tasks_in({"id": "1", "status": status})
    assert task.end == ""


@pytest.mark.parametrize(
    "value",
    [None, "task_id", 7, [], {"id": 7, "status": "x"}, {"status": "failed"}, {"id": "1"}],
)
def test_what_is_no_task_with_a_status(value: Any) -> None:
    """No task is made up."""
    assert list(tasks_in(value)) == []


def test_the_external_id_where_each_interface_has_it() -> None:
    """Nothing, where a reply does not say."""
    named: list[dict[str, Any]] = [
        {"task_info": {"external_task_id": "a"}},
        {"external_id": "b"},
        {},
        {"task_info": []},
    ]
    external_ids = [next(tasks_in({**V1, **fields})).external_id for fields in named]
    assert external_ids == ["a", "b", "", ""]


def test_what_is_a_task() -> None:
    """A task that was just created has at least an id."""
    assert is_task({"task_id": "1"})
    assert is_task({"id": "1"})
    others: list[Any] = [{}, {"id": 1}, [], "id", None]
    assert [is_task(other) for other in others] == [False] * 5


def test_an_option_where_each_interface_has_it() -> None:
    """It is in the body, or in its `options`."""
    bodies = [{"callback_url": "u"}, {"options": {"callback_url": "u"}}]
    assert [option_of(body, "callback_url") for body in bodies] == ["u", "u"]
    others: list[Any] = [None, [], {}, {"options": []}, {"options": {"callback_url": 7}}]
    assert [option_of(body, "callback_url") for body in others] == [""] * 5
