"""The states of a task, as a table.

    submitted -- start --> processing -- complete --> succeed
    submitted -- fail --> failed
    processing -- fail --> failed

Two rules for this file: every transition is a row, and an event without a row raises and
changes nothing. `succeed` and `failed` do not have rows: a terminal status never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Status = Literal["submitted", "processing", "succeed", "failed"]
Event = Literal["start", "complete", "fail"]

TRANSITIONS: Mapping[tuple[Status, Event], Status] = {
    ("submitted", "start"): "processing",
    ("submitted", "fail"): "failed",
    ("processing", "complete"): "succeed",
    ("processing", "fail"): "failed",
}

TERMINAL: frozenset[Status] = frozenset({"succeed", "failed"})


class IllegalTransitionError(ValueError):
    """An event that the task's status does not allow; nothing has changed."""

    def __init__(self, status: str, event: str) -> None:
        self.status = status
        self.event = event
        allowed = [known for at, known in TRANSITIONS if at == status]
        possible = f"it can {', '.join(allowed)}" if allowed else "it will never change again"
        super().__init__(f"A task that is {status!r} cannot {event!r}; {possible}.")


def after(status: Status, event: Event) -> Status:
    """Return the status that *event* leads to.

    Raises:
        IllegalTransitionError: The table does not have such a row.
    """
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise IllegalTransitionError(status, event) from None
