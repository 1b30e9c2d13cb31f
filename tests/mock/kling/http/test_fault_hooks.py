"""Faults of result files, of clients that hang up, and what of it is in the journal."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.server.judged import STARTED
from tests.mock.loop_time import let_pass

LIST = "/v1/videos/text2video"


@pytest.fixture
def video(mock: KlingMock, api: Any) -> str:
    """The URL of a short result."""
    task_id = api.new(duration="5")
    mock.complete(task_id)
    url: str = api.task(task_id)["task_result"]["videos"][0]["url"]
    mock.journal.clear()
    return url


@contextmanager
def connected(mock: KlingMock) -> Iterator[socket.socket]:
    parts = urlsplit(mock.kling_url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        yield connection


def pieces_of(mock: KlingMock, url: str) -> list[tuple[float, int]]:
    """Return the pieces of a reply, each with the seconds after the first and its bytes."""
    with connected(mock) as connection:
        connection.sendall(f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        start, pieces = 0.0, []
        while data := connection.recv(1 << 20):
            start = start or time.monotonic()
            pieces.append((time.monotonic() - start, len(data)))
    return pieces


# ---------------------------------------------------------------- result files


def test_a_slow_file_comes_in_pieces(mock: KlingMock, api: Any, video: str) -> None:
    """This holds for a small file as well: the first pieces come long before the last."""
    ranged = {"Range": "bytes=0-999"}
    mock.faults.add("slow-body", "GET /media/*", seconds=240, pieces=5)
    with api.http.stream("GET", video, headers=ranged) as reply:
        pieces = reply.iter_raw()
        sizes = [len(next(pieces))]
        while sum(sizes) < 1000:
            let_pass(mock, 60)
            sizes.append(len(next(pieces)))
        assert list(pieces) == []
    assert sizes == [200] * 5


@pytest.mark.parametrize("keep", [0.0, 0.5, 1.0])
def test_a_truncated_file_is_never_whole(
    mock: KlingMock, api: Any, video: str, keep: float
) -> None:
    """Its connection ends before the last byte."""
    mock.faults.add("truncated-body", "GET /media/*", keep=keep, times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        api.http.get(video, headers={"Range": "bytes=0-99"})
    assert len(api.http.get(video, headers={"Range": "bytes=0-99"}).content) == 100


def test_downloads_are_in_the_journal(mock: KlingMock, api: Any, video: str) -> None:
    """They have their status, and the faults that happened to them."""
    api.http.get(video)
    api.http.head(video)
    tag = api.http.get(video, headers={"Range": "bytes=0-9"}).headers["ETag"]
    api.http.get(video, headers={"If-None-Match": tag})
    api.http.get(video, headers={"Range": "bytes=999999999-"})
    mock.faults.add("slow-body", "GET /media/*", seconds=0.0)
    mock.faults.add("wrong-length", "GET /media/*", by=-1, times=1)
    mock.faults.add("response-lost", "GET /media/*", after=1)
    api.http.get(video)
    with pytest.raises(httpx.HTTPError):
        api.http.get(video)
    path = urlsplit(video).path
    assert {entry.path for entry in mock.journal} == {path}
    assert [(entry.method, entry.status, entry.fault) for entry in mock.journal] == [
        ("GET", 200, ""),
        ("HEAD", 200, ""),
        ("GET", 206, ""),
        ("GET", 304, ""),
        ("GET", 416, ""),
        ("GET", 200, "wrong-length+slow-body"),
        ("GET", 200, "slow-body+response-lost"),
    ]
    mock.journal.assert_no_unexpected()


def test_a_fault_of_a_task_is_in_the_entry_of_its_create(mock: KlingMock, api: Any) -> None:
    """It comes before what happened to the reply; entries of other requests do not have it."""
    mock.faults.add("stuck", prompt="turtle")
    mock.faults.add("response-lost", "POST *", prompt="turtle", after=1)
    api.new(prompt="a turtle")
    with pytest.raises(httpx.HTTPError):
        api.create(prompt="another turtle")
    api.create(prompt="a kitten", duration="7")
    api.new(prompt="a kitten")
    faults = [entry.fault for entry in mock.journal]
    assert faults == ["stuck", "stuck+response-lost", "", ""]


# ---------------------------------------------------------------- replies


@pytest.mark.parametrize("kind", ["slow-body", "malformed-body", "truncated-body"])
def test_retry_after_survives_a_damaged_body(mock: KlingMock, api: Any, kind: Any) -> None:
    """The headers are those of the reply without the fault."""
    from kling_mock import RateLimit

    mock.account.rate_limit = RateLimit(1, seconds=9, retry_after=True)
    api.get(LIST)
    mock.faults.add(kind)
    with api.http.stream("GET", LIST, headers=api.headers()) as reply:
        assert reply.status_code == 429
        assert reply.headers["Retry-After"] == "9"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_fault_happens_to_the_document_and_the_admin_api(
    mock: KlingMock, api: Any, method: str
) -> None:
    """They are not part of Kling's API, and are served while everything else fails."""
    fault = mock.faults.add("status", "*", code=5001)
    assert api.http.request(method, "/openapi.json").status_code == 200
    admin = {"Authorization": f"Bearer {mock.admin_token}"}
    assert api.http.get("/__kling/clock", headers=admin).status_code == 200
    assert fault.acted == 0
    assert api.get(LIST).status_code == 503


# ---------------------------------------------------------------- clients that hang up


@pytest.mark.parametrize("fault", ["", "latency", "response-lost"])
def test_hanging_up_in_mid_body_is_no_failure(
    mock: KlingMock, api: Any, caplog: pytest.LogCaptureFixture, fault: Any
) -> None:
    """No traceback and no 500: the journal has a call without an answer, also with a fault."""
    if fault:
        mock.faults.add(fault)
    head = f"POST {LIST} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{{"
    with caplog.at_level(logging.WARNING), connected(mock) as connection:
        connection.sendall(head.encode())
        api.http.get("/openapi.json")  # while this is answered, the server begins to read
        connection.close()
        limit = time.monotonic() + 5
        while not mock.journal.total and time.monotonic() < limit:
            api.http.get("/openapi.json")
    entry = mock.journal[0]
    assert (entry.method, entry.path, entry.status, entry.code) == ("POST", LIST, 0, 0)
    assert (entry.fault, entry.unexpected) == ("", False)
    assert "no answer" in mock.journal.tail()[0]
    assert caplog.text == ""
    mock.faults.clear()
    assert api.get(LIST).status_code == 200


def test_the_keys_of_a_create_that_is_accepted_late_are_judged(mock: KlingMock, api: Any) -> None:
    """The fault hides the reply, and not that the app has misspelt a key."""
    mock.faults.add("delayed-acceptance", http=504, times=1)
    server = next(server for server in STARTED.all() if server.name == repr(mock)[1:-1])
    mark = server.findings.mark()
    api.create(promt="a kitten")
    mock.clock.advance(10)
    _, (text,) = server.findings.unexpected_since(mark)
    assert "POST /v1/videos/text2video, accepted late: unknown promt" in str(text)
