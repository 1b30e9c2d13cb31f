"""Faults: each kind as a client sees it, which requests it meets, and the profile."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock

LIST = "/v1/videos/text2video"
CREATE = f"POST {LIST}"


def prompts(api: Any) -> list[str]:
    """Return the external ids of all tasks, the newest first."""
    return [task["task_info"].get("external_task_id", "") for task in api.get(LIST).json()["data"]]


# ------------------------------------------------------------ instead of serving


def test_a_status_and_code(mock: KlingMock, api: Any) -> None:
    """The client gets the error in Kling's envelope, and nothing happened."""
    fault = mock.faults.add("status", CREATE, code=5001, times=1)
    reply = api.create()
    assert (reply.status_code, reply.json()["code"]) == (503, 5001)
    assert reply.json()["message"] == "Server temporarily unavailable"
    assert (fault.seen, fault.acted) == (1, 1)
    assert api.create().status_code == 200
    assert len(prompts(api)) == 1
    assert [entry.fault for entry in mock.journal][:2] == ["status", ""]


def test_a_status_of_ones_own(mock: KlingMock, api: Any) -> None:
    """Status, message, Retry-After, or a gateway's page instead of the envelope."""
    mock.faults.add("status", http=599, code=1302, message="slow down", retry_after=7, times=1)
    mock.faults.add("status", http=502, body="<html>Bad Gateway</html>", times=1)
    reply = api.create()
    assert (reply.status_code, reply.json()["code"], reply.json()["message"]) == (
        599,
        1302,
        "slow down",
    )
    assert reply.headers["Retry-After"] == "7"
    reply = api.create()
    assert (reply.status_code, reply.text) == (502, "<html>Bad Gateway</html>")


def test_a_reset_before_acceptance(mock: KlingMock, api: Any) -> None:
    """The connection is reset, no task is made, and the journal has a line without an answer."""
    mock.faults.add("reset", CREATE, times=1)
    with pytest.raises(httpx.ReadError, match="reset"):
        api.create()
    assert prompts(api) == []
    entry = mock.journal[0]
    assert (entry.status, entry.fault, entry.response) == (0, "reset", b"")
    assert (entry.account, b"kitten" in entry.request) == ("default", True)


def test_hanging_ends_when_the_client_goes(mock: KlingMock, api: Any) -> None:
    """A client with a time limit runs into it, and the server forgets the request."""
    mock.faults.add("hang", times=1)
    with pytest.raises(httpx.ReadTimeout), httpx.Client(timeout=0.02, trust_env=False) as client:
        client.get(f"{mock.kling_url}{LIST}", headers=api.headers())
    assert api.get(LIST).status_code == 200


def test_hanging_ends_by_itself(mock: KlingMock, api: Any) -> None:
    """A client without a time limit gets a reset in the end."""
    mock.faults.add("hang", times=1, seconds=0.01)
    with pytest.raises(httpx.ReadError):
        api.get(LIST)


@pytest.mark.slow
def test_hanging_costs_the_sdk_two_seconds(mock: KlingMock, api: Any) -> None:
    """It takes a reset as it takes its own limit of half a minute; others get to theirs."""
    mock.faults.add("hang", CREATE, times=1)
    before = time.monotonic()
    with mock.client() as kling:
        kling.text2video.create(prompt="a kitten")
    assert 2 <= time.monotonic() - before < 20
    mock.faults.add("hang", LIST)
    with pytest.raises(httpx.ReadTimeout), httpx.Client(timeout=2.5, trust_env=False) as client:
        client.get(f"{mock.kling_url}{LIST}", headers=api.headers())


def test_latency(mock: KlingMock, api: Any) -> None:
    """A request takes its time, and then continues to its other faults."""
    mock.faults.add("latency", CREATE, seconds=0.03, times=1)
    mock.faults.add("response-lost", CREATE, times=1)
    before = time.monotonic()
    with pytest.raises(httpx.ReadError):
        api.create()
    assert time.monotonic() - before >= 0.03
    assert mock.journal[-1].fault == "latency+response-lost"


# ------------------------------------------------------------ after, or later


def test_a_lost_response(mock: KlingMock, api: Any) -> None:
    """The task is made, and the client learns nothing; the journal has the reply."""
    mock.faults.add("response-lost", CREATE, times=1)
    with pytest.raises(httpx.ReadError, match="reset"):
        api.create(external_task_id="order-1")
    assert prompts(api) == ["order-1"]
    entry = mock.journal[0]
    assert (entry.status, entry.fault) == (200, "response-lost")
    assert b"order-1" in entry.response


def test_a_late_acceptance(mock: KlingMock, api: Any) -> None:
    """The reply says nothing; seconds later on the mock's clock the task is there."""
    mock.faults.add("delayed-acceptance", CREATE, seconds=30, times=1)
    with pytest.raises(httpx.ReadError):
        api.create(external_task_id="order-1")
    mock.clock.advance(29)
    assert prompts(api) == []
    mock.clock.advance(1)
    assert prompts(api) == ["order-1"]
    assert api.task("order-1")["created_at"] == int(mock.clock.now() * 1000)


