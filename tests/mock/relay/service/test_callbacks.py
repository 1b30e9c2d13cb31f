"""Callbacks of Kling: which are applied, which make the relay poll, and how often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.domain.json_body import MAX_VALUES
from kling_mock.relay.domain.schedule import DEADLINE, READ_INTERVAL
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.callbacks import CallbackReceiver
from kling_mock.relay.storage.values import VideoRow
from kling_mock.web.webhook_signing import signed_headers
from tests.mock.relay.http_calls import PRICE, Caller, error_of
from tests.mock.relay.logged import lines_about
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    refusal,
    task,
)
from tests.mock.relay.storage.databases import SqliteFile
from tests.plain_http import NO_TLS

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SUCCESS: Final = {"message": "success"}
ALREADY: Final = {"message": "already processed"}
NO_UNITS: Final = (
    "WARNING kling task error: ID: a signed success does not state its units, and no poll has "
    "stated them yet"
)


class Scene:
    """A relay whose Kling shows a task as a test says, and signs its callbacks."""

    def __init__(self, caller: Caller, kling: ScriptedKling) -> None:
        self.caller = caller
        self.kling = kling
        self.poll_reply: Reply = envelope(task("873", "submitted"))
        kling.answer = self.answer
        kling.serve(caller, webhook_secret=SECRET)

    def answer(self, request: ReceivedRequest) -> Reply:
        return accepted(request) if request.method == "POST" else self.poll_reply

    @property
    def readings(self) -> int:
        """How often a task was read; one by our own id may take two requests."""
        return sum(count for (call, _), count in self.metrics.upstream.items() if call == "read")

    @property
    def metrics(self) -> Metrics:
        relay: Any = self.caller.mock._existing_relay().host.built
        metrics: Metrics = relay._metrics
        return metrics

    def post(self, name: str, body: Any, *, secret: str = SECRET) -> httpx.Response:
        """Post a callback, signed with *secret* if it is not empty."""
        raw = json.dumps(body).encode()
        now = int(self.caller.mock.clock.now())
        signed = dict(signed_headers([secret], "msg_1", now, raw)) if secret else {}
        return self.caller.http.post(f"/kling/callback/{name}", content=raw, headers=signed)

    def counted(self) -> dict[str, int]:
        return {kind: count for kind, count in self.metrics.callbacks.items() if count}

    def row(self, task_id: str) -> dict[str, Any]:
        row: dict[str, Any] = self.caller.operate("GET", f"tasks/{task_id}")
        return row


@pytest.fixture
def scene(caller: Caller) -> Iterator[Scene]:
    with ScriptedKling(accepted) as kling:
        yield Scene(caller, kling)


def success(**members: Any) -> dict[str, Any]:
    return task("873", "succeed", **members)


# ---------------------------------------------------------------- what is refused, and the counts


@pytest.mark.parametrize(
    ("body", "says"),
    [([], "body"), ({"task_id": "x" * 201, "task_status": "succeed"}, "the task's id is invalid")],
    ids=["no task", "an id that no database can store"],
)
def test_what_is_no_callback_is_refused(scene: Scene, body: Any, says: str) -> None:
    """The reply names the field, and it is counted as invalid."""
    reply = scene.post(scene.caller.created(), body)
    assert error_of(reply) == (400, "invalid_request_error", "invalid_request")
    assert reply.json()["error"]["message"].startswith("body:")
    assert says in reply.json()["error"]["message"]
    assert scene.counted() == {"invalid": 1}


def test_a_callback_with_too_many_values_is_invalid(scene: Scene) -> None:
    """It is refused before it is parsed, whatever else it says."""
    body = task("873", "submitted") | {"padding": [0] * (5 * MAX_VALUES)}
    reply = scene.post(scene.caller.created(), body)
    assert error_of(reply) == (400, "invalid_request_error", "invalid_request")
    assert scene.counted() == {"invalid": 1}


def test_a_callback_of_no_task_is_counted(scene: Scene) -> None:
    """404, whatever signed it."""
    reply = scene.post("kling_none", success())
    assert error_of(reply) == (404, "not_found_error", "not_found")
    assert scene.counted() == {"unknown_task": 1}


def test_each_callback_is_counted_by_what_it_did(scene: Scene) -> None:
    """Kinds are signed, signed with another key, unsigned; and after the end, by its contents."""
    task_id = scene.caller.created()
    other = "whsec_" + "QUFB" * 8
    submitted, failed = task("873", "submitted"), task("873", "failed")
    ended = success(final_unit_deduction="2")
    assert scene.post(task_id, submitted, secret="").json() == SUCCESS
    assert scene.post(task_id, submitted, secret=other).json() == SUCCESS
    assert scene.counted() == {"hint": 1, "unverified": 1}
    assert scene.post(task_id, ended).json() == SUCCESS
    assert scene.counted() == {"hint": 1, "unverified": 1, "applied": 1}
    assert scene.post(task_id, ended).json() == ALREADY
    assert scene.post(task_id, failed).json() == ALREADY
    assert scene.post(task_id, ended, secret="").json() == ALREADY
    assert scene.post(task_id, failed, secret="").json() == ALREADY
    counts = {"hint": 1, "unverified": 1, "applied": 1, "already_processed": 3, "contradicting": 1}
    assert scene.counted() == counts


def test_a_signature_that_is_wrong_is_logged(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """The line names the task; without a secret, a channel has no signature to check."""
    task_id = scene.caller.created()
    scene.post(task_id, success(), secret="whsec_" + "QUFB" * 8)
    lines = lines_about(caplog, task_id)
    assert len(lines) == 1
    assert lines[0].startswith("WARNING kling callback of ID is only a hint: ")
    assert SECRET not in lines[0]
    scene.caller.operate("PATCH", "channels/2", json={"webhook_secrets": ""})
    scene.post(task_id, success())
    assert lines_about(caplog, task_id) == lines


# ---------------------------------------------------------------- whose it is


def test_the_same_id_of_two_services_is_nobody_s(scene: Scene) -> None:
    """Without our own id it is not known which of the two rows is meant."""
    path, body = "/kling/internal/callback", {"task_id": "873", "task_status": "submitted"}
    scene.caller.created()
    assert scene.caller.http.post(path, json=body).status_code == 200
    channel = {"name": "second", "base_url": scene.kling.url, "key": "AK-2|SK-2", "priority": 99}
    scene.caller.operate("POST", "channels", json=channel | {"service": "another"})
    assert scene.caller.create().json()["kling_task_id"] == "873"
    assert scene.caller.http.post(path, json=body).status_code == 404


@pytest.mark.parametrize(
    ("names_ours", "status"), [(False, "submitted"), (True, "succeed")], ids=["none", "ours"]
)
def test_a_signed_callback_before_the_reply_must_name_our_id(
    scene: Scene,
    names_ours: bool,  # noqa: FBT001 - a case
    status: str,
) -> None:
    """Kling's own id does not count as long as the row has none."""
    scene.kling.answer = lambda request: (
        (500, b"") if request.method == "POST" else scene.poll_reply
    )
    task_id = scene.caller.created()
    scene.poll_reply = refusal(1203, 404)
    named = {"task_info": {"external_task_id": task_id}} if names_ours else {}
    scene.post(task_id, success(final_unit_deduction="2", **named))
    assert scene.row(task_id)["status"] == status


