"""Injection by users, callers and Kling itself.

Text for SQL, for logs and for another user's task, in every place that takes text.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import socket
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.web.request_log import LogLines
from tests.mock.relay.http_calls import PRICE, VIDEOS, Caller, error_of, without_request_id
from tests.mock.relay.storage.databases import Mysql, need
from tests.plain_http import NO_TLS

SQL: Final = (
    "' OR '1'='1",
    "'; DROP TABLE videos; --",
    '" UNION SELECT token_hash FROM tokens --',
    "\\'; DELETE FROM ledger; #",
    "1) OR 1=1/*",
    "%s%(id)s{0}:id?",
    "\ud83d\ude00`; SLEEP(9)".encode("utf-16", "surrogatepass").decode("utf-16"),
)
FORGED: Final = "\r\n2026-11-25 00:00:00,000 INFO kling task x succeed: charged 0"
LOGS: Final = (FORGED, "\x1b[2J\x1b[31m", "\u202egnp.exe", "\x00", "\u2028\u2029\x85", "\x9b31m")
EVENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR) kling \S")


# ------------------------------------------------------------ SQL


@pytest.fixture(params=["sqlite", "mariadb"])
def stored(request: pytest.FixtureRequest) -> Iterator[Caller]:
    """A relay over a real database."""
    database = None
    if request.param == "mariadb":
        need("mysql")
        database = Mysql()
        asyncio.run(database.make())
    try:
        url = "sqlite://" if database is None else database.url
        with (
            KlingMock(relay=RelaySettings(database=url)) as mock,
            httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
        ):
            http.timeout = httpx.Timeout(20)
            yield Caller(http, mock)
    finally:
        if database is not None:
            asyncio.run(database.drop())


def attempts(text: str, caller: Caller, task_id: str) -> Iterator[httpx.Response]:
    """Send *text* in every place that takes any."""
    plain = re.sub(rb"[\r\n\0]", b"", b"x" + text.encode() + b"x")  # what a header can hold
    for name in ("prompt", "model", "mode", "external_task_id", "callback_url", "duration", "x"):
        yield caller.create(**{name: text})
    keys: dict[str, Any] = {text: text, "camera_control": {text: [text]}}
    yield caller.create(**keys)
    named = quote(text, safe="")
    yield caller.call("GET", f"{VIDEOS}/{named}")
    for name in ("limit", "before", "status", text):
        yield caller.call("GET", VIDEOS, params={name: text})
    yield caller.http.get(VIDEOS, headers=[(b"Authorization", b"Bearer " + plain)])
    body = {"task_id": text, "task_status": text, "task_info": {"external_task_id": text}}
    for path in (
        f"/kling/callback/{named}",
        f"/kling/callback/{task_id}",
        "/kling/internal/callback",
    ):
        yield caller.http.post(path, json=body | {text: text}, headers=[(b"webhook-id", plain)])
    operator = {"Authorization": f"Bearer {caller.mock.admin_token}"}
    for path, fields in (
        ("users", {"username": text, "quota": 5}),
        ("users", {text: text}),
        ("users/1/credit", {"amount": 1, "reference": text, "note": text}),
        ("users/1/tokens", {"name": text}),
        ("channels", {"name": text, "base_url": text, "key": text, "models": text}),
        (f"tasks/{named}", {}),
        (f"{named}/1", {}),
    ):
        yield caller.http.post(f"/__kling/relay/{path}", json=fields, headers=operator)
        yield caller.http.get(f"/__kling/relay/{path}", params={text: text}, headers=operator)


@pytest.mark.slow
def test_text_for_sql_is_only_text(stored: Caller) -> None:
    """In each field, key, id, parameter and header it is stored unchanged, or refused."""
    task_id = stored.created()
    stored.mock.faults.add("callback-dropped")
    others = stored.another()
    foreign = others.created()
    for text in SQL:
        for reply in attempts(text, stored, task_id):
            assert reply.status_code < 500, (text, reply.request.url, reply.text)
        new_id = stored.created(prompt=text)
        assert stored.operate("GET", f"tasks/{new_id}")["prompt"] == text
        page = stored.call("GET", VIDEOS, params={"limit": 100, "status": "submitted"}).json()
        assert foreign not in {task["task_id"] for task in page["data"]}
    stored.mock.clock.advance(3600)
    assert stored.query(task_id)["status"] == "succeed"
    assert others.query(foreign)["status"] == "succeed"
    stored.mock.ledger.assert_balanced()


# ------------------------------------------------------------ logs


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the commands would write to standard error."""
    stream = io.StringIO()
    lines = LogLines(stream)
    loggers = [logging.getLogger(f"kling_mock.{name}") for name in ("relay", "storage")]
    for logger in loggers:
        logger.addHandler(lines)
        logger.setLevel(logging.INFO)
    yield stream
    for logger in loggers:
        logger.removeHandler(lines)
        logger.setLevel(logging.NOTSET)


