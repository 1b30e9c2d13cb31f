"""OpenTelemetry spans, with the real SDK of OpenTelemetry: what they say, and what they do not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from kling_sdk import (
    AsyncKling,
    ContentPolicyError,
    Event,
    Kling,
    KlingError,
    TextToVideo,
    TransportError,
)
from tests.sdk.clients import CLIENTS, KEY, PROMPT, Calls, over
from tests.sdk.fake_kling import VIDEO, HonestKling
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import ClockPerTask, FakeClock

clients = pytest.mark.parametrize("client", CLIENTS)


@attrs.frozen
class Traces:
    """A provider of OpenTelemetry, and what it was given."""

    provider: TracerProvider
    exporter: InMemorySpanExporter

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    @property
    def span(self) -> ReadableSpan:
        """Return the last span."""
        return self.spans[-1]

    @property
    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the last span."""
        return dict(self.span.attributes or {})

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the events of the last span."""
        return [(event.name, dict(event.attributes or {})) for event in self.span.events]


@pytest.fixture
def traces() -> Iterator[Traces]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield Traces(provider, exporter)
    provider.shutdown()


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    with FaultyKling() as server:
        yield server


@clients
def test_each_call_is_one_client_span(
    server: FaultyKling, traces: Traces, client: str, tmp_path: Path
) -> None:
    """A call of any client is one span that says what was called, where, and with which outcome."""
    file = f"{server.url}/files/a.mp4?Signature=s3cret"
    calls = Calls("order-1", tmp_path / "a.mp4", file)
    for call in (calls.create, calls.get, calls.list, calls.download):
        over(client, call, server.url, FakeClock(), tracer_provider=traces.provider)

    names = ["create text2video", "get text2video", "list text2video", "download"]
    assert [span.name for span in traces.spans] == names
    assert {span.kind for span in traces.spans} == {SpanKind.CLIENT}
    assert {span.status.status_code for span in traces.spans} == {StatusCode.UNSET}
    created, got, listed, downloaded = (dict(span.attributes or {}) for span in traces.spans)
    port = int(server.url.rpartition(":")[2])
    task_id = server.kling.by_external["order-1"]
    assert created == {
        "server.address": "127.0.0.1",
        "server.port": port,
        "kling.operation": "create",
        "kling.endpoint": "text2video",
        "kling.model": "kling-v2-6",
        "http.request.method": "POST",
        "url.path": "/v1/videos/text2video",
        "http.response.status_code": 200,
        "kling.task_id": task_id,
        "kling.external_task_id": "order-1",
        "kling.status": "succeed",
    }
    assert got["url.path"] == "/v1/videos/text2video/order-1"
    assert listed["kling.tasks"] == 1
    assert downloaded["url.path"] == "/files/a.mp4"
    assert downloaded["http.response.body.size"] == len(VIDEO)


@clients
def test_spans_nest_under_the_callers_span(
    server: FaultyKling, traces: Traces, client: str, tmp_path: Path
) -> None:
    """The call is a child of what the caller traces, and the parent of what happens in it."""
    tracer = traces.provider.get_tracer("app")
    inside: list[trace.Span] = []
    calls = Calls("order-1")
    with tracer.start_as_current_span("handler") as handler:
        over(
            client,
            calls.create,
            server.url,
            FakeClock(),
            tracer_provider=traces.provider,
            on_event=lambda _: inside.append(trace.get_current_span()),
        )
        assert trace.get_current_span() is handler

    create, outer = traces.spans
    assert create.parent == outer.context
    assert len(inside) == 2
    assert all(span.get_span_context() == create.context for span in inside)


@clients
def test_repeats_are_events_of_the_span(
    server: FaultyKling, traces: Traces, client: str, tmp_path: Path
) -> None:
    """Each repeat says why and after how long; the span counts them."""
    server.breaks(Fault.code(503, 5001, "overload"), Fault("accepted"))
    over(client, Calls("o").create, server.url, FakeClock(), tracer_provider=traces.provider)

    first, second = traces.events
    assert first[0] == second[0] == "kling.retry"
    assert first[1]["error.type"] == "kling_sdk.ServerError"
    assert first[1]["http.response.status_code"] == 503
    assert first[1]["kling.code"] == 5001
    assert second[1]["error.type"] == "kling_sdk.TransportError"
    assert (first[1]["kling.attempt"], second[1]["kling.attempt"]) == (1, 2)
    assert first[1]["kling.pause"] >= 0
    assert traces.attributes["http.request.resend_count"] == 2
    assert traces.span.status.status_code is StatusCode.UNSET


def test_a_resumed_download_says_so(server: FaultyKling, traces: Traces, tmp_path: Path) -> None:
    """A download that was cut shows its repeat too, without the file's signature."""
    server.breaks(Fault("mid-reply"))
    calls = Calls(None, tmp_path / "a.mp4", f"{server.url}/files/a.mp4?Signature=s3cret")
    over("httpx", calls.download, server.url, FakeClock(), tracer_provider=traces.provider)

    assert [name for name, _ in traces.events] == ["kling.retry"]
    assert traces.attributes["http.request.resend_count"] == 1
    assert traces.attributes["http.response.status_code"] == 206
    assert "s3cret" not in traces.span.to_json()


