"""The endpoints of a client that make tasks, sync and async: each method names its flow.

Flows that most programs never use are loaded when they are first called.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from kling_sdk.client.operations import (
    PAGE_SIZE,
    call_options,
    checked_task,
    page_operation,
    read_options,
    request_operation,
    wait_operation,
    wait_options,
)
from kling_sdk.client.runner import AsyncRunner, SyncRunner
from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Operation
from kling_sdk.options import CALL_OPTIONS
from kling_sdk.results.task import Page, Task
from kling_sdk.text.hidden import hide, private
from kling_sdk.text.spelling import Suggesting
from kling_sdk.transports.threads import in_thread, refuse_trio

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.interfaces import Interface
    from kling_sdk.endpoints.raw import RawRequest


class Held(Suggesting):
    """An attribute of a client that makes calls."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Resource(Held):
    """The base of sync and async resources: it knows the request class and its record."""

    def __init__(self, runner: Any, cls: type[Request]) -> None:
        super().__init__(runner)
        self.request_class = cls
        self.record = cls.record
        self._checks = runner.settings.ctx.options.check

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.record.name}>"

    def _prepared(
        self, method: str, args: tuple[Any, ...], parameters: dict[str, Any]
    ) -> tuple[Request, dict[str, Any]]:
        """Return the request that a call's parameters make, and the options among them.

        Raises:
            RequestValidationError: a parameter is not accepted.
        """
        try:
            if args:
                raise self._positional(method, args)
            options = {}
            if names := CALL_OPTIONS.keys() & parameters.keys():
                options = call_options(**{name: parameters.pop(name) for name in names})
            if not self._checks:
                parameters.setdefault("check", False)
            return self.request_class(**parameters), options
        finally:
            parameters.clear()  # an error's frames are shown, and this is the caller's dict, too

    def _positional(self, method: str, args: tuple[Any, ...]) -> RequestValidationError:
        from kling_sdk.endpoints.base import example, positional  # only a mistake needs them

        name = f"kling.{self.record.attribute}"
        if self.record.method_of:
            return positional(f"call {name}({example(self.request_class)})")
        if isinstance(args[0], self.request_class | Mapping):
            return positional(f"for a prepared request, call {name}.submit(request)")
        return positional(f"call {name}.{method}({example(self.request_class)})")

    def _accepted(
        self, request: Request | Mapping[str, Any], interface: Interface | None
    ) -> Request | RawRequest:
        """Return the request to send, or raise TypeError."""
        if isinstance(request, self.request_class):
            return request if interface is None else attrs.evolve(request, interface=interface)
        if isinstance(request, Mapping):
            from kling_sdk.endpoints.raw import RawRequest  # few programs write bodies themselves

            return RawRequest(self.record, request, interface)
        raise TypeError(
            f"{self.record.name} takes a {self.request_class.__name__}, or a body as a mapping, "
            f"not a {type(request).__name__}"
        )

    def _page_behind(self, page_size: int, page: Page | None) -> Operation[Page]:
        """Return the operation that reads the page behind *page*, or the first one."""
        if page is None:
            return page_operation(self.record, 1, page_size)
        return page_operation(self.record, page.page + 1, page_size, page.next_cursor)