def test_a_late_acceptance_behind_an_error(mock: KlingMock, api: Any) -> None:
    """Instead of a reset the client may get the refusal of a timeout."""
    mock.faults.add("delayed-acceptance", http=504, times=2)
    reply = api.create(external_task_id="order-1")
    assert (reply.status_code, reply.json()["code"]) == (504, 5002)
    assert api.create(external_task_id="order-1").status_code == 504
    mock.clock.advance(5)
    assert prompts(api) == ["order-1"]
    assert mock.journal[0].fault == "delayed-acceptance"


def test_only_creates_are_accepted_late(mock: KlingMock, api: Any) -> None:
    """Queries, and creates without a good key, are served as usual and do not use it up."""
    fault = mock.faults.add("delayed-acceptance", times=1)
    assert api.get(LIST).status_code == 200
    assert api.http.post(LIST, json={}).status_code == 401
    assert fault.acted == 0


def test_what_is_refused_late_is_never_reported(mock: KlingMock, api: Any) -> None:
    """A late acceptance of a wrong request makes no task."""
    fault = mock.faults.add("delayed-acceptance", http=504)
    assert api.create(duration="7").status_code == 504
    mock.clock.advance(60)
    assert fault.acted == 1
    mock.faults.clear()
    assert prompts(api) == []


# ------------------------------------------------------------ what an answer lacks


@pytest.mark.parametrize("external_id", ["", "order-1", 'the "task_info":{} of "data"'])
def test_an_answer_without_task_info(mock: KlingMock, api: Any, external_id: str) -> None:
    """Creates, queries and lists lack `task_info` alone, as was seen of the real service."""
    fault = mock.faults.add("omit-task-info")
    task_info = {"external_task_id": external_id} if external_id else {}
    reply = api.create(**task_info)
    assert reply.status_code == 200
    assert set(reply.json()["data"]) == {"task_id", "task_status", "created_at", "updated_at"}
    task_id = reply.json()["data"]["task_id"]
    assert mock.journal[-1].fault == "omit-task-info"
    tasks = [api.task(task_id), api.get(LIST).json()["data"][0]]
    assert fault.acted == 3
    mock.faults.clear()
    usual = api.task(task_id)
    assert usual.pop("task_info") == task_info
    assert tasks == [usual, usual]


def test_only_a_success_lacks_task_info(mock: KlingMock, api: Any) -> None:
    """Refusals, empty lists and costs have none anyway, and do not use the fault up."""
    fault = mock.faults.add("omit-task-info", times=1)
    assert api.create(duration="7").status_code == 400
    assert api.get(LIST).json()["data"] == []
    assert api.get("/account/costs?start_time=0&end_time=1").status_code == 200
    assert (fault.seen, fault.acted) == (0, 0)
    assert "task_info" not in api.create().json()["data"]
    assert "task_info" in api.create().json()["data"]


def test_an_answer_without_task_info_can_be_lost_too(mock: KlingMock, api: Any) -> None:
    """It combines with whatever happens to the answer's bytes."""
    mock.faults.add("omit-task-info", CREATE, times=1)
    mock.faults.add("response-lost", CREATE, times=1)
    with pytest.raises(httpx.ReadError):
        api.create(external_task_id="order-1")
    assert mock.journal[0].fault == "omit-task-info+response-lost"
    assert prompts(api) == ["order-1"]


# ------------------------------------------------------------ bodies


