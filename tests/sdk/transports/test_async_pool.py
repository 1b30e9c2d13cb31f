"""The connections under a default `AsyncKling`, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import attrs
import httpcore
import httpx
import pytest

from kling_sdk import AsyncKling, TransportError
from kling_sdk.transports import async_pool as connections
from kling_sdk.transports import default
from kling_sdk.transports.async_pool import Connections, PooledTransport
from kling_sdk.transports.httpx_shared import UNSENT
from kling_sdk.transports.sync_sockets import DeadlineTransport
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
#: What is answered to a path; a path that is not here is never answered.
ANSWERS = {
    b"/ok": OK,
    b"/cut": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut",
    b"/half": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
    b"/bye": b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
    b"/garbage": b"\x00\x01 no reply\r\n\r\n",
}


class Wire(asyncio.Protocol):
    """The server's end of one connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.paths: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.wires.append(self)
        self.server.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.open -= 1
        self.server.changed.set()

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ")[1]
        self.paths.append(path)
        self.server.changed.set()
        self.transport.write(ANSWERS.get(path, b""))
        if path in {b"/cut", b"/bye"}:
            self.transport.close()


@attrs.define(eq=False)
class Server:
    """A server on loopback, and what it saw of its clients."""

    url: str = ""
    wires: list[Wire] = attrs.field(factory=list)
    open: int = 0
    changed: asyncio.Event = attrs.field(factory=asyncio.Event)

    @property
    def requests(self) -> int:
        return sum(len(wire.paths) for wire in self.wires)

    def has_seen(self, requests: int) -> bool:
        return self.requests >= requests

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until the server has seen it."""
        async with asyncio.timeout(10):
            while not reached():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def served() -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.get_running_loop().create_server(
        lambda: Wire(server), "127.0.0.1", 0, backlog=1024
    )
    async with listener:
        server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        yield server
        for wire in server.wires:
            wire.transport.abort()


@asynccontextmanager
async def client_of(
    server: Server,
    max_connections: int = connections.MAX_CONNECTIONS,
    keep: float = connections.KEEP,
) -> AsyncIterator[tuple[httpx.AsyncClient, Connections]]:
    """Yield a client and its pool; every place must be free again at the end."""
    transport = PooledTransport(default.shared_ssl_context(), max_connections, keep)
    pool = transport._pool
    assert isinstance(pool, Connections)
    async with httpx.AsyncClient(transport=transport, base_url=server.url) as client:
        yield client, pool
        assert pool._places._value == max_connections
    await server.until(lambda: server.open == 0)


async def all_off(tasks: list[asyncio.Task[httpx.Response]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_requests_one_after_the_other_share_a_connection() -> None:
    """Connecting, and TLS, are paid once."""
    async with served() as server, client_of(server) as (client, _):
        for _ in range(5):
            assert (await client.get("/ok")).text == "ok"
        assert [len(wire.paths) for wire in server.wires] == [5]


@pytest.mark.slow
async def test_no_request_is_held_back() -> None:
    """Three hundred requests are at the server at once; called off, they leave nothing open."""
    async with served() as server, client_of(server) as (client, _):
        hanging = [asyncio.create_task(client.get("/hang")) for _ in range(300)]
        await server.until(partial(server.has_seen, 300))
        await all_off(hanging)
        await server.until(lambda: server.open == 0)


async def test_the_connection_used_last_is_used_next() -> None:
    """After a burst one connection does the work, so the others can expire."""
    async with served() as server, client_of(server) as (client, _):
        await asyncio.gather(*(client.get("/ok") for _ in range(10)))
        opened = len(server.wires)
        for _ in range(20):
            await client.get("/ok")
        assert len(server.wires) == opened
        assert max(len(wire.paths) for wire in server.wires) >= 20


async def test_a_request_beyond_the_limit_waits_for_a_place() -> None:
    """With all connections in use the next request goes out when one is free."""
    async with served() as server, client_of(server, max_connections=2) as (client, _):
        hanging = [asyncio.create_task(client.get("/hang")) for _ in range(2)]
        await server.until(lambda: server.requests == 2)
        waiting = asyncio.create_task(client.get("/ok"))
        called_off = asyncio.create_task(client.get("/ok"))
        await asyncio.sleep(0)
        await all_off([called_off])
        assert server.requests == 2
        await all_off(hanging[:1])
        assert (await waiting).text == "ok"
        await all_off(hanging)


@pytest.mark.slow
async def test_a_request_that_found_no_place_was_never_sent() -> None:
    """So a create that waited in vain is a plain failure, not an unknown outcome."""
    async with served() as server, client_of(server, max_connections=1) as (client, _):
        hanging = asyncio.create_task(client.get("/hang"))
        await server.until(lambda: server.requests == 1)
        async with AsyncKling(
            "AK|SK", base_url=server.url, http_client=client, timeout=1.0, retries=0
        ) as kling:
            with pytest.raises(TransportError) as caught:
                await kling.text2video.create(prompt="a kitten")
        assert not caught.value.maybe_sent
        assert server.requests == 1
        await all_off([hanging])


async def cancelled(client: httpx.AsyncClient, path: str, when: Callable[[], bool]) -> bool:
    """Return whether a request that was called off knows that it was never sent."""
    request = client.build_request("GET", path)
    task = asyncio.create_task(client.send(request))
    for _ in range(100_000):
        if when():
            break
        await asyncio.sleep(0)  # one turn of the event loop: a request takes many
    await all_off([task])
    return UNSENT in request.extensions


async def test_a_request_called_off_knows_whether_it_was_sent() -> None:
    """At a deadline, this tells a plain failure from an unknown outcome, on a slow machine too."""
    async with served() as server, client_of(server, max_connections=2) as (client, pool):
        assert await cancelled(client, "/hang", lambda: len(pool._open) == 1)  # it connects
        assert not await cancelled(client, "/hang", lambda: server.requests == 1)
        hanging = [asyncio.create_task(client.get("/hang")) for _ in range(2)]
        await server.until(lambda: server.requests == 3)
        assert await cancelled(client, "/ok", lambda: len(pool._places._waiters or ()) == 1)
        await all_off(hanging)


async def test_a_name_server_that_fails_after_a_time_out_does_not_replace_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is asked once more for the names of the addresses; the time-out is repeated as ever."""

    async def connect(*_: object, **__: object) -> None:
        raise httpcore.ConnectTimeout("silent")

    async def look_up(*_: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    clock = FakeClock()
    async with AsyncKling("AK|SK", base_url="http://kling.test", clock=clock, retries=2) as kling:
        with pytest.raises(TransportError, match="ConnectTimeout") as caught:
            await kling.text2video.create(prompt="a kitten")
    assert not caught.value.maybe_sent
    assert len(clock.slept) == 2


@pytest.mark.parametrize("path", ["/cut", "/bye", "/garbage", "http://127.0.0.1:1/refused"])
async def test_a_connection_that_ended_is_not_used_again(path: str) -> None:
    """Broken off, closed by the server, unreadable or refused: the next request has its own."""
    async with served() as server, client_of(server) as (client, pool):
        for _ in range(3):
            try:
                await client.get(path)
            except httpx.TransportError:
                assert path != "/bye"
            assert not any(pool._idle.values())
            assert not pool._open
        assert (await client.get("/ok")).text == "ok"


async def test_a_reply_half_read_never_reaches_another_request() -> None:
    """Called off in the middle of a body, its connection is closed."""
    async with served() as server, client_of(server) as (client, pool):
        async with client.stream("GET", "/half") as response:
            assert [chunk async for chunk in _first(response)] == [b"half"]
            assert len(pool._open) == 1
        assert not pool._open
        for cancelled_at in ("/half", "/hang"):
            task = asyncio.create_task(client.get(cancelled_at))
            await server.until(partial(server.has_seen, server.requests + 1))
            await all_off([task])
            assert (await client.get("/ok")).text == "ok"


async def _first(response: httpx.Response) -> AsyncIterator[bytes]:
    async for chunk in response.aiter_raw():
        yield chunk
        return


async def test_cancelled_at_any_step_a_request_harms_no_other() -> None:
    """At any turn of the event loop, the next request gets its own reply."""
    async with served() as server, client_of(server) as (client, pool):
        for turns in range(40):
            await client.get("/ok")  # so that there is a connection to break
            task = asyncio.create_task(client.get("/half"))
            for _ in range(turns):
                await asyncio.sleep(0)
            await all_off([task])
            assert (await client.get("/ok")).text == "ok"
            assert len(pool._open) == sum(map(len, pool._idle.values())) == 1


async def test_an_idle_connection_closed_by_the_server_is_replaced() -> None:
    """A server's keep-alive ends before ours, and the caller does not see an error."""
    async with served() as server, client_of(server) as (client, pool):
        await client.get("/ok")
        server.wires[0].transport.close()
        await server.until(lambda: server.open == 0)
        assert (await client.get("/ok")).text == "ok"
        assert len(server.wires) == 2
        assert len(pool._open) == 1


async def test_a_kept_connection_that_dies_under_a_create_costs_no_second_task() -> None:
    """The server closes it just as the request goes out: the create is sent again, and once."""
    with FaultyKling() as server:
        server.breaks(None, Fault("unread"), Fault("accepted"))
        async with AsyncKling("AK|SK", base_url=server.url, clock=FakeClock()) as kling:
            await kling.text2video.list()
            task = await kling.text2video.create(prompt="a kitten")
        assert list(server.kling.tasks) == [task.task_id]


async def test_what_a_burst_left_behind_is_closed() -> None:
    """Connections that were not used for a while do not stay open forever."""
    async with served() as server, client_of(server, keep=0.0) as (client, pool):
        await asyncio.gather(*(client.get("/ok") for _ in range(9)))
        assert (await client.get("/ok")).text == "ok"
        assert len(pool._open) == 1
        await server.until(lambda: server.open == 1)


@pytest.mark.slow
async def test_closing_ends_the_requests_in_flight() -> None:
    """Requests do not wait forever on a closed client, and no connection stays open."""
    async with served() as server:
        kling = AsyncKling("AK|SK", base_url=server.url, retries=0)
        calls = [asyncio.create_task(kling.request("GET", "/hang")) for _ in range(20)]
        await server.until(lambda: server.requests == 20)
        await kling.close()
        failures = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(failure) for failure in failures} == {TransportError}
        await server.until(lambda: server.open == 0)


