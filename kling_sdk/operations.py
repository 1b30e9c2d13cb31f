"""The calls of a client as operations: each names its flow, and what a trace may show of it.

Flows that most programs never use are loaded when they are first called.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal

import attrs

from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Context, Flow, Operation, once, repeat
from kling_sdk.results import Page, ResultFile, Task
from kling_sdk.scalars import text
from kling_sdk.wire import HttpCall, Reply

if TYPE_CHECKING:
    from kling_sdk.bills import ChargePage, ResourcePack
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import EndpointRecord
    from kling_sdk.files.receiving import OnProgress
    from kling_sdk.library_items import Element, Voice
    from kling_sdk.prices import Estimate

__all__ = [
    "MOST_CHARGES",
    "billing",
    "call",
    "costs",
    "create",
    "delete",
    "download",
    "estimate",
    "get",
    "get_any",
    "get_several",
    "list_page",
    "presets",
    "raw_request",
    "request",
    "run",
    "run_many",
    "search",
    "submit",
    "wait",
    "wait_any",
    "wait_many",
]


#: Charges on a page of a bill at most, and when no size is given (vendor page).
MOST_CHARGES: Final = 500


def create(request: Request | RawRequest) -> Operation[Task]:
    """Create a task."""
    from kling_sdk.flows.create import create

    about = {"model": request.model}
    return Operation("create", lambda ctx: create(ctx, request), request.endpoint, about)


def submit(request: Request) -> Operation[Task]:
    """Create a task of whatever endpoint the request is for."""
    record = _a_request("submit", request).record
    if record.returns is not None:
        raise TypeError(f"a {type(request).__name__} makes no task; use {record.takes_prepared}")
    return create(request)


def estimate(request: Request) -> Estimate:
    """Return what a request will cost."""
    from kling_sdk.prices import estimate

    return estimate(_a_request("estimate", request))


def _a_request(name: str, request: Request) -> Request:
    from kling_sdk.endpoints.base import Request

    given: object = request  # a caller may not run a type checker
    if not isinstance(given, Request):
        raise TypeError(
            f'{name} takes a request, such as TextToVideo(prompt="..."), '
            f"not a {type(request).__name__}; a body as a mapping goes to "
            "the submit of its endpoint, such as kling.text2video.submit"
        )
    return request


def call(request: Request) -> Operation[Any]:
    """Call an endpoint that answers at once and makes no task."""
    from kling_sdk.flows.send_once import call_once

    about = {"model": request.model}
    return Operation("call", lambda ctx: call_once(ctx, request), request.endpoint, about)


def run(request: Request) -> Operation[Task]:
    """Create a task and wait for it."""
    from kling_sdk.flows.wait import run_task

    about = {"model": request.model}
    return Operation("run", lambda ctx: run_task(ctx, request), request.endpoint, about)


def wait(record: EndpointRecord, task: Task | str) -> Operation[Task]:
    """Wait for a task."""
    from kling_sdk.flows.interrupted import naming
    from kling_sdk.flows.wait import wait

    about = {"task_id": task.task_id} if isinstance(task, Task) else {}
    return Operation("wait", lambda ctx: naming(wait(ctx, record, task), task), record.name, about)


def get(record: EndpointRecord, task: Task | str) -> Operation[Task]:
    """Read a task."""
    from kling_sdk.flows.get import get

    known = _a_task("get", task)
    return Operation("get", lambda ctx: get(ctx, record, known), record.name)


def get_any(task: Task | str) -> Operation[Task]:
    """Read a task of any product."""
    from kling_sdk.flows.get import get_any

    known = _a_task("get", task)
    return Operation("get", lambda ctx: get_any(ctx, known))


def _a_task(name: str, task: Task | str) -> Task | str:
    given: object = task  # a caller may not run a type checker
    if not isinstance(given, Task | str):
        raise TypeError(f"{name} takes a task or its id, not a {type(given).__name__}")
    return task


def get_several(ids: Iterable[str]) -> Operation[dict[str, Task]]:
    """Read tasks of any product."""
    from kling_sdk.flows.any_task import get_several

    given: object = ids  # a caller may not run a type checker
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"get_many takes several ids, not a {type(given).__name__}")
    names = list(ids)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"get_many takes ids as text, not a {type(name).__name__}")
    about = {"tasks": len(names)}
    return Operation("get_many", lambda ctx: get_several(ctx, names), about=about)


def search(
    page: int,
    page_size: int,
    *,
    start: datetime | int | None = None,
    end: datetime | int | None = None,
    **wanted: str | None,
) -> Operation[Page]:
    """Read a page of tasks of all products."""
    from kling_sdk.flows.any_task import search

    times = {
        name: None if when is None else _milliseconds(when)
        for name, when in (("start_time", start), ("end_time", end))
    }
    return Operation("list", lambda ctx: search(ctx, {**wanted, **times}, page, page_size))


def wait_any(task: Task | str) -> Operation[Task]:
    """Wait for a task of any product."""
    from kling_sdk.flows.any_task import wait_any
    from kling_sdk.flows.interrupted import naming

    known = _a_task("wait", task)
    about = {"task_id": known.task_id} if isinstance(known, Task) else {}
    return Operation("wait", lambda ctx: naming(wait_any(ctx, known), known), about=about)


def list_page(
    record: EndpointRecord, page: int, page_size: int, after: str | None = None
) -> Operation[Page]:
    """Read a page of tasks."""
    from kling_sdk.flows.asking import place_for

    def start(ctx: Context) -> Flow[Page]:
        wire = ctx.wire_for(record)
        place = record if ctx.is_relay else place_for(record)
        call = wire.list(place, page, page_size, after)
        return repeat(ctx, call, lambda reply: wire.page(reply, place, page, page_size))

    return Operation("list", start, record.name)


def presets(record: EndpointRecord, page: int, page_size: int) -> Operation[Page]:
    """Read a page of the vendor's own items of a library."""
    assert record.library is not None  # noqa: S101 - only resources of libraries have the method
    place = attrs.evolve(record, path=record.library.presets)
    return list_page(place, page, page_size)._replace(name="presets")


