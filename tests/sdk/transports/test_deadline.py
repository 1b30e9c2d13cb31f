"""Servers that never fall silent and never finish: a call still ends at its timeout."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from kling_sdk import DownloadError, OutcomeUnknownError, TransportError
from tests.sdk.clients import CLIENTS, Calls, over
from tests.sdk.dripping import DROPS, Dripping
from tests.sdk.scripted import FakeClock

#: What comes first, and what is repeated then.
DRIPS: Final = {
    "head": (b"HTTP/1.1 200 OK\r\nx-drip: ", b"a"),
    "interim replies": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{", b" "),
    "chunks": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}
TIMEOUT: Final = 0.25  # s

#: The caller's own sync client has its library's sockets, which know no whole time.
OWN_SOCKETS: Final = [name for name in CLIENTS if name != "httpx2"]

clients = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture
def dripping(request: pytest.FixtureRequest) -> Iterator[Dripping]:
    with Dripping(*DRIPS[request.getfixturevalue("drip")]) as server:
        yield server


def call(client: str, name: str, server: Dripping, place: Path = Path()) -> Any:
    calls = Calls("order-1", place, f"{server.url}/clip.mp4")
    return over(client, getattr(calls, name), server.url, FakeClock(), timeout=TIMEOUT, retries=0)


@pytest.mark.parametrize("drip", DRIPS)
@pytest.mark.parametrize("client", OWN_SOCKETS)
@pytest.mark.slow  # in real time
def test_a_reply_that_drips_ends_at_the_timeout(dripping: Dripping, drip: str, client: str) -> None:
    """The timeout is of the attempt as a whole, however lively the server looks."""
    with pytest.raises(TransportError):
        call(client, "get", dripping)
    assert dripping.drops < DROPS // 2


@pytest.mark.parametrize("drip", ["head"])
@pytest.mark.parametrize("client", OWN_SOCKETS)
@pytest.mark.slow  # in real time
def test_a_create_whose_reply_drips_may_have_been_accepted(
    dripping: Dripping, drip: str, client: str
) -> None:
    """It was sent, so its outcome is unknown and the error has the id."""
    with pytest.raises(OutcomeUnknownError) as caught:
        call(client, "create", dripping)
    assert caught.value.external_task_id == "order-1"
    assert dripping.drops < DROPS


@pytest.mark.parametrize("drip", ["head", "interim replies"])
@pytest.mark.parametrize("client", OWN_SOCKETS)
@pytest.mark.slow  # in real time
def test_a_file_whose_head_drips_ends_at_the_timeout(
    dripping: Dripping, drip: str, client: str, tmp_path: Path
) -> None:
    """A body may take its time, as long as it goes on; a head may not."""
    with pytest.raises(DownloadError):
        call(client, "download", dripping, tmp_path / "clip.mp4")
    assert dripping.drops < DROPS // 2


@pytest.mark.parametrize("drip", ["body", "chunks"])
@pytest.mark.slow  # in real time
def test_a_sync_client_of_ones_own_ends_a_dripping_body(dripping: Dripping, drip: str) -> None:
    """Between two pieces of a body the time is checked for any client."""
    with pytest.raises(TransportError):
        call("httpx2", "get", dripping)
    assert dripping.drops < DROPS // 2


def memory_of_a_get(client: str, first: bytes, drop: bytes) -> int:
    """Return the maximum of bytes in use while a server floods a `get`, which fails."""
    with Dripping(first, drop, pause=0) as server:
        tracemalloc.start()
        try:
            with pytest.raises(TransportError):
                call(client, "get", server)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nx-flood: ", b"a" * 65536),
        (b"HTTP/1.1 200 OK\r\n", b"x-flood: 1\r\n" * 5000),
    ],
    ids=["one long header", "many headers"],
)
@clients
def test_a_head_without_end_is_refused(client: str, first: bytes, drop: bytes) -> None:
    """A server that sends headers as fast as it can does not fill the memory."""
    assert memory_of_a_get(client, first, drop) < 8 * 1024 * 1024


@pytest.mark.parametrize("client", OWN_SOCKETS)
@pytest.mark.slow
def test_interim_replies_without_end_do_not_fill_the_memory(client: str) -> None:
    """They do not hold the call beyond its timeout either."""
    drop = b"HTTP/1.1 100 Continue\r\n\r\n" * 2000
    assert memory_of_a_get(client, b"", drop) < 32 * 1024 * 1024
