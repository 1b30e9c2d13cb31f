"""Callbacks that are given to an app in the test's process: ASGI and WSGI, without a socket."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_sdk import parse_callback

ALL = ["submitted", "processing", "succeed"]
URL = "http://app.test/callback"


class Asgi:
    """A raw ASGI app that keeps its requests, and responds with the next of `answers`, then 200."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []
        self.answers: list[int] = []
        self.loops: list[asyncio.AbstractEventLoop] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        self.loops.append(asyncio.get_running_loop())
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        self.bodies.append(body)
        status = self.answers.pop(0) if self.answers else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        await send({"type": "http.response.body", "body": b"k"})

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        headers: list[tuple[bytes, bytes]] = self.scopes[-1]["headers"]
        return headers


class Wsgi:
    """The same as a WSGI app."""

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.answers: list[int] = []
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        status = self.answers.pop(0) if self.answers else 200
        start_response(f"{status} Said So", [("Content-Type", "text/plain")])
        return self.reply()

    def reply(self) -> Iterator[bytes]:
        try:
            yield b"o"
            yield b"k"
        finally:
            self.closed += 1

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (name.removeprefix("HTTP_").replace("_", "-").lower().encode(), value.encode())
            for name, value in self.environs[-1].items()
            if name.startswith(("HTTP_", "CONTENT_"))
        ]


App = Asgi | Wsgi


@pytest.fixture(params=[Asgi, Wsgi], ids=["asgi", "wsgi"])
def app(request: pytest.FixtureRequest, mock: KlingMock) -> App:
    app: App = request.param()
    mock.callbacks.deliver_to(app)
    return app


# ------------------------------------------------------------ what the app gets


def test_every_report_calls_the_app(mock: KlingMock, api: Any, app: App) -> None:
    """All of them in order, and in the log of deliveries as any other."""
    task_id = api.new(callback_url=URL)
    mock.clock.advance(600)
    seen = [parse_callback(body, verify=False).task for body in app.bodies]
    assert [(task.task_id, task.status) for task in seen] == [(task_id, status) for status in ALL]
    for delivery in mock.deliveries:
        (attempt,) = delivery.attempts
        assert (delivery.state, attempt.status, attempt.response) == ("delivered", 200, b"ok")


def test_the_signature_verifies_in_the_app(mock: KlingMock, api: Any, app: App) -> None:
    """Body and headers arrive as they were signed, byte by byte."""
    secret = mock.account.add_webhook_secret()
    mock.complete(api.new(callback_url=URL))
    event = parse_callback(app.bodies[-1], app.headers, secret, mock.clock.time())
    assert event.verified
    assert dict(app.headers)[b"content-type"] == b"application/json"
    assert dict(app.headers)[b"user-agent"] == b"kling-mock"
    assert dict(app.headers)[b"host"] == b"app.test"


def test_an_asgi_app_gets_the_whole_scope(mock: KlingMock, api: Any) -> None:
    """Path, query, host and port are those of the URL, decoded as ASGI says."""
    app = Asgi()
    mock.callbacks.deliver_to(app, "shop.test")
    mock.complete(api.new(callback_url="https://SHOP.test:8443/k%C3%A4se/x?a=1%20b"))
    scope = app.scopes[-1]
    assert scope["type"] == "http"
    assert scope["method"] == "POST"
    assert scope["scheme"] == "https"
    assert scope["path"] == "/käse/x"
    assert scope["raw_path"] == b"/k%C3%A4se/x"
    assert scope["query_string"] == b"a=1%20b"
    assert scope["server"] == ("shop.test", 8443)
    assert (b"host", b"shop.test:8443") in scope["headers"]


def test_a_wsgi_app_gets_the_whole_environ(mock: KlingMock, api: Any) -> None:
    """The same, as PEP 3333 says."""
    app = Wsgi()
    mock.callbacks.deliver_to(app, "shop.test")
    mock.complete(api.new(callback_url="https://shop.test:8443/k%C3%A4se/x?a=1%20b"))
    environ = app.environs[-1]
    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/käse/x"
    assert environ["QUERY_STRING"] == "a=1%20b"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("shop.test", "8443")
    assert environ["HTTP_HOST"] == "shop.test:8443"
    assert app.closed == 3


def test_other_hosts_are_called_as_ever(mock: KlingMock, api: Any, app: App, receiver: Any) -> None:
    """An app takes the callbacks of its host, and a socket all others."""
    mock.complete(api.new(callback_url=receiver.url))
    assert (receiver.statuses, app.bodies) == (ALL, [])