def delete(record: EndpointRecord, item: Voice | Element | int | str) -> Operation[None]:
    """Delete an item of a library."""
    from kling_sdk.flows.library import delete
    from kling_sdk.library_items import Element, Voice

    given: object = item  # a caller may not run a type checker
    if isinstance(given, Voice | Element):
        given = given.voice_id if isinstance(given, Voice) else given.element_id
    assert record.library is not None  # noqa: S101 - as above
    if not isinstance(given, str | int) or not text(given).strip():
        raise RequestValidationError(
            record.library.id_field, f"is a {type(item).__name__}", "an item, or its id"
        )
    return Operation("delete", lambda ctx: delete(ctx, record, text(given)), record.name)


def wait_many(name: str, tasks: Iterable[Task | str]) -> Operation[None]:
    """Do the work of `wait_all` or `as_completed`, which *name* is."""
    from kling_sdk.flows.many import wait_many

    given: object = tasks  # a caller may not run a type checker
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise TypeError(f"{name} takes several tasks, not a {type(given).__name__}")
    items = list(tasks)
    for item in items:
        if not isinstance(item, Task | str):
            raise TypeError(f"{name} takes tasks or their ids, not a {type(item).__name__}")
    return Operation(name, lambda ctx: wait_many(ctx, items), about={"tasks": len(items)})


def run_many(
    requests: Iterable[Request] | AsyncIterable[Request],
    max_concurrent: int | None,
    timeout: float | None,
    max_units: Decimal | int | None,
    *,
    reads_async: bool,
) -> Operation[None]:
    """Create a task per request, and wait for them; *reads_async* allows an async iterable."""
    from kling_sdk.endpoints.base import Request
    from kling_sdk.flows.many import RunLimits, run_many

    if max_concurrent is not None and max_concurrent < 1:
        raise ValueError(f"max_concurrent is {max_concurrent}; it must be 1 or more, or None")
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"timeout is {timeout}; it must be 0 or more, or None")
    if max_units is not None and not max_units >= 0:
        raise ValueError(f"max_units is {max_units}; it must be 0 or more, or None")
    given: object = requests  # a caller may not run a type checker
    if not isinstance(given, Iterable | AsyncIterable) or isinstance(given, str):
        raise TypeError(f"run_many takes several requests, not a {type(given).__name__}")
    if isinstance(given, AsyncIterable) and not reads_async:
        raise TypeError("only AsyncKling's run_many takes an async iterable")
    for item in requests if isinstance(requests, Collection) else ():
        if not isinstance(item, Request):
            raise TypeError(f"run_many takes Request objects, not a {type(item).__name__}")
    if max_units is None:
        limits = RunLimits(max_concurrent, timeout)
    else:
        from kling_sdk.prices import cost_of  # only a ceiling needs the price list

        limits = RunLimits(max_concurrent, timeout, Decimal(max_units), cost_of)
    about = {"tasks": len(requests)} if isinstance(requests, Collection) else {}
    return Operation("run_many", lambda ctx: run_many(ctx, requests, limits), about=about)