# ---------------------------------------------------------------- hints


@pytest.mark.parametrize(("age", "readings"), [(READ_INTERVAL - 1, 0), (READ_INTERVAL, 1)])
def test_what_repeats_the_reply_to_the_create_is_read_five_seconds_after_it(
    scene: Scene, age: int, readings: int
) -> None:
    """That reply was as good as a poll: only a later callback may be newer."""
    task_id = scene.caller.created()
    scene.caller.mock.clock.advance(age)
    scene.post(task_id, task("873", "submitted"), secret="")
    assert scene.readings == readings
    scene.post(task_id, task("873", "processing"), secret="")
    assert scene.readings == 1


def test_what_comes_too_soon_is_read_five_seconds_later(scene: Scene) -> None:
    """It is read neither earlier nor by the next poll, which is due after 20 s."""
    task_id = scene.caller.created()
    scene.post(task_id, task("873", "submitted"), secret="")
    scene.caller.mock.clock.advance(READ_INTERVAL - 1)
    assert scene.readings == 0
    scene.caller.mock.clock.advance(1)
    assert scene.readings == 1


def test_a_callback_of_a_task_that_was_given_up_is_read_every_five_seconds(scene: Scene) -> None:
    """Such a task may exist after all, so it is read; a flood of callbacks does not add to it."""
    scene.kling.answer = lambda request: (
        (500, b"") if request.method == "POST" else scene.poll_reply
    )
    scene.poll_reply = refusal(1203, 404)
    task_id = scene.caller.created()
    scene.caller.mock.clock.advance(600)
    assert scene.row(task_id)["status"] == "failed"
    had = scene.readings
    counts = []
    for wait in (0, READ_INTERVAL - 1, 1, READ_INTERVAL - 1, 1):
        scene.caller.mock.clock.advance(wait)
        for _ in range(3):
            assert scene.post(task_id, success(), secret="").json() == ALREADY
        counts.append(scene.readings - had)
    assert counts == [1, 1, 2, 2, 3]
    scene.poll_reply = envelope(success(task_info={"external_task_id": task_id}))
    scene.caller.mock.clock.advance(READ_INTERVAL)
    scene.post(task_id, success(), secret="")
    reports = {(report.status, report.source) for report in scene.caller.mock.ledger.reports()}
    assert ("succeed", "callback") in reports


