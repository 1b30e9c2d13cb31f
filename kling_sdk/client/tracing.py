"""OpenTelemetry spans: one client span per call of the user's, from its start to its result.

Used only by a program that has loaded OpenTelemetry's API itself (extra `otel`, or an
agent); nothing here loads it before. Repeats, looks and changes of status are events of the
span, so a wait of half an hour is one span. The span is current while the call runs: spans
of an instrumented HTTP library become its children, and log records carry its ids. It is
not current while the caller of `run_many` or `as_completed` handles an outcome.

Attributes follow OpenTelemetry's stable conventions for HTTP clients and errors
(`http.*`, `url.path`, `server.*`, `error.type`); attributes without a convention are under
`kling.`. The conventions for generative AI are still in development and not used.

No prompt, key, token, query string or text of the server's gets into a span.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

import attrs

from kling_sdk.errors import KlingAPIError, KlingError
from kling_sdk.flows import Context, Event, Operation
from kling_sdk.flows.core import reason
from kling_sdk.results.task import Download, Page, Task

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

T = TypeVar("T")


class Traced:
    """One call and its span, which starts when the call does."""

    def __init__(self, ctx: Context, operation: Operation[Any], base_url: str) -> None:
        self.ctx = ctx
        self._operation = operation
        self._base_url = base_url
        self._hook = ctx.options.on_event
        self._last: dict[str, AttributeValue] = {}  # the last exchange over HTTP
        self._retries = 0
        self._ended = {True: 0, False: 0}  # outcomes handed out: well, and not

    def noted(self, result: T) -> T:
        """Note the result of the call, and return it."""
        self._span.set_attributes(_of_result(result))
        return result

    @contextlib.contextmanager
    def call(self) -> Generator[Self]:
        """Enclose a call with one result."""
        with self._recorded(), self._current():
            yield self

    def stream(
        self, play: Callable[[Context], Generator[Any, None, None]]
    ) -> Generator[Any, None, None]:
        """Yield the outcomes that *play* yields."""
        with self._recorded(), contextlib.closing(play(self.ctx)) as items:
            while True:
                with self._current():
                    item = next(items, None)
                if item is None:
                    return
                self._ended[item.error is None] += 1
                yield item

    async def astream(
        self, play: Callable[[Context], AsyncGenerator[Any, None]]
    ) -> AsyncGenerator[Any, None]:
        """Yield the outcomes that *play* yields."""
        with self._recorded():
            async with contextlib.aclosing(play(self.ctx)) as items:
                while True:
                    with self._current():
                        item = await anext(items, None)
                    if item is None:
                        return
                    self._ended[item.error is None] += 1
                    yield item

    # ------------------------------------------------------------ start and end

    @contextlib.contextmanager
    def _recorded(self) -> Generator[None]:
        self._start()
        try:
            yield
        except BaseException as error:
            if not isinstance(error, GeneratorExit):  # the caller left its loop: no failure
                self._fail(error)
            raise
        finally:
            self._end()

    @contextlib.contextmanager
    def _current(self) -> Generator[None]:
        from opentelemetry import context

        token = context.attach(self._around)
        try:
            yield
        finally:
            context.detach(token)

    def _start(self) -> None:
        # Loaded here: the module must be importable where OpenTelemetry is not installed.
        from opentelemetry import trace

        options = self.ctx.options
        name = f"{self._operation.name} {self._operation.endpoint}".rstrip()
        self._span = trace.get_tracer(
            "kling_sdk", tracer_provider=options.tracer_provider
        ).start_span(name, kind=trace.SpanKind.CLIENT, attributes=self._known_before())
        self._around = trace.set_span_in_context(self._span)
        if self._span.is_recording():
            watched = attrs.evolve(options, on_event=self._on_event)
            self.ctx = attrs.evolve(self.ctx, options=watched)
        if options.traceparent:
            self.ctx = attrs.evolve(self.ctx, headers=self._propagated())

    def _end(self) -> None:
        if self._retries:
            self._last["http.request.resend_count"] = self._retries
        if any(self._ended.values()):
            self._last["kling.tasks.succeeded"] = self._ended[True]
            self._last["kling.tasks.failed"] = self._ended[False]
        self._span.set_attributes(self._last)
        self._span.end()

    def _fail(self, error: BaseException) -> None:
        from opentelemetry.trace import StatusCode

        text = reason(error) if isinstance(error, KlingError) else None
        self._span.set_status(StatusCode.ERROR, text)
        self._span.set_attributes(_of_error(error))

    def _known_before(self) -> dict[str, AttributeValue]:
        known = _server(urlsplit(self._base_url))
        known["kling.operation"] = self._operation.name
        if self._operation.endpoint:
            known["kling.endpoint"] = self._operation.endpoint
        return known | {f"kling.{name}": value for name, value in self._operation.about.items()}

    def _propagated(self) -> dict[str, str]:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        # `traceparent` and `tracestate` only: baggage may be anything, and is not for the vendor.
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, self._around)
        return carrier

    # ------------------------------------------------------------ events

    def _on_event(self, event: Event) -> object:
        if event.kind == "request":
            self._last = {"http.request.method": event.method} | _place(event.path)
        elif event.kind == "response" and event.status is not None:
            self._last["http.response.status_code"] = event.status
        elif event.kind == "retry":
            self._retries += 1
            self._span.add_event("kling.retry", _of_retry(event))
        elif event.kind == "poll":
            self._span.add_event("kling.poll")
        elif event.kind == "task" and event.task is not None:
            self._span.add_event("kling.task", _of_result(event.task))
        return None if self._hook is None else self._hook(event)


def _place(path: str) -> dict[str, AttributeValue]:
    """Return the attributes of a request's URL: a path under the base URL, or a file's URL."""
    parts = urlsplit(path)
    attributes = _server(parts) if parts.hostname else {}
    return attributes | {"url.path": parts.path}


def _server(parts: SplitResult) -> dict[str, AttributeValue]:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}


def _of_retry(event: Event) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {"kling.attempt": event.attempt}
    if event.pause is not None:
        attributes["kling.pause"] = event.pause
    return attributes | (_of_error(event.error) if event.error is not None else {})


def _of_error(error: BaseException) -> dict[str, AttributeValue]:
    """Return the attributes of *error*: its kind and its numbers, never its text."""
    cls = type(error)
    home = "kling_sdk" if isinstance(error, KlingError) else cls.__module__
    name = cls.__qualname__ if home == "builtins" else f"{home}.{cls.__qualname__}"
    attributes: dict[str, AttributeValue] = {"error.type": name}
    if isinstance(error, KlingAPIError):
        attributes["http.response.status_code"] = error.http_status
        if error.code:
            attributes["kling.code"] = error.code
        if error.request_id:
            attributes["kling.request_id"] = error.request_id
    if isinstance(error, KlingError):
        attributes |= _ids(error.task_id, error.external_task_id)
    return attributes


def _of_result(result: object) -> dict[str, AttributeValue]:
    if isinstance(result, Task):
        attributes: dict[str, AttributeValue] = {"kling.status": result.status}
        if result.units is not None:
            attributes["kling.units"] = float(result.units)
        return attributes | _ids(result.task_id, result.external_task_id)
    if isinstance(result, Page):
        return {"kling.tasks": len(result)}
    if isinstance(result, Download):
        return {"http.response.body.size": result.size}
    return {}


def _ids(task_id: str | None, external_task_id: str | None) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {}
    if task_id:
        attributes["kling.task_id"] = task_id
    if external_task_id:
        attributes["kling.external_task_id"] = external_task_id
    return attributes
