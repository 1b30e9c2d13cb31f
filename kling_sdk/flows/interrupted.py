"""Calls that end before their task: the id of a task that is paid for must not be lost.

Cancellation, Ctrl-C and any other exception that is not of this package leave a call without a
result. The ids then go into a note of the exception, which a traceback shows, and into the log as a
WARNING, for a caller who drops the exception.
"""

from __future__ import annotations

from collections.abc import Iterable

from kling_sdk.errors import KlingError, OutcomeUnknownError
from kling_sdk.flows.context import log
from kling_sdk.flows.effects import Flow, T
from kling_sdk.results.task import Outcome, Task


def unanswered(external_ids: Iterable[str]) -> str:
    """Return a note on creates without a reply; "" if there are none."""
    advice = "; ".join(
        f"look it up with get({external_id!r}), or repeat it with external_task_id={external_id!r}"
        for external_id in external_ids
    )
    return f"interrupted during a create, which may have been accepted: {advice}" if advice else ""


def open_tasks(tasks: Iterable[Task | str]) -> str:
    """Return a note on tasks that were not returned; "" if there are none."""
    listing = ", ".join(_named(task) for task in tasks)
    return (
        f"interrupted, but these tasks go on: {listing}; wait(task_id) resumes" if listing else ""
    )


def not_returned(outcome: object) -> str:
    """Return a note on the task of an outcome that its caller does not get; "" without one."""
    if isinstance(outcome, Outcome):
        outcome = outcome.task or outcome.error
    if isinstance(outcome, OutcomeUnknownError):
        return unanswered(filter(None, [outcome.external_task_id]))
    task = outcome.task_id if isinstance(outcome, KlingError) else outcome
    if not task or not isinstance(task, Task | str):
        return ""
    return f"interrupted before its result was returned: task {_named(task)}; wait(task_id) resumes"


def interrupted(error: BaseException, text: str) -> None:
    """Write *text* into the log and into a note of *error*; "" writes nothing.

    Args:
        error: Why the call ends.
        text: Ids and what to do with them, and nothing private.
    """
    if not text:
        return
    log.warning("%s (%s)", text, type(error).__name__)
    if not isinstance(error, GeneratorExit):  # no caller sees that one
        error.add_note(text)


def naming(flow: Flow[T], task: Task | str) -> Flow[T]:
    """Run *flow*, which waits for *task*; an exception that interrupts it names the task.

    Errors of this package carry the ids themselves.
    """
    try:
        return (yield from flow)
    except KlingError as error:
        if isinstance(task, Task):
            error.about(
                task_id=task.task_id or None, external_task_id=task.external_task_id or None
            )
        raise
    except BaseException as error:
        interrupted(error, open_tasks([task]))
        raise


def _named(task: Task | str) -> str:
    if isinstance(task, str):
        return task
    own = task.external_task_id
    return f"{task.task_id} (external_task_id {own})" if own else task.task_id
