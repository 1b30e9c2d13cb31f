"""The relay's refusals: one shape for all of them, and no secret in any log."""

from __future__ import annotations

import gzip
import json
import logging
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.relay.domain.schedule import DEADLINE
from tests.mock.relay.http_calls import GUIDE, VIDEOS, Caller, error_of


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer sk-wrong",
        b"Basic abc",
        "Bearer é".encode(),
        b"sk-wrong",
        b"Bearer \xff",
        b"Bearer \xed\xa0\x80",
        b"\xff",
    ],
)
def test_a_wrong_token_is_a_401(caller: Caller, header: bytes) -> None:
    """A missing, foreign or garbled token is refused before anything else is checked."""
    for method, path in (("POST", f"{VIDEOS}/text2video"), ("GET", VIDEOS), ("GET", f"{VIDEOS}/x")):
        reply = caller.http.request(method, path, headers=[(b"Authorization", header)])
        assert error_of(reply) == (401, "authentication_error", "invalid_token")
    reply = caller.http.get("/__kling/relay/users", headers=[(b"Authorization", header)])
    assert error_of(reply)[:2] == (401, "authentication_error")


@pytest.mark.parametrize("name", ["text2video", "omni-video"])
def test_an_external_id_may_be_the_name_of_an_endpoint(caller: Caller, name: str) -> None:
    """Its owner gets the task, and others the list of their own."""
    task_id = caller.created(external_task_id=name)
    assert caller.query(name)["task_id"] == task_id
    other = caller.another()
    assert other.call("GET", f"{VIDEOS}/{name}").json()["data"] == []


def test_a_disabled_token_or_user_is_refused(caller: Caller) -> None:
    """A disabled token is a 401, a disabled user a 403; their open tasks go on."""
    other = caller.another()
    task_id = other.created()
    user = caller.mock.ledger.user("other")
    (token,) = caller.operate("GET", f"users/{user.id}/tokens")["data"]
    caller.operate("POST", f"tokens/{token['id']}/status", json={"status": "disabled"})
    assert error_of(other.create())[:2] == (401, "authentication_error")
    caller.operate("POST", f"tokens/{token['id']}/status", json={"status": "enabled"})
    caller.operate("POST", f"users/{user.id}/status", json={"status": "disabled"})
    assert error_of(other.create()) == (403, "permission_error", "user_disabled")
    caller.mock.clock.advance(3600)
    assert caller.operate("GET", f"tasks/{task_id}")["status"] == "succeed"
    caller.mock.ledger.assert_balanced()


def test_a_token_expires_and_has_a_quota_of_its_own(caller: Caller) -> None:
    """A token that has expired is a 401, one whose own quota is used up a 402."""
    user = caller.mock.ledger.user()
    now = int(caller.mock.clock.now())
    fields = {"expires_at": now + 60, "remain_quota": 140_000}
    token = caller.operate("POST", f"users/{user.id}/tokens", json=fields)["token"]
    small = Caller(caller.http, caller.mock, token)
    assert [small.create().status_code for _ in range(2)] == [200, 402]
    caller.mock.clock.advance(60)
    assert small.create().status_code == 401


def test_a_body_that_is_too_large_is_a_413(caller: Caller) -> None:
    """A body of 20 MB is refused with 413, also compressed, and the relay goes on."""
    large = json.dumps(GUIDE | {"prompt": "x" * 20_000_000}).encode()
    path = f"{VIDEOS}/text2video"
    assert error_of(caller.call("POST", path, content=large))[0] == 413
    packed = {"Content-Encoding": "gzip"}
    reply = caller.call("POST", path, content=gzip.compress(large), headers=packed)
    assert error_of(reply) == (413, "invalid_request_error", "body_too_large")
    reply = caller.http.post("/kling/callback/kling_1", content=large)
    assert error_of(reply)[0] == 413
    assert caller.create().status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/kling/v1/videosx", 404),
        ("GET", "/kling/v1/videos/", 404),
        ("DELETE", f"{VIDEOS}/kling_1", 405),
        ("PUT", f"{VIDEOS}/text2video", 405),
        ("POST", VIDEOS, 405),
        ("GET", "/kling/callback/kling_1", 405),
        ("POST", "/health", 405),
        ("POST", f"{VIDEOS}/lip-synch", 405),
    ],
)
def test_a_wrong_path_or_method_is_told(
    caller: Caller, method: str, path: str, status: int
) -> None:
    """A path or method that does not exist is refused in the relay's shape."""
    assert error_of(caller.call(method, path))[0] == status


