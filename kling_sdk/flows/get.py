"""Reading once: a task, by its id or by what an earlier reply says of it, or a page of tasks."""

from __future__ import annotations

from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.flows.asking import find_anywhere, find_task, place_for, read_task, repeat_until
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import repeat
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.tasks import merged, place_of
from kling_sdk.results.task import Page, Task


def get(ctx: Context, record: EndpointRecord, task: Task | str) -> Flow[Task]:
    """Return a task of an endpoint as it is now.

    Args:
        ctx: The context of the call.
        record: The endpoint of an id, and of a task that does not name its own.
        task: The task, or its task id or external id.

    Raises:
        NotFoundError: the account has no such task there.
    """
    if isinstance(task, str):
        place = record if ctx.is_relay else place_for(record)
        latest = yield from find_task(ctx, place, task, repeat_until(ctx))
    else:
        latest = yield from _again(ctx, task, place_of(ctx, task, record))
    ctx.spending.saw(latest)
    return latest


def get_any(ctx: Context, task: Task | str) -> Flow[Task]:
    """Return a task of any product as it is now.

    Raises:
        NotFoundError: no interface knows it.
    """
    if isinstance(task, str):
        _, latest = yield from find_anywhere(ctx, task, repeat_until(ctx))
    else:
        latest = yield from _again(ctx, task, place_of(ctx, task))
    ctx.spending.saw(latest)
    return latest


def _again(ctx: Context, known: Task, place: EndpointRecord | None) -> Flow[Task]:
    if place is None:
        _, latest = yield from find_anywhere(ctx, known.task_id, repeat_until(ctx))
    else:
        latest = yield from read_task(ctx, place, ExpectedTask.of(known), repeat_until(ctx))
    return merged(known, latest)


def list_page(
    ctx: Context, record: EndpointRecord, page: int, page_size: int, after: str | None
) -> Flow[Page]:
    """Return a page of an endpoint's tasks; *after* is the `next_cursor` of the page before.

    Raises:
        RequestValidationError: there are no such pages; nothing is sent, or opened.
    """
    wire = ctx.wire_for(record)
    place = record if ctx.is_relay else place_for(record)
    call = wire.list(place, page, page_size, after)
    return repeat(ctx, call, lambda reply: wire.page(reply, place, page, page_size))
