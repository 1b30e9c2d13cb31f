"""The player: a server that answers with what a session holds."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock.recording.player import Player
from kling_mock.recording.session import SessionFileError
from tests.mock.receiver import Receiver, closed_url, receiver
from tests.plain_http import NO_TLS

__all__ = ["receiver"]

HEADER = {
    "kling_recording": 1,
    "date": "2026-11-27",
    "upstream": "x.example",
    "salt": "00" * 16,
    "start": 1_700_000_000,
}


def exchange(path: str, reply: Any, **members: Any) -> dict[str, Any]:
    return {"at": 0, "ms": 1, "method": "GET", "path": path, "reply": reply} | members


@contextmanager
def playing(folder: Path, *lines: Any) -> Iterator[tuple[Player, httpx.Client]]:
    path = folder / "session.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (HEADER, *lines)))
    with (
        Player(path) as player,
        httpx.Client(base_url=player.url, trust_env=False, verify=NO_TLS) as http,
    ):
        yield player, http


def test_a_reply_is_played_back(tmp_path: Path) -> None:
    """Its status, headers and body are played back; also a body that is not JSON."""
    reply = {"status": 429, "headers": {"retry-after": "3"}, "body": {"code": 1302}}
    page = {"status": 502, "headers": {"content-type": "text/html"}, "text": "<b>"}
    with playing(tmp_path, exchange("/tasks", reply), exchange("/v1", page)) as (player, http):
        response = http.get("/tasks")
        assert (response.status_code, response.json()) == (429, {"code": 1302})
        assert response.headers["retry-after"] == "3"
        response = http.get("/v1")
        assert (response.status_code, response.text) == (502, "<b>")
        assert player.unrecorded == ()


def test_what_was_not_recorded_is_refused_and_kept(tmp_path: Path) -> None:
    """It has the service's envelope, so that a client shows the text."""
    with playing(tmp_path, exchange("/tasks", {"status": 200})) as (player, http):
        response = http.get("/task")
        assert (response.status_code, response.json()["code"]) == (404, 1203)
        assert "nearest is line 2, GET /tasks" in response.json()["message"]
        assert len(player.unrecorded) == 1


def test_a_reply_that_did_not_come_does_not_come(tmp_path: Path) -> None:
    """The connection is closed."""
    with (
        playing(tmp_path, exchange("/tasks", None)) as (_, http),
        pytest.raises(httpx.TransportError),
    ):
        http.get("/tasks")


@pytest.mark.parametrize(
    ("kind", "name", "start"),
    [
        ("images", "0011223344556677.png", b"\x89PNG"),
        ("images", "0011223344556677", b"\x89PNG"),
        ("videos", "0011223344556677.mp4", b"\0\0\0 ftyp"),
        ("videos", "0011223344556677", b"\0\0\0 ftyp"),
        ("audios", "0011223344556677.wav", b"RIFF"),
    ],
)
def test_results_are_placeholders(tmp_path: Path, kind: str, name: str, start: bytes) -> None:
    """The type of a placeholder is that of the URL, or of the place in the response."""
    result = {kind: [{"url": f"https://media.test/{name}", "duration": "5.041"}]}
    body = {"data": {"task_result": result}}
    with playing(tmp_path, exchange("/tasks", {"status": 200, "body": body})) as (player, http):
        url = http.get("/tasks").json()["data"]["task_result"][kind][0]["url"]
        assert url == f"{player.url}/media/{name}"
        assert http.get(url).content.startswith(start)
        assert http.head(url).status_code == 200
        assert http.get(f"{player.url}/media/other.png").status_code == 404


def test_a_file_that_is_no_session(tmp_path: Path) -> None:
    """Refused before anything listens."""
    path = tmp_path / "letter"
    path.write_text("Dear all,\n")
    with pytest.raises(SessionFileError, match="letter, line 1"):
        Player(path)


T2V = "/v1/videos/text2video"
TASK = {"task_id": "811", "task_status": "submitted"}
ENDED = {"task_id": "811", "task_status": "succeed", "task_result": {"videos": []}}


def reported(url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a create with a callback URL, and a query that shows the end of its task."""
    submitted = {"status": 200, "body": {"code": 0, "data": TASK}}
    ended = {"status": 200, "body": {"code": 0, "data": ENDED}}
    return (
        exchange(T2V, submitted, method="POST", body={"callback_url": url}),
        exchange(f"{T2V}/811", ended),
    )


def until(condition: Callable[[], object]) -> None:
    """Return once something has happened on another thread."""
    waiting = threading.Event()
    for _ in range(1000):
        if condition():
            return
        waiting.wait(0.005)
    raise AssertionError("it has not happened")


def test_the_callback_comes_after_the_reply(tmp_path: Path, receiver: Receiver) -> None:
    """One POST of JSON, of a task that the client knows by then."""
    with playing(tmp_path, *reported("https://callback.test/1")) as (_, http):
        task = http.post(T2V, json={"callback_url": receiver.url}).json()["data"]
        until(lambda: receiver.received)
    (received,) = receiver.received
    assert received.headers["content-type"] == "application/json"
    assert received.task == ENDED | {"task_id": task["task_id"], "task_info": {}}


def test_a_callback_follows_a_reply_that_did_not_come(tmp_path: Path, receiver: Receiver) -> None:
    """The service had the create."""
    body = {"callback_url": "https://callback.test/1", "external_task_id": "x"}
    task = ENDED | {"task_info": {"external_task_id": "x"}}
    create = exchange(T2V, None, method="POST", body=body)
    query = exchange(f"{T2V}/811", {"status": 200, "body": {"data": task}})
    with playing(tmp_path, create, query) as (_, http):
        with pytest.raises(httpx.TransportError):
            http.post(T2V, json={"callback_url": receiver.url, "external_task_id": "mine"})
        until(lambda: receiver.received)
    assert receiver.received[0].task["task_info"] == {"external_task_id": "mine"}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://192.0.2.1/hook?token=secret", "it is not on this computer"),
        ("{closed}hook?token=secret", "ClientConnectorError"),
    ],
)
def test_a_callback_that_cannot_be_sent_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, url: str, reason: str
) -> None:
    """The log does not have the token of the URL; the create gets its response."""
    url = url.format(closed=closed_url())
    with playing(tmp_path, *reported("https://callback.test/1")) as (_, http):
        assert http.post(T2V, json={"callback_url": url}).json()["code"] == 0
        until(lambda: caplog.records)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert reason in record.getMessage()
    assert "secret" not in record.getMessage()


def test_a_receiver_that_refuses_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, receiver: Receiver
) -> None:
    """There is one attempt, since the real service's repeats are not known."""
    receiver.answers = [500]
    with playing(tmp_path, *reported("https://callback.test/1")) as (_, http):
        http.post(T2V, json={"callback_url": receiver.url})
        until(lambda: caplog.records)
    assert "it answered 500" in caplog.records[0].getMessage()
    assert len(receiver.received) == 1


def test_a_receiver_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """The server stops at once, with the callback still on its way."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with playing(tmp_path, *reported("https://callback.test/1")) as (player, http):
            http.post(T2V, json={"callback_url": url})
            accepted, _ = silent.accept()
            with accepted:
                player.stop()
                assert accepted.recv(10_000).startswith(b"POST / HTTP/1.1")
