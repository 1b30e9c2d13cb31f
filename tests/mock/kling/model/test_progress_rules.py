"""The progress of tasks by a test's rules: after seconds, after polls, at once, by hand, never."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.model.lifecycle import IllegalTransitionError

LIST = "/v1/videos/text2video"


def statuses(api: Any, task_id: str, count: int) -> list[str]:
    return [api.task(task_id)["task_status"] for _ in range(count)]


def test_after_seconds(mock: KlingMock, api: Any) -> None:
    """A task ends exactly at the test's time, and is processing before."""
    mock.progress.add("after", seconds=5)
    task_id = api.new()
    assert statuses(api, task_id, 1) == ["submitted"]
    mock.clock.advance(4.9)
    assert statuses(api, task_id, 1) == ["processing"]
    mock.clock.advance(0.1)
    assert statuses(api, task_id, 1) == ["succeed"]


@pytest.mark.parametrize("polls", [1, 2, 4])
def test_after_polls(mock: KlingMock, api: Any, polls: int) -> None:
    """The n-th poll sees the end, those before see processing, without time passing."""
    mock.progress.add("polls", polls=polls)
    task_id = api.new()
    assert statuses(api, task_id, polls + 2) == ["processing"] * (polls - 1) + ["succeed"] * 3


def test_a_list_is_a_look_too(mock: KlingMock, api: Any) -> None:
    """List pages count as polls of the tasks on them; another page does not."""
    mock.progress.add("polls", polls=2)
    for _ in range(2):
        api.new()
    api.get(f"{LIST}?pageNum=2&pageSize=2")
    pages = [api.get(LIST).json()["data"] for _ in range(2)]
    seen = [[task["task_status"] for task in page] for page in pages]
    assert seen == [["processing"] * 2, ["succeed"] * 2]


def test_instant(mock: KlingMock, api: Any) -> None:
    """The create call says submitted, as the vendor's does; the first poll sees the end."""
    mock.progress.add("instant")
    reply = api.create()
    assert reply.json()["data"]["task_status"] == "submitted"
    assert statuses(api, reply.json()["data"]["task_id"], 1) == ["succeed"]


def test_by_hand(mock: KlingMock, api: Any) -> None:
    """Nothing moves unless the test moves it, step by step."""
    mock.progress.add("by-hand")
    task_id = api.new()
    mock.clock.advance(100_000)
    assert statuses(api, task_id, 1) == ["submitted"]
    mock.process(task_id)
    mock.clock.advance(100_000)
    assert statuses(api, task_id, 1) == ["processing"]
    with pytest.raises(IllegalTransitionError):
        mock.process(task_id)
    mock.complete(task_id)
    assert statuses(api, task_id, 1) == ["succeed"]


def test_stuck(mock: KlingMock, api: Any) -> None:
    """A stuck task is processing forever, until the test ends it."""
    mock.progress.add("stuck")
    task_id = api.new()
    mock.clock.advance(100_000)
    assert statuses(api, task_id, 1) == ["processing"]
    mock.fail(task_id, 5000)
    assert statuses(api, task_id, 1) == ["failed"]


def test_processing_early_does_not_move_the_end(mock: KlingMock, api: Any) -> None:
    """A task that was started by hand ends when it would have ended."""
    mock.progress.add("after", seconds=10)
    task_id = api.new()
    mock.process(task_id)
    assert statuses(api, task_id, 1) == ["processing"]
    mock.clock.advance(10)
    assert statuses(api, task_id, 1) == ["succeed"]


def test_rules_for_some_tasks(mock: KlingMock, api: Any) -> None:
    """Endpoint, prompt, external id and account choose; the newest rule that matches counts."""
    mock.progress.add("by-hand")
    mock.progress.add("instant", "POST /v1/videos/omni-video")
    mock.progress.add("polls", prompt="KITTEN", polls=1)
    mock.progress.add("instant", external_id="order-*")
    mock.accounts.add("other")
    mock.progress.add("instant", account="other")
    omni = api.new("omni-video", prompt="a lighthouse", aspect_ratio="16:9")
    assert api.task(omni, "omni-video")["task_status"] == "succeed"
    assert statuses(api, api.new(prompt="two Kittens"), 1) == ["succeed"]
    assert statuses(api, api.new(prompt="a dog", external_task_id="order-1"), 1) == ["succeed"]
    assert statuses(api, api.new(prompt="a dog", external_task_id="job-1"), 1) == ["submitted"]
    assert len(mock.progress) == 5
    mock.progress.clear()
    usual = api.new(prompt="a dog")
    mock.clock.advance(2)
    assert statuses(api, usual, 1) == ["processing"]


def test_a_rule_is_for_new_tasks(mock: KlingMock, api: Any) -> None:
    """A task that exists keeps the pace it was made with."""
    task_id = api.new()
    mock.progress.add("instant")
    assert statuses(api, task_id, 1) == ["submitted"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("quick", {}),
        ("after", {}),
        ("after", {"seconds": -1}),
        ("after", {"seconds": float("nan")}),
        ("instant", {"seconds": 1}),
        ("polls", {}),
        ("polls", {"polls": 0}),
        ("stuck", {"polls": 1}),
        ("instant", {"match": "POST v1"}),
        ("instant", {"match": ""}),
        ("instant", {"match": "POST v1 more"}),
    ],
)
def test_wrong_rules_are_named(mock: KlingMock, kind: Any, options: dict[str, Any]) -> None:
    """A rule that cannot be meant is refused with what it must be."""
    with pytest.raises(ValueError, match=r"must be|accepted"):
        mock.progress.add(kind, **options)
    assert len(mock.progress) == 0


def test_a_rule_that_could_never_act_is_refused(mock: KlingMock) -> None:
    """This holds for rules of progress and of content; the text names the nearest valid value."""
    content: partial[Any] = partial(mock.content.add, "blood", "refuse")
    progress: partial[Any] = partial(mock.progress.add, "stuck")
    for add, match, options, text in (
        (progress, "GET *", {}, "creates of tasks have the method POST only, not GET"),
        (progress, "POST /v1/audio/tts", {}, "no creates of tasks with the path /v1/audio/tts"),
        (progress, "POST /v1/videos/text2vide", {}, "nearest is /v1/videos/text2video"),
        (progress, "*", {"account": "second"}, "there is no 'second'; add it first"),
        (content, "GET *", {}, "calls with a prompt have the method POST only, not GET"),
        (content, "POST /v1/videos/text2video?x=1", {}, "a path has no query"),
        (content, "*", {"account": "second"}, "there is no 'second'; add it first"),
    ):
        with pytest.raises(ValueError, match=text):
            add(match, **options)
    mock.accounts.add("second")
    progress("POST /v1/videos/*", account="second")
    content("POST /v1/audio/tts")
    assert (len(mock.progress), len(mock.content)) == (1, 1)
