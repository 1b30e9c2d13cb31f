"""`kling.tasks`: tasks of any product, sync and async, as one-line methods over operations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from kling_sdk import operations
from kling_sdk.resources import call_options, wait_options
from kling_sdk.results import Page, Task

if TYPE_CHECKING:
    from kling_sdk.flows import Operation
    from kling_sdk.runner import AsyncRunner, SyncRunner

__all__ = ["AnyTaskResource", "AsyncAnyTaskResource"]

#: Tasks on a page when no size is given; the vendor's default, and the most of a relay.
PAGE_SIZE: Final = 100

Status = Literal["submitted", "processing", "succeed", "failed"]
ProductType = Literal["video", "image", "try_on"]


class AnyTaskResource:
    """Tasks of any product of a `Kling` client.

    At Kling, `list` and `iter` need an API key: they read `/tasks`, which shows the tasks of both
    interfaces (that it shows those of /v1 was observed once). `get`, `get_many` and `wait` ask it
    too if there is such a key, else each endpoint of /v1. A relay has one list of all tasks.
    """

    def __init__(self, runner: SyncRunner) -> None:
        self._runner = runner

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def get(self, task: Task | str, *, timeout: float | None = None) -> Task:
        """Return a task as it is now.

        For an id, with an API key, `/tasks` is asked first, and then each endpoint of /v1 until one
        knows it.

        Args:
            task: The task, or its task id or external id, also from another process.
            timeout: Seconds one attempt may take; None takes the client's.

        Raises:
            NotFoundError: the account has no such task.
        """
        return self._runner.run(operations.get_any(task), **call_options(timeout=timeout))

    def get_many(self, ids: Iterable[str], *, timeout: float | None = None) -> dict[str, Task]:
        """Return the tasks that are known, by the id that each was asked for by, in that order.

        Args:
            ids: Task ids and external ids. With an API key 20 of them take one request, without
                one each takes its own.
            timeout: Seconds one attempt may take; None takes the client's.
        """
        return self._runner.run(operations.get_several(ids), **call_options(timeout=timeout))

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
            end: Until when, likewise. None: now.
            cursor: `Page.next_cursor` of the page before; at Kling it stands for the times.
            page_size: Tasks per page, 1 to 500 (relay: 1 to 100).
            timeout: Seconds one attempt may take; None takes the client's.

        Raises:
            RequestValidationError: there is no API key, or the server cannot choose by this.
        """
        work = operations.search(
            1,
            page_size,
            status=status,
            product_type=product_type,
            start=start,
            end=end,
            cursor=cursor,
        )
        return self._runner.run(work, **call_options(timeout=timeout))

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
        wanted: dict[str, Any] = {"status": status, "product_type": product_type}
        page = self._runner.run(operations.search(1, page_size, start=start, end=end, **wanted))
        yield from page
        while page.has_next:
            page = self._runner.run(_behind(page, page_size, wanted))
            yield from page

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
        return self._runner.run(operations.wait_any(task), **wait_options(timeout, on_update))


class AsyncAnyTaskResource:
    """Tasks of any product of an `AsyncKling` client; see `AnyTaskResource`."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    async def get(self, task: Task | str, *, timeout: float | None = None) -> Task:  # noqa: ASYNC109 - as in the sync method; it bounds attempts
        """Return a task as it is now; see `AnyTaskResource.get`."""
        return await self._runner.run(operations.get_any(task), **call_options(timeout=timeout))

    async def get_many(
        self,
        ids: Iterable[str],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> dict[str, Task]:
        """Return the tasks that are known, by the id that each was asked for by."""
        return await self._runner.run(operations.get_several(ids), **call_options(timeout=timeout))

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
        work = operations.search(
            1,
            page_size,
            status=status,
            product_type=product_type,
            start=start,
            end=end,
            cursor=cursor,
        )
        return await self._runner.run(work, **call_options(timeout=timeout))

    async def iter(
        self,
        *,
        status: Status | str | None = None,
        product_type: ProductType | str | None = None,
        start: datetime | int | None = None,
        end: datetime | int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Task]:
        """Yield all of the account's tasks, page by page; see `AnyTaskResource.list`."""
        wanted: dict[str, Any] = {"status": status, "product_type": product_type}
        work = operations.search(1, page_size, start=start, end=end, **wanted)
        page = await self._runner.run(work)
        for task in page:
            yield task
        while page.has_next:
            page = await self._runner.run(_behind(page, page_size, wanted))
            for task in page:
                yield task

    async def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds polls
        on_update: Callable[[Task], object] | None = None,
    ) -> Task:
        """Return a task once it has ended well; see `AnyTaskResource.wait`."""
        options = wait_options(timeout, on_update)
        return await self._runner.run(operations.wait_any(task), **options)


def _behind(page: Page, page_size: int, wanted: dict[str, Any]) -> Operation[Page]:
    """Return the reading of the next page: its cursor stands for the times, not for filters."""
    return operations.search(page.page + 1, page_size, cursor=page.next_cursor, **wanted)
