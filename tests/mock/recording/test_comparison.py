"""The emulator compared with a session: nothing in one of its own, and each seeded difference."""

from __future__ import annotations

import contextlib
import copy
import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from kling_mock.recording.comparison import ComparedSession, compare
from kling_mock.recording.recorder import Recorder
from kling_mock.recording.session import parse_session, read_session
from tests.mock.receiver import Receiver, receiver
from tests.mock.recording.recorded_sessions import (
    ACCESS_KEY,
    API_KEY,
    SECRET_KEY,
    canary_mock,
    lines,
    record_everything,
)
from tests.plain_http import NO_TLS

__all__ = ["receiver"]

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Lines:
    """A session with the emulator itself, which was recorded over real sockets."""
    path = tmp_path_factory.mktemp("session") / "session.jsonl"
    with contextlib.closing(Receiver()) as running:
        record_everything(path, running)
    return lines(path)


def compared(session: Lines) -> ComparedSession:
    content = "".join(json.dumps(line) + "\n" for line in session)
    return compare(parse_session(content.encode(), "session"))


def test_a_session_with_the_emulator_differs_in_nothing(recorded: Lines) -> None:
    """A poll, a callback URL, a failed task, a duplicate id, pictures, lists; both interfaces."""
    comparison = compared(recorded)
    assert comparison.differences == ()
    assert comparison.skipped == ()
    assert comparison.compared == 23


def create(session: Lines) -> Any:
    return next(line for line in session if line.get("create") == 1 and "method" in line)


def finished(session: Lines) -> Any:
    return next(line for line in session if '"videos": [' in json.dumps(line.get("reply")))


def listed(session: Lines) -> Any:
    return next(line for line in session if line.get("query") == "pageNum=1&pageSize=30")


def duplicate(session: Lines) -> Any:
    return next(line for line in session if line.get("reply", {}).get("status") == 400)


def data(line: Any) -> Any:
    return line["reply"]["body"]["data"]


def seed_http(session: Lines) -> None:
    duplicate(session)["reply"]["status"] = 409


def seed_code(session: Lines) -> None:
    duplicate(session)["reply"]["body"]["code"] = 1200


def seed_message(session: Lines) -> None:
    duplicate(session)["reply"]["body"]["message"] = "already exists"


def seed_status(session: Lines) -> None:
    data(create(session))["task_status"] = "processing"


def seed_missing(session: Lines) -> None:
    del data(create(session))["updated_at"]


def seed_new(session: Lines) -> None:
    data(finished(session))["task_result"]["videos"][0]["cover_url"] = "https://media.test/1.png"


def seed_type(session: Lines) -> None:
    data(create(session))["created_at"] = "1700000000000"


def seed_enum(session: Lines) -> None:
    data(finished(session))["task_status"] = "succeeded"


def seed_no_data(session: Lines) -> None:
    del create(session)["reply"]["body"]["data"]


def seed_list(session: Lines) -> None:
    body = listed(session)["reply"]["body"]
    body["data"] = {"tasks": body["data"]}


def seed_boolean(session: Lines) -> None:
    data(finished(session))["watermark_info"]["enabled"] = True


def seed_units(session: Lines) -> None:
    data(finished(session))["final_unit_deduction"] = "99"


def seed_length(session: Lines) -> None:
    videos = data(finished(session))["task_result"]["videos"]
    videos.append(dict(videos[0], id="811111111111111111"))


def seed_page(session: Lines) -> None:
    reply = duplicate(session)["reply"]
    del reply["body"]
    reply["text"] = "<html>"


def seed_id(session: Lines) -> None:
    data(finished(session))["task_id"] = data(listed(session))[0]["task_id"][::-1]


