"""The request of a webhook."""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kling_mock.relay.service import webhook_sender
from kling_mock.relay.service.webhook_sender import WebhookReply, WebhookSender, _public_socket
from tests.mock.receiver import Receiver, closed_url, receiver

__all__ = ["receiver"]


@asynccontextmanager
async def sending(*hosts: str) -> AsyncIterator[WebhookSender]:
    sender = WebhookSender(hosts)
    try:
        yield sender
    finally:
        await sender.close()


@asynccontextmanager
async def answering(raw: bytes) -> AsyncIterator[str]:
    """Listen, and send these bytes to each request; without bytes, send nothing. Yield the URL."""
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(raw)
        await reader.read()  # until the sender is gone
        writer.close()
        await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a?secret=1"
        await ended.wait()


async def test_each_webhook_has_a_connection_of_its_own(receiver: Receiver) -> None:
    """The address is checked when a connection is made: one that was kept would skip that."""
    async with sending("127.0.0.1") as sender:
        for _ in range(2):
            assert await sender.send(receiver.url, {}, b"{}") == WebhookReply(200, "", "")
    assert [request.headers.get("connection") for request in receiver.received] == [
        "close",
        "close",
    ]


async def test_the_name_is_looked_up_each_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that moves gets the next attempt at its new address."""
    loop = asyncio.get_running_loop()
    plain, hosts = loop.getaddrinfo, []

    async def getaddrinfo(host: Any, *args: Any, **named: Any) -> Any:
        hosts.append(host)
        return await plain(host, *args, **named)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    async with sending("localhost") as sender:
        for _ in range(2):
            url = receiver.url.replace("127.0.0.1", "localhost")
            assert (await sender.send(url, {}, b"{}")).status == 200
    assert hosts == ["localhost"] * 2


async def test_it_says_who_sends_it(receiver: Receiver) -> None:
    """It has the headers of the webhook; a receiver's log shows the relay."""
    async with sending("*") as sender:
        await sender.send(receiver.url, {"webhook-id": "msg_1"}, b"{}")
    (received,) = receiver.received
    assert received.headers["user-agent"] == "kling-relay"
    assert received.headers["webhook-id"] == "msg_1"
    assert received.body == b"{}"


async def test_a_receiver_can_ask_for_time() -> None:
    """What it says is part of the result."""
    raw = b"HTTP/1.1 503 Busy\r\nRetry-After: 70\r\nContent-Length: 0\r\n\r\n"
    async with sending("127.0.0.1") as sender, answering(raw) as url:
        assert await sender.send(url, {}, b"{}") == WebhookReply(503, "", "70")


async def test_a_receiver_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a time for everything; the result says so."""
    monkeypatch.setattr(webhook_sender, "_TIMEOUT", 0.05)
    async with sending("127.0.0.1") as sender, answering(b"") as url:
        assert await sender.send(url, {}, b"{}") == WebhookReply(0, "no response within 0.05 s", "")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        pytest.param(closed_url(), "ClientConnectorError", id="nobody listens"),
        ("http://localhost:1/a?secret=1", "the address is not public"),
        ("http://[::1]:1/a?secret=1", "the address is not public"),
        ("http://127.0.0.1:port/a?secret=1", "ValueError"),
    ],
)
async def test_a_failure_is_a_result_without_the_url(url: str, error: str) -> None:
    """Links may hold secrets, and the operator sees the result."""
    async with sending("127.0.0.1") as sender:
        assert await sender.send(url, {}, b"{}") == WebhookReply(0, error, "")


def test_a_public_address_gets_a_socket() -> None:
    """The socket has the family of the address that was looked up."""
    for family, host in ((socket.AF_INET, "8.8.8.8"), (socket.AF_INET6, "2606:4700::1111")):
        with _public_socket((family, socket.SOCK_STREAM, 6, "", (host, 443))) as sock:
            assert (sock.family, sock.type) == (family, socket.SOCK_STREAM)


async def test_connections_are_no_state(receiver: Receiver) -> None:
    """A relay in memory is pickled while it is idle; the copy calls the same hosts."""
    async with sending("127.0.0.1") as sender:
        assert (await sender.send(receiver.url, {}, b"{}")).status == 200
        assert sender._session(free=True) is sender._session(free=True)
        copy: WebhookSender = pickle.loads(pickle.dumps(sender))  # noqa: S301 - our own
        assert copy._sessions == {}
        assert (await copy.send(receiver.url, {}, b"{}")).status == 200
        await copy.close()
        await sender.close()
        assert (await sender.send(receiver.url, {}, b"{}")).status == 200  # on new connections
