"""Reading a task once, by an id or by what an earlier reply has of it."""

from __future__ import annotations

from functools import partial

from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.flows.asking import find_anywhere, find_task, place_for, read_task
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import repeat
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.tasks import merged, place_of
from kling_sdk.results import Task

__all__ = ["get", "get_any"]


def get(ctx: Context, record: EndpointRecord, task: Task | str) -> Flow[Task]:
    """Return a task of an endpoint as it is now.

    Args:
        ctx: Where, who, when.
        record: The endpoint of an id, and of a task that does not name its own.
        task: The task, or its task id or external id.

    Raises:
        NotFoundError: the account has no such task there.
    """
    if isinstance(task, str):
        place = record if ctx.is_relay else place_for(record)
        return (yield from find_task(ctx, place, task, partial(repeat, ctx)))
    return (yield from _again(ctx, task, place_of(ctx, task, record)))


def get_any(ctx: Context, task: Task | str) -> Flow[Task]:
    """Return a task of whatever product as it is now.

    Raises:
        NotFoundError: no interface knows it.
    """
    if isinstance(task, str):
        _, found = yield from find_anywhere(ctx, task, partial(repeat, ctx))
        return found
    return (yield from _again(ctx, task, place_of(ctx, task)))


def _again(ctx: Context, known: Task, place: EndpointRecord | None) -> Flow[Task]:
    if place is None:
        _, found = yield from find_anywhere(ctx, known.task_id, partial(repeat, ctx))
    else:
        found = yield from read_task(ctx, place, ExpectedTask.of(known), partial(repeat, ctx))
    return merged(known, found)
