"""Bodies of requests: their inflated size is bounded, and one does not wait for another."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.web.bodies import STEP, BodyEncodingError, Inflater
from tests.plain_http import NO_TLS

CREATE: Final = {
    "emulator": "/v1/videos/text2video",
    "relay": "/kling/v1/videos/omni-video",
    "operator": "/__kling/relay/users",
    "callback": "/kling/callback/kling_1",
    "admin": "/__kling/faults",
}
MIB: Final = 1 << 20
LIMIT: Final = {"emulator": 128, "relay": 96, "operator": 1, "callback": 1, "admin": 1}  # MiB
EARLY: Final = {"relay", "operator", "admin"}  # without a key these read no body


@pytest.fixture(scope="module")
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as server:
        _ = server.relay_url
        yield server


def address(mock: KlingMock, server: str) -> tuple[str, int]:
    url = httpx.URL(mock.kling_url if server in {"emulator", "admin"} else mock.relay_url)
    assert url.port is not None
    return url.host, url.port


def post(mock: KlingMock, server: str, length: int, *more: str, key: bool = True) -> bytes:
    keys = {"emulator": mock.api_key, "relay": mock.relay_token}
    auth = [f"Authorization: Bearer {keys.get(server, mock.admin_token)}"] if key else []
    lines = [f"POST {CREATE[server]} HTTP/1.1", "Host: localhost", f"Content-Length: {length}"]
    return ("\r\n".join([*lines, *auth, *more]) + "\r\n\r\n").encode()


@cache
def bomb(mib: int) -> bytes:
    """Return a body of gzip that is a thousandth of what it inflates to."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS + 16)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(mib)) + packer.flush()


class Counted:
    """Counts what is inflated; the inflating itself is zlib's.

    Attributes:
        sizes: Bytes of each step.
        at_step: Called before each step, with its number.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.at_step: Callable[[int], object] = int
        feed = Inflater.feed
        counted = self

        def counting(self: Inflater, chunk: bytes) -> Iterator[bytes]:
            for piece in feed(self, chunk):
                counted.sizes.append(len(piece))
                counted.at_step(len(counted.sizes))
                yield piece

        monkeypatch.setattr(Inflater, "feed", counting)


def answer(connection: socket.socket) -> bytes:
    """Return the first line of the answer."""
    received = b""
    while b"\r\n" not in received:
        chunk = connection.recv(65_536)
        assert chunk, "the connection was closed without an answer"
        received += chunk
    return received.partition(b"\r\n")[0]


@pytest.mark.slow
@pytest.mark.parametrize("key", [True, False])
@pytest.mark.parametrize("server", CREATE)
def test_a_bomb_is_inflated_no_further_than_the_limit(
    mock: KlingMock, monkeypatch: pytest.MonkeyPatch, server: str, *, key: bool
) -> None:
    """300 kB that inflate to 300 MB: in small steps, up to the limit, and not at all unread."""
    counted, packed = Counted(monkeypatch), bomb(300)
    assert len(packed) < 400_000
    with socket.create_connection(address(mock, server), timeout=30) as raw:
        raw.sendall(post(mock, server, len(packed), "Content-Encoding: gzip", key=key) + packed)
        status = answer(raw).split()[1]
    if server in EARLY and not key:
        assert (status, counted.sizes) == (b"401", [])
        return
    assert status == b"413"
    assert max(counted.sizes) <= STEP
    assert LIMIT[server] * MIB < sum(counted.sizes) <= LIMIT[server] * MIB + STEP


def test_control_one_large_step_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count above is of what is inflated at a time, not of what comes in."""
    monkeypatch.setattr("kling_mock.web.bodies.STEP", 1 << 30)
    counted = Counted(monkeypatch)
    inflate("gzip", bomb(8))
    assert max(counted.sizes) > STEP


