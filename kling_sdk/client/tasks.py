"""`kling.tasks`: tasks of any product, sync and async."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

from kling_sdk.client.operations import (
    check_whole,
    checked_task,
    milliseconds,
    read_options,
    wait_operation,
    wait_options,
)
from kling_sdk.client.resources import Held
from kling_sdk.client.runner import AsyncRunner, SyncRunner
from kling_sdk.flows import Operation
from kling_sdk.flows.any_task import get_several, resume_any, search
from kling_sdk.flows.get import get_any
from kling_sdk.results.task import Page, Task

#: Tasks on a page when no size is given; the vendor's default, and a relay's maximum.
PAGE_SIZE: Final = 100

Status = Literal["submitted", "processing", "succeed", "failed"]
ProductType = Literal["video", "image", "try_on"]


class AnyTaskResource(Held):
    """Tasks of any product of a `Kling` client.

    At Kling, `list` and `iter` need an API key: they read `/tasks`, which shows the tasks of both
    interfaces (observed once for those of /v1). `get`, `get_many` and `wait` also use it if there
    is such a key, else each endpoint of /v1. A relay has one list of all tasks.
    """

    _runner: SyncRunner

    def get(self, task: Task | str, *, timeout: float | None = None) -> Task:
        """Return a task as it is now.

        With an API key, an id is looked up at `/tasks` first, and then at each endpoint of /v1
        until one knows it.

        Args:
            task: The task, or its task id or external id, also from another process.
            timeout: Seconds it may take, with all its repeats; None takes the client's `timeout`
                for an attempt, and its `deadline`.

        Raises:
            NotFoundError: the account has no such task.
        """
        operation = Operation("get", partial(get_any, task=checked_task("get", task)))
        return self._runner.run(operation, **read_options(timeout))

    def get_many(self, ids: Iterable[str], *, timeout: float | None = None) -> dict[str, Task]:
        """Return the known tasks by the id that each was requested by, in that order.

        Args:
            ids: Task ids and external ids. With an API key, one request covers 20 of them; without
                one, each takes its own.
            timeout: Seconds each request may take, with its repeats; None takes the client's
                `timeout` for an attempt, and its `deadline`.
        """
        return self._runner.run(_get_many(ids), **read_options(timeout))

    def list(
        self,
        *,
        status: Status | str | None = None,
        product_type: ProductType | str | None = None,
        start: datetime | int | None = None,
        end: datetime | int | None = None,
        cursor: str | None = None,
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,
    ) -> Page:
        """Return one page of the account's tasks.

        Args:
            status: Only tasks of this status.
            product_type: `video`, `image` or `try_on`; not on a relay.
            start: From when, as an aware datetime or Unix milliseconds; not on a relay. None: 30
                days before *end*.
            end: Until when, in the same form. None: now.
            cursor: `Page.next_cursor` of the page before; at Kling it replaces the times.
            page_size: Tasks per page, 1 to 500 (relay: 1 to 100).
            timeout: Seconds it may take, with all its repeats; None takes the client's `timeout`
                for an attempt, and its `deadline`.

        Raises:
            RequestValidationError: there is no API key, or the server cannot filter by this.
        """
        filters = {"status": status, "product_type": product_type, "cursor": cursor}
        return self._runner.run(_page(1, page_size, start, end, filters), **read_options(timeout))

    def iter(
        self,
        *,
        status: Status | str | None = None,
        product_type: ProductType | str | None = None,
        start: datetime | int | None = None,
        end: datetime | int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Task]:
        """Yield all of the account's tasks, page by page; see `list`."""
        filters: dict[str, Any] = {"status": status, "product_type": product_type}
        return self._runner.pages(_pages(page_size, start, end, filters))

    def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = None,
        on_update: Callable[[Task], object] | None = None,
    ) -> Task:
        """Return a task once it has ended well; see `TaskResource.wait`.

        Args:
            task: The task, or its task id or external id, also from another process.
            timeout: Seconds to wait; None takes the client's `wait_timeout`.
            on_update: Called with the task whenever its status has changed; what it raises is
                logged.
        """
        operation = wait_operation(resume_any, task)
        return self._runner.run(operation, **wait_options(timeout, on_update))


class AsyncAnyTaskResource(Held):
    """Tasks of any product of an `AsyncKling` client; see `AnyTaskResource`."""

    _runner: AsyncRunner

    async def get(self, task: Task | str, *, timeout: float | None = None) -> Task:  # noqa: ASYNC109 - as in the sync method; it bounds attempts
        """Return a task as it is now; see `AnyTaskResource.get`."""
        operation = Operation("get", partial(get_any, task=checked_task("get", task)))
        return await self._runner.run(operation, **read_options(timeout))

    async def get_many(
        self,
        ids: Iterable[str],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> dict[str, Task]:
        """Return the known tasks by the id that each was requested by."""
        return await self._runner.run(_get_many(ids), **read_options(timeout))

    async def list(
        self,
        *,
        status: Status | str | None = None,
        product_type: ProductType | str | None = None,
        start: datetime | int | None = None,
        end: datetime | int | None = None,
        cursor: str | None = None,
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> Page:
        """Return one page of the account's tasks; see `AnyTaskResource.list`."""
        filters = {"status": status, "product_type": product_type, "cursor": cursor}
        operation = _page(1, page_size, start, end, filters)
        return await self._runner.run(operation, **read_options(timeout))

    def iter(
        self,
        *,
        status: Status | str | None = None,
        product_type: ProductType | str | None = None,
        start: datetime | int | None = None,
        end: datetime | int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Task]:
        """Yield all of the account's tasks, page by page; see `AnyTaskResource.list`."""
        filters: dict[str, Any] = {"status": status, "product_type": product_type}
        return self._runner.pages(_pages(page_size, start, end, filters))

    async def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds polls
        on_update: Callable[[Task], object] | None = None,
    ) -> Task:
        """Return a task once it has ended well; see `AnyTaskResource.wait`."""
        operation = wait_operation(resume_any, task)
        return await self._runner.run(operation, **wait_options(timeout, on_update))


def _get_many(ids: Iterable[str]) -> Operation[dict[str, Task]]:
    argument: object = ids  # a caller may not run a type checker
    if isinstance(argument, str) or not isinstance(argument, Iterable):
        raise TypeError(f"get_many takes several ids, not a {type(argument).__name__}")
    names = list(ids)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"get_many takes ids as text, not a {type(name).__name__}")
    return Operation("get_many", partial(get_several, names=names), about={"tasks": len(names)})


def _page(
    page: int,
    page_size: int,
    start: datetime | int | None,
    end: datetime | int | None,
    filters: Mapping[str, str | None],
) -> Operation[Page]:
    check_whole("page_size", page_size)
    times = {
        name: None if when is None else milliseconds(when)
        for name, when in (("start_time", start), ("end_time", end))
    }
    query = {**filters, **times}
    return Operation("list", partial(search, query=query, page=page, page_size=page_size))


def _pages(
    page_size: int,
    start: datetime | int | None,
    end: datetime | int | None,
    filters: dict[str, Any],
) -> Callable[[Page | None], Operation[Page]]:
    """Return a function that reads the pages; a cursor replaces the times, not the filters."""

    def behind(page: Page | None) -> Operation[Page]:
        if page is None:
            return _page(1, page_size, start, end, filters)
        return _page(page.page + 1, page_size, None, None, {**filters, "cursor": page.next_cursor})

    return behind
