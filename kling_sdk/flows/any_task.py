"""Tasks of any product: read, listed and waited for without naming the endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from kling_sdk.errors import NotFoundError, RequestValidationError
from kling_sdk.flows.asking import TASKS, find_anywhere
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import repeat
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.look_by_ids import groups_of_names, other_kind, read_tasks, tasks_call
from kling_sdk.flows.tasks import merged, place_of, record_of
from kling_sdk.flows.wait import wait
from kling_sdk.results import Page, Task
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.model_path import MODEL_PATH
from kling_sdk.wire.relay import RelayWire

__all__ = ["get_several", "search", "wait_any"]


def get_several(ctx: Context, names: Sequence[str]) -> Flow[dict[str, Task]]:
    """Return the tasks that are known, by the name that each was asked for by.

    20 of them in a request at `/tasks`; one in a request where that cannot be asked, or does not
    know them.
    """
    found: dict[str, Task] = {}
    left = dict.fromkeys(names)
    for kind, group in groups_of_names(left) if ctx.can_ask_tasks else ():
        for asked_as in (kind, other_kind(kind)):
            unseen = [name for name in group if name not in found]
            if unseen:
                call = tasks_call(unseen, asked_as)
                read = partial(read_tasks, frozenset(unseen))
                found |= yield from repeat(ctx, call, read, fresh=True)
    for name in left:
        if name not in found:
            try:
                _, found[name] = yield from find_anywhere(
                    ctx, name, partial(repeat, ctx), at_tasks="," in name
                )
            except NotFoundError:
                continue
    return {name: found[name] for name in left if name in found}


def search(ctx: Context, wanted: Mapping[str, Any], page: int, page_size: int) -> Flow[Page]:
    """Return a page of tasks of all products.

    Args:
        ctx: Where, who, when.
        wanted: What is wanted of them: `status`, `product_type`, and `start_time` and `end_time` in
            Unix milliseconds or the `cursor` that stands for them.
        page: Its number, for `Page.page`.
        page_size: Most tasks on it.

    Raises:
        RequestValidationError: the server cannot choose by one of these, or there is no API key.
    """
    wire = ctx.wire if ctx.is_relay else MODEL_PATH

    def read(reply: Reply) -> Page:
        return wire.page(reply, TASKS, page, page_size)

    return repeat(ctx, _search_call(ctx, wanted, page_size), read)


def _search_call(ctx: Context, wanted: Mapping[str, Any], page_size: int) -> HttpCall:
    given = {name: value for name, value in wanted.items() if value is not None}
    if isinstance(ctx.wire, RelayWire):
        for name in given.keys() - {"status", "cursor"}:
            raise RequestValidationError(name, "is given for a relay", "status and cursor alone")
        if "cursor" in given:
            given["before"] = given.pop("cursor")
        return ctx.wire.search(given, page_size)
    if "cursor" in given:  # it stands for the times
        given = {name: given[name] for name in given.keys() - {"start_time", "end_time"}}
    filters = [
        {"key": name, "values": [_word_of(name, given.pop(name))]}
        for name in ("status", "product_type")
        if name in given
    ]
    return MODEL_PATH.search(given | ({"filters": filters} if filters else {}), page_size)


def _word_of(name: str, value: str) -> str:
    """Return the word of `/tasks` for a status of ours."""
    return "succeeded" if (name, value) == ("status", "succeed") else value


def wait_any(ctx: Context, task: Task | str) -> Flow[Task]:
    """Return a task of whatever product once it has ended well; see `wait`."""
    known = task if isinstance(task, Task) else None
    place = place_of(ctx, known)
    if place is None:
        name = task if isinstance(task, str) else task.task_id
        _, found = yield from find_anywhere(ctx, name, partial(repeat, ctx))
        task = merged(known, found) if known is not None else found
    if isinstance(task, str):
        assert place is not None  # noqa: S101 - a relay's, which finds any task by its id
        return (yield from wait(ctx, place, task))
    return (yield from wait(ctx, record_of(task), task))
