"""Waiting for one task: when to poll, and which errors end the wait.

A failed poll is not a failed task: the wait goes on through any number of them until its
own deadline. It ends early only when looking again cannot help: a key that is refused, a
task that does not exist.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from functools import partial
from typing import Final

from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import (
    KlingAPIError,
    KlingError,
    NotFoundError,
    TransportError,
    UnreachableError,
)
from kling_sdk.flows.asking import find_task, read_task
from kling_sdk.flows.board import Waiting
from kling_sdk.flows.context import Context, Event, log
from kling_sdk.flows.core import ask
from kling_sdk.flows.create import create
from kling_sdk.flows.effects import Flow, Sleep
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.interrupted import naming
from kling_sdk.flows.retry import is_transient
from kling_sdk.flows.tasks import (
    cancelled,
    finished,
    is_complete,
    merged,
    note_change,
    place_of,
    record_of,
    timed_out,
)
from kling_sdk.flows.together import shared_look, waiting
from kling_sdk.results.task import Task

#: Seconds a video typically takes, from create to result. Assumed (confidence low): the
#: vendor publishes no figure; users report one to several minutes.
TYPICAL: Final = 60.0
_GROWTH: Final = 1.3
_JITTER: Final = 0.2


def _first_look(ctx: Context, task: Task) -> float:
    """Return the seconds until the first look at *task*."""
    delay = ctx.options.first_look if ctx.options.first_look is not None else TYPICAL / 2
    if task.created_at is None:
        return 0.0
    age = ctx.time() - task.created_at.timestamp()
    return ctx.hastened(min(max(delay - age, 0.0), delay))


def _next_look(ctx: Context, looks: int) -> float:
    """Return the seconds from look number *looks* (from 1) to the next."""
    min_interval, max_interval = ctx.options.poll_interval
    pause = min(max_interval, min_interval * _GROWTH ** min(looks - 1, 40))
    return ctx.hastened(pause * (1 - _JITTER + 2 * _JITTER * ctx.random.random()))


def wait(
    ctx: Context, record: EndpointRecord, task: Task | str, private: Sequence[str] = ()
) -> Flow[Task]:
    """Return the task once it has ended well.

    Args:
        ctx: The context of the call; `wait_seconds` bounds the wait.
        record: The endpoint of a task that does not name its own.
        task: The task, or its task id or external id (then the first poll is at once).
        private: Texts that an error's message must not quote from the vendor's reason.

    Raises:
        TaskFailedError, EmptyResultError: how it ended.
        WaitTimeoutError: the task has not ended; it goes on, and a later wait resumes.
        WaitCancelledError: the client's `cancel` event was set.
        KlingAPIError: looking again cannot help.
    """
    known = task if isinstance(task, Task) else None
    # A task knows its endpoint, also when another endpoint's resource waits for it.
    record = record_of(known, record) if known is not None else record
    if known is not None and is_complete(known):
        return finished(known, private, ctx.ring.secrets())
    with contextlib.ExitStack() as stack:
        return (yield from _wait(ctx, record, task, private, stack))


def resume(ctx: Context, record: EndpointRecord, task: Task | str) -> Flow[Task]:
    """Wait for a task that exists; an exception that interrupts the wait names it."""
    return naming(wait(ctx, record, task), task)


def _wait(
    ctx: Context,
    record: EndpointRecord,
    task: Task | str,
    private: Sequence[str],
    stack: contextlib.ExitStack,
) -> Flow[Task]:
    known = task if isinstance(task, Task) else None
    place = _place(ctx, record, known)
    seconds = ctx.wait_seconds(record)
    until = ctx.until(seconds)
    pause = _first_look(ctx, known) if known is not None else 0.0
    trouble: KlingError | None = None
    own: Waiting | None = None
    looks, looked_at = 0, -math.inf
    while True:
        remaining = until - ctx.monotonic()
        # Only after a poll that was made at the deadline or later: `on_update` may have been slow.
        if looked_at >= until:
            raise timed_out(_last(task, known), seconds) from trouble
        if own is None and known is not None:
            own = stack.enter_context(waiting(ctx, place, known))
        # A last poll is made at the deadline itself rather than missed by a second.
        yield from _pause(ctx, max(0.0, min(pause, remaining)), task, known)
        looks += 1
        before, looked_at = looked_at, ctx.monotonic()
        started = looked_at
        try:
            fresh = started - max(pause / 2, ctx.hastened(ctx.options.poll_interval[0]))
            after = until if started >= until else max(math.nextafter(before, math.inf), fresh)
            looked_at, seen = yield from _look(ctx, place, own, known or str(task), until, after)
        except (KlingAPIError, TransportError) as error:
            # A task that was seen once exists: "not found" is a temporary fault of the server.
            lost = not is_transient(error) or ctx.policy.is_hopeless(error, looks, is_poll=True)
            if lost and not (known and isinstance(error, NotFoundError)):
                raise error.about(task_id=known.task_id if known else str(task)) from None
            log.debug("poll %d failed: %s", looks, type(error).__name__)
            trouble = error
        else:
            seen = merged(known, seen) if known is not None else seen
            note_change(ctx, known, seen)
            known, trouble = seen, None
            place = _place(ctx, record, known)
            if seen.is_done:
                return finished(seen, private, ctx.ring.secrets())
        # A result that another wait has seen is as old as the request for it.
        age = max(0.0, started - looked_at)
        pause = _server_pause(trouble, _next_look(ctx, looks) - age)
        if isinstance(trouble, UnreachableError) and not ctx.server.answered:
            pause = min(pause, 1.0)  # s: it will hardly get better


def run_task(ctx: Context, request: Request) -> Flow[Task]:
    """Create a task and return it once it has ended well."""
    task = yield from create(ctx, request)
    return (yield from naming(_follow(ctx, request, task), task))


def _follow(ctx: Context, request: Request, task: Task) -> Flow[Task]:
    note_change(ctx, None, task)
    return (yield from wait(ctx, request.record, task, request.prompts()))


def _server_pause(trouble: KlingError | None, pause: float) -> float:
    retry_after = trouble.retry_after if isinstance(trouble, KlingAPIError) else None
    return pause if retry_after is None else max(pause, retry_after)


def _look(
    ctx: Context,
    place: EndpointRecord,
    own: Waiting | None,
    task: Task | str,
    until: float,
    after: float,
) -> Flow[tuple[float, Task]]:
    """Return when the task was queried, and its state then.

    A result that another wait has seen counts if it was requested at the monotonic time *after* or
    later.
    """
    ctx.emit(Event("poll", "GET"))
    if own is not None and isinstance(task, Task):
        shared = yield from shared_look(ctx, place, own, task, after)
        if shared is not None:
            return shared
    return ctx.monotonic(), (yield from _get(ctx, place, task, until))


def _get(ctx: Context, place: EndpointRecord, task: Task | str, until: float) -> Flow[Task]:
    # At the deadline one attempt still gets its full time.
    asking = partial(ask, ctx, until=max(until, ctx.until(ctx.options.timeout)))
    if isinstance(task, Task):
        return (yield from read_task(ctx, place, ExpectedTask.of(task), asking))
    return (yield from find_task(ctx, place, task, asking))


def _place(ctx: Context, record: EndpointRecord, known: Task | None) -> EndpointRecord:
    """Return the place at which the task is queried, as far as that is known."""
    place = place_of(ctx, known, record)
    return record if place is None or ctx.is_relay else place


def _pause(ctx: Context, seconds: float, task: Task | str, known: Task | None) -> Flow[None]:
    if seconds > 0 and not ctx.cancelled():
        yield Sleep(seconds)
    if ctx.cancelled():
        raise cancelled(_last(task, known))


def _last(task: Task | str, known: Task | None) -> Task:
    if known is not None:
        return known
    # Never seen: every poll failed, or none was made.
    return Task(task_id=str(task), status="unknown")
