"""The sockets under a default `Kling`: what they reach, and when they give up."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from kling_sdk import Kling
from kling_sdk.transports.address import Address
from kling_sdk.transports.default import shared_ssl_context
from kling_sdk.transports.httpx_shared import FRESH, UNSENT
from kling_sdk.transports.httpx_sync import CallAttempt, attempt
from kling_sdk.transports.sync_sockets import DeadlineTransport
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(transport=DeadlineTransport(shared_ssl_context())) as http:
        yield http


@contextlib.contextmanager
def time_is_over() -> Iterator[None]:
    token = attempt.set(CallAttempt(time.monotonic()))
    try:
        yield
    finally:
        attempt.reset(token)


def test_a_host_of_several_addresses_is_reached_at_the_one_that_answers(
    client: httpx.Client,
) -> None:
    """`localhost` is often ::1 and 127.0.0.1, and the server listens on one of them."""
    with FaultyKling() as server:
        port = server.url.rpartition(":")[2]
        client.get(f"http://localhost:{port}/")
        assert len(server.requests) == 1


def test_a_name_that_nobody_can_have_is_a_failure_to_connect(client: httpx.Client) -> None:
    """So nothing was sent, and a create is a plain failure."""
    with pytest.raises(httpx.ConnectError):
        client.get("http://" + "a" * 64 + ".test/")


def test_with_no_time_left_nothing_is_connected_to(client: httpx.Client) -> None:
    """The failure proves that nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        with time_is_over(), pytest.raises(httpx.ConnectTimeout) as caught:
            client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        assert "tried" not in str(Address("http://127.0.0.1").not_connected(caught.value))
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_with_no_time_left_nothing_is_written(client: httpx.Client) -> None:
    """This holds on an open connection; the error says so, for the verdict of a create."""
    with FaultyKling() as server:
        first, second = (httpx.Request("GET", server.url) for _ in range(2))
        client.send(first)
        with time_is_over(), pytest.raises(httpx.WriteTimeout):
            client.send(second)
        assert len(server.requests) == 1
        assert UNSENT in second.extensions
        assert UNSENT not in first.extensions


def test_creates_are_sent_at_once_however_many(client: httpx.Client) -> None:
    """Each has a connection of its own, and none waits for another's reply."""
    count = 12
    with (
        socket.create_server(("127.0.0.1", 0), backlog=count) as listener,
        ThreadPoolExecutor(count) as threads,
        contextlib.ExitStack() as stack,  # its sockets are closed before the threads are joined
    ):
        listener.settimeout(2.0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        requests = [httpx.Request("POST", url, extensions={FRESH: True}) for _ in range(count)]
        replies = threads.map(client.send, requests)
        sockets = [stack.enter_context(listener.accept()[0]) for _ in range(count)]
        for connection in sockets:
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert [reply.status_code for reply in replies] == [204] * count


def test_a_kept_connection_that_dies_under_a_create_costs_no_second_task() -> None:
    """The server closes it just as the request goes out: the create is sent again, and once."""
    with FaultyKling() as server:
        server.breaks(None, Fault("unread"), Fault("accepted"))
        with Kling("AK|SK", base_url=server.url, clock=FakeClock()) as kling:
            kling.text2video.list()
            task = kling.text2video.create(prompt="a kitten")
        assert list(server.kling.tasks) == [task.task_id]