def post_raw(mock: KlingMock, path: bytes) -> None:
    """Send a path that no client would send as it is."""
    where = urlsplit(mock.relay_url)
    with socket.create_connection((where.hostname, where.port or 0), timeout=10) as raw:
        raw.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while raw.recv(4096):
            pass


@pytest.mark.slow
def test_one_event_is_one_line_whatever_is_in_it(caller: Caller, log: io.StringIO) -> None:
    """Line ends, escape codes, bidi marks and NUL from anywhere never make or hide a line."""
    task_id = caller.created()
    for text in LOGS:
        for _ in attempts(text, caller, task_id):
            pass
        post_raw(caller.mock, b"/kling/" + text.strip("\r\n\x00").partition(" ")[0].encode())
        caller.mock.faults.add("status", "POST /v1/*", code=1301, message=text, times=1)
        caller.create()
        data = {"task_id": f"8{text}8", "task_status": f"q{text}", "task_status_msg": text}
        answer = json.dumps({"code": 0, "message": text, "request_id": text, "data": data})
        caller.mock.faults.add("status", "POST /v1/*", http=200, body=answer, times=1)
        caller.create(callback_url="https://user.test/\x7f")
        caller.create()
        fault = caller.mock.faults.add("status", "GET /v1/*", http=200, body=answer)
        caller.mock.clock.advance(30)
        caller.mock.faults.remove(fault)
    lines = log.getvalue().removesuffix("\n").split("\n")
    assert len(lines) > 50
    for line in lines:
        assert line.isprintable(), line
        # A traceback's lines are indented.
        assert EVENT.match(line) or line.startswith("  "), line


# ------------------------------------------------------------ other users' tasks


def test_no_route_shows_or_touches_another_user_s_task(caller: Caller) -> None:
    """No other user can read, list, take over or pay a task by any of its ids."""
    reply = caller.create(external_task_id="order-1").json()
    names = (reply["task_id"], "order-1", reply["kling_task_id"])
    other = caller.another()
    for name in names:
        answer = other.call("GET", f"{VIDEOS}/{name}")
        assert error_of(answer) == (404, "not_found_error", "not_found")
        nothing = other.call("GET", f"{VIDEOS}/nothing")
        assert without_request_id(answer) == without_request_id(nothing)
    for query in ("", "?limit=100", "?status=submitted", "?before=999999"):
        assert other.call("GET", f"{VIDEOS}{query}").json()["data"] == []
    own = other.create(external_task_id="order-1").json()  # the user's own id, and another task
    assert own["task_id"] != reply["task_id"]
    assert other.create(external_task_id=reply["task_id"]).json()["task_id"] != reply["task_id"]
    for method in ("GET", "POST", "PUT", "DELETE"):
        for path in (f"tasks/{reply['task_id']}", "users", "users/1", "channels", "notices"):
            answer = other.call(method, f"/__kling/relay/{path}", json={})
            assert answer.status_code in {401, 403}, (method, path)
    caller.mock.clock.advance(3600)
    assert caller.query("order-1")["task_id"] == reply["task_id"]
    assert other.query("order-1")["task_id"] == own["task_id"]
    assert caller.mock.ledger.user().used_quota == PRICE
    assert caller.mock.ledger.user("other").used_quota == 2 * PRICE
    caller.mock.ledger.assert_balanced()
