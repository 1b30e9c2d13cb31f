"""The operations and options that the arguments of a method stand for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Flow, Operation
from kling_sdk.results.task import Page, Task

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import EndpointRecord

T = TypeVar("T")

#: Tasks on a page when no size is given; the vendor's default.
PAGE_SIZE = 30


def call_options(**options: Any) -> dict[str, Any]:
    """Return the options that are given."""
    return {name: value for name, value in options.items() if value is not None}


def read_options(timeout: float | None) -> dict[str, Any]:
    """Return the options that `timeout` stands for in a call that changes nothing."""
    return {} if timeout is None else {"timeout": timeout, "deadline": timeout}


def checked_task(method: str, task: Task | str) -> Task | str:
    """Return a task or its id, or raise TypeError."""
    argument: object = task  # a caller may not run a type checker
    if not isinstance(argument, Task | str):
        raise TypeError(f"{method} takes a task or its id, not a {type(argument).__name__}")
    return task


def check_whole(name: str, number: object) -> None:
    """Raise `RequestValidationError` unless a parameter is a whole number."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise RequestValidationError(name, f"is a {type(number).__name__}", "a whole number")


def milliseconds(when: datetime | int) -> int:
    """Return a time of a query in Unix milliseconds."""
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise RequestValidationError(
                "start", "is a datetime without a time zone", "an aware datetime"
            )
        return round(when.timestamp() * 1000)
    return when


def request_operation(
    name: str, flow: Callable[..., Flow[T]], request: Request | RawRequest
) -> Operation[T]:
    """Return the operation that *flow* makes of a request."""
    start = partial(flow, request=request)
    return Operation(name, start, request.record.name, {"model": request.model})


def wait_operation(
    flow: Callable[..., Flow[Task]], task: Task | str, endpoint: str = ""
) -> Operation[Task]:
    """Return the operation that *flow*, a wait for a task, makes."""
    known = checked_task("wait", task)
    about = {"task_id": known.task_id} if isinstance(known, Task) else {}
    return Operation("wait", partial(flow, task=known), endpoint, about)


def page_operation(
    record: EndpointRecord,
    page: int,
    page_size: int,
    after: str | None = None,
    *,
    name: str = "list",
) -> Operation[Page]:
    """Return the operation that reads a page of tasks."""
    from kling_sdk.flows.get import list_page

    check_whole("page", page)
    check_whole("page_size", page_size)
    start = partial(list_page, record=record, page=page, page_size=page_size, after=after)
    return Operation(name, start, record.name)


def wait_options(
    timeout: float | None, on_update: Callable[[Task], object] | None = None
) -> dict[str, Any]:
    """Return the options that the parameters of a wait stand for."""
    return call_options(wait_timeout=timeout, on_update=on_update)
