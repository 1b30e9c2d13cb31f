"""Each way in which a create ends, on a real connection whose server counts what it receives.

The ways are the rows of the table in docs/client.md. An outcome is unknown exactly where a byte of
the request left and no response came; an error that says that nothing was sent is true. `-s` prints
the bytes beside each verdict.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

import attrs
import pytest

from kling_sdk import (
    AccountError,
    AlreadyExistsError,
    AsyncKling,
    AuthenticationError,
    ConcurrencyLimitError,
    ConflictError,
    Event,
    InvalidRequestError,
    Kling,
    KlingError,
    OutcomeUnknownError,
    RateLimitError,
    RequestValidationError,
    Task,
    TextToVideo,
    TransportError,
    UnreachableError,
)
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.relay import RelayWire
from tests.docs.test_retries_and_money import ANOTHER, CASES, IMPOSSIBLE
from tests.sdk.fake_kling import Answer, HonestKling, answer
from tests.sdk.fake_relay import CONFLICT, IN_PROGRESS, FakeRelay, refused
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.hosts import ADDRESSES, HOST, host_of
from tests.sdk.proxy import Kind, Proxy
from tests.sdk.scripted import FakeClock

REQUEST: Final = TextToVideo(prompt="a kitten", external_task_id="order-1")
ANOTHERS: Final = answer(
    200,
    0,
    "SUCCEED",
    {"task_id": "666", "task_status": "submitted", "task_info": {"external_task_id": "another"}},
)
EXISTS: Final = Fault.code(400, 1201, "External_task_id order-1 already exists")
NOT_FOUND: Final = Fault.code(400, 1201, "Task not found by id/external id: order-1")


class Recorder(FaultyKling):
    """Counts the bytes of creates that reach it, whether they are read or not."""

    received = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        feed, start = reader.feed_data, b""

        def counting(data: bytes) -> None:
            nonlocal start
            start = start or data[:64]
            if start.startswith(b"POST"):
                self.received += len(data)
            feed(data)

        reader.feed_data = counting  # type: ignore[method-assign, assignment] # nothing else sees each byte
        await super()._serve(reader, writer)


class Relay:
    """A relay that compares requests, behind the same socket."""

    def __init__(self) -> None:
        self.relay = FakeRelay()

    @property
    def tasks(self) -> dict[str, str]:
        return self.relay.tasks

    def answer(
        self, method: str, path: str, _query: Any, _headers: Mapping[str, str], body: Any
    ) -> Answer:
        reply = self.relay.reply_to(SimpleNamespace(call=HttpCall(method, path, None, body)))  # type: ignore[arg-type] # all it reads
        return Answer(reply.status, reply.body, reply.headers)


def says(reply: Reply) -> Fault:
    return Fault("says", reply=Answer(reply.status, reply.body, reply.headers))


def has_used(endpoint: str) -> Callable[[Any], None]:
    """Return what an earlier create has done."""
    body = {"external_task_id": "order-1"}
    return lambda kling: kling.answer("POST", f"/v1/videos/{endpoint}", {}, {}, body)


def has_used_relay(kling: Any) -> None:
    call = RelayWire().create(REQUEST, "order-1")
    kling.answer(call.method, call.path, {}, {}, call.json)


class StartsServer(FakeClock):
    """A clock on which the server starts at the second pause."""

    server: FaultyKling

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        super().sleep(seconds, wake)
        if len(self.slept) == 2:
            self.server.listen()

    async def asleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if len(self.slept) == 2:
            await asyncio.to_thread(self.server.listen)


@attrs.frozen
class Way:
    """The end of a create.

    Attributes:
        row: Its row of the table.
        verdict: What the caller gets.
        faults: The fates of the first requests, in turn.
        then: The fate of all later ones.
        before: What was done before.
        settings: Settings of the client.
        request: What is created; None for a call that takes no external id.
        kling: Makes what answers.
        is_listening: False for a server that starts later, or never.
        clock: Makes the clock.
    """

    row: str
    verdict: type[Any]
    faults: Sequence[Fault | None] = ()
    then: Fault | None = None
    before: Callable[[Any], None] = lambda _: None
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    request: TextToVideo | None = REQUEST
    kling: Callable[[], Any] = HonestKling
    is_listening: bool = True
    clock: Callable[[], FakeClock] = FakeClock


def interrupting(kind: str) -> Mapping[str, Any]:
    """Return a hook that interrupts a call, as Ctrl-C does, before or after it is sent."""

    def on_event(event: Event) -> None:
        if event.kind == kind:
            raise KeyboardInterrupt

    return {"on_event": on_event}


LOST: Final = (
    "the reply is lost: a reset, a time-out, HTTP 5xx, a gateway's page; a repeat is answered"
)
UNTIL_DEADLINE: Final = "the reply is lost, then Kling does not answer until the deadline"
NO_ID: Final = "the reply is lost at an endpoint that takes no `external_task_id`"
WITHOUT_LOOK_UP: Final = "the reply is lost until the deadline, with `look_up=False`"
SHORT: Final = {"timeout": 0.2, "create_deadline": 2.0}

WAYS: Final = [
    Way(CASES[0].happened, RequestValidationError, request=IMPOSSIBLE),
    Way("the reply is the task", Task),
    Way("the reply is the task", Task, kling=Relay),
    Way("the reply is a task, without your id", Task, kling=lambda: HonestKling(names=False)),
    Way("no connection at first, and then one", Task, is_listening=False, clock=StartsServer),
    Way("never a connection", UnreachableError, is_listening=False),
    *(
        Way(LOST, Task, [fault])
        for fault in (
            Fault("unread"),
            Fault("torn"),
            Fault("accepted"),
            Fault("mid-reply"),
            Fault("cut"),
            Fault.code(500, 5000),
            Fault.page(502),
        )
    ),
    Way(LOST, Task, [Fault("silent")], settings={"timeout": 0.3}),
    *(
        Way(UNTIL_DEADLINE, OutcomeUnknownError, then=Fault(kind), settings=SHORT)
        for kind in ("unread", "torn", "accepted")
    ),
    Way(UNTIL_DEADLINE, OutcomeUnknownError, [Fault("silent")], Fault("unread"), settings=SHORT),
    Way(
        "the reply is lost, the repeat is refused, and a look-up finds the task",
        Task,
        [Fault("accepted"), Fault.code(429, 1102)],
    ),
    Way(
        "the reply is lost, the repeat is refused, and a look-up finds nothing",
        OutcomeUnknownError,
        [Fault("unread"), Fault.code(429, 1102)],
    ),
    Way("the same page of something else three times", OutcomeUnknownError, then=Fault.page(403)),
    Way(
        "a redirect, or `http://` to a port that speaks TLS",
        OutcomeUnknownError,
        then=Fault.page(307, location="https://other.test/"),
    ),
    Way("the reply is about another task", Task, [Fault("mangled", reply=ANOTHERS)]),
    *(
        Way(CASES[12].happened, error, [Fault.code(http, code)])
        for http, code, error in (
            (429, 1102, AccountError),
            (400, 1200, InvalidRequestError),
        )
    ),
    Way(CASES[12].happened, AccountError, [says(refused(402, "insufficient_quota"))], kling=Relay),
    Way(
        "too many requests (1302) or all slots busy (1303), and then not",
        Task,
        [Fault.code(429, 1302), Fault.code(429, 1303)],
    ),
    *(
        Way(
            "too many requests or all slots busy until the deadline",
            error,
            then=Fault.code(429, code, retry_after="8"),
            settings={"create_deadline": 20.0},  # the last attempt has 4 s for its answer
        )
        for code, error in ((1302, RateLimitError), (1303, ConcurrencyLimitError))
    ),
    Way("the token has expired or is not valid yet (1003, 1004)", Task, [Fault.code(401, 1004)]),
    Way(
        "the key is refused (1000-1002), and there is another",
        Task,
        [Fault.code(401, 1002)],
        settings={"key": "k1\nk2"},
    ),
    Way("every key is refused", AuthenticationError, then=Fault.code(401, 1002)),
    Way(
        "Kling: an earlier create at this endpoint has used the id",
        Task,
        before=has_used("text2video"),
    ),
    Way(
        "Kling: an earlier create at this endpoint has used the id",
        AlreadyExistsError,
        before=has_used("text2video"),
        settings={"if_exists": "error"},
    ),
    Way(
        "Kling: a task of another endpoint has the id",
        ConflictError,
        before=has_used("image2video"),
    ),
    Way("Kling: the id is taken, and no task is shown", OutcomeUnknownError, [EXISTS], NOT_FOUND),
    Way(
        "relay: an earlier create with the same request has used the id",
        Task,
        before=has_used_relay,
        kling=Relay,
    ),
    Way("relay: 409 `request_in_progress`", Task, [says(IN_PROGRESS)], kling=Relay),
    Way("relay: 409 `external_task_id_conflict`", ConflictError, [says(CONFLICT)], kling=Relay),
    Way(
        "relay: 409 `external_task_id_conflict`",
        ConflictError,
        before=has_used_relay,
        request=ANOTHER,
        kling=Relay,
    ),
    Way(
        "409 for any other reason",
        OutcomeUnknownError,
        [says(refused(409, "conflict"))],
        kling=Relay,
    ),
    *(
        Way(CASES[25].happened, KeyboardInterrupt, settings=interrupting(kind))
        for kind in ("request", "response")
    ),
    Way(
        WITHOUT_LOOK_UP,
        OutcomeUnknownError,
        then=Fault("accepted"),
        settings={**SHORT, "look_up": False},
    ),
    Way(
        WITHOUT_LOOK_UP,
        UnreachableError,
        is_listening=False,
        settings={**SHORT, "look_up": False},
    ),
    Way(NO_ID, OutcomeUnknownError, then=Fault("unread"), request=None),
    Way(NO_ID, UnreachableError, is_listening=False, request=None),
]


# ---------------------------------------------------------------- the tests


def test_each_row_of_the_page_is_among_the_ways() -> None:
    """So a new way in which a create ends has to be counted here."""
    assert {way.row for way in WAYS} == {case.happened for case in CASES}
    assert len(CASES) == 28


def buy(kling: Any, request: TextToVideo | None) -> Any:
    if request is None:
        return kling.tts.call(text="hello", voice_id="genshin_vindi2", voice_language="en")
    return kling.submit(request)


def ended(colour: str, url: str, way: Way, clock: FakeClock) -> Any:
    """Return the task that the caller gets, or what is raised."""
    settings = {"base_url": url, "clock": clock, **way.settings}
    key = settings.pop("key", "AK|SK")
    is_relay = way.kling is Relay

    def make(cls: Any) -> Any:
        if is_relay:
            return cls.relay(settings.pop("base_url"), "sk-1", **settings)
        return cls(key, **settings)

    async def arun() -> Any:
        async with make(AsyncKling) as kling:
            return await buy(kling, way.request)

    try:
        if colour == "async":
            return asyncio.run(arun())
        with make(Kling) as kling:
            return buy(kling, way.request)
    except (KlingError, KeyboardInterrupt) as error:
        return error


def judge(row: str, colour: str, outcome: Any, received: int) -> None:
    """Print a verdict beside what the recorder has counted, and hold the one against the other."""
    sys.stdout.write(f"{row} | {colour} | {type(outcome).__name__} | {received} bytes\n")
    if isinstance(outcome, OutcomeUnknownError):
        assert received > 0, "the outcome is unknown, though nothing was sent"
    if isinstance(outcome, TransportError):
        assert received == 0, "the error says that nothing was sent, but bytes were received"
        assert not outcome.maybe_sent


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize(
    "way", WAYS, ids=[f"{number}-{way.verdict.__name__}" for number, way in enumerate(WAYS)]
)
def test_an_outcome_is_unknown_exactly_where_bytes_have_left(way: Way, colour: str) -> None:
    """Only bytes of the request count, not those of a handshake or of CONNECT."""
    clock = way.clock()
    with Recorder(way.kling(), listening=way.is_listening) as server:
        if isinstance(clock, StartsServer):
            clock.server = server
        way.before(server.kling)
        server.breaks(*way.faults, then=way.then)
        outcome = ended(colour, server.url, way, clock)
        judge(way.row, colour, outcome, server.received)
    assert type(outcome) is way.verdict


# ------------------------------------------------------------ what comes before the request


@contextlib.contextmanager
def accepts_and(kind: str) -> Iterator[str]:
    """Listen for TLS: `resets` the handshake, is `silent` in it, or `answers` in plain HTTP."""
    stopping = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if kind == "resets":
            writer.transport.abort()
        elif kind == "answers":
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()
        else:
            await stopping.wait()
            writer.transport.abort()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    start = asyncio.start_server(serve, "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(start, loop).result(5)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:

        async def stop() -> None:
            stopping.set()
            while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.gather(*tasks, return_exceptions=True)
            server.close()  # last: asyncio leaks a connection that is being accepted then
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


BEFORE: Final = Way("", TransportError, settings=SHORT)


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("kind", ["resets", "silent", "answers"])
def test_a_handshake_that_fails_has_sent_nothing_of_the_request(kind: str, colour: str) -> None:
    """Its own bytes are not the request's."""
    with accepts_and(kind) as url:
        outcome = ended(colour, url, BEFORE, FakeClock())
    judge(f"TLS: the server {kind}", colour, outcome, 0)
    assert type(outcome) is (TransportError if kind == "silent" else UnreachableError)


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("kind", ["407", "502", "hangs", "cuts", "cuts at once"])
def test_a_proxy_that_does_not_connect_has_passed_nothing_on(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, colour: str
) -> None:
    """The bytes of CONNECT are not the request's."""
    with Proxy(kind) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        outcome = ended(colour, f"https://{HOST}", BEFORE, FakeClock())
        judge(f"proxy: {kind}", colour, outcome, proxy.passed)
    assert type(outcome) is UnreachableError


@pytest.mark.slow  # in real time
@pytest.mark.allow_hosts(ADDRESSES)
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_an_address_that_is_silent_has_received_nothing(
    monkeypatch: pytest.MonkeyPatch, colour: str
) -> None:
    """Until the create's deadline, its outcome is known all the time."""
    clock = FakeClock()
    with host_of(monkeypatch, ["silent"]) as (url, _, _):
        outcome = ended(colour, url, BEFORE, clock)
    judge("a silent address", colour, outcome, 0)
    assert type(outcome) is TransportError
    assert len(clock.slept) >= 2


def test_the_verdict_is_held_against_the_count() -> None:
    """Negative control: clients that take every failure for unknown, or none, are noticed."""
    unknown = OutcomeUnknownError("lost", external_task_id="order-1")
    for outcome, received in (
        (unknown, 0),
        (TransportError("reset", maybe_sent=False), 1),
        (TransportError("reset", maybe_sent=True), 0),
    ):
        with pytest.raises(AssertionError):
            judge("a row", "sync", outcome, received)
