"""The `User-Agent` of a client: on every request, unless your own HTTP client has one."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest

import kling_sdk
from kling_sdk import AsyncKling, Kling
from tests.sdk.clients import CLIENTS, KEY, Calls, over
from tests.sdk.faulty_server import FaultyKling
from tests.sdk.scripted import FakeClock

OURS = f"kling-sdk/{kling_sdk.__version__} python/{platform.python_version()}"


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    with FaultyKling() as server:
        yield server


def names(server: FaultyKling) -> set[str | None]:
    return {request.headers.get("user-agent") for request in server.requests}


@pytest.mark.parametrize("client", CLIENTS)
def test_every_request_names_the_client_and_its_version(server: FaultyKling, client: str) -> None:
    """This covers creates, polls and files; the vendor's support and a relay's log can use it."""
    calls = Calls("order-1", url=f"{server.url}/files/a.mp4")
    for use in (calls.create, calls.get, calls.list, calls.into_memory):
        over(client, use, server.url, FakeClock())

    assert len(server.requests) >= 4
    assert names(server) == {OURS}


def use_sync(client: Any, server: FaultyKling) -> None:
    with client as http, Kling(KEY, http_client=http, base_url=server.url) as kling:
        kling.text2video.create(prompt="x")
        kling.download(f"{server.url}/files/a.mp4")


def use_async(make: Any, server: FaultyKling) -> None:
    async def use() -> None:
        async with (
            make() as http,
            AsyncKling(KEY, http_client=http, base_url=server.url) as kling,
        ):
            await kling.text2video.create(prompt="x")
            await kling.download(f"{server.url}/files/a.mp4")

    asyncio.run(use())


def test_the_name_of_your_own_client_is_kept(server: FaultyKling) -> None:
    """This holds for each library; the library's own default name does not count as chosen."""
    mine = {"User-Agent": "my-app/2"}
    use_sync(httpx.Client(headers=mine), server)
    use_sync(httpx2.Client(headers=mine), server)
    use_async(lambda: httpx.AsyncClient(headers=mine), server)
    use_async(lambda: aiohttp.ClientSession(headers=mine), server)

    assert names(server) == {"my-app/2"}


def test_the_version_is_that_of_the_distribution() -> None:
    """`kling_sdk.__version__` is what pip shows."""
    from importlib.metadata import version

    assert kling_sdk.__version__ == version("kling-sdk")
