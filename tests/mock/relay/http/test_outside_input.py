"""Malicious input of users and Kling is refused or made safe, and leaves no hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.domain.json_body import MAX_DEPTH, MAX_VALUES
from kling_mock.relay.domain.stored_values import stored_id, stored_json, stored_reason, stored_url
from kling_mock.relay.domain.wire import MAX_PROMPT
from tests.mock.relay.http_calls import GUIDE, PRICE, VIDEOS, Caller, error_of
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    task,
)
from tests.mock.relay.storage.databases import Mysql, Postgres, need
from tests.plain_http import NO_TLS

DAY: Final = 24 * 3600
PATH: Final = f"{VIDEOS}/text2video"


def body(extra: str) -> bytes:
    """Return the guide's body with JSON text added to it."""
    return json.dumps(GUIDE).encode()[:-1] + f",{extra}}}".encode()


def refused(caller: Caller, raw: bytes) -> str:
    """Send a create that is refused for its form, and return the message."""
    reply = caller.call("POST", PATH, content=raw)
    assert error_of(reply) == (400, "invalid_request_error", "invalid_request"), reply.text[:300]
    assert caller.mock.ledger.user().held_quota == 0
    assert caller.call("GET", VIDEOS).json()["data"] == []
    message: str = reply.json()["error"]["message"]
    assert len(message) < 300
    return message


# ------------------------------------------------------------ creates


@pytest.mark.parametrize(
    "duration",
    ['"1e-200000000"', '"1e-2000000000"', "1e-300", '"1e200000000"', "9" * 5_000, "1e999"],
)
def test_an_absurd_duration_names_the_field(caller: Caller, duration: str) -> None:
    """A duration that takes megabytes to write out is a 400 that names the field and the bound."""
    message = refused(caller, body(f'"duration":{duration}'))
    assert message.startswith("duration: must be ")


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ('"cfg_scale":1e999', "cfg_scale"),
        ('"cfg_scale":-1e999', "cfg_scale"),
        ('"cfg_scale":1e-300', "cfg_scale"),
        (f'"cfg_scale":{"9" * 5_000}', "cfg_scale"),
        (f'"seed":{"9" * 4_000}', "seed"),
        ('"element_list":[{"element_id":1},{"element_id":1e300}]', "element_list[1].element_id"),
        ('"camera_control":{"config":{"pan":1e999}}', "camera_control.config.pan"),
        (f'"{"k" * 500}":1e999', "k" * 40),
    ],
)
def test_an_absurd_number_anywhere_names_the_field(caller: Caller, extra: str, field: str) -> None:
    """A number that could not be sent on is a 400 that says where it stands."""
    message = refused(caller, body(extra))
    assert message.startswith(f"{field}: must be a finite number with at most 30 digits")


@pytest.mark.parametrize("depth", [MAX_DEPTH, 500, 970, 5_000, 200_000])
@pytest.mark.parametrize("kind", ["[]", '{"a":}'])
def test_a_deeply_nested_body_is_refused(caller: Caller, depth: int, kind: str) -> None:
    """JSON that is nested deeper than any request needs is a 400, and nothing is held."""
    opened, closed = kind[:-1], kind[-1]
    raw = body(f'"extra":{opened * depth}1{closed * depth}')
    if len(raw) < 1024 * 1024:
        text = refused(caller, raw)
        assert "nested too deeply" in text or (depth > MAX_VALUES and "too many values" in text)


def test_a_body_of_many_values_is_refused(caller: Caller) -> None:
    """More values than any request has are a 400; a body just within the limits is sent on."""
    many = "[" + ",".join("{}" for _ in range(MAX_VALUES)) + "]"
    assert "too many values" in refused(caller, body(f'"extra":{many}'))
    deep = "[" * (MAX_DEPTH - 1) + "1.25" + "]" * (MAX_DEPTH - 1)
    with ScriptedKling(accepted) as kling:
        kling.serve(caller)
        assert caller.call("POST", PATH, content=body(f'"extra":{deep}')).status_code == 200
        assert json.dumps(kling.requests[0].body["extra"]) == deep


