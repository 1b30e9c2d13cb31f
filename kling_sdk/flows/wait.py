"""Waiting for one task: when to look, what ends the wait, what does not.

A failed look is not a failed task: the wait goes on through any number of them until its
own deadline. It ends early only when looking again cannot help: a key that is refused, a
task that does not exist.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from kling_sdk.endpoints import ENDPOINTS
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import (
    EmptyResultError,
    KlingAPIError,
    KlingError,
    NotFoundError,
    TaskFailedError,
    TransportError,
    UnreachableError,
    WaitCancelledError,
    WaitTimeoutError,
)
from kling_sdk.flows.core import Context, Event, Flow, Sleep, ask, log
from kling_sdk.flows.create import create
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.interrupted import naming
from kling_sdk.flows.privacy import discreet
from kling_sdk.flows.retry import is_transient
from kling_sdk.results import Task

__all__ = [
    "finished",
    "first_look",
    "next_look",
    "note_change",
    "record_of",
    "run_task",
    "wait",
]

#: Seconds a video typically takes, from create to result. Assumed (confidence low): the
#: vendor publishes no figure; users report one to several minutes.
TYPICAL: Final = 60.0
_GROWTH: Final = 1.3
_JITTER: Final = 0.2


def first_look(ctx: Context, task: Task) -> float:
    """Return the seconds until the first look at *task*."""
    wanted = ctx.options.first_look if ctx.options.first_look is not None else TYPICAL / 2
    if task.created_at is None:
        return 0.0
    age = ctx.time() - task.created_at.timestamp()
    return min(max(wanted - age, 0.0), wanted)


def next_look(ctx: Context, looks: int) -> float:
    """Return the seconds from look number *looks* (from 1) to the next."""
    shortest, longest = ctx.options.poll_interval
    pause = min(longest, shortest * _GROWTH ** min(looks - 1, 40))
    return pause * (1 - _JITTER + 2 * _JITTER * ctx.random.random())


def finished(task: Task, private: Iterable[str] = ()) -> Task:
    """Return a task that ended well with at least one result.

    Args:
        task: A task that is done.
        private: What the error's text must not quote; `task.status_msg` is as it came.

    Raises:
        TaskFailedError: it failed.
        EmptyResultError: it succeeded with nothing to show.
    """
    if not task.is_succeed:
        reason = discreet(task.status_msg, private) or "the vendor gave no reason"
        raise TaskFailedError(f"task {task.task_id} failed: {reason}", task)
    if not task.outputs:
        raise EmptyResultError(
            f"task {task.task_id} succeeded without a result; ask again, or see task.raw", task
        )
    return task


def note_change(ctx: Context, before: Task | None, now: Task) -> None:
    """Call `on_update` and the event hook when the status is another than before."""
    if before is not None and before.status == now.status:
        return
    ctx.emit(Event("task", task=now))
    if ctx.options.on_update is not None:
        try:
            ctx.options.on_update(now)
        except Exception:  # noqa: BLE001 - whatever it is, it must not cost a task that was paid for
            log.exception("on_update failed at %s of task %s", now.status, now.task_id)


def record_of(task: Task, default: EndpointRecord | None = None) -> EndpointRecord:
    """Return the endpoint that made *task*; *default* for a task that does not name one."""
    if default is not None and task.endpoint in {"", default.name}:
        return default
    found = ENDPOINTS.get(task.endpoint) or default
    # A relay asks for a task by its id alone; Kling refuses the path that is missing.
    return found or EndpointRecord(task.endpoint, path="")


def wait(
    ctx: Context, record: EndpointRecord, task: Task | str, private: Sequence[str] = ()
) -> Flow[Task]:
    """Return the task once it has ended well.

    Args:
        ctx: Where, who, when; `options.wait_timeout` bounds the wait.
        record: The endpoint of a task that does not name its own.
        task: The task, or its task id or external id (then the first look is at once).
        private: What an error's text must not quote of the vendor's reason.

    Raises:
        TaskFailedError, EmptyResultError: how it ended.
        WaitTimeoutError: it has not ended; it goes on, and a later wait resumes.
        WaitCancelledError: the client's `cancel` event was set.
        KlingAPIError: looking again cannot help.
    """
    known = task if isinstance(task, Task) else None
    # A task knows its endpoint, also when another endpoint's resource waits for it.
    record = record_of(known, record) if known is not None else record
    if known is not None and known.is_done and (known.outputs or not known.is_succeed):
        return finished(known, private)
    until = ctx.until(ctx.options.wait_timeout)
    pause = first_look(ctx, known) if known is not None else 0.0
    trouble: KlingError | None = None
    looks, looked_at = 0, -math.inf
    while True:
        remaining = until - ctx.monotonic()
        # Not before a look was taken at the deadline or later: `on_update` may have been slow.
        if looked_at >= until:
            raise _timeout(ctx, task, known) from trouble
        # A last look is taken at the deadline itself rather than missed by a second.
        yield from _pause(ctx, max(0.0, min(pause, remaining)), task, known)
        looks += 1
        try:
            looked_at = ctx.monotonic()
            seen = yield from _look(ctx, record, known or str(task), until)
        except (KlingAPIError, TransportError) as error:
            # A task that was seen once exists: not finding it is the server's hiccup.
            lost = not is_transient(error) or ctx.policy.is_hopeless(error, looks)
            if lost and not (known and isinstance(error, NotFoundError)):
                raise error.about(task_id=known.task_id if known else str(task)) from None
            log.debug("look %d failed: %s", looks, type(error).__name__)
            trouble = error
        else:
            note_change(ctx, known, seen)
            known, trouble = seen, None
            if seen.is_done:
                return finished(seen, private)
        pause = _server_pause(trouble, next_look(ctx, looks))
        if isinstance(trouble, UnreachableError) and not ctx.server.answered:
            pause = min(pause, 1.0)  # s: it will hardly get better


def run_task(ctx: Context, request: Request) -> Flow[Task]:
    """Create a task and return it once it has ended well."""
    task = yield from create(ctx, request)
    return (yield from naming(_follow(ctx, request, task), task))


def _follow(ctx: Context, request: Request, task: Task) -> Flow[Task]:
    note_change(ctx, None, task)
    try:
        done = yield from wait(ctx, request.record, task, request.prompts())
    except TaskFailedError as error:
        if task.reused:
            error.add_note(
                "an earlier create made this task under the same external_task_id; "
                "use another id to try again"
            )
        raise
    return attrs.evolve(done, reused=True) if task.reused else done


def _server_pause(trouble: KlingError | None, pause: float) -> float:
    wanted = trouble.retry_after if isinstance(trouble, KlingAPIError) else None
    return pause if wanted is None else max(pause, wanted)


def _look(ctx: Context, record: EndpointRecord, task: Task | str, until: float) -> Flow[Task]:
    ctx.emit(Event("poll", "GET"))
    wire = ctx.wire_for(record)
    # At the deadline one attempt still gets its full time.
    until = max(until, ctx.until(ctx.options.timeout))
    name, expected = (
        (task.task_id, ExpectedTask.of(task))
        if isinstance(task, Task)
        else (task, ExpectedTask(either=task))
    )
    return (
        yield from ask(
            ctx,
            wire.get(record, name),
            lambda reply: expected.check(wire.task(reply, record), reply),
            until,
        )
    )


def _pause(ctx: Context, seconds: float, task: Task | str, known: Task | None) -> Flow[None]:
    if seconds > 0 and not ctx.cancelled():
        yield Sleep(seconds)
    if ctx.cancelled():
        last = _last(task, known)
        raise WaitCancelledError(f"the wait for task {last.task_id} was cancelled", last)


def _timeout(ctx: Context, task: Task | str, known: Task | None) -> WaitTimeoutError:
    last = _last(task, known)
    return WaitTimeoutError(
        f"task {last.task_id} is {last.status} after {ctx.options.wait_timeout:g} s; it goes on: "
        f"wait({last.task_id!r}) resumes, also in another process",
        last,
    )


def _last(task: Task | str, known: Task | None) -> Task:
    if known is not None:
        return known
    # Never seen: every look failed, or none was taken.
    return Task(task_id=str(task), status="unknown")
