"""The thread of this process that has opened a connection, for any client."""

from __future__ import annotations

import _thread
import asyncio
import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import aiohttp
import httpx
import pytest

from kling_mock.web.origins import Callers
from kling_sdk import Kling
from kling_sdk.errors import KlingError
from tests.plain_http import NO_TLS


def by_httpx(url: str) -> None:
    with httpx.Client(trust_env=False, verify=NO_TLS) as client:
        client.get(url)


def by_http_client(url: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]))
    connection.request("GET", "/")
    connection.getresponse().read()
    connection.close()


def by_the_sdk(url: str) -> None:
    with Kling(api_key="key", base_url=url, trust_env=False) as kling:
        kling.request_raw("GET", "/")


def by_httpx_in_a_loop(url: str) -> None:
    async def get() -> None:
        async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
            await client.get(url)

    asyncio.run(get())


def by_aiohttp(url: str) -> None:
    async def get() -> None:
        async with aiohttp.ClientSession() as session, session.get(url) as reply:
            await reply.read()

    asyncio.run(get())


CLIENTS: list[Callable[[str], None]] = [
    by_httpx,
    by_http_client,
    by_the_sdk,
    by_httpx_in_a_loop,
    by_aiohttp,
]


@contextmanager
def accepted() -> Iterator[tuple[str, Callable[[], tuple[socket.socket, int]]]]:
    """Yield a URL, and a function that accepts a connection and returns its client's port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def accept() -> tuple[socket.socket, int]:
            connection, address = server.accept()
            connection.settimeout(10)
            connection.recv(1)  # the client has started its request
            return connection, address[1]

        yield f"http://127.0.0.1:{server.getsockname()[1]}", accept


def server_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.fixture(scope="module")
def callers() -> Callers:
    """One for all tests: an audit hook stays until the process ends."""
    watcher = Callers()
    watcher.watch()
    return watcher


@pytest.mark.parametrize("client", CLIENTS)
def test_the_thread_that_has_opened_a_connection_is_known(
    callers: Callers, client: Callable[[str], None]
) -> None:
    """A blocking client's own, an event loop's that one."""
    with accepted() as (url, accept), ThreadPoolExecutor(1) as pool:
        work = pool.submit(client, url)
        connection, port = accept()
        with connection:
            opener = callers.opener_of(port, server_of(url))
            connection.sendall(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        with suppress(KlingError):  # the response does not come from Kling
            work.result(10)
        assert opener is not None
        assert opener.name.startswith("ThreadPoolExecutor")


def test_a_thread_that_has_hidden_its_connection_is_known(callers: Callers) -> None:
    """It need not wait for the reply, nor have the socket where its stack shows it."""
    sockets: list[socket.socket] = []
    sent, end = threading.Event(), threading.Event()

    def call(port: int) -> None:
        sockets.append(socket.create_connection(("127.0.0.1", port)))
        sockets[0].sendall(b"G")
        sent.set()
        end.wait(10)

    with accepted() as (url, accept):
        thread = threading.Thread(target=call, args=[server_of(url)])
        thread.start()
        try:
            connection, port = accept()
            with connection:
                assert sent.wait(10)
                assert callers.opener_of(port, server_of(url)) is thread
        finally:
            end.set()
            thread.join()
            sockets[0].close()


def test_a_connection_that_does_not_block_is_known(callers: Callers) -> None:
    """`connect_ex` begins it, and it may not be there yet."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.settimeout(0)
        client.connect_ex(server.getsockname())
        accepted, address = server.accept()
        with accepted:
            opener = callers.opener_of(address[1], server.getsockname()[1])
    assert opener is threading.current_thread()


def test_a_connection_to_another_server_from_the_same_port_is_another(callers: Callers) -> None:
    """Two connections may begin at one port, if their servers differ."""
    with ExitStack() as opened:
        url, _ = opened.enter_context(accepted())
        other, _ = opened.enter_context(accepted())
        own, second = (opened.enter_context(socket.socket()) for _ in range(2))
        for client in (own, second):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("127.0.0.1", 0))
        second.bind(own.getsockname())
        own.connect(("127.0.0.1", server_of(url)))
        pool = opened.enter_context(ThreadPoolExecutor(1))
        pool.submit(second.connect, ("127.0.0.1", server_of(other))).result(10)
        port = own.getsockname()[1]
        openers = [callers.opener_of(port, server_of(server_url)) for server_url in (url, other)]
    assert openers[0] is threading.current_thread()
    assert openers[1] is not None
    assert openers[1] is not openers[0]


def test_the_next_connection_with_the_same_descriptor_is_its_own_openers(callers: Callers) -> None:
    """A descriptor's number is used again as soon as it is closed."""
    with accepted() as (url, _), ThreadPoolExecutor(1) as pool:
        address = ("127.0.0.1", server_of(url))
        first = socket.create_connection(address)
        number, gone = first.fileno(), first.getsockname()[1]
        first.close()
        with pool.submit(socket.create_connection, address).result(10) as second:
            assert second.fileno() == number
            opener = callers.opener_of(second.getsockname()[1], server_of(url))
            assert callers.opener_of(gone, server_of(url)) is None
    assert opener is not None
    assert opener.name.startswith("ThreadPoolExecutor")


def test_what_is_unknown_is_none_and_leaves_no_descriptor_open(callers: Callers) -> None:
    """Closed sockets, files that have got their numbers, and connections without a port."""
    with accepted() as (url, _):
        closed = socket.create_connection(("127.0.0.1", server_of(url)))
    number, port = closed.fileno(), closed.getsockname()[1]
    closed.close()
    read, write = os.pipe()
    left, right = socket.socketpair()
    try:
        assert number in {read, write, left.fileno(), right.fileno()}
        before = descriptors()
        assert callers.opener_of(port, server_of(url)) is None
        assert descriptors() == before
    finally:
        for end in (left, right):
            end.close()
        for file in (read, write):
            os.close(file)


def test_a_connection_from_before_is_not_known() -> None:
    """A connection that its opener made before it was watched is not known either."""
    callers = Callers()
    with accepted() as (url, _), socket.create_connection(("127.0.0.1", server_of(url))) as own:
        assert callers.opener_of(own.getsockname()[1], server_of(url)) is None


def test_a_thread_that_python_has_not_started_is_not_known_and_gets_no_object(
    callers: Callers,
) -> None:
    """A `_DummyThread` would stay in `threading.enumerate()` forever.

    The thread that used the same descriptor before is not reported either.
    """
    openers: list[threading.Thread | None] = []
    done = threading.Event()

    def connect(server: int) -> None:
        with socket.create_connection(("127.0.0.1", server)) as own:
            openers.append(callers.opener_of(own.getsockname()[1], server))
        done.set()

    before = threading.active_count()
    with accepted() as (url, _):
        _thread.start_new_thread(connect, (server_of(url),))
        assert done.wait(10)
    assert openers == [None]
    assert threading.active_count() == before
