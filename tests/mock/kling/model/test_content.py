"""The content review: refusing at once, failing later, and the texts for it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kling_mock import KlingMock

REFUSED = "Trigger the content security policy of the platform"
TEXT = "Failure to pass the risk control system"


def test_a_prompt_is_refused_at_once(mock: KlingMock, api: Any) -> None:
    """A word in the prompt refuses the create with 1301, without a task."""
    mock.content.add("blood")
    reply = api.create(prompt="Blood on the snow")
    assert (reply.status_code, reply.json()["code"]) == (400, 1301)
    assert reply.json()["message"] == REFUSED
    assert api.create(prompt="snow").status_code == 200
    assert mock.account.open_tasks == 1


def test_a_task_fails_later(mock: KlingMock, api: Any) -> None:
    """A task that the review finds out about is accepted, and fails with the reason; it is free."""
    mock.account.units = 10
    mock.content.add("blood", "fail", message="the result was withheld")
    task_id = api.new(prompt="blood")
    mock.clock.advance(5)
    assert api.task(task_id)["task_status"] == "processing"
    mock.clock.advance(600)
    task = api.task(task_id)
    assert task["task_status"] == "failed"
    assert task["task_status_msg"] == "the result was withheld"
    assert mock.account.units == 10


@pytest.mark.parametrize("kind", ["instant", "polls"])
def test_a_failure_comes_at_any_pace(mock: KlingMock, api: Any, kind: Any) -> None:
    """However fast the task is, it fails at its end."""
    mock.content.add("blood", "fail")
    mock.progress.add(kind, polls=1 if kind == "polls" else None)
    task = api.task(api.new(prompt="blood"))
    assert (task["task_status"], task["task_status_msg"]) == ("failed", TEXT)


def test_by_hand_wins(mock: KlingMock, api: Any) -> None:
    """A test that completes a task gets a success, whatever the review has found."""
    mock.content.add("blood", "fail")
    task_id = api.new(prompt="blood")
    mock.complete(task_id)
    assert api.task(task_id)["task_status"] == "succeed"


def test_patterns_codes_and_shots(mock: KlingMock, api: Any) -> None:
    """A pattern, another code, and the prompts of shots; the newest rule counts."""
    mock.content.add("", code=1300, external_id="bad-*")
    mock.content.add(re.compile(r"\bgun\b"), message="no guns")
    assert api.create(prompt="a gun").json()["message"] == "no guns"
    assert api.create(prompt="a gunner").status_code == 200
    assert api.create(external_task_id="bad-1").json()["code"] == 1300
    shots = [{"index": 1, "prompt": "a gun", "duration": "5"}]
    shot = {"multi_shot": True, "shot_type": "customize", "multi_prompt": shots}
    assert api.create(model_name="kling-v3", **shot).json()["code"] == 1301
    assert len(mock.content) == 2
    mock.content.clear()
    assert api.create(prompt="a gun").status_code == 200


def test_wrong_rules_are_named(mock: KlingMock) -> None:
    """A code or a kind that does not exist is refused."""
    add: Any = mock.content.add
    for options in ({"code": 0}, {"code": 7}, {"kind": "later"}):
        with pytest.raises(ValueError, match="must be one of"):
            add("blood", **options)
    assert len(mock.content) == 0
