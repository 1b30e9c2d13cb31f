"""Bytes that no HTTP library would send do not cause a 5xx or a connection that hangs."""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.kling.endpoints.registry import ENDPOINTS

pytestmark = pytest.mark.slow

FEW = 300
# Requests of each test; set the variable for a longer run, at random.
CASES = int(os.environ.get("KLING_MOCK_FUZZ_CASES", str(FEW)))
HANGS = 10.0  # seconds of silence after which a connection counts as hanging
FUZZ = settings(
    max_examples=CASES,
    deadline=None,
    derandomize=CASES <= FEW,
    database=None,
    suppress_health_check=list(HealthCheck),
)
KEEP_ALIVE, CLOSE = b"Connection: keep-alive", b"Connection: close"


@pytest.fixture(scope="module")
def server() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as mock:
        yield mock


class Sent(NamedTuple):
    """A request on the wire; one that is not whole is followed by the end of the stream."""

    raw: bytes
    whole: bool


def exchange(server: KlingMock, sent: Sent) -> list[int]:
    """Send it and return the statuses that came back before the connection ended.

    Raises:
        TimeoutError: It hangs.
    """
    host, port = server.kling_url.removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=HANGS) as connection:
        try:
            connection.sendall(sent.raw)
            if not sent.whole:
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                received += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass  # closed by the server while unwanted bytes were on their way
    return list(statuses(received))


def statuses(received: bytes) -> Iterator[int]:
    """Yield the status of each answer, and check that each is in one of Kling's shapes.

    They are the envelope, and what the gateway in front of it says of an unknown path.
    """
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        # aiohttp answers in the version that the request claims to be.
        match = re.match(rb"HTTP/[0-9]\.[0-9] ([0-9]{3}) ", head)
        assert match, received[:200]
        status = int(match[1])
        length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
        size = int(length[1]) if length else 0
        if status >= 200:
            assert size <= len(rest), "an answer was cut"
            answer = json.loads(rest[:size])
            if "code" in answer:
                assert (answer["code"] == 0) == (status == 200)
            else:
                assert (status, answer["status"], answer["error"]) == (404, 404, "Not Found")
        yield status
        received = rest[size:]


def judge(server: KlingMock, sent: Sent) -> None:
    """Send a request, and then an honest one: the server answers both, or ends the first."""
    got = exchange(server, sent)
    assert all(status < 500 for status in got), got
    assert got or not sent.whole
    head = f"Authorization: Bearer {server.api_key}\r\n".encode() + CLOSE
    honest = b"GET /v1/videos/text2video?pageSize=1 HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n"
    assert exchange(server, Sent(honest, whole=True)) == [200]


TEXT2VIDEO = "/v1/videos/text2video"


def request(
    server: KlingMock, body: bytes, *headers: bytes, path: str = TEXT2VIDEO, key: bool = True
) -> bytes:
    """Return a create request with these headers; the framing is in them."""
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: localhost", *headers]
    if key:
        lines.append(f"Authorization: Bearer {server.api_key}".encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# ---------------------------------------------------------------- bodies

PATH = st.sampled_from(
    sorted(
        record.path.replace("{model}", next(iter(record.models), ""))
        for record in ENDPOINTS.values()
        if record.method == "POST"
    )
)
NAME = st.sampled_from(
    sorted({name for record in ENDPOINTS.values() for name in record.fields.fields})
)
HUGE = st.sampled_from(["1e999", "-1e999", "9" * 5000, "1" + "0" * 400, "0.1e-999", "1E+2", "-0"])
WORDS = st.sampled_from(["NaN", "Infinity", "nul", "True", "'a'", "", "\ud800", '"\\ud800"'])


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


VALUE = (
    HUGE
    | WORDS
    | st.integers(min_value=0, max_value=3000).map(nested)
    | st.integers(0, 2000).map(lambda depth: '{"a":' * depth + "1" + "}" * depth)
    | st.text(max_size=20).map(json.dumps)
    | st.sampled_from(
        [example for record in ENDPOINTS.values() for example in record.examples.values()]
    ).map(json.dumps)
)
PLAIN = st.just(b'{"prompt":"a"}')
# Members are written one by one, so that a key can be there twice.
MEMBERS = st.lists(st.tuples(NAME | st.text(max_size=5), VALUE), max_size=6)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Draw a body: whole, cut, or with bytes that are not UTF-8, of any nesting and numbers."""
    members = draw(MEMBERS)
    text = ",".join(f"{json.dumps(name)}:{value}" for name, value in members)
    body = f"{{{text}}}".encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        body = body[: draw(st.integers(0, len(body)))]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(body)))
        bad = draw(st.sampled_from([b"\xff", b"\xc3", b"\x00", b"\xed\xa0\x80", b"\xef\xbb\xbf"]))
        body = body[:at] + bad + body[at:]
    return body


@FUZZ
@given(body=bodies(), path=PATH)
def test_bodies(server: KlingMock, body: bytes, path: str) -> None:
    """Nesting, huge numbers, repeated keys, bad UTF-8 and cut JSON are answered."""
    judge(server, Sent(request(server, body, length(len(body)), CLOSE, path=path), whole=True))


def test_a_naive_parser_is_noticed(server: KlingMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among these bodies are some that bring down a server that trusts its JSON parser."""
    monkeypatch.setattr("kling_mock.kling.service.read_object", json.loads)
    seen: set[int] = set()

    @settings(FUZZ, phases=[Phase.generate])
    @given(body=bodies())
    def send(body: bytes) -> None:
        sent = Sent(request(server, body, length(len(body)), CLOSE), whole=True)
        seen.update(exchange(server, sent))

    send()
    assert 500 in seen


# ---------------------------------------------------------------- framing

CODINGS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"identity": lambda body: body,
    b"br": lambda body: body,
    b"zstd": lambda body: body,
    b"gzip, gzip": lambda body: gzip.compress(gzip.compress(body)),
    b"": lambda body: body,
}


