"""P7: no key, token, prompt or signed URL in a log, repr, error, traceback, URL or trace.

Real calls on every transport, in good and in bad weather, with every logger at DEBUG, an
event hook and OpenTelemetry. Everything that a program can print is put into one text, in
which the secrets are looked for. Two naive clients, which do what many programs do, must
fail the same search: else it would prove nothing.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kling_sdk import AsyncKling, Kling, KlingError, TextToVideo
from kling_sdk.flows import Send
from kling_sdk.flows.create import create
from tests.sdk.clients import API_KEY, CLIENTS, KEY, PROMPT, Calls, over
from tests.sdk.fake_kling import HonestKling
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock, context

pytestmark = pytest.mark.slow

SIGNATURES: Final = ("sig-of-the-file", "sig-of-the-redirect", "sig-of-the-picture")
LOGGERS: Final = ("kling_sdk", "httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "asyncio")
QUOTING: Final = f"the prompt {PROMPT!r} with https://a.test/x.png?s={SIGNATURES[2]} is refused"
WEATHER: Final = {
    "good": None,
    "reset": Fault("unread"),
    "lost": Fault("accepted"),
    "torn": Fault("mid-reply"),
    "cut": Fault("cut", at=0.4),
    "500": Fault.page(500),
    "500 that quotes": Fault.page(500, QUOTING.encode()),
    "1301": Fault.code(400, 1301),
    "1301 that quotes": Fault.code(400, 1301, QUOTING),
    "1002": Fault.code(401, 1002),
    "garbage": Fault.page(200),
    "no http": Fault.page(200, b"", content_length="nonsense"),
    "timeout": Fault("silent"),
}
# Only the request that held a secret can tell that an answer quotes it: a server that quotes
# a prompt of an earlier request in its answer to a later one tells more than it was asked.
READ_LATER: Final = {"1301 that quotes"}


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    with FaultyKling(HonestKling()) as server:
        server.kling.file_url = f"{server.url}/files/a.mp4?Expires=1&Signature={SIGNATURES[0]}"
        server.redirects["/files/a.mp4"] = f"/cdn/a.mp4?x-signature={SIGNATURES[1]}#{SIGNATURES[1]}"
        yield server


@attrs.define
class Printed:
    """Everything that one client let a program print."""

    texts: list[str] = attrs.field(factory=list)
    spans: InMemorySpanExporter = attrs.field(factory=InMemorySpanExporter)
    provider: TracerProvider = attrs.field(
        factory=lambda: TracerProvider(shutdown_on_exit=False), init=False
    )

    def __attrs_post_init__(self) -> None:
        self.provider.add_span_processor(SimpleSpanProcessor(self.spans))

    def attempt(
        self, client: str, server: FaultyKling, call: Any, timeout: float, key: str
    ) -> None:
        try:
            result = over(
                client,
                call,
                server.url,
                FakeClock(),
                key=key,
                on_event=lambda event: self.texts.append(repr(event)),
                tracer_provider=self.provider,
                timeout=timeout,
                retries=1,
            )
            self.texts += [repr(result), str(result)]
        except KlingError as error:
            self.texts += printable(error)

    def everything(self, log: str) -> str:
        return "\n".join([*self.texts, *(span.to_json() for span in traced(self.spans)), log])


def traced(spans: InMemorySpanExporter) -> Any:
    return spans.get_finished_spans()


def printable(error: BaseException) -> list[str]:
    """Return everything that a program can print of an error."""
    return [str(error), repr(error), "".join(traceback.format_exception(error))]


def secrets(server: FaultyKling) -> list[str]:
    """Return what must not be seen, the tokens that were really sent included."""
    sent = (request.headers.get("authorization", "") for request in server.requests)
    tokens = {header.removeprefix("Bearer ") for header in sent if header}
    return [KEY.partition("|")[2], API_KEY, PROMPT, *SIGNATURES, *tokens]


def leaks(server: FaultyKling, text: str) -> list[str]:
    return [secret for secret in secrets(server) if secret in text]


def verbose(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", *LOGGERS):
        caplog.set_level(logging.DEBUG, name or None)


@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("is_new", [False, True], ids=["v1", "model-path"])
def test_nothing_that_is_printed_holds_a_secret(
    server: FaultyKling,
    is_new: bool,  # noqa: FBT001 - a parameter of the test
    client: str,
    weather: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever breaks, logs at DEBUG, results, events, errors, tracebacks and traces are clean."""
    verbose(caplog)
    fault, printed, timeout = WEATHER[weather], Printed(), 0.02 if weather == "timeout" else 5.0
    calls = Calls("order-1", tmp_path / "a.mp4", server.kling.file_url, is_new=is_new)

    reads = () if weather in READ_LATER else (calls.get, calls.list)
    for call in (calls.create, *reads, calls.download):
        for faults, then in (((fault,), None), ((None, fault), None), ((), fault)):
            server.breaks(*faults, then=then)
            printed.attempt(client, server, call, timeout, calls.key)

    everything = printed.everything(caplog.text)
    assert len(printed.texts) >= 9
    assert len(traced(printed.spans)) >= 6
    assert "order-1" in everything  # what is not secret is there: the search can see
    assert leaks(server, everything) == []


