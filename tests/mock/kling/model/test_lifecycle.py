"""The life of a task, as a table and on the clock."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from kling_mock.kling.endpoints.typical_times import TYPICAL_SECONDS, seconds_to_make
from kling_mock.kling.model.lifecycle import TERMINAL, TRANSITIONS, IllegalTransitionError, after
from kling_mock.kling.model.progress import schedule

STATUSES = ("submitted", "processing", "succeed", "failed")
EVENTS = ("start", "complete", "fail")
#: Written out here, so that a change of the code's own table is noticed.
LEADS_TO = {
    ("submitted", "start"): "processing",
    ("submitted", "fail"): "failed",
    ("processing", "complete"): "succeed",
    ("processing", "fail"): "failed",
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("event", EVENTS)
def test_every_pair_is_a_row_or_illegal(status: Any, event: Any) -> None:
    """A pair leads where its row says; one without a row raises and names what is allowed."""
    if (status, event) in LEADS_TO:
        assert after(status, event) == LEADS_TO[status, event]
        return
    with pytest.raises(IllegalTransitionError, match=status) as caught:
        after(status, event)
    assert (caught.value.status, caught.value.event) == (status, event)


def test_nothing_leads_out_of_an_end() -> None:
    """No row begins at a terminal status."""
    assert not [status for status, _ in TRANSITIONS if status in TERMINAL]


def test_the_default_times() -> None:
    """Processing within 2 seconds, done never under 60, whatever the model and the length."""
    random = Random(1)  # noqa: S311 - repeatable on purpose
    for typical in TYPICAL_SECONDS.values():
        for mode in ("none", "std", "pro", "4k"):
            for seconds in (3, 5, 15):
                times = schedule(seconds_to_make(typical, mode, seconds), random)
                assert 0 < times.processing <= 2
                assert times.done >= 60


def test_a_task_moves_on_with_the_clock(api: Any, mock: Any) -> None:
    """Submitted, processing within 2 seconds, and in the end a success with a result."""
    task_id = api.new()
    assert api.task(task_id)["task_status"] == "submitted"
    mock.clock.advance(2)
    assert api.task(task_id)["task_status"] == "processing"
    mock.clock.advance(57)
    assert api.task(task_id)["task_status"] == "processing"
    mock.clock.advance(600)

    task = api.task(task_id)
    assert task["task_status"] == "succeed"
    assert task["updated_at"] - task["created_at"] >= 60_000
    assert task["task_result"]["videos"][0]["duration"] == "5"
    assert task["final_unit_deduction"] == "1.5"


@pytest.mark.parametrize("first", [0, 2])
def test_completing_by_hand(api: Any, mock: Any, first: float) -> None:
    """A task can be completed at once, also before it is processing; it stays so."""
    task_id = api.new()
    mock.clock.advance(first)
    mock.complete(task_id)
    done = api.task(task_id)
    assert done["task_status"] == "succeed"
    mock.clock.advance(600)
    assert api.task(task_id) == done


@pytest.mark.parametrize("first", [0, 2])
def test_failing_by_hand(api: Any, mock: Any, first: float) -> None:
    """A failed task costs nothing, has empty info and result, and its reason in the task only."""
    task_id = api.new(external_task_id="mine")
    mock.clock.advance(first)
    mock.fail(task_id, 1301, "the picture was refused")
    reply = api.get(f"/v1/videos/text2video/{task_id}")
    assert (reply.status_code, reply.json()["code"], reply.json()["message"]) == (200, 0, "SUCCEED")
    task = reply.json()["data"]
    assert task["task_status"] == "failed"
    assert task["task_status_msg"] == "the picture was refused"
    assert (task["task_info"], task["task_result"]) == ({}, {})
    assert task["final_unit_deduction"] == "0"
    mock.clock.advance(600)
    assert api.task(task_id) == task


def test_failing_with_the_codes_own_words(api: Any, mock: Any) -> None:
    """Without a message the reason is the text of the code, or of content that is found later."""
    for codes, words in (
        ((), "Failure to pass the risk control system"),
        ((5000,), "Server internal error"),
    ):
        task_id = api.new()
        mock.fail(task_id, *codes)
        assert api.task(task_id)["task_status_msg"] == words


def test_an_end_is_final(api: Any, mock: Any) -> None:
    """Completing or failing an ended task raises, and changes nothing."""
    task_id = api.new()
    mock.complete(task_id)
    before = api.task(task_id)
    with pytest.raises(IllegalTransitionError, match="never change"):
        mock.complete(task_id)
    with pytest.raises(IllegalTransitionError, match="never change"):
        mock.fail(task_id)
    assert api.task(task_id) == before


def test_steering_needs_a_known_task_and_code(api: Any, mock: Any) -> None:
    """A wrong id or code is refused by name."""
    with pytest.raises(KeyError, match="no task"):
        mock.complete("123")
    task_id = api.new()
    with pytest.raises(ValueError, match="must be one of"):
        mock.fail(task_id, 7)
    assert api.task(task_id)["task_status"] == "submitted"


def test_steering_takes_an_object_with_a_task_id(api: Any, mock: Any) -> None:
    """A task of the SDK can be passed as it is."""

    class Task:
        task_id = api.new()

    mock.complete(Task())
    assert api.task(Task.task_id)["task_status"] == "succeed"