async def test_a_request_called_off_while_tls_is_set_up_leaves_no_socket() -> None:
    """A host that accepts and then falls silent does not collect sockets."""
    async with served() as server:
        server.url = server.url.replace("http:", "https:")
        async with client_of(server) as (client, _):
            task = asyncio.create_task(client.get("/ok"))
            await server.until(lambda: server.requests == 1)  # the handshake's first bytes
            await all_off([task])
            await server.until(lambda: server.open == 0)


async def test_a_connection_that_was_being_made_while_closing_is_not_kept() -> None:
    """A request that began before the close may end well; its connection is closed then."""
    async with served() as server, client_of(server) as (client, pool):
        task = asyncio.create_task(client.get("/ok"))
        for _ in range(3):  # turns of the loop, until it connects
            await asyncio.sleep(0)
        assert len(pool._open) == 1
        await pool.aclose()
        await asyncio.gather(task, return_exceptions=True)
        await server.until(lambda: server.open == 0)
        assert not pool._open


@pytest.mark.slow
def test_a_client_outlives_its_event_loop() -> None:
    """A script may call `asyncio.run` twice with one client; connections are opened again."""
    with FaultyKling() as server:
        kling = AsyncKling("AK|SK", base_url=server.url)

        async def use(*, last: bool) -> None:
            assert not (await kling.text2video.list()).tasks
            if last:
                await kling.close()
                gc.collect()
                gc.collect()

        asyncio.run(use(last=False))
        with pytest.warns(ResourceWarning, match="unclosed"):  # asyncio's, of the lost one
            asyncio.run(use(last=True))


@pytest.mark.parametrize(
    ("proxies", "ours"),
    [({}, True), ({"no": "localhost"}, True), ({"https": "http://proxy.example.com"}, False)],
)
async def test_a_proxy_of_the_environment_is_left_to_httpx(
    monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str], *, ours: bool
) -> None:
    """Only a proxy needs httpx's own pools; `no_proxy` alone does not."""
    monkeypatch.setattr(default, "getproxies", lambda: proxies)
    async with default.default_async_client() as client:
        assert isinstance(client._transport, PooledTransport) is ours
    with default.default_client() as sync_client:
        assert isinstance(sync_client._transport, DeadlineTransport) is ours
