"""httpx's own means of testing work under the SDK: their replies are read before they come."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from kling_sdk import AsyncKling, Kling

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
