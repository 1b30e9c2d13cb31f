"""Private attributes of HTTP libraries: each is there, means what it did, and is read in one place.

A release that changes one fails here, and not as a reply that is taken for another's.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import aiohttp
import httpcore
import httpx
import pytest

import kling_sdk
from kling_sdk.transports import private
from tests.sdk.faulty_server import Fault, FaultyKling

ROOM: Final = Path(kling_sdk.__file__).parent / "transports"


class OtherPool(httpcore.ConnectionPool):
    """Counts what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        self.seen.append(request.url.target)
        return httpcore.Response(204)


def test_a_transport_of_httpx_sends_its_requests_to_the_pool_it_is_given() -> None:
    """`HTTPTransport._pool` and `AsyncHTTPTransport._pool`."""
    pool = OtherPool()
    transport = httpx.HTTPTransport()
    transport.close()
    private.use_pool(transport, pool)
    with httpx.Client(transport=transport) as http:
        assert http.get("http://127.0.0.1:1/here").status_code == 204
    assert pool.seen == [b"/here"]
    assert hasattr(httpx.AsyncHTTPTransport(), "_pool")


def test_bytes_behind_a_reply_are_seen() -> None:
    """`HTTPConnection._connection` and `HTTP11Connection._h11_state`."""
    with FaultyKling() as server:
        server.breaks(None, Fault("extra"))
        url = httpcore.URL(server.url)
        request = httpcore.Request("GET", url, headers={"host": "127.0.0.1"})
        connection = httpcore.HTTPConnection(url.origin)
        assert not private.has_unread_bytes(connection)
        for is_behind in (False, True):
            response = connection.handle_request(request)
            response.read()
            response.close()
            assert private.has_unread_bytes(connection) is is_behind
        connection.close()


async def test_bytes_behind_a_reply_are_seen_on_an_event_loop() -> None:
    """The same attributes of the async classes."""
    with FaultyKling() as server:
        server.breaks(None, Fault("extra"))
        url = httpcore.URL(server.url)
        request = httpcore.Request("GET", url, headers={"host": "127.0.0.1"})
        connection = httpcore.AsyncHTTPConnection(url.origin)
        for is_behind in (False, True):
            response = await connection.handle_async_request(request)
            await response.aread()
            await response.aclose()
            assert private.has_unread_bytes(connection) is is_behind
        await connection.aclose()


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated", "ignore:.*proxy_auth")
async def test_the_proxy_of_a_session_is_seen() -> None:
    """`ClientSession._default_proxy` and `_default_proxy_auth`."""
    auth = aiohttp.BasicAuth("user", "s3cret")
    async with aiohttp.ClientSession(proxy="http://127.0.0.1:1", proxy_auth=auth) as session:
        settings = private.proxy_of(session)
        assert str(settings["proxy"]) == "http://127.0.0.1:1"
        assert settings["proxy_auth"] == auth


async def test_the_connection_of_a_reply_that_was_read_is_closed() -> None:
    """`ClientResponse._protocol`: the next request needs another connection."""
    with FaultyKling() as server:
        async with aiohttp.ClientSession() as session:
            for is_closed in (False, True, False):
                async with session.get(server.url) as response:
                    await response.read()
                    if is_closed:
                        private.disconnect(response)
    assert server.connections == 2


def test_nothing_else_reads_a_private_attribute_of_a_library() -> None:
    """It is an attribute of another object than `self`, or of a library class that ours extends."""
    theirs = {"_connection", "_default_proxy", "_default_proxy_auth", "_h11_state", "_pool"}
    theirs |= {"_network_backend", "_proxy_url", "_protocol", "_raw_socket", "_sslobj", "_mounts"}
    readers: set[str] = set()
    for file in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Attribute) or node.attr.startswith("__"):
                continue
            is_own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
            if node.attr.startswith("_") and not (is_own and node.attr not in theirs):
                readers.add(f"{file.name}: {node.attr}")
    assert readers == {
        "private.py: _connection",
        "private.py: _default_proxy",
        "private.py: _default_proxy_auth",
        "private.py: _h11_state",
        "private.py: _pool",
        "private.py: _protocol",
    }
