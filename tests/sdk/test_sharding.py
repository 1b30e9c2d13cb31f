"""The pools under a default `AsyncKling`: what they count, and what they leave open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from kling_sdk.drivers import sharding
from kling_sdk.drivers.sharding import ShardingTransport

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut"


class Server(asyncio.Protocol):
    """Answers at once, never (`/hang`), or half (`/cut`)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if b" /cut " in data:
            self.transport.write(CUT)
            self.transport.close()
        elif b" /hang " not in data:
            self.transport.write(OK)


@asynccontextmanager
async def served() -> AsyncIterator[tuple[httpx.AsyncClient, ShardingTransport]]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transport = ShardingTransport()
    async with server, httpx.AsyncClient(transport=transport, base_url=url) as client:
        yield client, transport


def in_flight(transport: ShardingTransport) -> int:
    return sum(shard.busy for shard in transport._shards)


async def test_no_request_is_held_back_and_every_one_is_counted_off() -> None:
    """A hundred requests fly at once, in pools of four; afterwards none is counted."""
    async with served() as (client, transport):
        hanging = [asyncio.create_task(client.get("/hang")) for _ in range(100)]
        await asyncio.sleep(0)  # each task runs up to its first wait
        assert in_flight(transport) == 100
        assert {shard.busy for shard in transport._shards} == {sharding._PER_SHARD}
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        assert in_flight(transport) == 0


async def test_beyond_the_last_pool_requests_share_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no pool left to open, a request goes to the one with the fewest in flight."""
    monkeypatch.setattr(sharding, "_MAX_SHARDS", 2)
    async with served() as (client, transport):
        hanging = [asyncio.create_task(client.get("/hang")) for _ in range(20)]
        await asyncio.sleep(0)  # each task runs up to its first wait
        assert in_flight(transport) == 20
        assert [shard.busy for shard in transport._shards] == [10, 10]
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


@pytest.mark.parametrize("path", ["/cut", "http://127.0.0.1:1/refused"])
async def test_a_failed_reply_frees_its_place(path: str) -> None:
    """A body that breaks off and a connection that is refused are counted off too."""
    async with served() as (client, transport):
        for _ in range(9):
            with pytest.raises(httpx.TransportError):
                await client.get(path)
        assert in_flight(transport) == 0
        assert len(transport._shards) == 1


async def test_an_unread_reply_holds_its_place_until_it_is_closed() -> None:
    """The place is free when the body is closed, not when the head has come."""
    async with served() as (client, transport):
        async with client.stream("GET", "/ok"):
            assert in_flight(transport) == 1
        assert in_flight(transport) == 0


class Ticks:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Ticks:
    clock = Ticks()
    monkeypatch.setattr(sharding, "time", clock)
    return clock


async def test_pools_that_a_burst_left_behind_are_closed(ticks: Ticks) -> None:
    """Their connections do not stay open for ever; one pool goes per request."""
    async with served() as (client, transport):
        await asyncio.gather(*(client.get("/ok") for _ in range(20)))
        assert len(transport._shards) == 5
        await client.get("/ok")
        assert len(transport._shards) == 5  # it may be needed again in a moment
        ticks.now += sharding._IDLE + 1
        for left in (4, 3, 2, 1, 1):
            await client.get("/ok")
            assert len(transport._shards) == left


@pytest.mark.parametrize(
    ("proxies", "ours"),
    [({}, True), ({"no": "localhost"}, True), ({"https": "http://proxy.example.com"}, False)],
)
async def test_a_proxy_of_the_environment_is_left_to_httpx(
    monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str], *, ours: bool
) -> None:
    """Only a proxy needs httpx's own pool; exceptions to none need nothing."""
    monkeypatch.setattr(sharding, "getproxies", lambda: proxies)
    async with sharding.default_async_client() as client:
        assert isinstance(client._transport, ShardingTransport) is ours
