"""Hooks of a caller's own client, in the forms that the documentation of httpx shows."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
import httpx
import httpx2
import pytest

from kling_sdk import AsyncKling, ContentPolicyError, Kling, OutcomeUnknownError
from tests.sdk.clients import API_KEY, PROMPT
from tests.sdk.fake_kling import VIDEO, Answer
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

seen: list[str] = []


def stamp(request: Any) -> None:
    request.headers["x-request-timestamp"] = "2026-01-01T00:00:00Z"


def log(message: Any) -> None:
    is_response = hasattr(message, "status_code")
    request = message.request if is_response else message
    status = f" - Status {message.status_code}" if is_response else ""
    seen.append(f"{request.method} {request.url}{status}")


def read(response: Any) -> None:
    seen.append(f"{len(response.read())} bytes")


def read_lines(response: Any) -> None:
    response.read()
    seen.extend(response.iter_lines())


def raise_on_4xx_5xx(response: Any) -> None:
    response.raise_for_status()


def read_and_raise(response: Any) -> None:
    response.read()
    response.raise_for_status()


def asynchronous(hook: Callable[[Any], None]) -> Callable[[Any], Any]:
    """Return the same hook for an `AsyncClient`."""

    async def call(message: Any) -> None:
        if hook in {read, read_lines, read_and_raise}:
            await message.aread()
        hook(message)

    return call


HOOKS: Final[dict[str, dict[str, list[Any]]]] = {
    "request": {"request": [stamp, log]},
    "log": {"response": [log]},
    "read": {"response": [read]},
    "read lines": {"response": [read_lines]},
    "raise_for_status": {"response": [raise_on_4xx_5xx]},
    "all": {"request": [log, stamp], "response": [log, read_and_raise]},
}


def use(
    kind: str, hooks: dict[str, list[Any]], do: Callable[[Any], Any], **settings: Any
) -> list[Any]:
    """Return what *do*, which takes a client and yields its calls, got from each of them."""
    library = httpx2 if kind.endswith("httpx2") else httpx
    if not kind.startswith("async"):
        with library.Client(event_hooks=hooks) as http, Kling(http_client=http, **settings) as k:
            return [call() for call in do(k)]

    async def run() -> list[Any]:
        named = {event: [asynchronous(hook) for hook in those] for event, those in hooks.items()}
        async with (
            library.AsyncClient(event_hooks=named) as http,
            AsyncKling(http_client=http, **settings) as kling,
        ):
            return [await call() for call in do(kling)]

    return asyncio.run(run())


kinds = pytest.mark.parametrize("kind", ["httpx", "httpx2", "async httpx", "async httpx2"])


@pytest.mark.parametrize("name", HOOKS)
@kinds
def test_every_call_works_under_every_documented_hook(kind: str, name: str, tmp_path: Path) -> None:
    """A create is sent once and its reply is read, whatever a hook does with the response."""
    with FaultyKling() as server:

        def calls(kling: Any) -> list[Any]:
            create, get = kling.text2video.create, kling.text2video.get
            url, file = f"{server.url}/v.mp4", tmp_path / "v.mp4"
            return [
                lambda: create(prompt=PROMPT, external_task_id="order-1"),
                lambda: get("order-1"),
                lambda: kling.text2video.list(page_size=5),
                lambda: kling.download(url),
                lambda: kling.download(url, file),
            ]

        settings: Any = {"api_key": API_KEY, "base_url": server.url, "clock": FakeClock()}
        task, again, page, memory, _ = use(kind, HOOKS[name], calls, **settings)
        assert len(server.sent("POST")) == len(server.kling.tasks) == 1
        assert task.task_id == again.task_id == page.tasks[0].task_id
        assert memory == VIDEO == (tmp_path / "v.mp4").read_bytes()


@kinds
def test_a_refusal_that_a_hook_has_read_is_that_refusal(kind: str) -> None:
    """`raise_for_status` after `read` leaves the server's own reason; the create is sent once."""

    def calls(kling: Any) -> list[Any]:
        return [lambda: kling.text2video.create(prompt=PROMPT)]

    for hook in (read, read_and_raise):
        with FaultyKling() as server:
            server.breaks(Fault.code(400, 1301, "blocked"))
            settings: Any = {"api_key": API_KEY, "base_url": server.url, "clock": FakeClock()}
            with pytest.raises(ContentPolicyError, match="blocked"):
                use(kind, {"response": [hook]}, calls, **settings)
            assert len(server.requests) == 1


@kinds
def test_a_refusal_whose_body_a_hook_threw_away_says_which_call_keeps_it(kind: str) -> None:
    """Negative control: without its body a 400 does not prove that nothing was created."""

    def calls(kling: Any) -> list[Any]:
        return [lambda: kling.text2video.create(prompt=PROMPT)]

    with FaultyKling() as server:
        server.breaks(then=Fault.code(400, 1301, "blocked"))
        settings: Any = {"api_key": API_KEY, "base_url": server.url, "clock": FakeClock()}
        with pytest.raises(OutcomeUnknownError) as caught:
            use(kind, {"response": [raise_on_4xx_5xx]}, calls, **settings)
    assert "HTTP 400" in str(caught.value.__cause__)
    assert "must call response.read()" in str(caught.value.__cause__)


@kinds
def test_a_compressed_reply_that_a_hook_has_read_is_not_inflated_twice(kind: str) -> None:
    """The library keeps the decoded body beside the header that says how it was sent."""
    body = gzip.compress(b'{"code":0,"message":"SUCCEED","request_id":"r","data":[]}')
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    with FaultyKling() as server:
        server.breaks(Fault("mangled", reply=Answer(200, body, headers)))
        settings: Any = {"api_key": API_KEY, "base_url": server.url, "clock": FakeClock()}
        hooks: Any = {"response": [read]}
        (page,) = use(kind, hooks, lambda k: [k.text2video.list], **settings)
    assert page.tasks == ()


def test_a_trace_of_aiohttp_may_read_the_body_too() -> None:
    """`on_request_end` has the response, and `raise_for_status=True` is the session's own."""

    async def read_it(_session: object, _context: object, params: Any) -> None:
        seen.append(await params.response.text())

    async def run(server: FaultyKling, **settings: Any) -> None:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(read_it)
        async with (
            aiohttp.ClientSession(trace_configs=[trace], raise_for_status=True) as session,
            AsyncKling(API_KEY, http_client=session, base_url=server.url, **settings) as kling,
        ):
            task = await kling.text2video.create(prompt=PROMPT)
            assert (await kling.text2video.get(task.task_id)).task_id == task.task_id
            server.breaks(Fault.code(400, 1301, "blocked"))
            with pytest.raises(ContentPolicyError, match="blocked"):
                await kling.text2video.create(prompt=PROMPT)

    with FaultyKling() as server:
        asyncio.run(run(server, clock=FakeClock()))
        assert len(server.kling.tasks) == 1