def test_a_prompt_that_its_column_would_cut_is_refused(caller: Caller) -> None:
    """A prompt of more bytes than the row keeps is a 400 with the limit, also in characters."""
    for prompt in ("x" * (MAX_PROMPT + 1), "猫" * (MAX_PROMPT // 3 + 1)):
        message = refused(caller, json.dumps(GUIDE | {"prompt": prompt}).encode())
        assert message.startswith("prompt: ")
        assert str(MAX_PROMPT) in message
    with ScriptedKling(accepted) as kling:
        kling.serve(caller)
        task_id = caller.created(prompt="x" * MAX_PROMPT)
    assert len(caller.operate("GET", f"tasks/{task_id}")["prompt"]) == MAX_PROMPT


def test_a_task_that_is_nearly_free_cannot_be_sent_without_a_balance(caller: Caller) -> None:
    """A price that rounds to 0 holds 1 quota, so an empty balance sends nothing."""
    poor = caller.another(quota=0)
    for duration in ("1e-6", 0.000001, "0.0000000001"):
        reply = poor.create(duration=duration)
        assert error_of(reply) == (402, "insufficient_quota", "insufficient_quota")
    with ScriptedKling(accepted) as kling:
        kling.serve(caller)
        caller.created(duration="1e-6")
        assert caller.mock.ledger.user().held_quota == 1
        assert len(kling.requests) == 1


def test_the_operator_s_numbers_are_bounded_too(caller: Caller) -> None:
    """An absurd number in the operator's body or query is a 400 that names it."""
    operator = {"Authorization": f"Bearer {caller.mock.admin_token}"}
    sent = [
        ("POST", "users", b'{"username":"x","quota":1e999}'),
        ("POST", "users", b'{"username":"x","quota":%s}' % (b"9" * 5_000)),
        ("POST", "users", b'{"username":"x","quota":1e15,"more":' + b"[" * 970 + b"]" * 970 + b"}"),
        ("GET", f"users?after={'9' * 5_000}", b""),
        ("GET", f"stats?days={'9' * 30}", b""),
    ]
    for method, path, raw in sent:
        reply = caller.http.request(method, f"/__kling/relay/{path}", content=raw, headers=operator)
        assert error_of(reply) == (400, "invalid_request_error", "invalid_request"), reply.text


# ------------------------------------------------------------ ids that no database keeps


UNUSABLE: Final = {
    "201 characters": "8" * 201,
    "a space at its end": "873 ",
    "a NUL": "8\x0073",
    "half a surrogate pair": "8\ud83d73",
}
DATABASES: Final = ("memory", "sqlite", "mariadb", "postgres")


@pytest.fixture(scope="module", params=DATABASES)
def url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str | None]:
    """Each database in turn; the one in memory has no URL."""
    if request.param == "memory":
        yield None
        return
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('relay') / 'relay.db'}"
        return
    need("mysql" if request.param == "mariadb" else "postgres")
    server = Mysql() if request.param == "mariadb" else Postgres()
    asyncio.run(server.make())
    yield server.url
    asyncio.run(server.drop())