def test_a_callback_with_a_flood_of_values_is_not_parsed(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no token, and each list of a million values would hold all others up."""

    def parse(*_: object, **__: object) -> None:
        raise AssertionError("it is parsed")

    monkeypatch.setattr("kling_mock.relay.service.callbacks.parse_callback", parse)
    flood = b'{"task_id":"1","task_status":"succeed","x":[%b{}]}' % (b"{}," * 300_000)
    reply = caller.http.post("/kling/callback/kling_1", content=flood)
    assert error_of(reply) == (400, "invalid_request_error", "invalid_request")
    assert "too many values" in reply.json()["error"]["message"]


def test_a_callback_that_is_no_task_is_refused(caller: Caller) -> None:
    """A callback for an unknown task is a 404; a body that is not a report is a 400."""
    assert error_of(caller.report("kling_unknown"))[0] == 404
    task_id = caller.created()
    for raw in (b"", b"{}", b"[]", b"\xff", b'{"task_id": "1"}'):
        reply = caller.http.post(f"/kling/callback/{task_id}", content=raw)
        assert error_of(reply)[0] == 400


def test_what_is_not_http_gets_the_relay_s_shape(mock: KlingMock) -> None:
    """Bytes that are not HTTP are answered with a 400 in the relay's shape."""
    where = urlsplit(mock.relay_url)
    with socket.create_connection((where.hostname, where.port or 0), timeout=10) as raw:
        raw.sendall(b"HELLO\r\n\r\n")
        answer = b""
        while chunk := raw.recv(4096):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0]
    assert json.loads(body)["error"]["code"] == "invalid_request"


def test_an_upstream_that_replies_with_html_loses_nothing(caller: Caller) -> None:
    """When something in between replies with a page, the outcome is unknown, and found out."""
    caller.mock.faults.add("status", "POST /v1/*", http=403, body="<html>blocked</html>", times=1)
    reply = caller.create()
    assert (reply.status_code, reply.json()["kling_task_id"]) == (200, "")
    assert caller.query(reply.json()["task_id"])["status"] == "submitted"
    assert caller.mock.ledger.user().held_quota == 140_000
    caller.mock.clock.advance(300)
    task = caller.query(reply.json()["task_id"])
    assert task["status"] == "failed"
    assert "did not arrive" in task["fail_reason"]
    assert caller.mock.ledger.user().held_quota == 0
    caller.mock.ledger.assert_balanced()


def test_an_upstream_that_answers_html_to_a_question_changes_nothing(caller: Caller) -> None:
    """A page in place of a task: the stored row is shown, until Kling itself answers."""
    reply = caller.create().json()
    task_id = reply["task_id"]
    caller.mock.faults.add("callback-dropped")
    page = caller.mock.faults.add("status", "GET /v1/*", http=502, body="<html>bad gateway</html>")
    caller.mock.complete(reply["kling_task_id"])
    assert caller.query(task_id)["status"] == "submitted"
    caller.mock.clock.advance(60)
    assert caller.report(task_id).json() == {"message": "success"}  # a hint, that shows nothing
    assert caller.query(task_id)["status"] == "submitted"
    assert caller.mock.ledger.user().held_quota == 140_000
    caller.mock.faults.remove(page)
    caller.mock.clock.advance(60)
    assert caller.query(task_id)["status"] == "succeed"
    caller.mock.ledger.assert_balanced()


