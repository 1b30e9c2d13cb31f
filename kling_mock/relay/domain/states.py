"""What a report does to a task of the relay: a table of state x event. Pure.

A state is read from the row; an event is what Kling said, or what the relay has found out. A pair
that is not in the table cannot happen; it raises, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

__all__ = ["ACTIONS", "Action", "Event", "IllegalEventError", "State", "action", "state_of"]


class State(StrEnum):
    """Where a task of the relay is.

    `unknown`: sent, and Kling's id of it is not known (yet). `lost`: it was given up without
    an id of Kling's, because Kling did not know it or refused it.
    """

    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"
    LOST = "lost"


class Event(StrEnum):
    """What was heard of a task.

    The first four are statuses of Kling. `refused`: the create was refused, provably.
    """

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"
    REFUSED = "refused"


class Action(StrEnum):
    """What is done about it.

    `keep`: nothing. `advance`: the row takes the new open status. `charge`: the row succeeds,
    the user pays. `release`: the row fails, the hold is given back. `report`: the row has ended
    otherwise and stays so; what came is kept aside, for the operator.
    """

    KEEP = "keep"
    ADVANCE = "advance"
    CHARGE = "charge"
    RELEASE = "release"
    REPORT = "report"


class IllegalEventError(ValueError):
    """A pair of state and event that cannot happen."""


_S, _E, _A = State, Event, Action

ACTIONS: Final[Mapping[State, Mapping[Event, Action]]] = {
    _S.UNKNOWN: {
        # Any answer about it also brings Kling's id, which the service writes down.
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
        # It was given up, and shows up after all: somebody pays Kling for it.
        _E.SUBMITTED: _A.REPORT,
        _E.PROCESSING: _A.REPORT,
        _E.SUCCEED: _A.REPORT,
        _E.FAILED: _A.REPORT,
    },
}


def state_of(status: str, kling_task_id: str | None) -> State:
    """Return the state of a row.

    Args:
        status: The row's status; any but the four of Kling counts as `submitted`.
        kling_task_id: Kling's id of it; `None` or "" if it is not known.
    """
    if not kling_task_id and status != State.SUCCEED:
        return State.LOST if status == "failed" else State.UNKNOWN
    if status in {"succeed", "failed", "processing"}:
        return State(status)
    return State.SUBMITTED


def action(state: State, event: Event) -> Action:
    """Return what *event* does to a task in *state*.

    Raises:
        IllegalEventError: It cannot happen.
    """
    found = ACTIONS[state].get(event)
    if found is None:
        accepted = ", ".join(ACTIONS[state])
        raise IllegalEventError(f"{event} of a task that is {state}; accepted: {accepted}")
    return found
