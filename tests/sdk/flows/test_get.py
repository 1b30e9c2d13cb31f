"""Reading a task once: by an id, or by the task that an earlier call returned."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kling_sdk import NotFoundError, Task
from kling_sdk.endpoints import ENDPOINTS
from kling_sdk.flows import Flow
from kling_sdk.flows.get import get, get_any
from tests.sdk.scripted import Scene, context, play, reply_of

NEW = "text-to-video/kling-3.0"
TEXT2VIDEO = ENDPOINTS["text2video"]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def task_and_paths(scene: Scene, flow: Flow[Task]) -> tuple[Task, list[str]]:
    """Return the task that was found, and which paths were asked for it."""
    played = play(flow, scene.clock, lambda effect: reply_of(scene.kling, effect))
    return played.result, [send.call.path for send in played.sends]


@pytest.mark.parametrize("endpoint", ["text2video", "image2video"])
def test_a_task_is_asked_for_where_it_was_made(scene: Scene, endpoint: str) -> None:
    """This includes a call by the resource of another endpoint: the task knows its own."""
    (task,) = scene.existing(1, endpoint)

    latest, paths = task_and_paths(scene, get(context(scene.clock), TEXT2VIDEO, task))

    assert latest.task_id == task.task_id
    assert paths == [f"/v1/videos/{endpoint}/{task.task_id}"]


def test_a_task_of_the_other_interface_is_asked_for_there(scene: Scene) -> None:
    """A task with its model in the path is at `/tasks`, which is asked at once."""
    (task,) = scene.existing(1, NEW)
    ctx = context(scene.clock, with_tasks=True)

    for flow in (get(ctx, TEXT2VIDEO, task), get_any(ctx, task)):
        latest, paths = task_and_paths(scene, flow)
        assert (latest.task_id, latest.interface, paths) == (task.task_id, "model-path", ["/tasks"])


def test_a_task_that_names_no_endpoint_is_looked_for(scene: Scene) -> None:
    """A resource looks at its own endpoint, `kling.tasks` at each one."""
    (task,) = scene.existing(1, "text2video")
    (other,) = scene.existing(1, "image2video")
    ctx = context(scene.clock)

    latest, _ = task_and_paths(scene, get(ctx, TEXT2VIDEO, attrs.evolve(task, endpoint="")))
    assert latest.endpoint == "text2video"
    latest, _ = task_and_paths(scene, get_any(ctx, attrs.evolve(other, endpoint="")))
    assert latest.endpoint == "image2video"


def test_what_only_the_earlier_reply_had_is_kept(scene: Scene) -> None:
    """Its external id, and that an earlier create made it."""
    scene.kling.names = False
    (task,) = scene.existing(1)
    known = attrs.evolve(task, external_task_id="order-0", reused=True)
    ctx: Any = context(scene.clock)

    for flow in (get(ctx, TEXT2VIDEO, known), get_any(ctx, known)):
        latest, _ = task_and_paths(scene, flow)
        assert (latest.external_task_id, latest.reused) == ("order-0", True)


def test_an_id_is_enough(scene: Scene) -> None:
    """Either one of the task's."""
    (task,) = scene.existing(1)
    ctx = context(scene.clock)
    for name in (task.task_id, "order-0"):
        assert task_and_paths(scene, get(ctx, TEXT2VIDEO, name))[0].task_id == task.task_id
        assert task_and_paths(scene, get_any(ctx, name))[0].task_id == task.task_id
    with pytest.raises(NotFoundError):
        task_and_paths(scene, get_any(ctx, "nobody"))
