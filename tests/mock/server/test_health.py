"""`/health`: whether a server is up, for scripts and containers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import kling_mock
from kling_mock import KlingMock
from kling_mock.kling.http.openapi import OPERATIONS
from tests.plain_http import NO_TLS


def health(mock: KlingMock) -> dict[str, Any]:
    reply = httpx.get(f"{mock.kling_url}/health", trust_env=False, verify=NO_TLS)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("application/json")
    body: dict[str, Any] = reply.json()
    return body


def test_it_says_what_the_server_is_and_has_done(mock: KlingMock, api: Any) -> None:
    """It needs no key; the counts are those of the journal, the tasks and the callbacks."""
    done = api.new(callback_url="http://127.0.0.1:9/")
    mock.complete(done)
    api.new()
    httpx.post(f"{mock.kling_url}/v1/videos/text2video", trust_env=False, verify=NO_TLS)
    assert health(mock) == {
        "status": "ok",
        "version": kling_mock.__version__,
        "clock": {"now": mock.clock.now(), "kind": "manual", "speed": None},
        "tasks": 2,
        "open_tasks": 1,
        "requests": 3,
        "unexpected": 1,
        "callbacks": 3,
    }


@pytest.mark.parametrize(("clock", "kind", "speed"), [("real", "real", 1), (60, "scaled", 60)])
def test_it_names_the_clock(clock: Any, kind: str, speed: float) -> None:
    """One that runs has its speed."""
    with KlingMock(clock=clock, admin="off") as mock:
        clock_status = health(mock)["clock"]
        assert (clock_status["kind"], clock_status["speed"]) == (kind, speed)


def test_it_is_no_request(mock: KlingMock) -> None:
    """It is not in the journal, and faults do not strike it."""
    fault = mock.faults.add("status", "GET *", http=503)
    for _ in range(2):
        assert health(mock)["requests"] == 0
    assert httpx.head(f"{mock.kling_url}/health", trust_env=False).content == b""
    assert (mock.journal.total, fault.seen) == (0, 0)


def test_a_reset_begins_anew(mock: KlingMock, api: Any) -> None:
    """The counts are of the present world."""
    api.new()
    mock.reset()
    assert (health(mock)["tasks"], health(mock)["requests"]) == (0, 0)


def test_other_methods_are_as_anywhere(mock: KlingMock) -> None:
    """A POST is a call that Kling does not know."""
    assert httpx.post(f"{mock.kling_url}/health", trust_env=False, verify=NO_TLS).status_code == 404
    assert mock.journal.unexpected_total == 1


def test_the_document_has_all_its_members(mock: KlingMock) -> None:
    """The schema is closed, so nothing is missing there."""
    (operation,) = (row for row in OPERATIONS if row.path == "/health")
    schema = operation.answers[200].schema
    assert schema is not None
    assert list(schema["properties"]) == list(health(mock))
    assert list(schema["properties"]["clock"]["properties"]) == list(health(mock)["clock"])
