"""The texts that an interrupted call leaves about its tasks and creates."""

from __future__ import annotations

import pytest

from kling_sdk import KlingError, Task
from kling_sdk.flows import Flow, Sleep
from kling_sdk.flows.interrupted import interrupted, naming, open_tasks, unanswered
from tests.sdk.scripted import FakeClock, in_turn, play


def fails(error: Exception) -> Flow[None]:
    yield Sleep(1.0)
    raise error


def test_open_tasks_and_creates_are_named_in_one_line() -> None:
    """Each name comes with what to do; without any, the line is empty."""
    assert open_tasks(["1", Task("2", "submitted", "b")]) == (
        "interrupted, but these tasks go on: 1, 2 (external_task_id b); wait(task_id) resumes"
    )
    assert open_tasks([]) == ""
    assert unanswered(["a", "b"]) == (
        "interrupted during a create, which may have been accepted: "
        "look it up with get('a'), or repeat it with external_task_id='a'; "
        "look it up with get('b'), or repeat it with external_task_id='b'"
    )
    assert unanswered([]) == ""


def test_what_interrupts_gets_a_note_and_the_log_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """A generator that is closed shows no notes; nothing to say is not said."""
    for error, notes in ((ValueError(), ["1 goes on"]), (GeneratorExit(), [])):
        caplog.clear()
        interrupted(error, "1 goes on")
        assert getattr(error, "__notes__", []) == notes
        assert caplog.messages == [f"1 goes on ({type(error).__name__})"]
        assert [record.levelname for record in caplog.records] == ["WARNING"]
    caplog.clear()
    error = ValueError()
    interrupted(error, "")
    assert not hasattr(error, "__notes__")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("task", "ids"),
    [
        (Task("1", "submitted", "a"), ("1", "a")),
        (Task("1", "submitted"), ("1", None)),
        (Task("", "submitted", ""), (None, None)),
        ("1", (None, None)),
    ],
)
def test_an_error_of_a_wait_names_the_task(
    task: Task | str, ids: tuple[str | None, str | None]
) -> None:
    """The known ids name it; an empty id does not count."""
    error = play(naming(fails(KlingError("no")), task), FakeClock(), in_turn([])).error
    assert isinstance(error, KlingError)
    assert (error.task_id, error.external_task_id) == ids
    assert not hasattr(error, "__notes__")


def test_another_error_of_a_wait_has_the_task_in_a_note() -> None:
    """Such an error is not one of this package, which would carry the ids."""
    with pytest.raises(ZeroDivisionError) as caught:
        play(naming(fails(ZeroDivisionError()), "7"), FakeClock(), in_turn([]))
    assert caught.value.__notes__ == [
        "interrupted, but these tasks go on: 7; wait(task_id) resumes"
    ]
