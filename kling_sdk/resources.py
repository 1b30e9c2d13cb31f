"""The endpoints of a client: one-line methods over operations, sync and async."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from kling_sdk import operations
from kling_sdk.files import takes_long
from kling_sdk.options import CALL_OPTIONS
from kling_sdk.results import Page, Task
from kling_sdk.transports.threads import in_thread, refuse_trio

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.interfaces import Interface
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.runner import AsyncRunner, SyncRunner

__all__ = [
    "AsyncCallResource",
    "AsyncTaskResource",
    "CallResource",
    "TaskResource",
    "call_options",
    "wait_options",
]

#: Tasks on a page when no size is given; the vendor's default.
PAGE_SIZE = 30


def call_options(**options: Any) -> dict[str, Any]:
    """Return the options that are given."""
    return {name: value for name, value in options.items() if value is not None}


def wait_options(
    timeout: float | None, on_update: Callable[[Task], object] | None = None
) -> dict[str, Any]:
    """Return the options that the parameters of a wait stand for."""
    return call_options(wait_timeout=timeout, on_update=on_update)


class _Resource:
    """What sync and async resources know: the request class and its record."""

    def __init__(self, runner: Any, cls: type[Request]) -> None:
        self._runner = runner
        self.request_class = cls
        self.record = cls.record
        self._checks = runner.settings.options.check

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.record.name}>"

    def _made(
        self, method: str, args: tuple[Any, ...], parameters: dict[str, Any]
    ) -> tuple[Request, dict[str, Any]]:
        """Return the request that a call's parameters make, and the options among them.

        Raises:
            RequestValidationError: a parameter is not accepted.
        """
        if args:
            from kling_sdk.endpoints.base import example, positional  # only a mistake needs them

            name = f"kling.{self.record.attribute}"
            if self.record.method_of:
                raise positional(f"call {name}({example(self.request_class)})")
            if isinstance(args[0], self.request_class | Mapping):
                raise positional(f"for a prepared request, call {name}.submit(request)")
            raise positional(f"call {name}.{method}({example(self.request_class)})")
        options = {name: parameters.pop(name, None) for name in CALL_OPTIONS}
        if not self._checks:
            parameters = {"check": False, **parameters}
        return self.request_class(**parameters), call_options(**options)

    def _accepted(
        self, request: Request | Mapping[str, Any], interface: Interface | None
    ) -> Request | RawRequest:
        """Return what to create, or raise TypeError."""
        if isinstance(request, self.request_class):
            return request if interface is None else attrs.evolve(request, interface=interface)
        if isinstance(request, Mapping):
            from kling_sdk.endpoints.raw import RawRequest  # few programs write bodies themselves

            return RawRequest(self.record, request, interface)
        raise TypeError(
            f"{self.record.name} takes a {self.request_class.__name__}, or a body as a mapping, "
            f"not a {type(request).__name__}"
        )


class TaskResource(_Resource):
    """One endpoint of a `Kling` client that makes tasks."""

    _runner: SyncRunner

    if not TYPE_CHECKING:  # each endpoint's own signature is in `kling_sdk._signatures`

        def create(self, *args: Any, **parameters: Any) -> Task:
            """Create a task and return it at once, while the vendor works on it."""
            request, options = self._made("create", args, parameters)
            return self.submit(request, **options)

        def run(self, *args: Any, **parameters: Any) -> Task:
            """Create a task and return it once it has ended well.

            Settings of the wait come from `client.with_options(...)`.
            """
            request, options = self._made("run", args, parameters)
            return self._runner.run(operations.run(request), **options)

    def submit(
        self,
        request: Request | Mapping[str, Any],
        *,
        interface: Interface | None = None,
        timeout: float | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Task:
        """Create a task from a prepared request.

        Args:
            request: The request; or a body in the words of /v1, of which nothing is checked.
                Either way the create is as safe to repeat as any other.
            interface: See `Request`. None takes the request's, or that of the body's model.
            timeout: Seconds one attempt may take; None takes the client's.
            extra_headers: Further headers; see `Options.extra_headers`. None takes the client's.

        Raises:
            RequestValidationError: the model is known not to do this.
            KlingAPIError: the server refused.
            TransportError: the server was not reached.
            OutcomeUnknownError: it may have been accepted; the error carries the id to ask with.
        """
        options = call_options(timeout=timeout, extra_headers=extra_headers)
        work = operations.create(self._accepted(request, interface))
        return self._runner.run(work, **options)

    def get(self, task: Task | str, *, timeout: float | None = None) -> Task:
        """Return a task as it is now.

        Args:
            task: The task, or its task id or external id, also from another process.
            timeout: Seconds one attempt may take; None takes the client's.

        Raises:
            NotFoundError: the account has no such task on this endpoint.
        """
        return self._runner.run(operations.get(self.record, task), **call_options(timeout=timeout))

    def list(
        self, *, page: int = 1, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> Page:
        """Return one page of the account's tasks.

        Args:
            page: Number of the page, 1 to 1000. A relay has pages by key: use `iter`.
            page_size: Tasks per page, 1 to 500 (relay: 1 to 100).
            timeout: Seconds one attempt may take; None takes the client's.
        """
        work = operations.list_page(self.record, page, page_size)
        return self._runner.run(work, **call_options(timeout=timeout))

    def iter(self, *, page_size: int = PAGE_SIZE) -> Iterator[Task]:
        """Yield all of the account's tasks, page by page.

        The vendor documents no order. A task made while pages are read may push another
        one onto the next page, so a task can appear twice.
        """
        page = self.list(page_size=page_size)
        yield from page
        while page.has_next:
            page = self._runner.run(
                operations.list_page(self.record, page.page + 1, page_size, page.next_cursor)
            )
            yield from page

    def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = None,
        on_update: Callable[[Task], object] | None = None,
    ) -> Task:
        """Return a task once it has ended well.

        Args:
            task: The task, or its task id or external id, also from another process.
            timeout: Seconds to wait; None takes the client's `wait_timeout`.
            on_update: Called with the task whenever its status has changed; what it raises is
                logged.

        Raises:
            TaskFailedError: it failed; the reason is in `error.task.status_msg`.
            EmptyResultError: it succeeded without a result.
            WaitTimeoutError: it goes on; another `wait` resumes.
        """
        options = wait_options(timeout, on_update)
        return self._runner.run(operations.wait(self.record, task), **options)


async def _made_aside(
    resource: _Resource, method: str, args: tuple[Any, ...], parameters: dict[str, Any]
) -> tuple[Request, dict[str, Any]]:
    """Return request and options; a request that reads or encodes a picture is made in a thread."""
    make = partial(resource._made, method, args, parameters)  # noqa: SLF001 - its own
    if any(map(takes_long, parameters.values())):
        refuse_trio()
        return await in_thread(make)
    return make()


class AsyncTaskResource(_Resource):
    """One endpoint of an `AsyncKling` client that makes tasks."""

    _runner: AsyncRunner

    if not TYPE_CHECKING:

        async def create(self, *args: Any, **parameters: Any) -> Task:
            """Create a task and return it at once, while the vendor works on it."""
            request, options = await _made_aside(self, "create", args, parameters)
            return await self.submit(request, **options)

        async def run(self, *args: Any, **parameters: Any) -> Task:
            """Create a task and return it once it has ended well; see `TaskResource.run`."""
            request, options = await _made_aside(self, "run", args, parameters)
            return await self._runner.run(operations.run(request), **options)

    async def submit(
        self,
        request: Request | Mapping[str, Any],
        *,
        interface: Interface | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
        extra_headers: Mapping[str, str] | None = None,
    ) -> Task:
        """Create a task from a prepared request; see `TaskResource.submit`."""
        options = call_options(timeout=timeout, extra_headers=extra_headers)
        work = operations.create(self._accepted(request, interface))
        return await self._runner.run(work, **options)

    async def get(self, task: Task | str, *, timeout: float | None = None) -> Task:  # noqa: ASYNC109 - as in the sync method; it bounds attempts
        """Return a task as it is now; see `TaskResource.get`."""
        work = operations.get(self.record, task)
        return await self._runner.run(work, **call_options(timeout=timeout))

    async def list(
        self,
        *,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> Page:
        """Return one page of the account's tasks; see `TaskResource.list`."""
        work = operations.list_page(self.record, page, page_size)
        return await self._runner.run(work, **call_options(timeout=timeout))

    async def iter(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Task]:
        """Yield all of the account's tasks, page by page; see `TaskResource.iter`."""
        page = await self.list(page_size=page_size)
        for task in page:
            yield task
        while page.has_next:
            page = await self._runner.run(
                operations.list_page(self.record, page.page + 1, page_size, page.next_cursor)
            )
            for task in page:
                yield task

    async def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds polls
        on_update: Callable[[Task], object] | None = None,
    ) -> Task:
        """Return a task once it has ended well; see `TaskResource.wait`."""
        options = wait_options(timeout, on_update)
        return await self._runner.run(operations.wait(self.record, task), **options)