def test_a_wait_is_one_span_with_its_looks(traces: Traces) -> None:
    """A wait of minutes is one span; polls and changes of status are its events."""
    clock = FakeClock()
    with FaultyKling(HonestKling(now=clock.time, takes=60.0)) as server:
        server.breaks(None, Fault.page(500))
        with Kling(KEY, base_url=server.url, clock=clock, tracer_provider=traces.provider) as kling:
            task = kling.text2video.run(prompt=PROMPT)

    looks = len(server.sent("GET"))  # the failed one included
    names = [name for name, _ in traces.events]
    assert len(traces.spans) == 1
    assert traces.span.name == "run text2video"
    assert names.count("kling.poll") == looks > 2
    changes = [
        attributes["kling.status"] for name, attributes in traces.events if name == "kling.task"
    ]
    assert changes == ["submitted", "succeed"]
    assert traces.attributes["kling.status"] == "succeed"
    assert traces.attributes["kling.task_id"] == task.task_id


@clients
def test_an_error_is_recorded_without_anybodys_words(
    server: FaultyKling, traces: Traces, client: str
) -> None:
    """A failed span has the class and the codes of the error, and no word of the server's."""
    server.breaks(then=Fault.code(400, 1301, f"the prompt {PROMPT!r} is not allowed"))
    with pytest.raises(ContentPolicyError):
        over(client, Calls("o").create, server.url, FakeClock(), tracer_provider=traces.provider)

    assert traces.span.status.status_code is StatusCode.ERROR
    assert traces.span.status.description == "HTTP 400, code 1301, request_id req-1"
    assert traces.attributes["error.type"] == "kling_sdk.ContentPolicyError"
    assert traces.attributes["http.response.status_code"] == 400
    assert traces.attributes["kling.code"] == 1301
    assert traces.attributes["kling.request_id"] == "req-1"
    assert traces.attributes["kling.external_task_id"] == "o"
    text = traces.span.to_json()
    assert PROMPT not in text
    assert "not allowed" not in text


def test_no_answer_is_no_status(server: FaultyKling, traces: Traces) -> None:
    """After a reset, the span does not have the status of an earlier attempt."""
    server.breaks(Fault.page(500), then=Fault("unread"))
    with pytest.raises(TransportError):
        over("httpx", Calls("o").get, server.url, FakeClock(), tracer_provider=traces.provider)

    assert "http.response.status_code" not in traces.attributes
    assert traces.attributes["error.type"] == "kling_sdk.TransportError"


async def test_a_cancelled_call_ends_its_span(server: FaultyKling, traces: Traces) -> None:
    """A cancelled coroutine leaves a span that says so, and nothing open."""
    server.breaks(then=Fault("silent"))
    async with AsyncKling(KEY, base_url=server.url, tracer_provider=traces.provider) as kling:
        call = asyncio.create_task(kling.text2video.get("1"))
        while not server.requests:  # noqa: ASYNC110 - no event of asyncio crosses threads
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert traces.attributes["error.type"] == "asyncio.exceptions.CancelledError"


def requests(count: int) -> list[TextToVideo]:
    return [TextToVideo(prompt=f"{PROMPT} {number}") for number in range(count)]


def test_many_tasks_are_one_span_that_is_not_current_between_outcomes(
    server: FaultyKling, traces: Traces
) -> None:
    """What a program does with an outcome is not part of the call that hands it out."""
    between: list[trace.Span] = []
    with Kling(
        KEY, base_url=server.url, clock=FakeClock(), tracer_provider=traces.provider
    ) as kling:
        for outcome in kling.run_many(requests(3)):
            assert outcome.error is None
            between.append(trace.get_current_span())

    assert [span.get_span_context().is_valid for span in between] == [False] * 3
    assert [span.name for span in traces.spans] == ["run_many"]
    assert traces.attributes["kling.tasks"] == 3
    assert (
        traces.attributes["kling.tasks.succeeded"],
        traces.attributes["kling.tasks.failed"],
    ) == (3, 0)


async def test_the_async_twin_makes_the_same_span(server: FaultyKling, traces: Traces) -> None:
    """`run_many` of `AsyncKling` is traced alike."""
    between: list[trace.Span] = []
    async with AsyncKling(
        KEY, base_url=server.url, clock=ClockPerTask(), tracer_provider=traces.provider
    ) as kling:
        async for outcome in kling.run_many(requests(3)):
            assert outcome.error is None
            between.append(trace.get_current_span())

    assert [span.get_span_context().is_valid for span in between] == [False] * 3
    assert traces.attributes["kling.tasks.succeeded"] == 3


