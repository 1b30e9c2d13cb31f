"""The endpoints as resources: one-liners over flows, once sync and once async.

A resource takes its signature from its request class. Type checkers see it through
`ParamSpec`; at run time each resource gets its own copy of `create` and `run` with the
request's signature and documentation, so `help()` and editors see it too.
"""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import cache
from inspect import Parameter, Signature, cleandoc, signature
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, Self, TypeVar, cast

from kling_sdk.flows import Context, Flow, Operation, repeat
from kling_sdk.flows.identity import Asked
from kling_sdk.results import Page, Task
from kling_sdk.settings import wait_changes

if TYPE_CHECKING:
    from kling_sdk.endpoints import RawRequest, VideoRequest

__all__ = [
    "AsyncEndpoint",
    "AsyncRunner",
    "AsyncTaskResource",
    "Endpoint",
    "SyncRunner",
    "TaskResource",
]

P = ParamSpec("P")
T = TypeVar("T")

#: Tasks on a page when nothing is said; the vendor's default.
PAGE_SIZE = 30


class SyncRunner(Protocol):
    """What runs a resource's flows and waits for the result."""

    def run(self, operation: Operation[T], **options: Any) -> T:
        """Run an operation with some options changed."""
        ...


class AsyncRunner(Protocol):
    """What runs a resource's flows on the event loop."""

    async def run(self, operation: Operation[T], **options: Any) -> T:
        """Run an operation with some options changed."""
        ...


def _list(endpoint: str, page: int, page_size: int, before: int | None) -> Operation[Page]:
    def start(ctx: Context) -> Flow[Page]:
        call = ctx.dialect.list(endpoint, page, page_size, before)
        return repeat(ctx, call, lambda reply: ctx.dialect.page(reply, endpoint, page, page_size))

    return Operation("list", start, endpoint)


def _get(endpoint: str, task_id: str) -> Operation[Task]:
    def start(ctx: Context) -> Flow[Task]:
        asked = Asked(either=task_id)
        return repeat(
            ctx,
            ctx.dialect.get(endpoint, task_id),
            lambda reply: asked.check(ctx.dialect.task(reply, endpoint), reply),
        )

    return Operation("get", start, endpoint)


def _create(request: VideoRequest | RawRequest) -> Operation[Task]:
    from kling_sdk.flows.create import create  # a program that only reads needs no checks

    about = {"model": request.model_name}
    return Operation("create", lambda ctx: create(ctx, request), request.endpoint, about)


def _run(request: VideoRequest) -> Operation[Task]:
    from kling_sdk.flows.wait import run_task  # as above

    about = {"model": request.model_name}
    return Operation("run", lambda ctx: run_task(ctx, request), request.endpoint, about)


def _wait(endpoint: str, task: Task | str) -> Operation[Task]:
    from kling_sdk.flows.interrupted import naming  # as above
    from kling_sdk.flows.wait import wait

    about = {"task_id": task.task_id} if isinstance(task, Task) else {}
    return Operation("wait", lambda ctx: naming(wait(ctx, endpoint, task), task), endpoint, about)


def _submitted(
    resource: _Resource, request: VideoRequest | Mapping[str, Any]
) -> VideoRequest | RawRequest:
    """Return what to create, or raise TypeError."""
    if isinstance(request, resource.request_class):
        return request
    if isinstance(request, Mapping):
        from kling_sdk.endpoints.raw import RawRequest  # few programs write bodies themselves

        return RawRequest(resource.endpoint, request)
    raise TypeError(
        f"{resource.endpoint} takes a {resource.request_class.__name__}, or a body as a mapping, "
        f"not a {type(request).__name__}"
    )


@cache
def _shaped(base: Any, request_class: Any) -> type[Any]:
    """Return *base* with `create` and `run` shaped like the request class."""
    names = list(signature(request_class).parameters.values())
    namespace: dict[str, Any] = {"__module__": base.__module__, "__doc__": base.__doc__}
    for name in ("create", "run"):
        function = getattr(base, name)
        copy = types.FunctionType(
            function.__code__, function.__globals__, name, None, function.__closure__
        )
        own = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
        shaped: Any = copy
        shaped.__signature__ = Signature([own, *names], return_annotation=Task)
        shaped.__doc__ = f"{cleandoc(function.__doc__)}\n\n{cleandoc(request_class.__doc__)}"
        shaped.__qualname__ = function.__qualname__
        shaped.__module__ = function.__module__
        namespace[name] = shaped
    return type(base.__name__, (base,), namespace)


class _Resource:
    """What both colours know: the endpoint and its request class."""

    if not TYPE_CHECKING:  # the parameters are those of `__init__`, which checkers know better

        def __new__(cls, runner: object, request: type[VideoRequest]) -> Self:  # noqa: ARG004 - as above
            """Make an instance of the class shaped like *request*."""
            return object.__new__(_shaped(cls, request))

    def __init__(self, runner: object, request: Callable[..., VideoRequest]) -> None:
        del runner  # each colour keeps it under its own type
        assert isinstance(request, type)  # noqa: S101 - ParamSpec needs it typed as a callable
        self.request_class: type[VideoRequest] = request
        self.endpoint = self.request_class.endpoint

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.endpoint}>"


