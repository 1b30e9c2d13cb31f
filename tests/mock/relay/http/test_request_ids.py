"""`X-Request-Id`: the client's id is returned, else the relay makes one."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.clock import RealClock
from kling_mock.relay.http import handler
from kling_mock.relay.service.scheduler import Scheduler
from kling_mock.web.request_log import REQUEST_ID, LogLines
from tests.mock.relay.http_calls import GUIDE, VIDEOS, Caller

MADE = re.compile(r"[0-9a-f]{32}")
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


def is_valid(value: str) -> bool:
    """The rule, written a second time: 1 to 128 visible ASCII characters."""
    return 1 <= len(value) <= 128 and all(character in VISIBLE for character in value)


def check(sent: str | None, got: list[str]) -> None:
    """The rule of a reply: exactly one id, the client's own if it is valid, else a new one."""
    assert len(got) == 1
    if sent is not None and is_valid(sent):
        assert got == [sent]
    else:
        assert MADE.fullmatch(got[0])


def exchange(url: str, raw: bytes) -> tuple[int, list[str]]:
    """Send bytes on a connection of their own; return the status and the ids of the reply."""
    parts = httpx.URL(url)
    assert parts.port is not None
    with socket.create_connection((parts.host, parts.port), timeout=20) as connection:
        connection.sendall(raw)
        reply = b""
        while b"\r\n\r\n" not in reply:
            chunk = connection.recv(65_536)
            assert chunk, "the connection was closed without a reply"
            reply += chunk
    first, *lines = reply.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    ids = [line.partition(": ")[2] for line in lines if line.lower().startswith("x-request-id:")]
    return int(first.split()[1]), ids


def get_health(value: str | None) -> bytes:
    """A request that needs nothing, with this id."""
    line = "" if value is None else f"X-Request-Id: {value}\r\n"
    return f"GET /health HTTP/1.1\r\nHost: relay\r\n{line}\r\n".encode("latin-1")


@pytest.fixture(scope="module")
def relay_url() -> Iterator[str]:
    with KlingMock() as mock:
        yield mock.relay_url


def _text(characters: str) -> st.SearchStrategy[str]:
    # What surrounds a header's value is not part of it.
    return st.text(characters, max_size=140).map(lambda value: value.strip(" \t"))


@settings(max_examples=150, deadline=None)
@given(value=_text(VISIBLE) | _text(VISIBLE + " \t\xa0\xe9\xff"))
@example("a" * 128)
@example("a" * 129)
@example("")
@example("a b")
@example("caf\xe9")
def test_a_valid_id_is_echoed_and_another_one_is_replaced(relay_url: str, value: str) -> None:
    """Whatever a client sends as its id, the reply has exactly one, and it is safe to log."""
    status, got = exchange(relay_url, get_health(value))
    assert status == 200
    check(value, got)


@pytest.mark.parametrize(
    ("naive", "sent"),
    [
        (lambda header, _make: header or "0" * 32, "a b"),
        (lambda header, _make: header or "0" * 32, "a" * 129),
        (lambda _header, make: make(), "mine"),
    ],
)
def test_control_a_naive_rule_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, naive: Callable[..., str], sent: str
) -> None:
    """Echoing anything, and making a new id always, are both noticed by the check above."""
    monkeypatch.setattr(handler, "chosen_id", naive)
    with KlingMock() as mock, pytest.raises(AssertionError):
        check(sent, exchange(mock.relay_url, get_health(sent))[1])


CALLS: list[tuple[str, str, str, dict[str, Any], int]] = [
    ("health", "GET", "/health", {}, 200),
    ("health of HEAD", "HEAD", "/health", {}, 200),
    ("wrong method", "POST", "/health", {}, 405),
    ("unknown path", "GET", "/nothing", {}, 404),
    ("document", "GET", "/openapi.json", {}, 200),
    ("metrics", "GET", "/metrics", {}, 200),
    ("create", "POST", f"{VIDEOS}/text2video", {"json": GUIDE}, 200),
    ("create refused", "POST", f"{VIDEOS}/text2video", {"json": {"duration": 0}}, 400),
    ("no JSON", "POST", f"{VIDEOS}/text2video", {"content": b"{"}, 400),
    ("too large", "POST", f"{VIDEOS}/text2video", {"content": b"x" * (1 << 20) + b"x"}, 413),
    ("list", "GET", VIDEOS, {}, 200),
    ("no such task", "GET", f"{VIDEOS}/none", {}, 404),
    ("callback", "POST", "/kling/callback/none", {"json": {"task_id": "none"}}, 400),
    ("internal callback", "POST", "/kling/internal/callback", {"content": b"x"}, 400),
    ("no token", "GET", VIDEOS, {"headers": {"Authorization": ""}}, 401),
    ("operator", "GET", "/__kling/relay/users", {}, 401),
    ("closed", "GET", "/health", {"headers": {"Connection": "close"}}, 200),
]


@pytest.mark.parametrize("sent", [None, "mine-1", "not valid"])
@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [pytest.param(*call[1:], id=call[0]) for call in CALLS],
)
def test_every_reply_has_it(
    caller: Caller, sent: str | None, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    """This includes errors, pages, callbacks and the operator's calls."""
    headers = options.get("headers", {}) | ({} if sent is None else {"X-Request-Id": sent})
    reply = caller.call(method, path, **(options | {"headers": headers}))
    assert reply.status_code == status
    check(sent, reply.headers.get_list("x-request-id"))


def test_a_refusal_of_kling_has_it(caller: Caller) -> None:
    """429 with Retry-After too."""
    caller.mock.faults.add("status", code=1302)
    reply = caller.call(
        "POST", f"{VIDEOS}/text2video", json=GUIDE, headers={"X-Request-Id": "mine"}
    )
    assert (reply.status_code, reply.headers["x-request-id"]) == (429, "mine")


def test_what_is_not_http_has_it(relay_url: str) -> None:
    """A request that cannot be parsed is answered with a new id."""
    status, got = exchange(relay_url, b"this is not HTTP\r\n\r\n")
    assert status == 400
    check(None, got)


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """The lines that a command would write on standard error."""
    stream = io.StringIO()
    handler, logger = LogLines(stream), logging.getLogger("kling_mock.relay")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield stream
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_the_log_lines_of_a_request_end_with_its_id(caller: Caller) -> None:
    """So a reply that a user complains about can be found in the log."""
    with logged() as log:
        reply = caller.call(
            "POST", f"{VIDEOS}/text2video", json=GUIDE, headers={"X-Request-Id": "a"}
        )
        other = caller.call("GET", f"{VIDEOS}/none")
        assert reply.status_code == 200
    request_id = other.headers["x-request-id"]
    lines = log.getvalue().splitlines()
    (created,) = [line for line in lines if reply.json()["task_id"] in line and "submitted" in line]
    assert created.endswith(" request_id=a")
    (missing,) = [line for line in lines if " 404 not_found " in line]
    assert missing.endswith(f" request_id={request_id}")


async def test_work_that_a_request_has_made_due_has_no_id() -> None:
    """The sweeper's log lines are about many tasks, so they do not belong to a request."""
    clock = RealClock()
    clock.start(asyncio.get_running_loop())
    seen: list[str] = []
    done = asyncio.Event()

    async def work() -> None:
        seen.append(REQUEST_ID.get())
        done.set()

    scheduler = Scheduler(clock, 60.0)
    REQUEST_ID.set("mine")
    scheduler.start(work)
    await done.wait()
    scheduler.stop()
    clock.stop()
    assert seen == [""]
    assert REQUEST_ID.get() == "mine"