def download(
    video: ResultFile | str,
    to: str | os.PathLike[str] | BinaryIO | None,
    on_progress: OnProgress | None,
) -> Operation[Any]:
    """Fetch a file; a path is opened when the operation starts. See `Kling.download`."""
    from kling_sdk.files.receiving import check_progress
    from kling_sdk.files.target import url_for
    from kling_sdk.flows.download import download

    check_progress(on_progress)
    given: object = video  # a caller may not run a type checker
    if not isinstance(given, ResultFile | str):
        raise TypeError(
            "download takes a Video, Image, Audio or Subtitles, such as task.videos[0], or a URL, "
            f"not a {type(given).__name__}"
        )
    url, target, most = url_for(video, to), *_target(video, to)

    def start(ctx: Context) -> Flow[Any]:
        limit = ctx.options.max_download
        return download(ctx, url, partial(target, most if limit is None else limit, on_progress))

    return Operation("download", start)


def _target(
    video: ResultFile | str, to: str | os.PathLike[str] | BinaryIO | None
) -> tuple[Callable[[int, OnProgress | None], Any], int]:
    """Return what opens the target of a download, and how many bytes it takes by default."""
    from kling_sdk.files import streams
    from kling_sdk.files.target import MAX_FILE, FileTarget, place_for

    if to is None:
        return streams.MemoryTarget, streams.MAX_MEMORY
    if isinstance(to, str | os.PathLike):
        return partial(FileTarget, place_for(video, to)), MAX_FILE
    streams.check_stream(to)
    return partial(streams.StreamTarget, to), MAX_FILE


def costs(
    start: datetime | int, end: datetime | int, pack_name: str | None
) -> Operation[tuple[ResourcePack, ...]]:
    """Read the account's resource packs."""
    from kling_sdk.bills import packs_from

    def flow(ctx: Context) -> Flow[tuple[ResourcePack, ...]]:
        call = ctx.wire.account_costs(_milliseconds(start), _milliseconds(end), pack_name)
        return repeat(ctx, call, lambda reply: packs_from(ctx.wire.data(reply)))

    return Operation("account.costs", flow)


def billing(
    kind: Literal["balance", "package"],
    times: tuple[datetime | int | None, datetime | int | None],
    cursor: str | None,
    wanted: Mapping[str, Iterable[str]],
    page_size: int,
) -> Operation[ChargePage]:
    """Read a page of what was deducted.

    Args:
        kind: From what.
        times: From when and until when.
        cursor: What stands for the times.
        wanted: The values of each filter.
        page_size: Most charges on a page.
    """
    from kling_sdk.bills import charges_from

    name = f"account.{'packages' if kind == 'package' else kind}"
    chosen = {
        key: values
        for key, given in wanted.items()
        if (values := [given] if isinstance(given, str) else [*given])
    }
    if {"package_name", "package_id"} <= chosen.keys():
        raise RequestValidationError("package_names", "are given beside package_ids", "one of them")
    if not 1 <= page_size <= MOST_CHARGES:
        raise RequestValidationError("page_size", f"is {page_size}", f"1 to {MOST_CHARGES}")
    body: dict[str, Any] = {"limit": page_size}
    if chosen:
        body["filters"] = [{"key": key, "values": values} for key, values in chosen.items()]
    start, end = times
    if cursor:
        body["cursor"] = cursor
    elif start is not None and end is not None:
        body |= {"start_time": _milliseconds(start), "end_time": _milliseconds(end)}
    else:
        raise RequestValidationError("start", "and end are not both given", "both, or a cursor")

    def flow(ctx: Context) -> Flow[ChargePage]:
        # It only reads, so it may be repeated.
        call = ctx.wire.billing(kind, body)
        return repeat(ctx, call, lambda reply: charges_from(ctx.wire.data(reply)))

    return Operation(name, flow)


def request(
    method: str, path: str, json: Any, params: Mapping[str, str | int] | None
) -> Operation[Any]:
    """Call a path that no endpoint here has, and read the payload of the reply."""

    def start(ctx: Context) -> Flow[Any]:
        send = repeat if method.upper() in {"GET", "HEAD"} else once
        return send(ctx, _call(method, path, json, params), ctx.wire.data)

    return Operation("request", start)


def raw_request(
    method: str, path: str, json: Any, params: Mapping[str, str | int] | None
) -> Operation[Reply]:
    """Call a path once, and return the reply as it came."""
    return Operation(
        "request_raw",
        lambda ctx: once(ctx, _call(method, path, json, params), lambda reply: reply),
    )


def _call(method: str, path: str, json: Any, params: Mapping[str, str | int] | None) -> HttpCall:
    # The key goes along, so it must not be possible to name another host.
    if not path.startswith("/") or path.startswith("//"):
        raise RequestValidationError("path", "is not a path", "a path such as /v1/videos/lip-sync")
    if json is not None:
        from kling_sdk.endpoints.checks import require_json

        require_json("json", json)
    return HttpCall(method.upper(), path, params=params, json=json)


def _milliseconds(when: datetime | int) -> int:
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise RequestValidationError("start", "is a datetime without zone", "an aware datetime")
        return round(when.timestamp() * 1000)
    return when