class TaskResource(_Resource, Generic[P]):
    """One endpoint of a `Kling` client."""

    def __init__(self, runner: SyncRunner, request: Callable[P, VideoRequest]) -> None:
        super().__init__(runner, request)
        self._runner = runner
        self._request = request

    def create(self, *args: P.args, **kwargs: P.kwargs) -> Task:
        """Create a task and return it at once; it goes on at the vendor's."""
        return self.submit(self._request(*args, **kwargs))

    def submit(self, request: VideoRequest | Mapping[str, Any]) -> Task:
        """Create a task from a prepared request.

        Args:
            request: The request; or a body as it goes over the wire, of which nothing is
                checked. Either way the create is as safe to repeat as any other.

        Raises:
            RequestValidationError: the model is known not to do this.
            KlingAPIError: the server refused.
            TransportError: the server was not reached.
            OutcomeUnknownError: it may have been accepted; the error carries the id to ask with.
        """
        return self._runner.run(_create(_submitted(self, request)))

    def get(self, task_id: str) -> Task:
        """Return a task by its task id or external id.

        Raises:
            NotFoundError: the account has no such task on this endpoint.
        """
        return self._runner.run(_get(self.endpoint, task_id))

    def list(self, *, page: int = 1, page_size: int = PAGE_SIZE) -> Page:
        """Return one page of the account's tasks.

        Args:
            page: Number of the page, 1 to 1000. A relay has pages by key: use `iter`.
            page_size: Tasks per page, 1 to 500 (relay: 1 to 100).
        """
        return self._runner.run(_list(self.endpoint, page, page_size, None))

    def iter(self, *, page_size: int = PAGE_SIZE) -> Iterator[Task]:
        """Yield all of the account's tasks, page by page.

        The vendor documents no order. A task made while pages are read may push another
        one onto the next page, so a task can appear twice.
        """
        page = self.list(page_size=page_size)
        yield from page
        while page.has_next:
            page = self._runner.run(
                _list(self.endpoint, page.page + 1, page_size, page.next_before)
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
            timeout: Seconds to wait; None takes the client's `wait_timeout` (30 minutes).
            on_update: Called with the task whenever its status has changed; what it raises is
                logged.

        Raises:
            TaskFailedError: it failed; the reason is in `error.task.status_msg`.
            EmptyResultError: it succeeded without a video.
            WaitTimeoutError: it goes on; another `wait` resumes.
        """
        options = wait_changes(timeout, on_update)
        return self._runner.run(_wait(self.endpoint, task), **options)

    def run(self, *args: P.args, **kwargs: P.kwargs) -> Task:
        """Create a task and return it once it has ended well.

        Settings of the wait come from `client.with_options(...)`.
        """
        request = self._request(*args, **kwargs)
        return self._runner.run(_run(request))


class AsyncTaskResource(_Resource, Generic[P]):
    """One endpoint of an `AsyncKling` client."""

    def __init__(self, runner: AsyncRunner, request: Callable[P, VideoRequest]) -> None:
        super().__init__(runner, request)
        self._runner = runner
        self._request = request

    async def create(self, *args: P.args, **kwargs: P.kwargs) -> Task:
        """Create a task and return it at once; it goes on at the vendor's."""
        return await self.submit(self._request(*args, **kwargs))

    async def submit(self, request: VideoRequest | Mapping[str, Any]) -> Task:
        """Create a task from a prepared request; see `TaskResource.submit`."""
        return await self._runner.run(_create(_submitted(self, request)))

    async def get(self, task_id: str) -> Task:
        """Return a task by its task id or external id; see `TaskResource.get`."""
        return await self._runner.run(_get(self.endpoint, task_id))

    async def list(self, *, page: int = 1, page_size: int = PAGE_SIZE) -> Page:
        """Return one page of the account's tasks; see `TaskResource.list`."""
        return await self._runner.run(_list(self.endpoint, page, page_size, None))

    async def iter(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Task]:
        """Yield all of the account's tasks, page by page; see `TaskResource.iter`."""
        page = await self.list(page_size=page_size)
        for task in page:
            yield task
        while page.has_next:
            page = await self._runner.run(
                _list(self.endpoint, page.page + 1, page_size, page.next_before)
            )
            for task in page:
                yield task

    async def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the twin's parameter; it bounds polls
        on_update: Callable[[Task], object] | None = None,
    ) -> Task:
        """Return a task once it has ended well; see `TaskResource.wait`."""
        options = wait_changes(timeout, on_update)
        return await self._runner.run(_wait(self.endpoint, task), **options)

    async def run(self, *args: P.args, **kwargs: P.kwargs) -> Task:
        """Create a task and return it once it has ended well; see `TaskResource.run`."""
        request = self._request(*args, **kwargs)
        return await self._runner.run(_run(request))


class Endpoint(Generic[P]):
    """A `TaskResource` as attribute of a client, made when it is first used.

    Args:
        request: Returns the endpoint's request class, which is loaded then.
    """

    def __init__(self, request: Callable[[], Callable[P, VideoRequest]]) -> None:
        self._request = request

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, client: Any, owner: type | None = None) -> TaskResource[P]:
        if client is None:  # asked of the class, as documentation tools do
            return cast("TaskResource[P]", self)
        resource = TaskResource(client._runner, self._request())  # noqa: SLF001 - the client's own
        client.__dict__[self._name] = resource  # found first from now on
        return resource


class AsyncEndpoint(Generic[P]):
    """An `AsyncTaskResource` as attribute of a client; see `Endpoint`."""

    def __init__(self, request: Callable[[], Callable[P, VideoRequest]]) -> None:
        self._request = request

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, client: Any, owner: type | None = None) -> AsyncTaskResource[P]:
        if client is None:
            return cast("AsyncTaskResource[P]", self)
        resource = AsyncTaskResource(client._runner, self._request())  # noqa: SLF001 - as above
        client.__dict__[self._name] = resource
        return resource
