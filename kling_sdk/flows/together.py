"""A poll that the waits of one client share; see `kling_sdk.flows.board`."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Generator
from typing import Final

from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.flows.asking import SHARED
from kling_sdk.flows.board import Waiting
from kling_sdk.flows.context import Context
from kling_sdk.flows.effects import Flow, Sleep
from kling_sdk.flows.look import Look, look_at_pages
from kling_sdk.flows.look_by_ids import look_at_ids
from kling_sdk.flows.tasks import cancelled, place_of
from kling_sdk.results.task import Task

#: Seconds between two looks at the board while another wait reads the list, and in all.
MOMENT, PATIENCE = 0.5, 2.0
#: Seconds without a list after one that took longer than that.
SLOW: Final = 10.0
_SOME_ROWS: Final = 20  # for tasks of other programs, beyond our own


@contextlib.contextmanager
def waiting(ctx: Context, record: EndpointRecord, task: Task) -> Generator[Waiting]:
    """Take part in the polls that waits share, for as long as the block runs."""
    wait, place = Waiting(task.task_id), _place(ctx, record)
    ctx.board.join(place, wait)
    try:
        yield wait
    finally:
        ctx.board.leave(place, wait)


def shared_look(
    ctx: Context, record: EndpointRecord, wait: Waiting, task: Task, after: float
) -> Flow[tuple[float, Task] | None]:
    """Return a task as a list page shows it, and when the page was requested; or None.

    None means that the task has to be queried by itself.

    Args:
        ctx: The context of the call.
        record: The task's endpoint.
        wait: The wait for it.
        task: The task as last seen.
        after: A page counts if it was requested at this monotonic time or later.

    Raises:
        WaitCancelledError: the client's `cancel` event was set.
    """
    board, place, started_at = ctx.board, _place(ctx, record), ctx.monotonic()
    while True:
        at, seen = wait.news
        if at >= after:
            return None if seen is None else (at, seen)
        now = ctx.monotonic()
        if not board.is_worth_a_page(place, now):
            return None
        if now - started_at > PATIENCE:
            board.avoid(place, now + SLOW)
            return None
        if board.claim(place, wait, now):
            break
        yield Sleep(ctx.hastened(MOMENT))
        if ctx.cancelled():
            raise cancelled(task)
    try:
        yield from _read(ctx, record, place)
    finally:
        board.release(place, wait)
    at, seen = wait.news
    return None if at < after or seen is None else (at, seen)


def _read(ctx: Context, record: EndpointRecord, place: str) -> Flow[None]:
    """Read list pages, and tell every wait what they show of its task."""
    board, waits = ctx.board, ctx.board.waits(place)
    unseen = {wait.task_id: wait.task_id for wait in waits}
    result = Look(ctx.monotonic())
    rows = board.rows.get(place, len(waits)) + _SOME_ROWS
    where = place_of(ctx, None) or record
    yield from look_at_pages(ctx, where, unseen, rows, result)
    is_shared = where in SHARED.values()
    if is_shared and not result.has_stumbled:
        yield from look_at_ids(ctx, unseen, lambda _key: True, result, where)
    if not is_shared and where.path in result.without_list:
        board.avoid(place, math.inf)
        return
    has_failed = result.has_stumbled
    if has_failed:
        board.avoid(place, ctx.until(ctx.options.poll_interval[0]))
    else:
        board.rows[place] = result.rows
    for wait in waits:
        task = result.tasks.get(wait.task_id)
        if task is not None or not has_failed:
            wait.news = (result.started, task)


def _place(ctx: Context, record: EndpointRecord) -> str:
    """Return the name of the list on which the tasks of an endpoint are."""
    return "" if place_of(ctx, None) is not None else record.path
