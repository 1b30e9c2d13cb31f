"""The file of a session has no secrets: each canary is searched for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kling_mock.recording.mapping import Pseudonyms
from kling_mock.recording.redaction import Redactor
from tests.mock.receiver import Receiver, receiver
from tests.mock.recording.recorded_sessions import (
    API_KEY,
    canaries,
    exchanges,
    found_in,
    record_everything,
)

__all__ = ["receiver"]

pytestmark = pytest.mark.slow


def test_no_canary_is_in_the_file(tmp_path: Path, receiver: Receiver) -> None:
    """Keys, tokens, prompts, URLs, media, ids, user agent, cookies; the session is all there."""
    path = tmp_path / "session.jsonl"
    tokens = record_everything(path, receiver)
    canary_words = canaries(receiver.url, tokens)
    assert len(canary_words) == 12
    assert found_in(path.read_text("utf-8"), canary_words) == {}
    assert "wrong-canary-key" not in path.read_text("utf-8")
    statuses = [exchange["reply"]["status"] for exchange in exchanges(path)]
    assert len(statuses) == 23
    assert {200, 400, 401, 404} <= set(statuses)


#: Each way in which redaction could be missing, and what is then found.
BROKEN: list[tuple[str, Any, str, set[str]]] = [
    ("text", Pseudonyms, "text", {"prompt", "negative prompt", "external id", "voice id"}),
    ("url", Pseudonyms, "url", {"signed URL", "callback URL"}),
    ("path", Redactor, "path", {"external id"}),
    ("request", Redactor, "request", {"prompt", "signed URL", "media", "voice id"}),
]


@pytest.mark.parametrize(("owner", "name", "kinds"), [row[1:] for row in BROKEN])
def test_a_redaction_that_is_switched_off_is_caught(
    owner: Any,
    name: str,
    kinds: set[str],
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control: the search finds what was left."""

    def leave(_: Any, argument: Any, *__: Any, **___: Any) -> Any:
        return argument

    monkeypatch.setattr(owner, name, leave)
    path = tmp_path / "session.jsonl"
    tokens = record_everything(path, receiver)
    assert kinds <= set(found_in(path.read_text("utf-8"), canaries(receiver.url, tokens)))


def test_the_search_finds_each_canary() -> None:
    """A canary that is searched wrongly would never be found."""
    canary_words = canaries("http://127.0.0.1:9/", ("aaaa.bbbb.cccc",))
    for kind, words in canary_words.items():
        for word in words:
            line = json.dumps({"x": f"..{word}.."}, ensure_ascii=False)
            assert word in found_in(line, {kind: words})[kind]


@pytest.mark.parametrize("place", ["body", "key", "query", "path", "reply"])
def test_a_key_in_the_wrong_place_is_replaced_all_the_same(place: str) -> None:
    """The key of a request is not in any line, wherever else it stands."""
    redactor = Redactor(Pseudonyms(bytes(16)))
    line: Callable[[str], str] = {
        "body": lambda key: json.dumps({"body": {"mode": key}}),
        "key": lambda key: json.dumps({"body": {key: 1}}),
        "query": lambda key: json.dumps({"query": f"k={key}"}),
        "path": lambda key: json.dumps({"path": f"/{key}"}),
        "reply": lambda key: json.dumps({"reply": {"message": f"key {key} is wrong"}}),
    }[place]
    scrubbed = redactor.scrub(line(API_KEY), (API_KEY,))
    assert API_KEY not in scrubbed
    json.loads(scrubbed)
