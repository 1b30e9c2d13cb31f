"""The endpoints of a client, sync and async: each method names its flow, which a runner runs.

Flows that most programs never use are loaded when they are first called.
"""

from __future__ import annotations

import sys
from collections.abc import (
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
)
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from kling_sdk.client.settings import ClientSettings
from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Context, Flow, Operation
from kling_sdk.hooks import PendingHooks, check_hook
from kling_sdk.options import CALL_OPTIONS
from kling_sdk.results.task import Page, Task
from kling_sdk.text.hidden import hide, private
from kling_sdk.text.spelling import Suggesting
from kling_sdk.transports import arun, astream, run, stream
from kling_sdk.transports.threads import in_thread, refuse_trio

if TYPE_CHECKING:
    from kling_sdk.client.tracing import Traced
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.interfaces import Interface
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import EndpointRecord
    from kling_sdk.results.library_items import ElementPage

P = TypeVar("P", Page, "ElementPage")
R = TypeVar("R")
T = TypeVar("T")

#: Runs a flow, or streams it.
_Loop = Callable[[Flow[T], Any, Any, Any], R]
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


class _Runner:
    """The runner of a client's flows, which opens its transport on first use."""

    def __init__(self, settings: ClientSettings, open_transport: Callable[[], Any]) -> None:
        self.settings = settings
        self.open_transport = open_transport

    def _changed(self, options: dict[str, Any]) -> Context:
        ctx = self.settings.ctx
        return attrs.evolve(ctx, options=ctx.options.changed(options))

    def _traced(self, ctx: Context, operation: Operation[Any]) -> Traced | None:
        # A program that has not loaded the API has nowhere to send spans, and is not made to load
        # it.
        if not ctx.options.trace or "opentelemetry.trace" not in sys.modules:
            return None
        from kling_sdk.client.tracing import Traced

        return Traced(ctx, operation, self.settings.base_url)


class SyncRunner(_Runner):
    """Runs flows for a `Kling`."""

    def __init__(self, settings: ClientSettings, open_transport: Callable[[], Any]) -> None:
        super().__init__(settings, open_transport)
        check_hook("on_update", settings.ctx.options.on_update)
        check_hook("on_event", settings.ctx.options.on_event)
        check_hook("confirm", settings.ctx.options.confirm)

    def _changed(self, options: dict[str, Any]) -> Context:
        check_hook("on_update", options.get("on_update"))
        return super()._changed(options)

    def run(self, operation: Operation[T], **options: Any) -> T:
        """Run an operation with some options changed."""
        ctx = self._changed(options) if options else self.settings.ctx
        if (traced := self._traced(ctx, operation)) is None:
            return self._play(run, operation, ctx)
        with traced.call() as span:
            return span.noted(self._play(run, operation, span.ctx))

    def pages(self, page_behind: Callable[[P | None], Operation[P]]) -> Iterator[Any]:
        """Yield what all pages list; *page_behind* reads the first one, and each next one."""
        page: P | None = None
        while page is None or page.has_next:
            page = self.run(page_behind(page))
            yield from page

    def _play(self, loop: _Loop[T, R], operation: Operation[T], ctx: Context) -> R:
        flow, settings = operation.start(ctx), self.settings
        return loop(flow, self.open_transport(), settings.clock, settings.ctx.options.cancel)

    def stream(self, operation: Operation[None], **options: Any) -> Iterator[Any]:
        """Run an operation that hands out items."""
        ctx = self._changed(options) if options else self.settings.ctx
        if (traced := self._traced(ctx, operation)) is None:
            return self._play(stream, operation, ctx)
        return traced.stream(lambda ctx: self._play(stream, operation, ctx))