@pytest.mark.parametrize("is_new", [False, True], ids=["v1", "model-path"])
def test_no_url_of_the_api_holds_a_secret(
    server: FaultyKling,
    is_new: bool,  # noqa: FBT001 - as above
    tmp_path: Path,
) -> None:
    """Keys travel in a header and prompts in a body; a proxy's log of URLs shows neither."""
    calls = Calls("order-1", tmp_path / "a.mp4", server.kling.file_url, is_new=is_new)
    for call in (calls.create, calls.get, calls.list):
        over("httpx", call, server.url, FakeClock(), key=calls.key)

    urls = [f"{request.path} {dict(request.query)}" for request in server.requests]
    assert len(urls) == 3
    assert leaks(server, "\n".join(urls)) == []


def test_the_host_of_a_file_is_told_no_key(server: FaultyKling, tmp_path: Path) -> None:
    """A download goes to another host than the API's, and carries no token."""
    calls = Calls(None, tmp_path / "a.mp4", server.kling.file_url)
    over("httpx", calls.download, server.url, FakeClock())

    assert len(server.requests) == 2
    for request in server.requests:
        assert "authorization" not in request.headers


def test_what_is_held_in_memory_shows_no_secret() -> None:
    """Clients, requests and calls can be printed by a debugger or an error reporter."""
    picture = f"https://files.test/a.png?Signature={SIGNATURES[2]}"
    request = TextToVideo(prompt=PROMPT, callback_url=picture, negative_prompt=PROMPT)
    effect = next(create(context(FakeClock()), request))
    assert isinstance(effect, Send)
    signed = effect.call.headers["authorization"]
    client = Kling(KEY)
    held = [client, AsyncKling(KEY), client.text2video, client._settings, request, effect]

    text = "\n".join(f"{thing!r} {thing}" for thing in held)

    for secret in (KEY.partition("|")[2], PROMPT, SIGNATURES[2], signed, "key-1"):
        assert secret not in text


def test_other_users_of_the_http_library_keep_their_log(
    server: FaultyKling, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What this package keeps out of the log is its own downloads' headers, nothing else."""
    calls = Calls(None, tmp_path / "a", server.kling.file_url)
    over("httpx", calls.download, server.url, FakeClock())
    caplog.set_level(logging.DEBUG)
    with httpx.Client() as http:
        http.get(f"{server.url}/v1/videos/text2video")

    assert "application/json" in caplog.text


# ---------------------------------------------------------------- negative controls


def test_the_search_finds_what_a_naive_download_logs(
    server: FaultyKling, caplog: pytest.LogCaptureFixture
) -> None:
    """The library below, used directly, logs the very signatures that are looked for."""
    verbose(caplog)
    with httpx.Client() as http:
        http.get(server.kling.file_url, follow_redirects=True)

    assert leaks(server, caplog.text) == list(SIGNATURES[:2])


def test_the_search_finds_what_a_naive_create_raises(server: FaultyKling) -> None:
    """A client that raises the server's words and its own body shows everything it must not."""

    @attrs.define
    class RefusedError(Exception):
        body: dict[str, Any]
        headers: dict[str, str]
        words: str

    server.breaks(Fault.code(400, 1301, QUOTING))
    body, headers = {"prompt": PROMPT}, {"authorization": f"Bearer {KEY}"}
    with httpx.Client() as http:
        reply = http.post(f"{server.url}/v1/videos/text2video", json=body, headers=headers)
    error = RefusedError(body, headers, reply.json()["message"])

    leaked = leaks(server, "\n".join(printable(error)))
    assert {KEY.partition("|")[2], PROMPT, SIGNATURES[2]} <= set(leaked)
