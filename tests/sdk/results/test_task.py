"""A task whose attribute does not exist says which one does."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest

from kling_sdk import Task, Video
from kling_sdk.results.task import _INSTEAD

OPEN: Any = Task(task_id="1", status="processing")
DONE: Any = Task(task_id="1", status="succeed", videos=(Video("2", "https://x.example/a.mp4"),))
FAILED: Any = Task(task_id="1", status="failed")
WAIT = "; status is 'processing', wait for the end: kling.tasks.wait(task)"


@pytest.mark.parametrize(
    ("task", "name", "text"),
    [
        (DONE, "url", "use task.videos[0].url"),
        (OPEN, "url", "use task.videos[0].url" + WAIT),
        (OPEN, "video", "use task.videos[0]" + WAIT),
        (FAILED, "video", "use task.videos[0]; status is 'failed'"),
        (OPEN, "download", "use kling.download(task.videos[0], to)" + WAIT),
        (OPEN, "id", "use task.task_id"),
        (DONE, "result", "use task.videos, or task.outputs"),
        (OPEN, "wait", "use kling.tasks.wait(task)"),
        (OPEN, "done", "did you mean 'is_done'?"),
        (OPEN, "stauts", "did you mean 'status'?"),
    ],
)
def test_an_attribute_of_another_services_task_leads_to_ours(
    task: Any, name: str, text: str
) -> None:
    """It does not exist for `hasattr` and `dir`; a task without results says how far it is."""
    with pytest.raises(AttributeError) as caught:
        getattr(task, name)
    assert str(caught.value) == f"Task has no attribute {name!r}; {text}"
    assert not hasattr(task, name)
    assert name not in dir(task)


def test_what_is_named_exists() -> None:
    for name, use in _INSTEAD.items():
        assert not hasattr(Task, name)
        for part in use.split(", or "):
            if part.startswith("task."):
                assert hasattr(Task, part.removeprefix("task.").partition("[")[0])


@pytest.mark.parametrize("task", [OPEN, DONE])
def test_a_task_is_the_value_that_it_was(task: Task) -> None:
    """It has slots, and goes through copy and pickle, which ask for attributes it lacks."""
    assert not hasattr(task, "__dict__")
    assert copy.copy(task) == copy.deepcopy(task) == task
    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301 - our own bytes
    assert Task.from_dict(task.to_dict()) == task
    bare = Task.__new__(Task)  # as pickle has it for a moment
    assert not hasattr(bare, "url")
    assert not hasattr(bare, "status")


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("processing", "it is not done and has no results yet"),
        ("failed", "it has no results; see task.status_msg"),
        ("succeed", "its results are of another kind; see task.outputs"),
    ],
)
def test_the_first_result_of_a_task_without_one_says_why(status: str, why: str) -> None:
    """In every other way it is an empty tuple, also after a copy."""
    task = Task("1", status)
    pickled = pickle.loads(pickle.dumps(task))  # noqa: S301 - our own bytes
    for same in (task, attrs.evolve(task), pickled, copy.deepcopy(task)):
        for results in (same.videos, same.images, same.audios, same.elements):
            assert (results, [*results], results[:1], repr(results)) == ((), [], (), "()")
            with pytest.raises(IndexError, match=f"task 1 is {status}: {why}"):
                results[0]
        assert (same, hash(same)) == (task, hash(task))
    assert json.dumps(task.to_dict()["videos"]) == "[]"
    done = attrs.evolve(task, status="succeed", videos=(Video("v", "http://x"),))
    assert done.videos[0].id == "v"