@pytest.mark.slow
@pytest.mark.parametrize("server", ["emulator", "relay"])
def test_others_are_answered_while_a_body_is_inflated(
    mock: KlingMock, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    """A small request that comes meanwhile is answered before the large one."""
    counted, packed = Counted(monkeypatch), bomb(90)
    answered: list[int] = []
    sent = threading.Event()
    path = "/openapi.json" if server == "emulator" else "/health"
    small = socket.create_connection(address(mock, server), timeout=30)

    def ask() -> None:
        small.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        sent.set()
        answer(small)
        answered.append(len(counted.sizes))

    asking = threading.Thread(target=ask)

    def at_step(number: int) -> None:
        if number == 10:
            asking.start()
            assert sent.wait(30)
        elif number % 50 == 0:
            asking.join(0.2)  # lets the other thread note its answer, if it has one

    counted.at_step = at_step
    with socket.create_connection(address(mock, server), timeout=30) as raw, small:
        raw.sendall(post(mock, server, len(packed), "Content-Encoding: gzip") + packed)
        answer(raw)
        asking.join(30)
    assert 10 <= answered[0] < len(counted.sizes)


@pytest.mark.parametrize("server", CREATE)
def test_a_body_that_is_announced_too_large_is_not_asked_for(mock: KlingMock, server: str) -> None:
    """`Expect: 100-continue` with too many bytes is a 413, and the connection ends."""
    with socket.create_connection(address(mock, server), timeout=30) as raw:
        raw.sendall(post(mock, server, 200_000_000, "Expect: 100-continue"))
        received = b""
        while b"\r\n\r\n" not in received:
            received += raw.recv(65_536)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close\r\n" in received.lower()


@pytest.mark.parametrize("server", ["emulator", "relay"])
def test_control_a_body_within_the_limit_is_asked_for(mock: KlingMock, server: str) -> None:
    """100 comes first."""
    with socket.create_connection(address(mock, server), timeout=30) as raw:
        raw.sendall(post(mock, server, 20, "Expect: 100-continue"))
        assert raw.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(b"x" * 20)
        assert answer(raw).startswith(b"HTTP/1.1 400 ")


# ---------------------------------------------------------------- inflating


def inflate(coding: str, *chunks: bytes) -> bytes:
    inflater = Inflater(coding)
    content = b"".join(piece for chunk in chunks for piece in inflater.feed(chunk))
    inflater.end()
    return content


TEXT: Final = b"a kitten on the grass " * 40_000  # several steps


@pytest.mark.parametrize("size", [1, 7, 1000, MIB])
@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:500_000]) + gzip.compress(TEXT[500_000:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT, wbits=-zlib.MAX_WBITS)),
    ],
)
def test_what_was_packed_comes_out(coding: str, packed: bytes, size: int) -> None:
    """It may come in any pieces; both of two gzip files are read."""
    chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert inflate(coding, *chunks) == TEXT


@pytest.mark.parametrize(
    "packed",
    [b"no gzip", gzip.compress(TEXT)[:-1], gzip.compress(b"a") + b"rest", gzip.compress(b"") * 101],
)
def test_what_cannot_be_inflated(packed: bytes) -> None:
    """Other bytes, a part, something behind the end, and too many gzip files in a row."""
    with pytest.raises(BodyEncodingError):
        inflate("gzip", packed)


def test_nothing_is_nothing() -> None:
    """An empty body is not an error."""
    assert inflate("gzip") == b""


def test_a_client_that_leaves_an_admin_call_is_no_failure(
    mock: KlingMock, caplog: pytest.LogCaptureFixture
) -> None:
    """It has sent half of a body; no error is logged, and others are served."""
    with socket.create_connection(address(mock, "admin"), timeout=30) as raw:
        raw.sendall(post(mock, "admin", 20) + b"{")
    headers = {"Authorization": f"Bearer {mock.admin_token}"}
    url = f"{mock.kling_url}{CREATE['admin']}"
    assert httpx.get(url, headers=headers, trust_env=False, verify=NO_TLS).status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
