"""The player: a server that answers with what a session holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock.recording.player import Player
from kling_mock.recording.session import SessionFileError

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
    with Player(path) as player, httpx.Client(base_url=player.url, trust_env=False) as http:
        yield player, http


def test_a_reply_is_played_back(tmp_path: Path) -> None:
    """Status, headers and body; a body that is no JSON, too."""
    reply = {"status": 429, "headers": {"retry-after": "3"}, "body": {"code": 1302}}
    page = {"status": 502, "headers": {"content-type": "text/html"}, "text": "<b>"}
    with playing(tmp_path, exchange("/tasks", reply), exchange("/v1", page)) as (player, http):
        found = http.get("/tasks")
        assert (found.status_code, found.json()) == (429, {"code": 1302})
        assert found.headers["retry-after"] == "3"
        found = http.get("/v1")
        assert (found.status_code, found.text) == (502, "<b>")
        assert player.unrecorded == ()


def test_what_was_not_recorded_is_refused_and_kept(tmp_path: Path) -> None:
    """In the service's envelope, so that a client shows the text."""
    with playing(tmp_path, exchange("/tasks", {"status": 200})) as (player, http):
        found = http.get("/task")
        assert (found.status_code, found.json()["code"]) == (404, 1203)
        assert "nearest is line 2, GET /tasks" in found.json()["message"]
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
    """Of the type that the URL or the place in the reply says."""
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