class AsyncRunner(_Runner):
    """Runs flows for an `AsyncKling`."""

    def _context(self, options: dict[str, Any]) -> Context:
        ctx = self._changed(options) if options else self.settings.ctx
        if ctx.options.on_update is None and ctx.options.on_event is None:
            return ctx
        return attrs.evolve(ctx, pending=PendingHooks())

    async def run(self, operation: Operation[T], **options: Any) -> T:
        """Run an operation with some options changed."""
        ctx = self._context(options)
        if (traced := self._traced(ctx, operation)) is None:
            return await self._play(arun, operation, ctx)
        with traced.call() as span:
            return span.noted(await self._play(arun, operation, span.ctx))

    async def pages(self, page_behind: Callable[[P | None], Operation[P]]) -> AsyncIterator[Any]:
        """Yield what all pages list; see `SyncRunner.pages`."""
        page: P | None = None
        while page is None or page.has_next:
            page = await self.run(page_behind(page))
            for row in page:
                yield row

    def _play(self, loop: _Loop[T, R], operation: Operation[T], ctx: Context) -> R:
        transport, clock = self.open_transport(), self.settings.clock
        return loop(operation.start(ctx), transport, clock, ctx.pending)

    def stream(self, operation: Operation[None], **options: Any) -> AsyncIterator[Any]:
        """Run an operation that hands out items."""
        ctx = self._context(options)
        if (traced := self._traced(ctx, operation)) is None:
            return self._play(astream, operation, ctx)
        return traced.astream(lambda ctx: self._play(astream, operation, ctx))


class Held(Suggesting):
    """An attribute of a client that makes calls."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class _Resource(Held):
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

    def _page_behind(self, page_size: int, page: Page | None) -> Operation[Page]:
        """Return the operation that reads the page behind *page*, or the first one."""
        if page is None:
            return page_operation(self.record, 1, page_size)
        return page_operation(self.record, page.page + 1, page_size, page.next_cursor)


class TaskResource(_Resource):
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
    resource: _Resource, method: str, args: tuple[Any, ...], parameters: dict[str, Any]
) -> tuple[Request, dict[str, Any]]:
    """Return request and options; a request that reads or encodes a picture is made in a thread."""
    from kling_sdk.files import takes_long  # a program that only reads needs none of it

    make = partial(resource._prepared, method, args, parameters)  # noqa: SLF001 - its own
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


class OnceResource(_Resource):
    """One endpoint of a `Kling` client whose requests are sent once."""

    _runner: SyncRunner

    def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a prepared request once, and return its result.

        Args:
            timeout: Seconds it may take; None takes the client's.
            extra_headers: Further headers; see `Options.extra_headers`. None takes the client's.

        Raises:
            KlingAPIError: the server refused.
            OutcomeUnknownError: no response came. The outcome cannot be looked up: the call makes
                no task.
        """
        from kling_sdk.flows.send_once import call_once

        options = call_options(timeout=timeout, extra_headers=extra_headers)
        return self._runner.run(request_operation("call", call_once, request), **options)


class CallResource(OnceResource):
    """One endpoint of a `Kling` client that returns its result at once."""

    if not TYPE_CHECKING:

        def call(self, *args: Any, **parameters: Any) -> Any:
            """Send the request once, and return its result."""
            from kling_sdk.flows.send_once import call_once

            request, options = self._prepared("call", args := args and hide(args), parameters)
            return self._runner.run(request_operation("call", call_once, request), **options)


class AsyncOnceResource(_Resource):
    """One endpoint of an `AsyncKling` client whose requests are sent once."""

    _runner: AsyncRunner

    async def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the sync method; it bounds attempts
        extra_headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a prepared request once, and return its result; see `OnceResource.submit`."""
        from kling_sdk.flows.send_once import call_once

        options = call_options(timeout=timeout, extra_headers=extra_headers)
        return await self._runner.run(request_operation("call", call_once, request), **options)


class AsyncCallResource(AsyncOnceResource):
    """One endpoint of an `AsyncKling` client that returns its result at once."""

    if not TYPE_CHECKING:

        async def call(self, *args: Any, **parameters: Any) -> Any:
            """Send the request once, and return its result."""
            from kling_sdk.flows.send_once import call_once

            request, options = await aside(self, "call", args := args and hide(args), parameters)
            return await self._runner.run(request_operation("call", call_once, request), **options)