SEEDS: list[tuple[Callable[[Lines], None], str, str]] = [
    (seed_http, "status", "http"),
    (seed_code, "code", "code"),
    (seed_message, "message", "message"),
    (seed_status, "value", "data.task_status"),
    (seed_missing, "new key", "data.updated_at"),
    (seed_new, "missing key", "data.task_result.videos[0].cover_url"),
    (seed_type, "type", "data.created_at"),
    (seed_enum, "value", "data.task_status"),
    (seed_no_data, "new key", "data"),
    (seed_list, "type", "data"),
    (seed_boolean, "value", "data.watermark_info.enabled"),
    (seed_units, "value", "data.final_unit_deduction"),
    (seed_length, "length", "data.task_result.videos"),
    (seed_page, "type", ""),
    (seed_id, "id", "data.task_id"),
]


@pytest.mark.parametrize(
    ("seed", "kind", "at"), SEEDS, ids=lambda value: getattr(value, "__name__", "")
)
def test_each_seeded_difference_is_found(
    seed: Callable[[Lines], None], kind: str, at: str, recorded: Lines
) -> None:
    """Nothing else is reported with it, for this exchange or any other."""
    session = copy.deepcopy(recorded)
    seed(session)
    comparison = compared(session)
    assert [
        (exchange.difference.kind, exchange.difference.at) for exchange in comparison.differences
    ] == [(kind, at)]


def test_all_of_them_at_once(recorded: Lines) -> None:
    """The first ten that the others do not hide."""
    session = copy.deepcopy(recorded)
    for seed, *_ in SEEDS[:10]:
        if seed is not seed_no_data:  # it leaves nothing to differ in
            seed(session)
    assert len(compared(session).differences) == 9


def test_a_task_that_was_not_made_in_the_session_is_not_compared(recorded: Lines) -> None:
    """The emulator cannot know it; in a list it is left out."""
    session = [line for line in recorded if line.get("create") not in {1, 2}]
    comparison = compared(session)
    assert comparison.differences == ()
    assert len(comparison.skipped) == 3
    assert all("not made in the session" in exchange.reason for exchange in comparison.skipped)


def test_an_exchange_without_a_reply_is_not_compared(recorded: Lines) -> None:
    """There is nothing to compare."""
    session = copy.deepcopy(recorded)
    session[-1]["reply"] = None
    comparison = compared(session)
    assert [exchange.reason for exchange in comparison.skipped] == ["no response was recorded"]
    assert comparison.differences == ()


def test_every_way_to_authenticate_and_bodies_that_cannot_be_read(tmp_path: Path) -> None:
    """The emulator is asked with a key of the same kind, and with a body that is as wrong."""
    path = tmp_path / "session.jsonl"
    url, now = "/v1/videos/text2video", int(time.time())
    claims = {"iss": ACCESS_KEY, "exp": now + 1800, "nbf": now - 5}
    tokens = [
        jwt.encode(claims | changed, secret, "HS256")
        for changed, secret in (
            ({}, SECRET_KEY),
            ({"exp": now - 600}, SECRET_KEY),
            ({"nbf": now + 600}, SECRET_KEY),
            ({"iss": "somebody"}, SECRET_KEY),
            ({}, SECRET_KEY[::-1]),
        )
    ]
    headers = [*(f"Bearer {token}" for token in tokens), "Basic abcdefgh", "Bearer", "Bearer no"]
    with (
        canary_mock() as mock,
        Recorder(mock.kling_url, path, Decimal(9), allows_unpriced=True) as recorder,
        httpx.Client(base_url=recorder.url, trust_env=False, verify=NO_TLS) as http,
    ):
        codes = [
            http.get(url, headers={"Authorization": header}).json()["code"] for header in headers
        ]
        key = {"Authorization": f"Bearer {API_KEY}"}
        for content in (b'{"prompt": "wilhelmina" "mode": 1}', b"[1]", b"", b'{"prompt": 5e1}'):
            http.post(url, content=content, headers=key)
    assert codes == [0, 1004, 1003, 1000, 1000, 1002, 1001, 1002]
    assert "wilhelmina" not in path.read_text("utf-8")
    comparison = compare(read_session(path))
    assert comparison.differences == ()
    assert comparison.compared == 12
