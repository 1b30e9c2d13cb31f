"""httpx's own means of testing work under the SDK: their replies are read before they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_sdk import AsyncKling, Kling, OutcomeUnknownError
from tests.sdk.scripted import FakeClock

TASK = {"task_id": "1", "task_status": "processing", "created_at": 1, "updated_at": 1}


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith(".mp4"):
        return httpx.Response(200, content=b"a video")
    body = json.dumps({"code": 0, "message": "SUCCEED", "data": TASK})
    return httpx.Response(200, content=body)


@pytest.fixture
def mocked() -> httpx.MockTransport:
    return httpx.MockTransport(answer)


def test_a_sync_client_runs_on_a_mock_transport(
    mocked: httpx.MockTransport, tmp_path: Path
) -> None:
    """A test may give `Kling` a client that answers in the process."""
    with httpx.Client(transport=mocked) as http, Kling("AK|SK", http_client=http) as kling:
        assert kling.text2video.get("1").status == "processing"
        got = kling.download("https://cdn.example.com/a.mp4", tmp_path / "a.mp4")
        assert got.path.read_bytes() == b"a video"


async def test_an_async_client_runs_on_a_mock_transport(
    mocked: httpx.MockTransport, tmp_path: Path
) -> None:
    """The same for `AsyncKling`."""
    async with (
        httpx.AsyncClient(transport=mocked) as http,
        AsyncKling("AK|SK", http_client=http) as kling,
    ):
        assert (await kling.text2video.get("1")).status == "processing"
        got = await kling.download("https://cdn.example.com/a.mp4", tmp_path / "a.mp4")
        assert got.path.read_bytes() == b"a video"


async def _as_async(transport: httpx.MockTransport, request: httpx.Request) -> httpx.Response:
    return transport.handle_request(request)


def patched(monkeypatch: pytest.MonkeyPatch, transport: httpx.MockTransport) -> None:
    """Take over httpx's transports, as `pytest-httpx` and `respx` do."""
    monkeypatch.setattr(
        httpx.HTTPTransport, "handle_request", lambda _, request: transport.handle_request(request)
    )
    monkeypatch.setattr(
        httpx.AsyncHTTPTransport,
        "handle_async_request",
        lambda _, request: _as_async(transport, request),
    )


async def test_the_default_clients_are_caught_by_what_takes_over_httpx(
    monkeypatch: pytest.MonkeyPatch, mocked: httpx.MockTransport
) -> None:
    """A test of an app need not pass a client to have its calls mocked."""
    patched(monkeypatch, mocked)
    with Kling("AK|SK") as kling:
        assert kling.text2video.create(prompt="a kitten").status == "processing"
        assert kling.text2video.get("1").status == "processing"
    async with AsyncKling("AK|SK") as async_kling:
        assert (await async_kling.text2video.create(prompt="a kitten")).status == "processing"
        assert (await async_kling.text2video.get("1")).status == "processing"


async def test_a_mocked_time_out_of_a_default_client_is_a_lost_reply(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No connection of ours sent a byte, so the error does not say that nothing was sent."""

    def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("mocked", request=request)

    patched(monkeypatch, httpx.MockTransport(lost))
    settings: Any = {"clock": FakeClock(), "retries": 1}
    with Kling("AK|SK", **settings) as kling, pytest.raises(OutcomeUnknownError):
        kling.text2video.create(prompt="a kitten")
    async with AsyncKling("AK|SK", **settings) as async_kling:
        with pytest.raises(OutcomeUnknownError):
            await async_kling.text2video.create(prompt="a kitten")
