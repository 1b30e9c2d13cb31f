"""Which thread of this process waits for a reply, whatever client it uses."""

from __future__ import annotations

import asyncio
import http.client
import os
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FunctionType, ModuleType

import aiohttp
import httpx
import pytest

from kling_mock.web import callers
from kling_mock.web.callers import thread_at
from kling_sdk import Kling
from kling_sdk.errors import KlingError


def by_httpx(url: str) -> None:
    with httpx.Client(trust_env=False) as client:
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
        async with httpx.AsyncClient(trust_env=False) as client:
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
            connection.recv(1)  # the client has begun its request
            return connection, address[1]

        yield f"http://127.0.0.1:{server.getsockname()[1]}", accept


def server_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.parametrize("client", CLIENTS)
def test_a_thread_that_waits_for_a_reply_is_found(client: Callable[[str], None]) -> None:
    """A blocking client by its socket, an event loop by its selector."""
    with accepted() as (url, accept), ThreadPoolExecutor(2) as pool:
        other = pool.submit(threading.Event().wait, 0)  # a thread that calls nobody
        other.result()
        work = pool.submit(client, url)
        connection, port = accept()
        with connection:
            found = thread_at(port, server_of(url))
            connection.sendall(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        with suppress(KlingError):  # the reply is none of Kling's
            work.result(10)
        assert found is not None
        assert found.name.startswith("ThreadPoolExecutor")


def test_of_two_threads_that_have_a_connection_the_one_that_waits_is_found() -> None:
    """A test that holds the connection of its app does not make the app's calls."""
    with accepted() as (url, accept), ThreadPoolExecutor(1) as pool:
        client = http.client.HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]))
        client.connect()

        def hold(mine: http.client.HTTPConnection, end: threading.Event) -> None:
            end.wait(10)
            mine.close()

        end = threading.Event()
        holder = threading.Thread(target=hold, args=[client, end])
        holder.start()  # begun first, and so looked at first

        def get() -> None:
            client.request("GET", "/")
            client.getresponse().read()

        work = pool.submit(get)
        connection, port = accept()
        with connection:
            found = thread_at(port, server_of(url))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        work.result(10)
        end.set()
        holder.join()
        assert found is not None
        assert found is not holder


def test_a_connection_to_another_server_from_the_same_port_is_another() -> None:
    """Two connections may begin at one port, if their servers differ."""
    with ExitStack() as opened:
        url, accept = opened.enter_context(accepted())
        other, accept_other = opened.enter_context(accepted())
        own, second = (opened.enter_context(socket.socket()) for _ in range(2))
        pool = opened.enter_context(ThreadPoolExecutor(1))
        for one in (own, second):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("127.0.0.1", 0))
        second.bind(own.getsockname())
        own.connect(("127.0.0.1", server_of(url)))
        second.connect(("127.0.0.1", server_of(other)))
        own.sendall(b"G")
        second.sendall(b"G")
        work = pool.submit(lambda mine: mine.recv(1), second)
        with accept()[0], accept_other()[0] as connection:
            port = own.getsockname()[1]
            found = [thread_at(port, server_of(one)) for one in (url, other)]
            connection.sendall(b"x")
        work.result(10)
    assert found[0] is None
    assert found[1] is not None


def test_a_client_that_is_no_thread_of_this_process_is_not_found() -> None:
    """The server's own thread is left out, and so is what no stack holds."""
    with accepted() as (url, accept):
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as own:
            own.sendall(b"G")
            connection, client = accept()
            with connection:
                assert client == own.getsockname()[1]
                assert thread_at(client, port) is None
    assert thread_at(client, port) is None


def test_modules_are_not_searched() -> None:
    """A thread that imports has all of them in hand: that would take longer than a call waits."""
    module = ModuleType("with_a_socket")
    ready, end = threading.Event(), threading.Event()
    code = "ready.set()\nend.wait(10)"

    def hold(mine: ModuleType) -> None:
        exec(code, {"ready": ready, "end": end, "socket": vars(mine)["socket"]})  # noqa: S102 - as an import

    with accepted() as (url, _), socket.create_connection(("127.0.0.1", server_of(url))) as own:
        vars(module)["socket"] = own
        ports = own.getsockname()[1], server_of(url)
        thread = threading.Thread(target=hold, args=[module])
        thread.start()
        try:
            assert ready.wait(10)
            assert thread_at(*ports) is None
        finally:
            end.set()
            thread.join()


def test_closed_sockets_and_files_that_are_no_sockets_are_passed_over() -> None:
    """Whatever another thread has in hand, looking at it does no harm."""
    ready, end = threading.Event(), threading.Event()
    read, write = os.pipe()

    def hold() -> None:
        closed = socket.socket()
        closed.close()
        with selectors.DefaultSelector() as selector:
            selector.register(read, selectors.EVENT_READ)
            ready.set()
            end.wait(10)
        assert closed.fileno() < 0

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert ready.wait(10)
        before = descriptors()
        assert thread_at(1, 2) is None
        assert descriptors() == before
    finally:
        end.set()
        thread.join()
        os.close(read)
        os.close(write)


def test_another_server_that_looks_at_the_same_time_is_not_taken_for_the_client() -> None:
    """It has the sockets of all threads in its hands, and waits for none of them."""
    end: list[bool] = []

    def looks(held: socket.socket, end: list[bool]) -> None:
        while not end:
            pass

    def receives(connection: socket.socket) -> None:
        called(connection.recv, 1)

    def called(function: Callable[[int], bytes], size: int) -> None:
        function(size)

    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(server.getsockname()))
        client.settimeout(20)
        accepted, _ = server.accept()
        stack.enter_context(accepted)
        # A frame of the module, with the socket in its hands.
        looker = FunctionType(looks.__code__, vars(callers))
        other = threading.Thread(target=looker, args=(client, end))
        waiting = threading.Thread(target=receives, args=(client,))
        for one in (other, waiting):
            one.start()
        try:
            assert thread_at(client.getsockname()[1], client.getpeername()[1]) is waiting
        finally:
            end.append(True)
            accepted.sendall(b"x")
            for one in (other, waiting):
                one.join()