@pytest.fixture
def stored(url: str | None) -> Iterator[Caller]:
    """A user of a relay on each database."""
    with (
        KlingMock(seed=7, relay=RelaySettings(database=url)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=60, verify=NO_TLS) as http,
    ):
        yield Caller(http, mock)
        mock.ledger.assert_balanced()


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_create_answered_with_an_unusable_id_is_an_unknown_outcome(
    stored: Caller, name: str
) -> None:
    """Such a response does not count: the task is looked up by its own id, and paid when found."""
    before = stored.mock.ledger.user()
    start = stored.mock.clock.now()

    def answer(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return accepted(request, UNUSABLE[name])
        late = stored.mock.clock.now() > start + 60
        report = task(f"873 of {name}", "succeed", final_unit_deduction="1")
        return envelope(report if late else task(UNUSABLE[name], "processing"))

    with ScriptedKling(answer) as kling:
        kling.serve(stored)
        reply = stored.create()
        assert reply.status_code == 200, reply.text
        assert (reply.json()["kling_task_id"], reply.json()["status"]) == ("", "submitted")
        assert stored.mock.ledger.user().held_quota == before.held_quota + PRICE
        stored.mock.clock.advance(600)
        row = stored.operate("GET", f"tasks/{reply.json()['task_id']}")
        assert (row["status"], row["kling_task_id"]) == ("succeed", f"873 of {name}")
        stored.operate("DELETE", "channels/by%20hand")


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.slow
def test_a_task_that_is_only_ever_shown_with_an_unusable_id_ends(caller: Caller, name: str) -> None:
    """If no usable answer ever comes, the task fails at twice its deadline, its hold released."""
    with ScriptedKling(lambda _: envelope(task(UNUSABLE[name], "succeed"))) as kling:
        kling.serve(caller)
        task_id = caller.created()
        posted = caller.http.post(
            f"/kling/callback/{task_id}", content=json.dumps(task(UNUSABLE[name], "succeed"))
        )
        assert error_of(posted)[0] == 400
        caller.mock.clock.advance(2 * DAY + 3600)
        assert caller.operate("GET", f"tasks/{task_id}")["status"] == "failed"
        assert caller.mock.ledger.user().held_quota == 0
    caller.mock.ledger.assert_balanced()


def test_texts_of_kling_s_that_no_column_keeps_are_made_to_fit(stored: Caller) -> None:
    """A result with texts of every kind of too much is charged, shown, and can be read back."""
    video = {
        "id": "v" * 300,
        "url": "https://cdn.test/" + "x" * 70_000,
        "duration": "5." + "1" * 25,
    }
    report = task("873 large", "succeed", final_unit_deduction="1", extra="\x00\ud83d" * 40_000)
    report["task_result"] = {"videos": [video]}
    with ScriptedKling(
        lambda request: (
            accepted(request, "873 large") if request.method == "POST" else envelope(report)
        )
    ) as kling:
        kling.serve(stored)
        task_id = stored.created(callback_url="http://127.0.0.1:1/hook")
        stored.mock.clock.advance(60)
        row = stored.operate("GET", f"tasks/{task_id}")
        assert (row["status"], row["quota"]) == ("succeed", 70_000)
        assert (row["video_id"], row["store_url"], row["duration"]) == ("", "", "5")
        excerpt = json.loads(row["json_data"])
        assert (excerpt["incomplete"], excerpt["bytes"] > 65_535) == ("too large", True)
        (notice,) = [
            notice
            for notice in stored.operate("GET", "notices")["data"]
            if notice["task_id"] == task_id
        ]
        assert json.loads(notice["body"])["task_status"] == "succeed"
        stored.operate("DELETE", "channels/by%20hand")


def test_a_failure_s_long_reason_is_cut_and_says_so(stored: Caller) -> None:
    """Kling's own words are kept up to 1,000 characters, and end with dots when they are cut."""
    report = task("873 failed", "failed", task_status_msg="no\x00 " * 30_000)
    with ScriptedKling(
        lambda request: (
            accepted(request, "873 failed") if request.method == "POST" else envelope(report)
        )
    ) as kling:
        kling.serve(stored)
        task_id = stored.created()
        stored.mock.clock.advance(60)
        reason = stored.query(task_id)["fail_reason"]
        assert (len(reason), reason[-3:]) == (1_000, "...")
        stored.operate("DELETE", "channels/by%20hand")


# ------------------------------------------------------------ what is kept, by itself


@pytest.mark.parametrize("most", [300, 4_096, 65_535])
@pytest.mark.parametrize(
    "report",
    [
        {"a": "x" * 100_000},
        {"a": '"' * 100_000},
        {"a": "\\" * 100_000},
        {"a": "猫" * 50_000},
        {"a": "\U0001f408" * 50_000},
        {"a": "\ud83d" * 50_000},
        {"a": "\x00" * 50_000},
        {"a": float("inf")},
        {"a": [float("nan")] * 50_000},
        {"a": [[]] * 50_000},
    ],
    ids=lambda value: repr(value)[:12],
)
def test_a_report_that_is_cut_is_still_json(report: dict[str, Any], most: int) -> None:
    """A report that is too large, or not JSON, is kept as JSON that says so, within its bytes."""
    text = stored_json(report, most)
    assert len(text.encode("utf-8", "surrogatepass")) <= most
    excerpt = json.loads(text, parse_constant=pytest.fail)
    assert set(excerpt) == {"incomplete", "bytes", "text"}


@pytest.mark.slow
def test_a_report_that_is_nested_too_deeply_is_still_kept() -> None:
    """A report that cannot be written out leaves a mark of itself."""
    report: dict[str, Any] = {}
    for _ in range(100_000):
        report = {"a": report}
    assert json.loads(stored_json(report))["incomplete"] == "nested too deeply"
    while report:  # otherwise its own destructor would recurse
        report = report.pop("a")


def test_what_fits_is_kept_as_it_is() -> None:
    """A usual report, id, URL and reason are not touched."""
    assert json.loads(stored_json({"a": ["猫", 1.5, None]})) == {"a": ["猫", 1.5, None]}
    assert (stored_id("v" * 200), stored_id("v" * 201)) == ("v" * 200, "")
    assert (stored_url("u" * 8_192), stored_url("u" * 8_193)) == ("u" * 8_192, "")
    assert stored_reason("r" * 1_000) == "r" * 1_000