def test_a_loop_that_is_left_early_is_no_failure(server: FaultyKling, traces: Traces) -> None:
    """`break` ends the span with what was handed out until then."""
    with Kling(
        KEY, base_url=server.url, clock=FakeClock(), tracer_provider=traces.provider
    ) as kling:
        outcomes = kling.run_many(requests(3))
        assert traces.spans == []
        next(outcomes)
        del outcomes

    assert traces.attributes["kling.tasks.succeeded"] == 1
    assert traces.span.status.status_code is StatusCode.UNSET


def test_each_method_has_its_name(server: FaultyKling, traces: Traces) -> None:
    """Spans can be distinguished by the method that was called."""
    with Kling(
        KEY, base_url=server.url, clock=FakeClock(), tracer_provider=traces.provider
    ) as kling:
        task = kling.text2video.submit(TextToVideo(prompt=PROMPT))
        kling.text2video.wait(task.task_id)
        list(kling.text2video.iter())
        kling.wait_all([task])
        list(kling.as_completed([task]))
        kling.request("GET", "/v1/videos/text2video")
        kling.request_raw("GET", "/v1/videos/text2video")
        with pytest.raises(KlingError):
            kling.account.costs(0, 1)

    assert [span.name for span in traces.spans] == [
        "create text2video",
        "wait text2video",
        "list text2video",
        "wait_all",
        "as_completed",
        "request",
        "request_raw",
        "account.costs",
    ]


def test_spans_can_be_turned_off(server: FaultyKling, traces: Traces) -> None:
    """`trace=False` turns them off for a client or for some of its calls."""
    with Kling(KEY, base_url=server.url, tracer_provider=traces.provider) as kling:
        quiet = kling.with_options(trace=False)
        quiet.text2video.create(prompt=PROMPT)
        assert list(quiet.run_many([])) == []

    assert traces.spans == []


def test_a_span_that_is_not_sampled_costs_no_events(server: FaultyKling) -> None:
    """What the sampler drops is not watched, but what it says goes for the spans inside."""
    inside: list[trace.Span] = []

    def look(_: Event) -> None:
        inside.append(trace.get_current_span())

    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    with Kling(KEY, base_url=server.url, tracer_provider=provider, on_event=look) as kling:
        kling.text2video.create(prompt=PROMPT)

    assert len(inside) == 2
    assert all(span.get_span_context().is_valid for span in inside)
    assert not any(span.is_recording() for span in inside)


@clients
def test_traceparent_goes_to_the_api_when_asked_and_never_to_a_file_host(
    server: FaultyKling, traces: Traces, client: str, tmp_path: Path
) -> None:
    """A user's own relay can continue the trace; the vendor and file hosts do not get it."""
    calls = Calls("o", tmp_path / "a.mp4", f"{server.url}/files/a.mp4")
    for traceparent in (False, True):
        for call in (calls.create, calls.download):
            over(
                client,
                call,
                server.url,
                FakeClock(),
                tracer_provider=traces.provider,
                traceparent=traceparent,
            )

    sent = [request.headers.get("traceparent") for request in server.requests]
    context = next(span.context for span in traces.spans[2:] if span.name.startswith("create"))
    assert context is not None
    expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    # The second create finds its id taken and looks the task up, under the same span.
    assert sent == [None, None, expected, expected, None]


def test_the_event_hook_and_the_spans_do_not_disturb_each_other(
    server: FaultyKling, traces: Traces
) -> None:
    """A hook sees the same events with and without spans, and may fail."""
    seen: dict[bool, list[str]] = {True: [], False: []}
    for traced in (True, False):

        def hook(event: Event, kinds: list[str] = seen[traced]) -> None:
            kinds.append(event.kind)
            raise ValueError("a hook's own mistake")

        with Kling(
            KEY,
            base_url=server.url,
            tracer_provider=traces.provider,
            trace=traced,
            on_event=hook,
        ) as kling:
            kling.text2video.create(prompt=PROMPT)

    assert seen[True] == seen[False] == ["request", "response"]
    assert len(traces.spans) == 1


@pytest.mark.slow
def test_a_program_without_opentelemetry_is_not_made_to_load_it() -> None:
    """Calls of a program that does not trace load neither OpenTelemetry nor our own part."""
    code = """
import sys, httpx
from kling_sdk import Kling
body = b'{"code": 0, "data": {"task_id": "1", "task_status": "succeed"}}'
http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)))
with Kling("a|b", http_client=http) as kling:
    kling.text2video.create(prompt="x")
    kling.text2video.get("1")
print(sorted(name for name in sys.modules if "opentelemetry" in name or "tracing" in name))
"""
    environment = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert answer.stdout.strip() == "[]"


def test_without_a_provider_calls_go_on_as_before(server: FaultyKling) -> None:
    """OpenTelemetry's API without its SDK makes spans that lead nowhere."""
    with Kling(KEY, base_url=server.url) as kling:
        task = kling.text2video.create(prompt=PROMPT)
        server.breaks(then=Fault.code(400, 1201, "no"))
        with pytest.raises(KlingError):
            kling.text2video.get(task.task_id)