def chunked(body: bytes, sizes: list[int]) -> bytes:
    encoded = b""
    for size in sizes:
        part, body = body[:size], body[size:]
        encoded += b"%x\r\n%b\r\n" % (len(part), part) if part else b""
    return encoded + (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"


class Frame(NamedTuple):
    """A body on the wire, the headers that say how it is framed, and whether that is true."""

    body: bytes
    headers: tuple[bytes, ...]
    honest: bool


ODD_LENGTHS = [b"-1", b"+1", b"0x10", b"1 2", b"1, 1", b"", b"1e3", b"\xc2\xb2", b"9" * 5000]
CHUNKED = b"Transfer-Encoding: chunked"


def length(value: bytes | int) -> bytes:
    return b"Content-Length: " + (value if isinstance(value, bytes) else b"%d" % value)


@st.composite
def coded(draw: st.DrawFn) -> tuple[bytes, tuple[bytes, ...]]:
    """Draw a body that is compressed as its headers say, or is not, or was cut."""
    body = draw(PLAIN | bodies())
    if draw(st.booleans()):
        return body, ()
    coding = draw(st.sampled_from(sorted(CODINGS)))
    if draw(st.booleans()):
        body = CODINGS[coding](body)
        body = body[: len(body) - draw(st.integers(0, 8))]
    return body, (b"Content-Encoding: " + coding,)


@st.composite
def honest_frames(draw: st.DrawFn) -> Frame:
    body, headers = draw(coded())
    if draw(st.booleans()):
        return Frame(body, (*headers, length(len(body))), honest=True)
    sizes = draw(st.lists(st.integers(0, 30), max_size=4))
    return Frame(chunked(body, sizes), (*headers, CHUNKED), honest=True)


@st.composite
def wrong_frames(draw: st.DrawFn) -> Frame:
    body, headers = draw(coded())
    more = draw(st.sampled_from([1, 1000, 10**12, 2**63, 10**30]))
    chunks = chunked(body, draw(st.lists(st.integers(0, 30), max_size=4)))
    at = draw(st.integers(0, len(chunks)))
    bad = draw(st.sampled_from([b"zz", b"\r\n", b"-1\r\n", b"f" * 40, b";a=b", b""]))
    sent, framing = draw(
        st.sampled_from(
            [
                (body, (length(len(body) + more),)),
                (body, (length(min(at, len(body))),)),
                (body, (length(draw(st.sampled_from(ODD_LENGTHS))),)),
                (chunks[:at] + bad, (CHUNKED,)),
                (chunks, (length(len(body)), CHUNKED)),
            ]
        )
    )
    return Frame(sent, (*headers, *framing), honest=False)


@FUZZ
@given(
    frame=honest_frames() | wrong_frames(),
    end=st.sampled_from([KEEP_ALIVE, CLOSE, b"Connection: upgrade"]),
)
def test_frames(server: KlingMock, frame: Frame, end: bytes) -> None:
    """Wrong lengths, chunks and compressions are answered, or the connection ends."""
    raw = request(server, frame.body, *frame.headers, end)
    judge(server, Sent(raw, whole=frame.honest and end == CLOSE))


# ---------------------------------------------------------------- heads

LINE = st.sampled_from(
    [
        b"GET /v1/videos/text2video HTTP/1.1",
        b"GET  /v1/videos/text2video HTTP/1.1",
        b"GET /v1/videos/text2video HTTP/2.0",
        b"GET /v1/videos/text2video HTTP/1.1 extra",
        b"GET /v1/videos/text2video",
        b"get /v1/videos/text2video HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"CONNECT localhost:443 HTTP/1.1",
        b"TRACE / HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"GET //v1//videos HTTP/1.1",
        b"GET /v1/videos/text2video/%00%ff%2f..%2f HTTP/1.1",
        b"GET /v1/videos/text2video/" + b"a" * 7000 + b" HTTP/1.1",
        b"GET /v1/videos/text2video/" + b"a" * 70000 + b" HTTP/1.1",
        b"GET http://[::1/v1/videos HTTP/1.1",
        b"GET http://a:99999999/v1/videos/text2video HTTP/1.1",
        b"GET /v1/videos/text2video?pageNum=%zz&&=&pageSize=\xff HTTP/1.1",
        b"GET /media/videos/" + b"1" * 18 + b".mp4 HTTP/1.1",
        b"POST /openapi.json HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"",
    ]
)
HEADER = st.sampled_from(
    [
        b"Host: ",
        b"Host: a\r\nHost: b",
        b'Host: "><script>',
        b"Host: [::1",
        b"Expect: 100-continue",
        b"Expect: the unexpected",
        b"Upgrade: websocket\r\nConnection: Upgrade",
        b"Upgrade: h2c",
        b"Authorization: Bearer",
        b"Authorization: Bearer a.b.c",
        b"Authorization: Basic YTpi",
        b"Authorization: Bearer \xff\xfe",
        b"Authorization: Bearer eyJhbGciOiJub25lIn0.e30.",
        b"Authorization: Bearer " + b"a" * 9000,
        b"X-Forwarded-Host: a b\r\nX-Forwarded-Proto: javascript",
        b"Range: bytes=9-1,,-5",
        b"If-Range: \xff",
        b"Content-Type: \x00",
        b"Content-Type: multipart/form-data; boundary=",
        b"Cookie: " + b"a=b; " * 500,
        b" folded: line",
        b"No colon",
        b": no name",
        b"Sp ace: 1",
        b"N\xc3\xa4me: 1",
        b"Cr: a\rb",
        b"Nul: a\x00b",
        b"Accept-Encoding: gzip;q=NaN",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: chunked, identity",
    ]
)


@FUZZ
@given(line=LINE, headers=st.lists(HEADER, max_size=4), key=st.booleans())
@example(line=b"OPTIONS * HTTP/1.1", headers=[], key=True)
def test_heads(server: KlingMock, line: bytes, headers: list[bytes], key: bool) -> None:  # noqa: FBT001 - drawn
    """Odd request lines and headers are answered, or the connection ends."""
    mine = [f"Authorization: Bearer {server.api_key}".encode()] if key else []
    raw = b"\r\n".join([line, *headers, *mine, CLOSE]) + b"\r\n\r\n"
    judge(server, Sent(raw, whole=False))


@FUZZ
@given(raw=st.binary(max_size=400))
def test_anything(server: KlingMock, raw: bytes) -> None:
    """Bytes of any kind are answered, or the connection ends."""
    judge(server, Sent(raw, whole=False))


@FUZZ
@given(bodies=st.lists(PLAIN | bodies(), min_size=2, max_size=5))
def test_requests_in_one_go(server: KlingMock, bodies: list[bytes]) -> None:
    """Requests that are sent without waiting for answers get one each, in order."""
    ends = [KEEP_ALIVE] * (len(bodies) - 1) + [CLOSE]
    raw = b"".join(
        request(server, body, length(len(body)), end)
        for body, end in zip(bodies, ends, strict=True)
    )
    got = exchange(server, Sent(raw, whole=True))
    assert len(got) == len(bodies)
    assert set(got) <= {200, 400, 404}


def test_a_bomb(server: KlingMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small body that unpacks to far more than the limit is refused, and soon."""
    monkeypatch.setattr("kling_mock.kling.http.exchange.MAX_BODY", 1 << 20)
    packed = gzip.compress(b" " * (32 << 20))
    assert len(packed) < 1 << 16
    raw = request(server, packed, length(len(packed)), b"Content-Encoding: gzip", CLOSE)
    assert exchange(server, Sent(raw, whole=True)) == [413]