def test_so_many_tasks_are_remembered_and_no_more(scene: Scene) -> None:
    """A thousand that were given up; the one that was read longest ago is forgotten first."""
    task_id = scene.caller.created()
    relay: Any = scene.caller.mock._existing_relay()
    row: VideoRow = relay.run(lambda store: store.find_task(task_id))
    receiver: CallbackReceiver = relay.host.built.callbacks
    rows = [attrs.evolve(row, task_id=f"kling_{number:032}") for number in range(1001)]
    assert all(receiver._may_read(abandoned, 100) for abandoned in rows)
    assert [receiver._may_read(abandoned, 101) for abandoned in (rows[-1], rows[1])] == [
        False,
        False,
    ]
    assert receiver._may_read(rows[0], 101)


@pytest.mark.parametrize("status", ["succeed", "failed"])
@pytest.mark.parametrize("path", ["/kling/callback/{}", "/kling/internal/callback"])
def test_a_test_s_own_callback_settles_its_task_before_it_is_answered(
    status: str, path: str
) -> None:
    """With `test_callback`, earlier polls and Kling's own reports make no difference."""
    with (
        KlingMock(seed=7, relay=RelaySettings(test_callback=True)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        mock.faults.add("callback-dropped")  # Kling's own ones would settle it as well
        caller = Caller(http, mock)
        earlier: dict[str, Callable[[str], object]] = {
            "nothing": lambda _: None,
            "a query": caller.query,
            "submitted": lambda task_id: caller.report(task_id, "submitted"),
            "processing": lambda task_id: caller.report(task_id, "processing"),
            "all": lambda task_id: [caller.query(task_id), caller.report(task_id, "processing")],
        }
        for before, act in earlier.items():
            reply = caller.create().json()
            act(reply["task_id"])
            body = {"task_id": reply["kling_task_id"], "task_status": status}
            posted = http.post(path.format(reply["task_id"]), json=body)
            assert (before, posted.json()) == (before, SUCCESS)
            row = caller.operate("GET", f"tasks/{reply['task_id']}")
            assert (before, row["status"]) == (before, status)
            assert http.post(path.format(reply["task_id"]), json=body).json() == ALREADY


def test_a_test_s_own_callback_that_cannot_be_read_is_read_later() -> None:
    """Kling fails for a moment: the task has ended there, and the next poll shows it."""
    with (
        KlingMock(seed=7, relay=RelaySettings(test_callback=True)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        mock.faults.add("callback-dropped")  # else Kling's own one may come first
        caller = Caller(http, mock)
        task_id = caller.created()
        caller.query(task_id)
        mock.faults.add("status", "GET /v1/*", http=502, body="bad gateway", times=1)
        assert caller.report(task_id, "failed").json() == SUCCESS
        assert caller.operate("GET", f"tasks/{task_id}")["status"] == "submitted"
        mock.clock.advance(READ_INTERVAL)
        assert caller.operate("GET", f"tasks/{task_id}")["status"] == "failed"


# ---------------------------------------------------------------- a signed success without units


def test_a_signed_success_without_units_is_read_at_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """The poll states them; no report is stored."""
    task_id = scene.caller.created()
    scene.poll_reply = envelope(success(final_unit_deduction="1"))
    assert scene.post(task_id, success()).json() == SUCCESS
    assert (scene.readings, scene.row(task_id)["status"]) == (1, "succeed")
    assert scene.caller.mock.ledger.user().used_quota == PRICE // 2
    assert scene.caller.mock.ledger.reports() == []
    assert NO_UNITS not in lines_about(caplog, task_id)


def test_a_success_whose_units_nobody_states_is_kept_for_the_deadline(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Read five seconds later, and on; if no poll shows an end, its hold is charged then."""
    task_id = scene.caller.created()
    scene.poll_reply = envelope(task("873", "processing"))
    assert scene.post(task_id, success()).json() == SUCCESS
    assert scene.readings == 1
    assert lines_about(caplog, task_id) == [NO_UNITS]
    (report,) = scene.caller.mock.ledger.reports()
    assert (report.status, report.source, report.task_id) == ("unconfirmed", "callback", task_id)
    assert scene.post(task_id, success()).json() == SUCCESS  # too soon for another poll
    assert scene.readings == 1
    scene.caller.mock.clock.advance(READ_INTERVAL)
    assert scene.readings == 2
    assert scene.caller.mock.ledger.user().used_quota == 0
    scene.caller.mock.clock.advance(DEADLINE + 2000)
    row = scene.row(task_id)
    assert (row["status"], row["store_url"]) == ("succeed", "https://cdn.test/1.mp4")
    assert scene.caller.mock.ledger.user().used_quota == PRICE
    assert scene.metrics.settlements["succeed", "callback"] == 1
    unmetered = "ID is unmetered: its units are unknown, so its hold was charged"
    assert f"WARNING kling task error: {unmetered}" in lines_about(caplog, task_id)


def test_a_success_that_was_read_needs_no_earlier_reading(scene: Scene) -> None:
    """Kling has just shown it open: it is polled as any other, after 20 seconds."""
    task_id = scene.caller.created()
    scene.poll_reply = envelope(task("873", "processing"))
    scene.post(task_id, success())
    scene.caller.mock.clock.advance(2 * READ_INTERVAL)
    assert scene.readings == 1


def test_a_success_that_was_read_a_moment_ago_is_read_again_later(scene: Scene) -> None:
    """Its units come with a poll five seconds after the one before."""
    task_id = scene.caller.created()
    scene.caller.query(task_id)
    scene.poll_reply = envelope(success(final_unit_deduction="1"))
    assert scene.post(task_id, success()).json() == SUCCESS
    assert scene.readings == 1
    scene.caller.mock.clock.advance(READ_INTERVAL)
    assert (scene.readings, scene.row(task_id)["status"]) == (2, "succeed")


def test_a_success_without_units_may_come_before_the_reply(scene: Scene) -> None:
    """It has Kling's id, under which the task is read."""
    scene.kling.answer = lambda request: (
        (500, b"") if request.method == "POST" else scene.poll_reply
    )
    task_id = scene.caller.created()
    scene.poll_reply = envelope(success(final_unit_deduction="1"))
    scene.post(task_id, success(task_info={"external_task_id": task_id}))
    assert [
        request.path.rpartition("/")[2]
        for request in scene.kling.requests
        if request.method == "GET"
    ] == ["873"]
    assert scene.row(task_id)["status"] == "succeed"


def test_a_success_without_units_under_another_task_s_id_changes_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """It is an error for the operator; no report is stored, and the task is polled when due."""
    scene.caller.created()
    scene.kling.answer = lambda request: (
        (500, b"") if request.method == "POST" else scene.poll_reply
    )
    scene.poll_reply = refusal(1203, 404)
    second = scene.caller.created()
    scene.caller.mock.clock.advance(2 * READ_INTERVAL)
    had = scene.readings
    caplog.clear()
    reply = scene.post(second, success(task_info={"external_task_id": second}))
    assert reply.json() == SUCCESS
    (line,) = lines_about(caplog, second)
    assert line.startswith("ERROR kling task error: task ID: Kling's id '873' belongs to another")
    scene.caller.mock.clock.advance(READ_INTERVAL)
    assert scene.readings == had
    assert scene.row(second)["kling_task_id"] is None
    assert scene.caller.mock.ledger.reports() == []


@pytest.mark.parametrize("units", [{}, {"final_unit_deduction": "1"}])
def test_a_signed_callback_that_names_another_task_changes_nothing(
    scene: Scene, units: dict[str, str]
) -> None:
    """Kling's id is the task's, and the external id is not: it is stored, counted and not read."""
    task_id = scene.caller.created()
    had = scene.readings
    report = success(task_info={"external_task_id": "another"}, **units)
    assert scene.post(task_id, report).json() == SUCCESS
    assert (scene.row(task_id)["status"], scene.readings) == ("submitted", had)
    assert [stored.status for stored in scene.caller.mock.ledger.reports()] == ["misnamed"]
    assert scene.metrics.callbacks["contradicting"] == 1


# ---------------------------------------------------------------- rows of a migration


def test_no_money_moves_for_a_row_of_a_migration_and_nothing_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its task may be of another vendor: only what is signed counts, and only as a status."""
    database = SqliteFile(tmp_path)
    with (
        ScriptedKling(accepted) as kling,
        KlingMock(seed=7, relay=RelaySettings(database=database.url)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        scene = Scene(Caller(http, mock), kling)
        task_id = scene.caller.created()
        migrated = "UPDATE videos SET legacy = 1, next_poll_at = NULL, held_quota = 0"
        asyncio.run(database.query(migrated))
        asyncio.run(
            database.query("INSERT INTO old_users (number, user_id) SELECT id, id FROM users")
        )
        mock.clock.advance(2 * READ_INTERVAL)
        assert scene.caller.query(task_id)["status"] == "submitted"
        assert scene.post(task_id, success(), secret="").json() == ALREADY
        assert scene.readings == 0
        assert scene.post(task_id, success()).json() == SUCCESS
        assert scene.caller.query(task_id)["status"] == "succeed"
        assert (scene.readings, mock.ledger.user().used_quota) == (0, 0)
        assert scene.metrics.unmetered == 0
    assert not [line for line in lines_about(caplog, task_id) if "unmetered" in line]
