"""Users' mocking libraries catch the clients that `Kling` and `AsyncKling` open themselves."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import respx
from pytest_httpx import HTTPXMock
from respx.models import AllMockedAssertionError

from kling_sdk import AsyncKling, Kling

URL = "https://api-singapore.klingai.com/v1/videos/text2video"
FILE = "https://cdn.example.com/v.mp4"
AT_ONCE: dict[str, Any] = {"first_look": 0, "poll_interval": (0, 0), "retries": 0}


def reply(status: str, **more: Any) -> dict[str, Any]:
    data = {"task_id": "831", "task_status": status, **more}
    return {"code": 0, "message": "SUCCEED", "request_id": "r", "data": data}


DONE = reply("succeed", task_result={"videos": [{"id": "v", "url": FILE, "duration": "5"}]})


def declare_to_respx() -> None:
    respx.post(URL).respond(json=reply("submitted"))
    looks = [httpx.Response(200, json=reply("processing")), httpx.Response(200, json=DONE)]
    respx.get(f"{URL}/831").mock(side_effect=looks)
    respx.get(FILE).respond(content=b"video")


def declare_to_pytest_httpx(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(method="POST", url=URL, json=reply("submitted"))
    for look in (reply("processing"), DONE):
        httpx_mock.add_response(method="GET", url=f"{URL}/831", json=look)
    httpx_mock.add_response(method="GET", url=FILE, content=b"video")


def download() -> bytes:
    with Kling("AK|SK", **AT_ONCE) as kling:
        task = kling.text2video.run(prompt="a kitten")
        return kling.download(task.videos[0])


async def async_download() -> bytes:
    async with AsyncKling("AK|SK", **AT_ONCE) as kling:
        task = await kling.text2video.run(prompt="a kitten")
        return await kling.download(task.videos[0])


@respx.mock
async def test_respx_catches_both_clients() -> None:
    """A create, its polls and the file: exactly the declared requests, and nothing is sent."""
    declare_to_respx()
    assert download() == b"video"
    declare_to_respx()
    assert await async_download() == b"video"
    paths = [call.request.url.path for call in respx.calls]
    assert paths == 2 * [httpx.URL(url).path for url in (URL, f"{URL}/831", f"{URL}/831", FILE)]


async def test_pytest_httpx_catches_both_clients(httpx_mock: HTTPXMock) -> None:
    """It fails by itself if a reply is left over or a request was not declared."""
    declare_to_pytest_httpx(httpx_mock)
    assert download() == b"video"
    declare_to_pytest_httpx(httpx_mock)
    assert await async_download() == b"video"


@respx.mock
def test_a_request_without_a_declared_reply_is_named() -> None:
    """Control: nothing goes to the network, and respx's own error says what was not declared."""
    with Kling("AK|SK", **AT_ONCE) as kling, pytest.raises(AllMockedAssertionError, match=URL):
        kling.text2video.create(prompt="a kitten")