class TaskResource(Resource):
    """One endpoint of a `Kling` client that makes tasks."""

    _runner: SyncRunner

    if not TYPE_CHECKING:  # each endpoint's own signature is in `kling_sdk.client.signatures`

        def create(self, *args: Any, **parameters: Any) -> Task:
            """Create a task and return it at once, while the vendor works on it."""
            from kling_sdk.flows.create import create

            request, options = self._prepared("create", args := args and hide(args), parameters)
            return self._runner.run(request_operation("create", create, request), **options)

        def run(self, *args: Any, **parameters: Any) -> Task:
            """Create a task and return it once it has ended well.

            Settings of the wait come from `client.with_options(...)`.
            """
            from kling_sdk.flows.wait import run_task

            request, options = self._prepared("run", args := args and hide(args), parameters)
            return self._runner.run(request_operation("run", run_task, request), **options)

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
            request: The request; or a body in the words of /v1, which is not checked. In both cases
                the create is as safe to repeat as any other.
            interface: See `Request`. None takes the request's, or that of the body's model.
            timeout: Seconds one attempt may take; None takes the client's.
            extra_headers: Further headers; see `Options.extra_headers`. None takes the client's.

        Raises:
            RequestValidationError: the model is known not to support this.
            KlingAPIError: the server refused.
            TransportError: the server was not reached.
            OutcomeUnknownError: the create may have been accepted; the error carries the id to look
                it up by.
        """
        from kling_sdk.flows.create import create

        options = call_options(timeout=timeout, extra_headers=extra_headers)
        request = private(request)
        operation = request_operation("create", create, self._accepted(request, interface))
        return self._runner.run(operation, **options)

    def get(self, task: Task | str, *, timeout: float | None = None) -> Task:
        """Return a task as it is now.

        Args:
            task: The task, or its task id or external id, also from another process.
            timeout: Seconds it may take, with all its repeats; None takes the client's `timeout`
                for an attempt, and its `deadline`.

        Raises:
            NotFoundError: the account has no such task on this endpoint.
        """
        from kling_sdk.flows.get import get

        flow = partial(get, record=self.record, task=checked_task("get", task))
        return self._runner.run(Operation("get", flow, self.record.name), **read_options(timeout))

    def list(
        self, *, page: int = 1, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> Page:
        """Return one page of the account's tasks.

        Args:
            page: Number of the page, 1 to 1000. A relay's pages have keys, not numbers: use `iter`.
            page_size: Tasks per page, 1 to 500 (relay: 1 to 100).
            timeout: Seconds it may take, with all its repeats; None takes the client's `timeout`
                for an attempt, and its `deadline`.
        """
        operation = page_operation(self.record, page, page_size)
        return self._runner.run(operation, **read_options(timeout))

    def iter(self, *, page_size: int = PAGE_SIZE) -> Iterator[Task]:
        """Yield all of the account's tasks, page by page.

        The vendor documents no order. A task made while pages are read may push another
        one onto the next page, so a task can appear twice.
        """
        return self._runner.pages(partial(self._page_behind, page_size))

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
            WaitTimeoutError: the task has not ended and goes on; another `wait` resumes.
        """
        from kling_sdk.flows.wait import resume

        operation = wait_operation(partial(resume, record=self.record), task, self.record.name)
        return self._runner.run(operation, **wait_options(timeout, on_update))


async def aside(
    resource: Resource, method: str, args: tuple[Any, ...], parameters: dict[str, Any]
) -> tuple[Request, dict[str, Any]]:
    """Return request and options; a request that reads or encodes a picture is made in a thread."""
    from kling_sdk.files import takes_long  # a program that only reads needs none of it

    make = partial(resource._prepared, method, args, parameters)  # noqa: SLF001 - its own
    if any(map(takes_long, parameters.values())):
        refuse_trio()
        return await in_thread(make)
    return make()


class AsyncTaskResource(Resource):
    """One endpoint of an `AsyncKling` client that makes tasks."""

    _runner: AsyncRunner

    if not TYPE_CHECKING:

        async def create(self, *args: Any, **parameters: Any) -> Task:
            """Create a task and return it at once, while the vendor works on it."""
            from kling_sdk.flows.create import create

            request, options = await aside(self, "create", args := args and hide(args), parameters)
            return await self._runner.run(request_operation("create", create, request), **options)

        async def run(self, *args: Any, **parameters: Any) -> Task:
            """Create a task and return it once it has ended well; see `TaskResource.run`."""
            from kling_sdk.flows.wait import run_task

            request, options = await aside(self, "run", args := args and hide(args), parameters)
            return await self._runner.run(request_operation("run", run_task, request), **options)

    async def submit(
        self,
        request: Request | Mapping[str, Any],
        *,
        interface: Interface | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
        extra_headers: Mapping[str, str] | None = None,
    ) -> Task:
        """Create a task from a prepared request; see `TaskResource.submit`."""
        from kling_sdk.flows.create import create

        options = call_options(timeout=timeout, extra_headers=extra_headers)
        request = private(request)
        operation = request_operation("create", create, self._accepted(request, interface))
        return await self._runner.run(operation, **options)

    async def get(self, task: Task | str, *, timeout: float | None = None) -> Task:  # noqa: ASYNC109 - as in the sync method; it bounds attempts
        """Return a task as it is now; see `TaskResource.get`."""
        from kling_sdk.flows.get import get

        flow = partial(get, record=self.record, task=checked_task("get", task))
        operation = Operation("get", flow, self.record.name)
        return await self._runner.run(operation, **read_options(timeout))

    async def list(
        self,
        *,
        page: int = 1,
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
    ) -> Page:
        """Return one page of the account's tasks; see `TaskResource.list`."""
        operation = page_operation(self.record, page, page_size)
        return await self._runner.run(operation, **read_options(timeout))

    def iter(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Task]:
        """Yield all of the account's tasks, page by page; see `TaskResource.iter`."""
        return self._runner.pages(partial(self._page_behind, page_size))

    async def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds polls
        on_update: Callable[[Task], object] | None = None,
    ) -> Task:
        """Return a task once it has ended well; see `TaskResource.wait`."""
        from kling_sdk.flows.wait import resume

        operation = wait_operation(partial(resume, record=self.record), task, self.record.name)
        return await self._runner.run(operation, **wait_options(timeout, on_update))
