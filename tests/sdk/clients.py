"""One client per transport, so that a test states its call once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import attrs
import httpx2

from kling_sdk import AsyncKling, Kling
from tests.sdk.scripted import FakeClock

T = TypeVar("T")
KEY = "AK-canary-access|SK-canary-secret"
API_KEY = "canary-api-key"
PROMPT = "a negative control sings on a wire"


@cache
def _tls() -> Any:
    return httpx2.create_ssl_context()  # building one takes 20 ms, and nothing here uses it


@attrs.frozen
class Calls:
    """The four calls of the API, as functions of a client of either colour.

    With *is_new* they are of the interface with the model in the path.
    """

    external_id: str | None = None
    place: Path = Path()
    url: str = ""
    is_new: bool = False

    @property
    def key(self) -> str:
        return API_KEY if self.is_new else KEY

    def create(self, kling: Any) -> Any:
        model = {"model_name": "kling-3.0"} if self.is_new else {}
        return kling.text2video.create(prompt=PROMPT, external_task_id=self.external_id, **model)

    def get(self, kling: Any) -> Any:
        if self.is_new:
            return kling.tasks.get_many([self.external_id])
        return kling.text2video.get(self.external_id)

    def list(self, kling: Any) -> Any:
        if self.is_new:
            return kling.tasks.list(page_size=5)
        return kling.text2video.list(page_size=5)

    def download(self, kling: Any) -> Any:
        return kling.download(self.url, self.place)

    def into_memory(self, kling: Any) -> Any:
        return kling.download(self.url)

    def into(self, stream: Any, **options: Any) -> Callable[[Any], Any]:
        return lambda kling: kling.download(self.url, stream, **options)


def _httpx(use: Callable[[Kling], T], key: str = KEY, **settings: Any) -> T:
    with Kling(key, **settings) as kling:
        return use(kling)


def _httpx2(use: Callable[[Kling], T], key: str = KEY, **settings: Any) -> T:
    with httpx2.Client(verify=_tls()) as http, Kling(key, http_client=http, **settings) as kling:
        return use(kling)


async def _async_httpx(
    use: Callable[[AsyncKling], Awaitable[T]], key: str = KEY, **settings: Any
) -> T:
    async with AsyncKling(key, **settings) as kling:
        return await use(kling)


async def _async_httpx2(
    use: Callable[[AsyncKling], Awaitable[T]], key: str = KEY, **settings: Any
) -> T:
    async with (
        httpx2.AsyncClient(verify=_tls()) as http,
        AsyncKling(key, http_client=http, **settings) as kling,
    ):
        return await use(kling)


async def _aiohttp(use: Callable[[AsyncKling], Awaitable[T]], key: str = KEY, **settings: Any) -> T:
    async with (
        aiohttp.ClientSession() as session,
        AsyncKling(key, http_client=session, **settings) as kling,
    ):
        return await use(kling)


def _run(client: Callable[..., Any]) -> Callable[..., Any]:
    return lambda use, **settings: asyncio.run(client(use, **settings))


#: Name of a transport and colour -> a function that uses a new client of it once.
CLIENTS: dict[str, Callable[..., Any]] = {
    "httpx": _httpx,
    "httpx2": _httpx2,
    "async-httpx": _run(_async_httpx),
    "async-httpx2": _run(_async_httpx2),
    "async-aiohttp": _run(_aiohttp),
}


def over(
    client: str, use: Callable[[Any], Any], base_url: str, clock: FakeClock, **options: Any
) -> Any:
    """Return what *use* makes of a new client that talks to *base_url*.

    Its key is `KEY`, unless the options have another.
    """
    return CLIENTS[client](use, base_url=base_url, clock=clock, **options)
