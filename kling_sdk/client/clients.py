"""`Kling` and `AsyncKling`: thin twins. Every decision is made in `kling_sdk.flows`.

A client is cheap to hold and meant to be shared: one per process and account, used from
any number of threads (`Kling`) or tasks (`AsyncKling`). Connections open on first use.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kling_sdk.client.attributes import resources
from kling_sdk.client.base import ClientBase, a_request
from kling_sdk.client.downloads import AsyncDownloads, Downloads
from kling_sdk.client.operations import call_options, request_operation, wait_options
from kling_sdk.client.runner import AsyncRunner, SyncRunner
from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Context, Flow, Operation, once, repeat
from kling_sdk.options import UNITS, check_number
from kling_sdk.results.task import Outcome, Task
from kling_sdk.text.hidden import private
from kling_sdk.transports.shared import async_transport, sync_transport
from kling_sdk.wire import HttpCall, Reply

if TYPE_CHECKING:
    from kling_sdk.client.account import AccountResource, AsyncAccountResource
    from kling_sdk.client.signatures import AsyncResources, Resources
    from kling_sdk.client.solutions import AsyncSolutions, Solutions
    from kling_sdk.client.tasks import AnyTaskResource, AsyncAnyTaskResource
    from kling_sdk.endpoints.base import Request
    from kling_sdk.flows.batch_input import Requests
else:
    Resources, AsyncResources = resources(""), resources("Async")


def _only(statement: str) -> Callable[..., Any]:
    """Return a method that refuses the wrong kind of `with` and names the right one."""

    def refuse(self: ClientBase, *_: object) -> None:
        name = type(self).__name__
        raise TypeError(f"{name} is used as: {statement} {name}(...) as kling")

    return refuse


class Kling(Resources, ClientBase, Downloads):
    """A client of the Kling AI video API.

    Example:
        ```python
        with Kling("AK|SK") as kling:
            task = kling.text2video.run(prompt="a kitten on the grass", duration=5)
            kling.download(task.videos[0], "kitten.mp4")
        ```

    Attributes:
        text2video: Videos from a prompt.
        image2video: Videos from a picture.
        omni_video: Videos from a prompt, pictures, elements and a video.
        multi_image2video: Videos from pictures of several subjects.
        video_extend: Videos made longer.
        image_generation: Pictures from a prompt or a picture.
        omni_image: Pictures from a prompt, pictures and elements; also series.
        multi_image2image: Pictures from pictures of several subjects.
        image_expand: Pictures continued beyond their edges.
        virtual_try_on: A person in other clothes.
        motion_control: Videos of a picture that moves as a video does.
        effects: Videos of an effect with the people in pictures.
        avatar: Videos of a person in a picture who speaks.
        lip_sync: Videos whose mouth moves to a text or a sound.
        advanced_lip_sync: The same for a face that `identify_face` has found.
        identify_face: The faces of a video, at once.
        text_to_audio: Sounds from a prompt.
        video_to_audio: Sounds for a video, and the video with them.
        tts: A text that is spoken, at once.
        voices: Voices of your own, and the vendor's, for videos that speak.
        elements: People and things that videos and pictures can show again.
        legacy_elements: The same in the vendor's older library, made at once.
        ai_multi_shot: Views of an element from other sides.
        multi_elements: Videos in which something is added, exchanged or removed.
        recognize_image: The places of an object, a head, a face and clothes in a picture, at once.
    """

    _open_transport = staticmethod(sync_transport)
    _runner_class = SyncRunner
    _runner: SyncRunner

    @property
    def tasks(self) -> AnyTaskResource:
        """Tasks of any product."""
        from kling_sdk.client.tasks import AnyTaskResource  # most programs ask an endpoint

        return AnyTaskResource(self._runner)

    @property
    def solutions(self) -> Solutions:
        """Ready-made products, such as a video in which a person presents goods. Beta."""
        from kling_sdk.client.solutions import Solutions  # few programs use them

        return Solutions(self._runner)

    @property
    def account(self) -> AccountResource:
        """The account's resource packs and charges."""
        from kling_sdk.client.account import AccountResource  # few programs ask for it

        return AccountResource(self._runner)

    def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Task:
        """Create a task from a request of any endpoint; see `TaskResource.submit`.

        Args:
            request: The request, such as `TextToVideo(prompt="...")`.
            timeout: Seconds one attempt may take; None takes the client's.
            extra_headers: Further headers; see `Options.extra_headers`. None takes the client's.
        """
        from kling_sdk.flows.create import create

        operation = request_operation("create", create, _task_request(request))
        options = call_options(timeout=timeout, extra_headers=extra_headers)
        return self._runner.run(operation, **options)

    def wait_all(
        self, tasks: Iterable[Task | str], *, timeout: float | None = None
    ) -> list[Outcome]:
        """Wait for tasks of any endpoints; return their outcomes in the order given.

        Args:
            tasks: The tasks, as `create` returned them, or their task ids or external ids. A bare
                id is looked up at one endpoint after the other until one knows it, with at most one
                request for each; a relay needs only one.
            timeout: Seconds to wait; None takes the client's `wait_timeout`.
        """
        work = _wait_many("wait_all", tasks)
        return sorted(self._runner.stream(work, **wait_options(timeout)), key=_place)

    def as_completed(
        self, tasks: Iterable[Task | str], *, timeout: float | None = None
    ) -> Iterator[Outcome]:
        """Yield the outcome of each task as it ends; see `wait_all`."""
        work = _wait_many("as_completed", tasks)
        return self._runner.stream(work, **wait_options(timeout))

    def run_many(
        self,
        requests: Requests,
        *,
        max_concurrent: int | None = None,
        timeout: float | None = None,
        on_update: Callable[[Task], object] | None = None,
        max_units: Decimal | int | None = None,
    ) -> Iterator[Outcome]:
        """Create a task per request, as slots allow, and yield the outcome of each as it ends.

        Creates run in parallel, in threads of their own, while the tasks are watched. After a
        refusal that holds for the whole account (no units, a refused key) nothing more is created;
        tasks that were created are watched to their end. Every request that was taken has one
        outcome: a task, or the error that says what happened to it; `NotCreatedError` means that
        nothing was created for it.

        Args:
            requests: Requests of any endpoints; or a mapping of names to requests, or pairs of
                both. A request with a name gets the id `external_id_for(request, name)`, unless it
                has one, so the same batch can be started again, and its `Outcome` has the name. A
                request is taken when a slot is free for it; while the number of slots is not
                known, up to 8 are on their way at once. When nothing more is created, a
                collection's other requests end as `NotCreatedError`, and an iterator is not read
                any further.
            max_concurrent: Maximum number of tasks that are open or being created; None learns it
                from the server's 1303.
            timeout: Seconds the whole call may take; None sets no limit. A task that has not ended
                by then is polled once more, has an outcome with `WaitTimeoutError`, and goes on.
                That poll, and the look-up of a create whose response was lost, may exceed the limit
                by the client's `timeout` (30 s).
            on_update: Called with the task whenever its status has changed; what it raises is
                logged.
            max_units: Maximum units that all requests together may cost, by their estimates;
                nothing more is created after the first request that does not fit. None sets no
                limit. A task that an earlier create made costs nothing: when units run short, a
                request with an `external_task_id` or a name is looked up before it ends as
                `NotCreatedError`.

        Raises:
            RequestValidationError: two different requests of a collection share an
                `external_task_id`, or a name cannot be part of an id; nothing was sent. From an
                iterator, the second request ends with this error instead.
        """
        work = _run_many(requests, max_concurrent, timeout, max_units, reads_async=False)
        return self._runner.stream(work, **wait_options(None, on_update))

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | Sequence[Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Any:
        """Call a path that this package does not wrap, signed; return the response's payload.

        A GET is repeated as `get` is; anything else is sent once.

        Args:
            method: HTTP method.
            path: Path under the base URL, such as `/v1/videos/lip-sync`.
            json: Body.
            params: Query parameters.
        """
        json = private(json)
        return self._runner.run(_path_operation(method, path, json, params))

    def request_raw(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | Sequence[Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Reply:
        """Call once and return status, headers and body as they came; see `request`."""
        json = private(json)
        return self._runner.run(_raw_path_operation(method, path, json, params))

    def close(self) -> None:
        """Close what this client opened. Copies made by `with_options` close with it."""
        if (transport := self._shared.close()) is not None:
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    if not TYPE_CHECKING:  # which reports it itself
        __aenter__ = __aexit__ = _only("with")


class AsyncKling(AsyncResources, ClientBase, AsyncDownloads):
    """The async twin of `Kling`: the same names, awaited.

    Example:
        ```python
        async with AsyncKling("AK|SK") as kling:
            task = await kling.text2video.run(prompt="a kitten on the grass", duration=5)
            await kling.download(task.videos[0], "kitten.mp4")
        ```
    """

    _open_transport = staticmethod(async_transport)
    _runner_class = AsyncRunner
    _runner: AsyncRunner

    @property
    def tasks(self) -> AsyncAnyTaskResource:
        """Tasks of any product; see `Kling.tasks`."""
        from kling_sdk.client.tasks import AsyncAnyTaskResource  # as above

        return AsyncAnyTaskResource(self._runner)

    @property
    def solutions(self) -> AsyncSolutions:
        """Ready-made products, such as a video in which a person presents goods. Beta."""
        from kling_sdk.client.solutions import AsyncSolutions  # few programs use them

        return AsyncSolutions(self._runner)

    @property
    def account(self) -> AsyncAccountResource:
        """The account's resource packs and charges; see `Kling.account`."""
        from kling_sdk.client.account import AsyncAccountResource  # as above

        return AsyncAccountResource(self._runner)

    async def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the twin's parameter; it bounds attempts
        extra_headers: Mapping[str, str] | None = None,
    ) -> Task:
        """Create a task from a request of any endpoint; see `Kling.submit`."""
        from kling_sdk.flows.create import create

        operation = request_operation("create", create, _task_request(request))
        options = call_options(timeout=timeout, extra_headers=extra_headers)
        return await self._runner.run(operation, **options)

    async def wait_all(
        self,
        tasks: Iterable[Task | str],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the twin's parameter; it bounds polls
    ) -> list[Outcome]:
        """Wait for tasks of any endpoints; see `Kling.wait_all`."""
        work = _wait_many("wait_all", tasks)
        outcomes = self._runner.stream(work, **wait_options(timeout))
        return sorted([item async for item in outcomes], key=_place)

    def as_completed(
        self, tasks: Iterable[Task | str], *, timeout: float | None = None
    ) -> AsyncIterator[Outcome]:
        """Yield the outcome of each task as it ends; see `Kling.as_completed`."""
        work = _wait_many("as_completed", tasks)
        return self._runner.stream(work, **wait_options(timeout))

    def run_many(
        self,
        requests: Requests | AsyncIterable[Request | tuple[str, Request]],
        *,
        max_concurrent: int | None = None,
        timeout: float | None = None,
        on_update: Callable[[Task], object] | None = None,
        max_units: Decimal | int | None = None,
    ) -> AsyncIterator[Outcome]:
        """Create a task per request and yield the outcome of each; see `Kling.run_many`.

        *requests* may also be an async iterable; at most one request of it is read ahead. Creates
        and polls are tasks of the running event loop.
        """
        work = _run_many(requests, max_concurrent, timeout, max_units, reads_async=True)
        return self._runner.stream(work, **wait_options(None, on_update))

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | Sequence[Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Any:
        """Call a path that this package does not wrap; see `Kling.request`."""
        json = private(json)
        return await self._runner.run(_path_operation(method, path, json, params))

    async def request_raw(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | Sequence[Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Reply:
        """Call once and return status, headers and body; see `Kling.request_raw`."""
        json = private(json)
        return await self._runner.run(_raw_path_operation(method, path, json, params))

    async def close(self) -> None:
        """Close what this client opened; see `Kling.close`."""
        if (transport := self._shared.close()) is not None:
            await transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    if not TYPE_CHECKING:  # as above
        __enter__ = __exit__ = _only("async with")


def _place(outcome: Outcome) -> int:
    return outcome.index


def _task_request(request: Request) -> Request:
    """Return a request for a task, or raise TypeError."""
    record = a_request("submit", request).record
    if record.returns is not None:
        raise TypeError(
            f"a {type(request).__name__} does not make a task; use {record.takes_prepared}"
        )
    return request


def _wait_many(name: str, tasks: Iterable[Task | str]) -> Operation[None]:
    """Return the operation of `wait_all` or `as_completed`; *name* is one of the two."""
    from kling_sdk.flows.many import wait_many

    argument: object = tasks  # a caller may not run a type checker
    if not isinstance(argument, Iterable) or isinstance(argument, str):
        raise TypeError(f"{name} takes several tasks, not a {type(argument).__name__}")
    items = list(tasks)
    for item in items:
        if not isinstance(item, Task | str):
            raise TypeError(f"{name} takes tasks or their ids, not a {type(item).__name__}")
    return Operation(name, lambda ctx: wait_many(ctx, items), about={"tasks": len(items)})


def _run_many(
    requests: Requests | AsyncIterable[Request | tuple[str, Request]],
    max_concurrent: int | None,
    timeout: float | None,
    max_units: Decimal | int | None,
    *,
    reads_async: bool,
) -> Operation[None]:
    """Return the operation of `run_many`; *reads_async* allows an async iterable."""
    from kling_sdk.flows.batch_input import check_all
    from kling_sdk.flows.many import RunLimits, run_many

    if max_concurrent is not None:
        check_number("max_concurrent", max_concurrent, int, "a whole number, or None", least=1)
    if timeout is not None:
        check_number("timeout", timeout, int | float, "a number, or None")
    if max_units is not None:
        check_number("max_units", max_units, *UNITS)
    argument: object = requests  # a caller may not run a type checker
    if not isinstance(argument, Iterable | AsyncIterable) or isinstance(argument, str):
        raise TypeError(f"run_many takes several requests, not a {type(argument).__name__}")
    if isinstance(argument, AsyncIterable) and not reads_async:
        raise TypeError("only AsyncKling's run_many takes an async iterable")
    if isinstance(requests, Collection):
        check_all(requests)
    if max_units is None:
        limits = RunLimits(max_concurrent, timeout)
    else:
        from kling_sdk.prices import cost_of  # only a ceiling needs the price list

        limits = RunLimits(max_concurrent, timeout, Decimal(max_units), cost_of)
    about = {"tasks": len(requests)} if isinstance(requests, Collection) else {}
    return Operation("run_many", lambda ctx: run_many(ctx, requests, limits), about=about)


def _path_operation(
    method: str, path: str, json: Any, params: Mapping[str, str | int] | None
) -> Operation[Any]:
    """Return the operation of `request`."""

    def start(ctx: Context) -> Flow[Any]:
        send = repeat if method.upper() in {"GET", "HEAD"} else once
        return send(ctx, _call(method, path, json, params), ctx.wire.data)

    return Operation("request", start)


def _raw_path_operation(
    method: str, path: str, json: Any, params: Mapping[str, str | int] | None
) -> Operation[Reply]:
    """Return the operation of `request_raw`."""

    def read(reply: Reply) -> Reply:
        return reply._replace(body=bytes(reply.body))  # to be seen

    return Operation("request_raw", lambda ctx: once(ctx, _call(method, path, json, params), read))


def _call(method: str, path: str, json: Any, params: Mapping[str, str | int] | None) -> HttpCall:
    # The key goes along, so it must not be possible to name another host.
    if not path.startswith("/") or path.startswith("//"):
        raise RequestValidationError("path", "is not a path", "a path such as /v1/videos/lip-sync")
    from kling_sdk.endpoints.checks import require_json  # few programs call other paths

    for name, value in (("path", path), ("params", params), ("json", json)):
        require_json(name, value)
    return HttpCall(method.upper(), path, params=params, json=json)