# ------------------------------------------------------------ what it answers


def test_a_refusal_is_tried_again(mock: KlingMock, api: Any, app: App) -> None:
    """The repeats are on the mock's clock, with the same bytes, until the app accepts it."""
    app.answers = [500, 404]
    mock.progress.add("by-hand")
    start = mock.clock.now()
    api.new(callback_url=URL)
    mock.clock.advance(600)
    (delivery,) = mock.deliveries
    assert [attempt.status for attempt in delivery.attempts] == [500, 404, 200]
    assert [attempt.at - start for attempt in delivery.attempts] == [0, 10, 40]
    assert len(set(app.bodies)) == 1


def test_a_replay_calls_it_again(mock: KlingMock, api: Any, app: App) -> None:
    """The bytes are the same."""
    task_id = api.new(callback_url=URL)
    mock.complete(task_id)
    mock.deliveries.replay(task_id)
    assert app.bodies[3:] == app.bodies[:3]


async def fails(scope: Any, receive: Any, send: Any) -> None:
    raise LookupError


async def fails_late(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise LookupError


async def says_nothing(scope: Any, receive: Any, send: Any) -> None:
    pass


async def works_on(scope: Any, receive: Any, send: Any) -> None:
    """Answer, and fail afterwards, as a background task may."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})
    raise LookupError


def wsgi_fails(environ: Any, start_response: Any) -> Any:
    raise LookupError


def wsgi_fails_late(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"o"
    raise LookupError


def wsgi_says_nothing(environ: Any, start_response: Any) -> list[bytes]:
    return []


def wsgi_writes(environ: Any, start_response: Any) -> list[bytes]:
    """Use the `write` of PEP 3333, which old apps do."""
    start_response("200 OK", [])(b"ok")
    return []


RAISED = "the app raised LookupError in its response"
SILENT = "the app has returned without a response"


@pytest.mark.parametrize(
    ("app", "status", "error"),
    [
        (fails, 500, ""),
        (wsgi_fails, 500, ""),
        (fails_late, 0, RAISED),
        (wsgi_fails_late, 0, RAISED),
        (says_nothing, 0, SILENT),
        (wsgi_says_nothing, 0, SILENT),
        (works_on, 204, ""),
        (wsgi_writes, 200, ""),
    ],
)
def test_what_an_app_does_is_what_its_server_would_answer(
    mock: KlingMock, api: Any, app: Callable[..., Any], status: int, error: str
) -> None:
    """An app that raises is a 500, one that breaks off no reply; after a reply nothing counts."""
    mock.callbacks.retries = ()
    mock.progress.add("by-hand")
    mock.callbacks.deliver_to(app)
    api.new(callback_url=URL)
    mock.clock.advance(0)
    (attempt,) = mock.deliveries[0].attempts
    assert (attempt.status, attempt.error) == (status, error)


def test_what_the_app_raises_is_in_the_log(
    mock: KlingMock, api: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The traceback is logged, since it would not be shown anywhere else."""
    mock.callbacks.deliver_to(fails)
    with caplog.at_level("ERROR", "kling_mock"):
        mock.complete(api.new(callback_url=URL))
    (first, *_) = (record for record in caplog.records if record.name == "kling_mock")
    assert first.exc_info is not None
    assert first.exc_info[0] is LookupError


def test_an_app_that_exits_is_a_500_and_ends_nothing_else(mock: KlingMock, api: Any) -> None:
    """asyncio would end the loop of the app with it, and each later callback."""

    async def exits(scope: Any, receive: Any, send: Any) -> None:
        raise SystemExit(3)

    mock.callbacks.retries = ()
    mock.callbacks.deliver_to(exits)
    for _ in range(2):
        mock.complete(api.new(callback_url=URL))
    statuses = {attempt.status for delivery in mock.deliveries for attempt in delivery.attempts}
    assert statuses == {500}


def test_an_app_that_hangs_is_given_up(mock: KlingMock, api: Any) -> None:
    """After the timeout the attempt has no response, and the app sees that its client has gone."""
    disconnected = threading.Event()

    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        disconnected.set()

    mock.callbacks.timeout = 0.02
    mock.callbacks.retries = ()
    mock.progress.add("by-hand")
    mock.callbacks.deliver_to(hangs)
    api.new(callback_url=URL)
    mock.clock.advance(0)
    assert mock.deliveries[0].attempts[0].error == "no response within 0.02 s"
    assert disconnected.wait(10)


def test_a_wsgi_app_that_hangs_is_given_up(mock: KlingMock, api: Any) -> None:
    """Its thread ends when the app lets it."""
    go_on, ended = threading.Event(), threading.Event()

    def hangs(environ: Any, start_response: Any) -> list[bytes]:
        go_on.wait(10)
        start_response("200 OK", [])
        ended.set()
        return []

    mock.callbacks.timeout = 0.02
    mock.callbacks.retries = ()
    mock.progress.add("by-hand")
    mock.callbacks.deliver_to(hangs)
    api.new(callback_url=URL)
    mock.clock.advance(0)
    assert mock.deliveries[0].attempts[0].error == "no response within 0.02 s"
    go_on.set()
    assert ended.wait(10)


@pytest.mark.slow
def test_a_reply_counts_while_the_app_works_on(mock: KlingMock, api: Any) -> None:
    """Background work that takes longer than the timeout does not undo a reply."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
        await asyncio.Event().wait()

    mock.callbacks.timeout = 1.0  # the reply has to come in time on a busy machine, too
    mock.progress.add("by-hand")
    mock.callbacks.deliver_to(app)
    api.new(callback_url=URL)
    mock.clock.advance(0)
    assert {delivery.state for delivery in mock.deliveries} == {"delivered"}


# ------------------------------------------------------------ where it runs


def test_an_app_may_call_the_emulator(mock: KlingMock, api: Any) -> None:
    """A client that blocks works too: neither kind of app runs in the emulator's loop."""
    with mock.client() as kling:
        statuses: list[str] = []

        async def asgi(scope: Any, receive: Any, send: Any) -> None:
            task = parse_callback((await receive())["body"], verify=False).task
            statuses.append(kling.text2video.get(task.task_id).status)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        def wsgi(environ: Any, start_response: Any) -> list[bytes]:
            task = parse_callback(environ["wsgi.input"].read(), verify=False).task
            statuses.append(kling.text2video.get(task.task_id).status)
            start_response("200 OK", [])
            return []

        for app in (asgi, wsgi):
            mock.callbacks.deliver_to(app)
            mock.complete(api.new(callback_url=URL))
    assert len(statuses) == 6


async def test_in_an_async_test_the_app_runs_in_the_tests_loop(mock: KlingMock) -> None:
    """So the app can use what belongs to this loop, with a context of its own."""
    app = Asgi()
    mock.callbacks.deliver_to(app)
    async with mock.async_client() as kling:
        task = await kling.text2video.run(prompt="a kitten", callback_url=URL)
        await mock.clock.aadvance(0)
    assert [delivery.state for delivery in mock.deliveries.of(task)] == ["delivered"] * 3
    assert set(app.loops) == {asyncio.get_running_loop()}


def test_in_a_sync_test_all_reports_have_one_loop(mock: KlingMock, api: Any) -> None:
    """It is neither the emulator's nor one per report; a stop ends it, a start makes a new one."""
    app = Asgi()
    mock.callbacks.deliver_to(app)
    mock.complete(api.new(callback_url=URL))
    (loop,) = set(app.loops)
    assert loop.is_running()
    mock.stop()
    assert loop.is_closed()
    mock.start()
    with mock.client() as kling:
        kling.text2video.run(prompt="a kitten", callback_url=URL)
    assert len(app.bodies) == 6
    assert not app.loops[-1].is_closed()


def test_the_loop_of_the_test_may_have_ended(mock: KlingMock, api: Any) -> None:
    """Then the attempt says so, and nothing hangs."""

    async def deliver() -> None:
        mock.callbacks.deliver_to(Asgi())

    asyncio.run(deliver())
    mock.callbacks.retries = ()
    mock.complete(api.new(callback_url=URL))
    assert "is closed" in mock.deliveries[0].attempts[0].error


def test_the_app_does_not_see_the_tests_context(mock: KlingMock, api: Any) -> None:
    """The app does not get the context of the caller that moves the clock."""
    who = contextvars.ContextVar("who", default="nobody")
    names: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        names.append(who.get())

    mock.callbacks.deliver_to(app)
    who.set("the test")
    mock.complete(api.new(callback_url=URL))
    assert set(names) == {"nobody"}


@pytest.mark.slow
def test_an_app_that_blocks_its_loop_does_not_block_the_stop(
    mock: KlingMock, api: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The stop goes on after half a second, and says so."""
    go_on = threading.Event()

    async def blocks(scope: Any, receive: Any, send: Any) -> None:
        go_on.wait(10)

    mock.callbacks.timeout = 0.02
    mock.callbacks.retries = ()
    mock.callbacks.deliver_to(blocks)
    mock.progress.add("by-hand")
    api.new(callback_url=URL)
    mock.clock.advance(0)
    with caplog.at_level("WARNING", "kling_mock"):
        mock.stop()
    go_on.set()
    assert "blocks its event loop" in caplog.text


# ------------------------------------------------------------ how long it holds


def test_a_reset_forgets_the_app(mock: KlingMock, api: Any, receiver: Any) -> None:
    """A reset forgets everything: callbacks go to the address of their URL again."""
    app = Asgi()
    mock.callbacks.deliver_to(app, "127.0.0.1")
    mock.complete(api.new(callback_url=receiver.url))
    assert (len(app.bodies), receiver.statuses) == (3, [])
    mock.reset()
    mock.complete(api.new(callback_url=receiver.url))
    assert (len(app.bodies), receiver.statuses) == (3, ALL)


def test_a_snapshot_has_nothing_to_do_with_it(mock: KlingMock, api: Any, app: App) -> None:
    """An app is not state: what is delivered after a restore goes to it."""
    mock.progress.add("by-hand")
    task_id = api.new(callback_url=URL)
    snapshot = mock.snapshot()
    mock.complete(task_id)
    mock.restore(snapshot)
    mock.complete(task_id)
    assert len(app.bodies) == 1 + 2 + 2


def test_another_app_takes_its_place(mock: KlingMock, api: Any, app: App) -> None:
    """One host, one app; another host has another one."""
    second, third = Wsgi(), Asgi()
    mock.callbacks.deliver_to(second)
    mock.callbacks.deliver_to(third, "third.test")
    mock.complete(api.new(callback_url=URL))
    mock.complete(api.new(callback_url="http://third.test/"))
    assert [len(receiver.bodies) for receiver in (app, second, third)] == [0, 3, 3]


def test_before_the_start(api: Any) -> None:
    """A server may get its app while it does not run yet."""
    app, mock = Asgi(), KlingMock()
    mock.callbacks.deliver_to(app)
    with mock, mock.client() as kling:
        kling.text2video.run(prompt="a kitten", callback_url=URL)
    assert len(app.bodies) == 3


# ------------------------------------------------------------ what is not an app


def by_parameters(scope: Any, receive: Any, send: Any, extra: int = 0) -> Any:
    return Asgi()(scope, receive, send)


def hides_them(*args: Any) -> Any:
    return Asgi()(*args) if len(args) == 3 else Wsgi()(*args)


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        (by_parameters, None),
        (partial(by_parameters, extra=1), None),
        (hides_them, "asgi"),
        (hides_them, "wsgi"),
    ],
)
def test_the_kind_is_told_by_the_signature_or_by_the_test(
    mock: KlingMock, api: Any, app: Any, kind: Any
) -> None:
    """A function that returns what an app returns is one; a test says what a wrapper hides."""
    mock.callbacks.deliver_to(app, kind=kind)
    mock.complete(api.new(callback_url=URL))
    assert {delivery.state for delivery in mock.deliveries} == {"delivered"}


@pytest.mark.parametrize(
    ("arguments", "named", "text"),
    [
        ((hides_them,), {}, "app: must be called as"),
        ((Asgi,), {}, "app: must be called as"),
        ((object(),), {}, "app: must be called as"),
        ((Asgi(),), {"kind": "cgi"}, "kind: must be 'asgi', 'wsgi' or None"),
        ((object(),), {"kind": "asgi"}, "kind: must be"),
        ((Asgi(), "*"), {}, "host: must be one host"),
        ((Asgi(), "http://app.test"), {}, "host: must be a host alone"),
        ((Asgi(), ["app.test"]), {}, "host: must be a string"),
    ],
)
def test_what_is_no_app_or_no_host_is_refused(
    mock: KlingMock, arguments: Any, named: Any, text: str
) -> None:
    """It is refused at once, and the text says what it must be."""
    with pytest.raises(ValueError, match=text.replace("*", "[*]")):
        mock.callbacks.deliver_to(*arguments, **named)
