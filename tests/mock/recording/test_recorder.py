"""The recorder: it forwards everything as it came, once, within a ceiling."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.recording.recorder import Recorder
from kling_mock.recording.redaction import Redactor
from kling_mock.recording.session import read_session
from tests.mock.receiver import closed_url
from tests.mock.recording.recorded_sessions import exchanges, lines
from tests.plain_http import NO_TLS

T2V = "/v1/videos/text2video"
BODY = {"model_name": "kling-v2-6", "prompt": "a kitten"}  # 1.5 units


class Upstream:
    """A server that keeps what it was sent, to the byte, and responds as configured."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, list[tuple[str, str]], bytes]] = []
        self.status = 200
        self.headers: list[tuple[str, str]] = [("Content-Type", "application/json")]
        self.body = b'{"code":0,"message":"SUCCEED","request_id":"r","data":{}}'
        self.before: Callable[[BaseHTTPRequestHandler], bool] = lambda _: True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                sent = self.rfile.read(length)
                outer.seen.append((self.command, self.path, self.headers.items(), sent))
                if not outer.before(self):
                    return
                self.send_response_only(outer.status)
                for name, value in outer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(outer.body)

            do_GET = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - names of the library

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    service = Upstream()
    thread = threading.Thread(target=service.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    service.server.shutdown()
    thread.join()
    service.server.server_close()


@contextmanager
def recording(
    url: str, path: Path, units: str = "100", **options: Any
) -> Iterator[tuple[Recorder, httpx.Client]]:
    with (
        Recorder(url, path, Decimal(units), **options) as recorder,
        httpx.Client(base_url=recorder.url, trust_env=False, verify=NO_TLS) as http,
    ):
        yield recorder, http


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.jsonl"


def test_a_request_is_forwarded_as_it_came(upstream: Upstream, path: Path) -> None:
    """Path, query, headers and body, to the byte; only what belongs to the connection is not."""
    raw = b'{ "model_name":"kling-v2-6" ,"prompt":"\\u00e4"}'
    target = f"{T2V}?x=%2F%41&y=a+b&y="
    headers = {
        "Authorization": "Bearer k",
        "Content-Type": "application/json; charset=utf-8",
        "X-Own": "1",
        "User-Agent": "mine",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
    }
    with recording(upstream.url, path) as (_, http):
        http.post(target, content=raw, headers=headers)
    method, got, sent, body = upstream.seen[0]
    names = {name.lower(): value for name, value in sent}
    assert (method, got, body) == ("POST", target, raw)
    assert names["authorization"] == "Bearer k"
    assert names["content-type"] == "application/json; charset=utf-8"
    assert (names["x-own"], names["user-agent"]) == ("1", "mine")
    assert names["host"] == upstream.url.removeprefix("http://")
    assert "x-hop" not in names


def test_a_reply_is_handed_back_as_it_came(upstream: Upstream, path: Path) -> None:
    """Status, headers and body, to the byte, compressed as it was."""
    upstream.status = 418
    upstream.headers = [
        ("Content-Type", "text/weird"),
        ("Content-Encoding", "gzip"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Retry-After", "7"),
        ("Location", "https://elsewhere.example/"),
    ]
    upstream.body = gzip.compress(b'{"code": 9, "message": "SUCCEED"}')
    with recording(upstream.url, path) as (_, http), http.stream("GET", T2V) as reply:
        raw = b"".join(reply.iter_raw())
    assert (reply.status_code, raw) == (418, upstream.body)
    assert reply.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert reply.headers["location"] == "https://elsewhere.example/"
    written = exchanges(path)[0]["reply"]
    assert written["status"] == 418
    assert written["body"] == {"code": 9, "message": "SUCCEED"}
    assert written["headers"]["retry-after"] == "7"
    assert "weird" not in json.dumps(written)


def test_what_no_one_here_can_read_is_not_asked_for(upstream: Upstream, path: Path) -> None:
    """A body in brotli could not be redacted."""
    with recording(upstream.url, path) as (_, http):
        http.get(T2V, headers={"Accept-Encoding": "br, gzip;q=0.5, zstd"})
        http.get(T2V, headers={"Accept-Encoding": "br"})
    encodings = [dict(headers)["Accept-Encoding"] for _, _, headers, _ in upstream.seen]
    assert encodings == ["gzip;q=0.5", "identity"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_request_is_repeated(upstream: Upstream, path: Path, method: str) -> None:
    """A connection that is closed without a reply is a reply that did not come, and written so.

    An earlier request has left a connection open, on which many clients would try again.
    """
    with recording(upstream.url, path, allows_unpriced=True) as (_, http):
        http.get(T2V)

        def close(handler: BaseHTTPRequestHandler) -> bool:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return False

        upstream.before = close
        reply = http.request(method, "/v1/videos/omni-video", json=None)
        assert reply.status_code == 502
        assert "no response came" in reply.json()["message"]
    assert [request[0] for request in upstream.seen] == ["GET", method]
    assert exchanges(path)[1]["reply"] is None


def test_an_upstream_that_is_down(path: Path) -> None:
    """502, which no client takes for an answer of the service's."""
    with recording(closed_url().rstrip("/"), path) as (_, http):
        assert http.get(T2V).status_code == 502
    assert exchanges(path)[0]["reply"] is None


def test_tls(certificate: tuple[Path, Path], path: Path) -> None:
    """The upstream's certificate is checked: by the system's authorities, or by those given."""
    cert, key = certificate
    with KlingMock(tls_cert=str(cert), tls_key=str(key), relay=False) as mock:
        headers = {"Authorization": f"Bearer {mock.api_key}"}
        with recording(mock.kling_url, path, certificates=cert) as (_, http):
            assert http.post(T2V, json=BODY, headers=headers).status_code == 200
        with recording(mock.kling_url, path.with_name("other")) as (_, http):
            assert http.get(T2V, headers=headers).status_code == 502
    with pytest.raises((OSError, ssl.SSLError)):
        Recorder("https://x.example", path.with_name("no"), Decimal(1), certificates=key)


def test_twenty_creates_at_once_stay_below_the_ceiling(upstream: Upstream, path: Path) -> None:
    """Ten units are six creates of one and a half; the others are answered here, and not sent."""
    barrier = threading.Barrier(20)

    def slowly(_: BaseHTTPRequestHandler) -> bool:
        return threading.Event().wait(0.05) or True  # so that all of them are under way

    upstream.before = slowly
    with recording(upstream.url, path, "10") as (recorder, http):

        def create(_: int) -> httpx.Response:
            barrier.wait()
            return http.post(T2V, json=BODY)

        with ThreadPoolExecutor(20) as pool:
            replies = list(pool.map(create, range(20)))
        assert recorder.spent == 9
    assert sorted(reply.status_code for reply in replies) == [200] * 6 + [429] * 14
    assert len(upstream.seen) == 6
    refused = next(reply for reply in replies if reply.status_code == 429)
    assert refused.json()["code"] == 1102
    assert "of --max-units 10 are spent" in refused.json()["message"]
    assert refused.headers["x-kling-mock-record"] == "1"
    assert len(exchanges(path)) == 6
    assert read_session(path).spent == 9


def test_the_ceiling_is_of_the_file(upstream: Upstream, path: Path) -> None:
    """A recorder that is started again continues the count."""
    for _ in range(2):
        with recording(upstream.url, path, "4") as (_, http):
            for _ in range(2):
                http.post(T2V, json=BODY)
    assert len(upstream.seen) == 2
    assert [
        line["create"] for line in lines(path) if "method" not in line and "create" in line
    ] == [
        1,
        2,
    ]


def test_what_is_free_is_forwarded_at_any_ceiling(upstream: Upstream, path: Path) -> None:
    """Queries, and lists that are POST."""
    with recording(upstream.url, path, "0") as (_, http):
        assert http.get(T2V).status_code == 200
        assert http.post("/tasks", json={"limit": 1}).status_code == 200
        assert http.post(T2V, json=BODY).status_code == 429
    assert len(upstream.seen) == 2


def test_an_unknown_price(upstream: Upstream, path: Path) -> None:
    """Refused, unless it is allowed; then it does not count."""
    with recording(upstream.url, path, "0") as (_, http):
        reply = http.post("/v1/videos/dream", json=BODY)
        assert (reply.status_code, reply.json()["code"]) == (403, 1103)
    assert upstream.seen == []
    with recording(upstream.url, path, "0", allows_unpriced=True) as (recorder, http):
        assert http.post("/v1/videos/dream", json=BODY).status_code == 200
        assert recorder.spent == 0


def test_a_create_is_in_the_file_before_it_is_sent(upstream: Upstream, path: Path) -> None:
    """If the recorder fails then, the price of the create is known."""
    seen: list[Decimal] = []

    def look(_: BaseHTTPRequestHandler) -> bool:
        seen.append(read_session(path).spent)
        return True

    upstream.before = look
    with recording(upstream.url, path) as (_, http):
        http.post(T2V, json=BODY)
    assert seen == [Decimal("1.5")]


@pytest.mark.parametrize(
    ("body", "member"),
    [(b"<html>canary</html>", "text"), (b"[1]", "body"), (b"[" * 5000 + b"]" * 5000, "text")],
)
def test_any_reply_is_written(upstream: Upstream, path: Path, body: bytes, member: str) -> None:
    """A page, a list, nonsense: the client gets it as it is, the file redacted."""
    upstream.body = body
    with recording(upstream.url, path) as (_, http):
        assert http.get(T2V).content == body
    assert member in exchanges(path)[0]["reply"]
    assert "canary" not in path.read_text()


def test_a_client_gets_what_it_has_paid_for(
    upstream: Upstream,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A response that the recorder cannot write is still returned to the client.

    The log says so, without what the error quotes of the reply.
    """
    upstream.body = b'{"code":0,"message":"canary","data":{}}'

    def broken(_: Redactor, body: Any) -> Any:
        raise ValueError(body)

    monkeypatch.setattr(Redactor, "reply", broken)
    with recording(upstream.url, path) as (_, http):
        assert http.post(T2V, json=BODY).content == upstream.body
    assert exchanges(path)[0]["reply"] == {"status": 200}
    assert "left out of the file: ValueError" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize("target", ["http://other.example/v1", "@other.example/", "*"])
def test_only_paths_are_forwarded(upstream: Upstream, path: Path, target: str) -> None:
    """Nothing that a client asks for can lead to another host."""
    with recording(upstream.url, path) as (recorder, _):
        port = int(recorder.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert b" 400 " in connection.recv(4096).partition(b"\r\n")[0]
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("api.example.com", "1"), "upstream: must be http or https"),
        (("https://api.example.com", "-1"), "max_units: must be"),
        (("https://api.example.com", "NaN"), "max_units: must be"),
    ],
)
def test_wrong_arguments(arguments: tuple[str, str], words: str, path: Path) -> None:
    """Refused before a file is made."""
    with pytest.raises(ValueError, match=words):
        Recorder(arguments[0], path, Decimal(arguments[1]))
    assert not path.exists()
