"""Steps of every wait: where a task is queried, what a reply changes, how the task ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from kling_sdk.endpoints import ENDPOINTS
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import (
    EmptyResultError,
    TaskFailedError,
    WaitCancelledError,
    WaitTimeoutError,
)
from kling_sdk.flows.asking import SHARED, place_for
from kling_sdk.flows.context import Context, Event
from kling_sdk.flows.privacy import discreet
from kling_sdk.results.task import Task

#: On a relay: it has one list for all endpoints, and finds a task by its id alone.
_ANY_ENDPOINT: Final = EndpointRecord("", path="")


def is_complete(task: Task) -> bool:
    """Return whether *task* is done and shows its result; otherwise another poll can help."""
    return task.is_done and (bool(task.outputs) or not task.is_succeed)


def merged(before: Task, now: Task) -> Task:
    """Return *now* with the fields that only an earlier reply had."""
    return attrs.evolve(
        now,
        external_task_id=now.external_task_id or before.external_task_id,
        endpoint=now.endpoint or before.endpoint,
        reused=before.reused,
    )


def cancelled(last: Task) -> WaitCancelledError:
    """Return the error of a wait that the caller has called off."""
    return WaitCancelledError(f"the wait for task {last.task_id} was cancelled", last)


def timed_out(last: Task, seconds: float) -> WaitTimeoutError:
    """Return the error of a wait that took *seconds*, with the line that resumes."""
    return WaitTimeoutError(
        f"task {last.task_id} is {last.status} after {seconds:g} s; it goes on: "
        f"wait({last.task_id!r}) resumes, also in another process",
        last,
    )


def finished(task: Task, private: Iterable[str] = (), keys: Iterable[str] = ()) -> Task:
    """Return a task that ended well with at least one result.

    Args:
        task: A task that is done.
        private: Texts that the error's message must not quote; `task.status_msg` stays as received.
        keys: The client's keys, which it must not quote either.

    Raises:
        TaskFailedError: it failed.
        EmptyResultError: it succeeded with nothing to show.
    """
    if not task.is_succeed:
        reason = discreet(task.status_msg, private, keys) or "the vendor gave no reason"
        end = "failed" if task.status == "failed" else f"ended as {task.status}"
        error = TaskFailedError(f"task {task.task_id} {end}: {reason}", task)
        if task.reused:
            error.add_note(
                "an earlier create made this task under the same external_task_id; "
                "use another id to try again"
            )
        raise error
    if not task.outputs:
        raise EmptyResultError(
            f"task {task.task_id} succeeded without a result; get it again, or see task.raw", task
        )
    return task


def note_change(ctx: Context, before: Task | None, now: Task) -> None:
    """Call `on_update` and the event hook when the status has changed."""
    ctx.spending.saw(now)
    if before is not None and before.status == now.status:
        return
    ctx.emit(Event("task", task=now))
    failed = ("on_update failed at %s of task %s", now.status, now.task_id)
    ctx.call(ctx.options.on_update, now, *failed)


def record_of(task: Task, default: EndpointRecord | None = None) -> EndpointRecord:
    """Return the endpoint that made *task*; *default* for a task that does not name one."""
    if default is not None and task.endpoint in {"", default.name}:
        return default
    # A relay asks for a task by its id alone. With Kling the missing path is an error at once:
    # at the path of another endpoint the task would never be found.
    return ENDPOINTS.get(task.endpoint) or EndpointRecord(task.endpoint, path="")


def place_of(
    ctx: Context, task: Task | None, record: EndpointRecord | None = None
) -> EndpointRecord | None:
    """Return the place at which to query a task; None when it has to be found out.

    Args:
        ctx: The context of the call.
        task: The task, or None when only an id of it is known.
        record: The endpoint that made it, as far as the caller knows.
    """
    if ctx.is_relay:
        return _ANY_ENDPOINT
    # A callback's task does not say that it is one of /solutions: the caller's resource does.
    interface = "" if task is None else task.interface
    if interface in SHARED and (record is None or record.interface not in SHARED):
        return SHARED[interface]
    if task is None or (not task.endpoint and record is None):
        return None if record is None else place_for(record)
    return place_for(record_of(task, record))
