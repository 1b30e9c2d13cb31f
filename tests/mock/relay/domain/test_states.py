"""The effect of reports on tasks, in every order."""

from __future__ import annotations

import itertools

import pytest

from kling_mock.relay.domain.states import (
    ACTIONS,
    Action,
    IllegalEventError,
    TaskEvent,
    TaskState,
    action,
    state_of,
)

REPORTS = [TaskEvent.SUBMITTED, TaskEvent.PROCESSING, TaskEvent.SUCCEED, TaskEvent.FAILED]


def play(events: tuple[TaskEvent, ...]) -> tuple[str, int, int]:
    """Return the last status, how often was charged, how often the hold was given back."""
    status, charges, releases = "submitted", 0, 0
    for event in events:
        match action(state_of(status, "873"), event):
            case Action.CHARGE:
                status, charges = "succeed", charges + 1
            case Action.RELEASE:
                status, releases = "failed", releases + 1
            case Action.ADVANCE:
                status = event.value
            case Action.KEEP | Action.REPORT:
                pass
    return status, charges, releases


def naive(events: tuple[TaskEvent, ...]) -> tuple[str, int, int]:
    """Settle as the guide's relay does: each report is written, and a success is charged."""
    status, charges, releases = "submitted", 0, 0
    for event in events:
        status = event.value
        charges += event is TaskEvent.SUCCEED
        releases += event is TaskEvent.FAILED
    return status, charges, releases


def is_right(events: tuple[TaskEvent, ...], played: tuple[str, int, int]) -> bool:
    ends = [event.value for event in events if event in {TaskEvent.SUCCEED, TaskEvent.FAILED}]
    status, charges, releases = played
    if not ends:
        return (charges, releases) == (0, 0) and status in {"submitted", "processing"}
    expected = (1, 0) if ends[0] == "succeed" else (0, 1)
    return status == ends[0] and (charges, releases) == expected


def test_every_order_of_reports_ends_the_same() -> None:
    """In all 5 460 orders of up to six reports the first end counts, once, and stays."""
    wrong = 0
    orders = [
        events for length in range(1, 7) for events in itertools.product(REPORTS, repeat=length)
    ]
    assert len(orders) == 5460
    for events in orders:
        assert is_right(events, play(events)), events
        wrong += not is_right(events, naive(events))
    assert wrong > 1000  # the negative control: writing down whatever comes is caught


def test_a_task_that_was_given_up_is_never_charged() -> None:
    """A task that Kling did not know, and that shows up later, is reported and not charged."""
    lost = state_of("failed", None)
    assert lost is TaskState.LOST
    assert {action(lost, event) for event in REPORTS} == {Action.REPORT}


def test_contradictions_are_kept_aside() -> None:
    """A success after a failure, or the other way round, changes nothing and is reported."""
    assert action(TaskState.SUCCEED, TaskEvent.FAILED) is Action.REPORT
    assert action(TaskState.FAILED, TaskEvent.SUCCEED) is Action.REPORT


@pytest.mark.parametrize(
    ("state", "event"),
    [(state, event) for state in TaskState for event in TaskEvent if event not in ACTIONS[state]],
)
def test_what_cannot_happen_raises(state: TaskState, event: TaskEvent) -> None:
    """An event that cannot happen to a task in its state raises, and names what can."""
    with pytest.raises(IllegalEventError, match="possible are "):
        action(state, event)


def test_the_message_of_what_cannot_happen_is_in_words_of_the_table() -> None:
    """The message in a log uses the words of the table, where it can be looked up."""
    expected = (
        "refused of a task that is submitted; possible are submitted, processing, succeed, failed"
    )
    with pytest.raises(IllegalEventError, match=f"^{expected}$"):
        action(TaskState.SUBMITTED, TaskEvent.REFUSED)


def test_only_a_create_is_refused() -> None:
    """That Kling refused a task ends it only if Kling never named it."""
    assert [state for state in TaskState if TaskEvent.REFUSED in ACTIONS[state]] == [
        TaskState.UNKNOWN
    ]


@pytest.mark.parametrize(
    ("status", "kling_task_id", "state"),
    [
        ("submitted", "", TaskState.UNKNOWN),
        ("pending", None, TaskState.UNKNOWN),
        ("submitted", "873", TaskState.SUBMITTED),
        ("pending", "873", TaskState.SUBMITTED),
        ("a new word", "873", TaskState.SUBMITTED),
        ("processing", "873", TaskState.PROCESSING),
        ("succeed", "873", TaskState.SUCCEED),
        ("succeed", "", TaskState.SUCCEED),
        ("failed", "873", TaskState.FAILED),
        ("failed", "", TaskState.LOST),
    ],
)
def test_a_row_s_state_is_read_from_two_columns(
    status: str, kling_task_id: str | None, state: TaskState
) -> None:
    """Where a task is follows from its status and from whether Kling's id is known."""
    assert state_of(status, kling_task_id) is state