@pytest.mark.slow
def test_an_answer_that_cannot_be_applied_keeps_no_task_open_for_ever(caller: Caller) -> None:
    """An id that no database can keep: the task ends at twice its deadline, its hold released."""
    task_id = caller.created()
    data = {"task_id": "8" * 201, "task_status": "succeed"}
    answer = json.dumps({"code": 0, "message": "SUCCEED", "request_id": "1", "data": data})
    caller.mock.faults.add("callback-dropped")
    caller.mock.faults.add("status", "GET /v1/*", http=200, body=answer)
    caller.mock.clock.advance(DEADLINE)
    assert caller.operate("GET", f"tasks/{task_id}")["status"] == "submitted"
    caller.mock.clock.advance(DEADLINE + 2000)
    assert caller.operate("GET", f"tasks/{task_id}")["status"] == "failed"
    assert caller.mock.ledger.user().held_quota == 0
    caller.mock.ledger.assert_balanced()


@pytest.mark.parametrize(
    ("code", "http", "type_"),
    [
        (1301, 400, "upstream_error"),
        (1201, 400, "upstream_error"),
        (1303, 429, "upstream_error"),
        (1002, 502, "upstream_error"),
        (1102, 502, "upstream_error"),
    ],
)
def test_what_kling_refuses_is_passed_on_with_its_code(
    caller: Caller, code: int, http: int, type_: str
) -> None:
    """A refusal of Kling keeps its code, holds nothing, and can be repeated under its own id."""
    caller.mock.faults.add("status", "POST /v1/*", code=code, times=1)
    reply = caller.create(external_task_id="once")
    assert error_of(reply) == (http, type_, code)
    assert ("retry-after" in reply.headers) == (http == 429)
    assert caller.mock.ledger.user().held_quota == 0
    again = caller.create(external_task_id="once")
    assert again.json()["kling_task_id"]
    caller.mock.clock.advance(3600)
    assert caller.query("once")["status"] == "succeed"
    caller.mock.ledger.assert_balanced()


def test_without_a_channel_there_is_no_task(caller: Caller) -> None:
    """With every channel disabled a create is a 503, while open tasks are still read."""
    task_id = caller.created()
    (channel,) = caller.operate("GET", "channels")["data"]
    declared = {
        "name": channel["name"],
        "base_url": channel["base_url"],
        "key": f"{caller.mock.access_key}|{caller.mock.secret_key}",
        "service": channel["service"],
        "yes": True,  # the API key goes, which no task was sent with
    }
    path = f"channels/{channel['id']}"
    caller.operate("PUT", path, json=declared | {"status": "disabled"})
    assert error_of(caller.create()) == (503, "upstream_error", "no_channel")
    caller.mock.clock.advance(3600)
    assert caller.query(task_id)["status"] == "succeed"


def test_no_secret_and_no_prompt_is_logged(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names tasks as the guide greps for them, and holds no key, token, prompt or link."""
    caplog.set_level(logging.DEBUG)
    with httpx.Client(base_url=caller.mock.relay_url) as client:
        other = Caller(client, caller.mock)
        task_id = other.created(prompt="a very private wish")
        other.report(task_id)
        caller.mock.faults.add("status", "POST /v1/*", code=1301, message="a very private wish")
        other.create(prompt="a very private wish")
    caller.mock.clock.advance(3600)
    lines = [record.getMessage() for record in caplog.records]
    assert any("kling" in line and task_id in line and "submitted" in line for line in lines)
    assert any("kling" in line and task_id in line and "charged" in line for line in lines)
    assert any("error 400 1301" in line for line in lines)
    text = "\n".join(lines)
    mock = caller.mock
    secrets = (mock.relay_token, mock.admin_token, mock.access_key, mock.secret_key)
    for secret in (*secrets, mock.relay_token[3:], "private wish", "/media/"):
        assert secret not in text


def test_health_is_told(caller: Caller) -> None:
    """The health page says whether the database answers and how the last call to Kling went."""
    body = caller.http.get("/health").json()
    assert body == {"status": "ok", "database": "ok", "upstream": "unknown"}
    caller.created()
    assert caller.http.get("/health").json()["upstream"] == "ok"
    caller.mock.faults.add("reset", times=1)
    caller.create()
    assert caller.http.get("/health").json()["upstream"] == "unreachable"
