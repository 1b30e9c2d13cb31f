"""Tasks of any product: read, listed and waited for without naming the endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from kling_sdk.errors import NotFoundError, RequestValidationError
from kling_sdk.flows.asking import TASKS, find_anywhere, repeat_until
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import repeat
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.interrupted import naming
from kling_sdk.flows.look_by_ids import groups_of_names, read_tasks
from kling_sdk.flows.tasks import merged, place_of, record_of
from kling_sdk.flows.wait import wait
from kling_sdk.results.task import Page, Task
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.model_path import MODEL_PATH
from kling_sdk.wire.relay import RelayWire


def get_several(ctx: Context, names: Sequence[str]) -> Flow[dict[str, Task]]:
    """Return the known tasks by the name that each was requested by.

    One request to `/tasks` covers 20 of them; where it cannot be used, or does not know them, each
    takes a request of its own.
    """
    tasks: dict[str, Task] = {}
    left = dict.fromkeys(names)
    for kinds, group in groups_of_names(left) if ctx.can_ask_tasks else ():
        for asked_as in kinds:
            unseen = [name for name in group if name not in tasks]
            if unseen:
                call = MODEL_PATH.get_many(unseen, asked_as)
                read = partial(read_tasks, frozenset(unseen))
                tasks |= yield from repeat(ctx, call, read, fresh=True)
    for name in left:
        if name not in tasks:
            try:
                _, tasks[name] = yield from find_anywhere(
                    ctx, name, repeat_until(ctx), at_tasks="," in name
                )
            except NotFoundError:
                continue
    return {name: tasks[name] for name in left if name in tasks}


def search(ctx: Context, query: Mapping[str, Any], page: int, page_size: int) -> Flow[Page]:
    """Return a page of tasks of all products.

    Args:
        ctx: The context of the call.
        query: The filters: `status`, `product_type`, and `start_time` and `end_time` in Unix
            milliseconds or the `cursor` that replaces them.
        page: Its number, for `Page.page`.
        page_size: Maximum number of tasks on it.

    Raises:
        RequestValidationError: the server cannot filter by one of these, or there is no API key.
    """
    wire = ctx.wire if ctx.is_relay else MODEL_PATH

    def read(reply: Reply) -> Page:
        return wire.page(reply, TASKS, page, page_size)

    return repeat(ctx, _search_call(ctx, query, page_size), read)


def _search_call(ctx: Context, query: Mapping[str, Any], page_size: int) -> HttpCall:
    parameters = {name: value for name, value in query.items() if value is not None}
    if isinstance(ctx.wire, RelayWire):
        for name in parameters.keys() - {"status", "cursor"}:
            raise RequestValidationError(name, "is given for a relay", "only status and cursor")
        if "cursor" in parameters:
            parameters["before"] = parameters.pop("cursor")
        return ctx.wire.search(parameters, page_size)
    if "cursor" in parameters:  # it replaces the times
        parameters = {
            name: parameters[name] for name in parameters.keys() - {"start_time", "end_time"}
        }
    filters = [
        {"key": name, "values": [_word_of(name, parameters.pop(name))]}
        for name in ("status", "product_type")
        if name in parameters
    ]
    return MODEL_PATH.search(parameters | ({"filters": filters} if filters else {}), page_size)


def _word_of(name: str, value: str) -> str:
    """Return the word of `/tasks` for a status of ours."""
    return "succeeded" if (name, value) == ("status", "succeed") else value


def wait_any(ctx: Context, task: Task | str) -> Flow[Task]:
    """Return a task of any product once it has ended well; see `wait`."""
    known = task if isinstance(task, Task) else None
    place = place_of(ctx, known)
    if place is None:
        name = task if isinstance(task, str) else task.task_id
        seconds = min(ctx.options.deadline, ctx.wait_seconds(None))
        asking = repeat_until(ctx, ctx.until(seconds))
        _, latest = yield from find_anywhere(ctx, name, asking)
        task = merged(known, latest) if known is not None else latest
    if isinstance(task, str):
        assert place is not None  # noqa: S101 - a relay's, which finds any task by its id
        return (yield from wait(ctx, place, task))
    return (yield from wait(ctx, record_of(task), task))


def resume_any(ctx: Context, task: Task | str) -> Flow[Task]:
    """Wait for a task of any product; see `resume`."""
    return naming(wait_any(ctx, task), task)