class CallResource(_Resource):
    """One endpoint of a `Kling` client that answers at once and makes no task."""

    _runner: SyncRunner

    if not TYPE_CHECKING:

        def call(self, *args: Any, **parameters: Any) -> Any:
            """Send the request once, and return its result."""
            request, options = self._made("call", args, parameters)
            return self.submit(request, **options)

    def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a prepared request once, and return its result.

        Args:
            request: The request.
            timeout: Seconds it may take; None takes the client's.
            extra_headers: Further headers; see `Options.extra_headers`. None takes the client's.

        Raises:
            KlingAPIError: the server refused.
            OutcomeUnknownError: no reply came. Nothing can be asked: the call makes no task.
        """
        options = call_options(timeout=timeout, extra_headers=extra_headers)
        return self._runner.run(operations.call(request), **options)


class AsyncCallResource(_Resource):
    """One endpoint of an `AsyncKling` client that answers at once and makes no task."""

    _runner: AsyncRunner

    if not TYPE_CHECKING:

        async def call(self, *args: Any, **parameters: Any) -> Any:
            """Send the request once, and return its result."""
            request, options = await _made_aside(self, "call", args, parameters)
            return await self.submit(request, **options)

    async def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
        extra_headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a prepared request once, and return its result; see `CallResource.submit`."""
        options = call_options(timeout=timeout, extra_headers=extra_headers)
        return await self._runner.run(operations.call(request), **options)
