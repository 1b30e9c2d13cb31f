"""Events of a wait, of one task and of a batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from kling_sdk import Event, Task, TextToVideo
from kling_sdk.flows.wait import wait
from tests.sdk.scripted import Scene, context, play, reply_of
from tests.sdk.simulated import watch


def of_one(scene: Scene, task: Task) -> list[Event]:
    seen: list[Event] = []
    flow = wait(context(scene.clock, on_event=seen.append), TextToVideo.record, task)
    play(flow, scene.clock, partial(reply_of, scene.kling))
    return seen


def of_a_batch(scene: Scene, task: Task) -> list[Event]:
    seen: list[Event] = []
    watch(scene, [task], on_event=seen.append)
    return seen


@pytest.mark.parametrize("events", [of_one, of_a_batch])
def test_each_look_and_each_change_is_told(events: Callable[[Scene, Task], list[Event]]) -> None:
    """A poll is one event, whatever it takes; a change comes with the task as it is now."""
    scene = Scene()
    (task,) = scene.existing(1)
    scene.kling.takes = 10
    path = f"/v1/videos/text2video/{task.task_id}"
    look = [("poll", "GET", "", 1), ("request", "GET", path, 1), ("response", "GET", path, 1)]

    *looks, change = events(scene, task)

    rows = [(event.kind, event.method, event.path, event.attempt) for event in looks]
    assert rows == look * (len(rows) // 3) != []
    assert (change.kind, change.method, change.path, change.attempt) == ("task", "", "", 1)
    assert change.task is not None
    assert change.task.is_succeed