def test_a_truncated_body(mock: KlingMock, api: Any) -> None:
    """The response announces more than it sends; the task still exists."""
    mock.faults.add("truncated-body", CREATE, times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        api.create()
    assert len(prompts(api)) == 1


@pytest.mark.parametrize("keep", [0, 0.5, 1])
def test_a_malformed_body(mock: KlingMock, api: Any, keep: float) -> None:
    """The body is complete as HTTP but not valid JSON, however much of it is right."""
    mock.faults.add("malformed-body", CREATE, times=1, keep=keep)
    reply = api.create()
    assert reply.status_code == 200
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        json.loads(reply.content)
    assert api.get(LIST).status_code == 200


def test_a_slow_body(mock: KlingMock, api: Any) -> None:
    """The answer comes in pieces and is right."""
    mock.faults.add("slow-body", CREATE, times=1, seconds=0.02, pieces=4)
    before = time.monotonic()
    assert api.create().json()["code"] == 0
    assert time.monotonic() - before >= 0.02


def test_the_answer_to_a_head_is_left_alone(mock: KlingMock, api: Any) -> None:
    """A response without a body cannot be malformed."""
    mock.faults.add("truncated-body")
    assert api.http.head(LIST, headers=api.headers()).status_code == 404


# ------------------------------------------------------------ files


@pytest.fixture
def video(mock: KlingMock, api: Any) -> str:
    task_id = api.new()
    mock.complete(task_id)
    url: str = api.task(task_id)["task_result"]["videos"][0]["url"]
    return url


def test_a_video_of_another_length(mock: KlingMock, api: Any, video: str) -> None:
    """More is announced than comes, or less; then it is whole again."""
    whole = api.http.get(video).content
    mock.faults.add("wrong-length", "GET /media/*", by=10, times=1)
    mock.faults.add("wrong-length", "GET /media/*", by=-10, times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="received"):
        api.http.get(video)
    assert api.http.get(video).content == whole[:-10]
    assert api.http.get(video).content == whole


def test_a_video_that_breaks_off(mock: KlingMock, api: Any, video: str) -> None:
    """Half of it is sent; a range request gets the rest."""
    whole = api.http.get(video).content
    mock.faults.add("truncated-body", "/media/*", times=1)
    got = b""
    with api.http.stream("GET", video) as reply, contextlib.suppress(httpx.RemoteProtocolError):
        for chunk in reply.iter_raw():
            got += chunk
    assert got == whole[: len(whole) // 2]
    rest = api.http.get(video, headers={"Range": f"bytes={len(got)}-"})
    assert (rest.status_code, got + rest.content) == (206, whole)


def test_a_video_behind_other_faults(mock: KlingMock, api: Any, video: str) -> None:
    """Files meet latency, errors, slowness and resets as well; they are found by their prompt."""
    media = "GET /media/*"
    mock.faults.add("latency", media, seconds=0, times=1)
    mock.faults.add("status", media, http=503, prompt="kitten", times=1)
    mock.faults.add("status", media, http=503, prompt="dog")
    mock.faults.add("response-lost", media, times=1)
    mock.faults.add("slow-body", media, seconds=0.01)
    assert api.http.get(video).status_code == 503
    with pytest.raises(httpx.HTTPError):
        api.http.get(video)
    assert len(api.http.get(video).content) > 1000
    mock.faults.clear()
    assert api.http.get(video).status_code == 200


# ------------------------------------------------------------ tasks


def test_a_stuck_task(mock: KlingMock, api: Any) -> None:
    """It is processing and stays so; the next one is not."""
    mock.faults.add("stuck", CREATE, times=1)
    stuck, usual = api.new(), api.new()
    mock.clock.advance(100_000)
    assert api.task(stuck)["task_status"] == "processing"
    assert api.task(usual)["task_status"] == "succeed"


# ------------------------------------------------------------ hardly ordinary connections


def raw(mock: KlingMock, request: bytes) -> bytes:
    host, port = mock.kling_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request)
        return connection.recv(65536)


def test_a_body_that_cannot_be_read(mock: KlingMock, api: Any) -> None:
    """A broken body is refused during faults as it is without them."""
    mock.faults.add("slow-body", "GET")
    reply = api.http.post(
        LIST, content=b"no gzip", headers=api.headers() | {"Content-Encoding": "gzip"}
    )
    assert (reply.status_code, reply.json()["code"]) == (400, 1200)


def test_an_expected_body_is_asked_for_once(mock: KlingMock, api: Any) -> None:
    """100 Continue is sent once, also while there are faults."""
    mock.faults.add("slow-body", "GET")
    head = f"POST {LIST} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    assert raw(mock, head.encode()) == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("kind", ["reset", "response-lost", "truncated-body"])
def test_over_tls(certificate: tuple[Path, Path], kind: Any) -> None:
    """Connections break over https just as well."""
    cert, key = certificate
    context = ssl.create_default_context(cafile=str(cert))
    with (
        KlingMock(tls_cert=str(cert), tls_key=str(key)) as mock,
        httpx.Client(verify=context, trust_env=False) as client,
    ):
        mock.faults.add(kind, times=1)
        headers = {"Authorization": f"Bearer {mock.api_key}"}
        with pytest.raises(httpx.HTTPError):
            client.get(f"{mock.kling_url}{LIST}", headers=headers)
        assert client.get(f"{mock.kling_url}{LIST}", headers=headers).status_code == 200


def test_an_old_client(mock: KlingMock, api: Any) -> None:
    """HTTP/1.0, without connections that stay open, gets its Retry-After too."""
    mock.faults.add("status", code=1302, retry_after=3)

    class Old(http.client.HTTPConnection):
        _http_vsn = 10
        _http_vsn_str = "HTTP/1.0"

    connection = Old(mock.kling_url.removeprefix("http://"))
    connection.request("GET", LIST, headers=api.headers())
    reply = connection.getresponse()
    assert (reply.status, reply.headers["Retry-After"]) == (429, "3")
    connection.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reset_of_the_server_while_a_request_is_under_way(
    mock: KlingMock, api: Any, when: str
) -> None:
    """A request from before the reset leaves nothing behind in the new world."""
    mock.faults.add("latency" if when == "before" else "slow-body", CREATE, seconds=0.05, times=1)
    with socket.create_connection(
        ("127.0.0.1", int(mock.kling_url.rpartition(":")[2]))
    ) as connection:
        body = b'{"prompt":"a"}'
        head = f"{CREATE} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {mock.api_key}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        while not mock.faults or not next(iter(mock.faults)).acted:
            time.sleep(0)
        mock.reset()
        connection.settimeout(5)
        assert connection.recv(65536)
    assert len(mock.journal) == 0
    assert prompts(api) == []
