"""The state machine of a task of the relay: a table of state x event.

A state is read from the row; an event is a report of Kling, or a fact that the relay has proven. A
pair that is not in the table cannot happen; it raises, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class TaskState(StrEnum):
    """The state of a task of the relay.

    `unknown`: the task was sent, and its Kling id is not known (yet). `lost`: the task failed
    without a Kling id, because Kling did not know it or refused it.
    """

    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"
    LOST = "lost"


class TaskEvent(StrEnum):
    """A fact about a task that the relay has learned.

    The first four are statuses of Kling. `refused`: the create was provably refused.
    """

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"
    REFUSED = "refused"


class Action(StrEnum):
    """The effect of an event.

    `keep`: nothing changes. `advance`: the row takes the new open status. `charge`: the row
    succeeds, the user pays. `release`: the row fails, the hold is released. `report`: the row has
    already ended in a different way and stays so; the event is stored as a report for the operator.
    """

    KEEP = "keep"
    ADVANCE = "advance"
    CHARGE = "charge"
    RELEASE = "release"
    REPORT = "report"


class IllegalEventError(ValueError):
    """A pair of state and event that cannot happen."""


_S, _E, _A = TaskState, TaskEvent, Action

ACTIONS: Final[Mapping[TaskState, Mapping[TaskEvent, Action]]] = {
    _S.UNKNOWN: {
        # Any reply about the task also has its Kling id, which the service stores.
        _E.SUBMITTED: _A.ADVANCE,
        _E.PROCESSING: _A.ADVANCE,
        _E.SUCCEED: _A.CHARGE,
        _E.FAILED: _A.RELEASE,
        _E.REFUSED: _A.RELEASE,
    },
    _S.SUBMITTED: {
        _E.SUBMITTED: _A.KEEP,
        _E.PROCESSING: _A.ADVANCE,
        _E.SUCCEED: _A.CHARGE,
        _E.FAILED: _A.RELEASE,
    },
    _S.PROCESSING: {
        _E.SUBMITTED: _A.KEEP,  # reports overtake each other
        _E.PROCESSING: _A.KEEP,
        _E.SUCCEED: _A.CHARGE,
        _E.FAILED: _A.RELEASE,
    },
    _S.SUCCEED: {
        _E.SUBMITTED: _A.KEEP,
        _E.PROCESSING: _A.KEEP,
        _E.SUCCEED: _A.KEEP,
        _E.FAILED: _A.REPORT,
    },
    _S.FAILED: {
        _E.SUBMITTED: _A.KEEP,
        _E.PROCESSING: _A.KEEP,
        _E.SUCCEED: _A.REPORT,
        _E.FAILED: _A.KEEP,
    },
    _S.LOST: {
        # The task was given up, but exists: Kling charges the channel's account for it.
        _E.SUBMITTED: _A.REPORT,
        _E.PROCESSING: _A.REPORT,
        _E.SUCCEED: _A.REPORT,
        _E.FAILED: _A.REPORT,
    },
}


def state_of(status: str, kling_task_id: str | None) -> TaskState:
    """Return the state of a row.

    Args:
        status: The row's status; any but the four of Kling counts as `submitted`.
        kling_task_id: The Kling id of the task; `None` or "" if it is not known.
    """
    if not kling_task_id and status != TaskState.SUCCEED:
        return TaskState.LOST if status == "failed" else TaskState.UNKNOWN
    if status in {"succeed", "failed", "processing"}:
        return TaskState(status)
    return TaskState.SUBMITTED


def action(state: TaskState, event: TaskEvent) -> Action:
    """Return the effect of *event* on a task in *state*.

    Raises:
        IllegalEventError: It cannot happen.
    """
    effect = ACTIONS[state].get(event)
    if effect is None:
        possible = ", ".join(ACTIONS[state])
        raise IllegalEventError(f"{event} of a task that is {state}; possible are {possible}")
    return effect
