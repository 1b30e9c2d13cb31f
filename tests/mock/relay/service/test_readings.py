"""The effect of a poll of Kling on the row, and on the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from kling_mock.relay.domain.breaker import FAILURES
from kling_mock.relay.domain.schedule import DEADLINE
from kling_mock.relay.storage.values import UNCONFIRMED, TaskResult
from tests.mock.receiver import Receiver, receiver
from tests.mock.relay.http_calls import PRICE, Caller
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

__all__ = ["receiver"]  # the fixture


@pytest.mark.parametrize(
    ("stated", "stored"), [("5." + "1" * 18, "5." + "1" * 18), ("5." + "1" * 19, "5")]
)
def test_a_length_is_stored_as_long_as_the_column_is(
    caller: Caller, stated: str, stored: str
) -> None:
    """It has at most 20 characters; for a longer one, the row keeps the requested length."""

    def kling(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return accepted(request)
        clip = {"id": "1", "url": "https://cdn.test/1.mp4", "duration": stated}
        return envelope(task("873", "succeed", task_result={"videos": [clip]}))

    with ScriptedKling(kling) as server:
        server.serve(caller)
        task_id = caller.created()
        caller.mock.clock.advance(21)
        row = caller.operate("GET", f"tasks/{task_id}")
    assert (row["status"], row["duration"]) == ("succeed", stored)


def test_a_reading_that_fails_is_logged(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """The line has the task and the error, so that an operator can look it up."""
    caller.mock.faults.add("callback-dropped")
    task_id = caller.created()
    caller.mock.faults.add("reset", "GET /v1/*", times=2)
    caller.mock.clock.advance(25)
    assert f"kling task error: {task_id} cannot be read (TransportError)" in caplog.text


def test_a_task_that_turns_up_waiting_is_submitted(caller: Caller) -> None:
    """Its row gets Kling's id, and keeps the status that distinguishes it from running tasks."""

    def kling(request: ReceivedRequest) -> Reply:
        ours = {"external_task_id": task_id} if task_id else {}
        report = task("873", "submitted", task_info=ours)
        return (500, b"") if request.method == "POST" else envelope(report)

    task_id = ""
    with ScriptedKling(kling) as server:
        server.serve(caller)
        task_id = caller.created()
        caller.mock.clock.advance(6)
        row = caller.operate("GET", f"tasks/{task_id}")
    assert (row["kling_task_id"], row["status"]) == ("873", "submitted")


def test_a_task_whose_key_is_gone_is_one_that_nobody_can_read(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """No response shows it open, so it gets twice the time before it fails."""
    caller.mock.faults.add("callback-dropped")
    task_id = caller.created()
    other = {"key": "AK-of-another|SK-of-another", "yes": True}
    caller.operate("PATCH", "channels/1", json=other)
    caller.mock.clock.advance(DEADLINE + 2000)
    assert caller.operate("GET", f"tasks/{task_id}")["status"] == "submitted"
    assert caplog.text.count("tasks of channel 1 cannot be read: the key") == 1
    degraded = {"channel": 1, "reason": "key_gone"}
    assert caller.http.get("/health").json()["degraded"] == [degraded]
    caller.mock.clock.advance(DEADLINE)
    assert caller.operate("GET", f"tasks/{task_id}")["status"] == "failed"
    assert caller.mock.ledger.user().held_quota == 0


# ---------------------------------------------------------------- one task, and what Kling shows


class Scene:
    """A relay with one task, whose Kling shows it as a test says."""

    def __init__(self, caller: Caller, kling: ScriptedKling) -> None:
        self.caller = caller
        self.kling = kling
        self.created: Reply | None = None
        self.poll_reply: Reply = envelope(task("873", "submitted"))
        kling.answer = self.answer
        kling.serve(caller)
        host: Any = caller.mock._existing_relay().host
        self.relay = host.built
        self.reconciler: Any = self.relay._sweeper._reconciler

    def answer(self, request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return self.created or accepted(request)
        return self.poll_reply

    def run(self, work: Any) -> Any:
        """Await something on the relay's loop."""
        return self.caller.mock._existing_relay().run(lambda _: work)

    def stored(self, task_id: str) -> Any:
        return self.run(self.relay.storage.find_task(task_id))

    def row(self, task_id: str) -> dict[str, Any]:
        row: dict[str, Any] = self.caller.operate("GET", f"tasks/{task_id}")
        return row


@pytest.fixture
def scene(caller: Caller) -> Iterator[Scene]:
    with ScriptedKling(accepted) as kling:
        yield Scene(caller, kling)


ENDED = "INFO kling task ID {} by sweeper: user 1 charged {} quota ({} uncollected)"
UNMETERED = (
    "WARNING kling task error: ID is unmetered: its units are unknown, so its hold was charged"
)


@pytest.mark.parametrize(
    ("status", "units", "lines"),
    [
        ("submitted", None, []),
        ("processing", None, ["INFO kling task ID is processing (kling 873)"]),
        ("succeed", 1, [ENDED.format("succeed", 70_000, 0)]),
        ("succeed", 3, [ENDED.format("succeed", 140_000, 70_000)]),
        ("succeeded", 1, [ENDED.format("succeed", 70_000, 0)]),  # the vendor's newer spelling
        ("succeed", None, [ENDED.format("succeed", 140_000, 0), UNMETERED]),
        ("failed", None, [ENDED.format("failed", 0, 0)]),
    ],
)
def test_each_change_of_a_task_is_a_line(
    scene: Scene,
    caplog: pytest.LogCaptureFixture,
    status: str,
    units: int | None,
    lines: list[str],
) -> None:
    """The line says what was charged, and what was not; an unchanged task has no line."""
    task_id = scene.caller.created()
    caplog.set_level(logging.INFO, "kling_mock.relay")
    caplog.clear()
    stated = {} if units is None else {"final_unit_deduction": str(units)}
    scene.poll_reply = envelope(task("873", status, **stated))
    scene.caller.mock.clock.advance(20)
    log_lines = lines_about(caplog, task_id, logging.INFO)
    assert log_lines == lines
    scene.caller.mock.clock.advance(60)
    assert lines_about(caplog, task_id, logging.INFO) == log_lines
    counts = scene.relay._metrics
    assert counts.unmetered == (UNMETERED in lines)
    assert sum(counts.settlements.values()) == (status in {"succeed", "succeeded", "failed"})


def test_what_contradicts_an_end_is_an_error(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """It was charged, and Kling says in its own name that it failed."""
    task_id = scene.caller.created()
    row = scene.stored(task_id)
    scene.poll_reply = envelope(task("873", "succeed", final_unit_deduction="2"))
    scene.caller.mock.clock.advance(20)
    scene.run(scene.reconciler.read(row, "query"))  # the same, by whoever was slower
    scene.poll_reply = envelope(task("873", "failed"))
    scene.run(scene.reconciler.read(row, "query"))
    line = "ID is succeed and query reports failed; stored as a report, nothing changed"
    assert lines_about(caplog, task_id) == [f"ERROR kling task error: {line}"]
    assert scene.relay._metrics.contradicted == 1


def test_an_unsigned_report_that_contradicts_is_logged(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """The line has both statuses: an operator has to ask Kling."""
    task_id = scene.caller.created()
    scene.poll_reply = envelope(task("873", "succeed", final_unit_deduction="2"))
    scene.caller.mock.clock.advance(20)
    scene.caller.report(task_id, "failed")
    line = "ID is succeed and an unsigned callback reports failed; stored as a report"
    assert lines_about(caplog, task_id) == [f"WARNING kling task error: {line}"]
    (report,) = scene.caller.mock.ledger.reports()
    assert (report.status, report.source) == ("unverified_failed", "callback")


def test_an_id_that_turns_up_for_a_second_task_is_an_error(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """It is polled again and again; the log names the task each time."""
    scene.caller.created()
    scene.created = (500, b"")
    second = scene.caller.created()
    named = {"task_info": {"external_task_id": second}}
    scene.poll_reply = envelope(task("873", "processing", **named))
    caplog.clear()
    scene.caller.mock.clock.advance(6)
    (line,) = lines_about(caplog, second)
    assert line.startswith("ERROR kling task error: task ID: Kling's id '873' belongs to another")


def test_a_reading_that_names_another_task_changes_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """This happens when the channel leads to another service by now, with its own numbers."""
    task_id = scene.caller.created()
    caplog.clear()
    scene.poll_reply = envelope(
        task("873", "succeed", task_info={"external_task_id": "somebody-s"})
    )
    scene.caller.mock.clock.advance(20)
    line = "what was received by sweeper names another external id; stored as a report"
    assert lines_about(caplog, task_id)[0].startswith(f"ERROR kling task error: ID: {line}")
    assert scene.caller.operate("GET", f"tasks/{task_id}")["status"] == "submitted"
    (report,) = scene.caller.mock.ledger.reports()
    assert (report.status, report.kling_task_id) == ("misnamed", "873")
    assert scene.relay._metrics.contradicted >= 1
    scene.poll_reply = envelope(task("873", "succeed", task_info={"external_task_id": task_id}))
    scene.caller.mock.clock.advance(100)
    assert scene.caller.operate("GET", f"tasks/{task_id}")["status"] == "succeed"


# ---------------------------------------------------------------- what Kling does not know


def test_a_task_that_never_arrived_is_logged_and_counted(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """It fails with the second reply that it is unknown."""
    scene.created, scene.poll_reply = (500, b""), refusal(1203, 404)
    task_id = scene.caller.created()
    scene.caller.mock.clock.advance(200)
    line = "WARNING kling task error: ID failed: Kling never received it"
    assert lines_about(caplog, task_id)[1:] == [line]
    assert scene.relay._metrics.settlements["failed", "sweeper"] == 1


def test_the_user_learns_at_once_of_a_task_that_never_arrived(
    scene: Scene, receiver: Receiver
) -> None:
    """The webhook is sent when it fails, not at the next check of the queue."""
    scene.created, scene.poll_reply = (500, b""), refusal(1203, 404)
    task_id = scene.caller.created(callback_url=receiver.url)
    while scene.row(task_id)["status"] != "failed":
        assert receiver.received == []
        scene.caller.mock.clock.advance(1)
    assert receiver.statuses == ["failed"]


def test_a_page_that_says_404_is_no_reply_of_kling(scene: Scene) -> None:
    """Without a code of Kling's it says nothing about the task, which gets all of its time."""
    scene.created, scene.poll_reply = (500, b""), (404, b"<html>not found</html>")
    task_id = scene.caller.created()
    scene.caller.mock.clock.advance(600)
    assert scene.row(task_id)["status"] == "submitted"


@pytest.mark.slow
def test_a_task_that_kling_has_forgotten_ends_at_its_deadline(scene: Scene) -> None:
    """A "not found" from Kling is a response: the relay does not wait for a second day."""
    scene.poll_reply = refusal(1203, 404)
    task_id = scene.caller.created()
    scene.caller.mock.clock.advance(DEADLINE - 700)
    assert scene.row(task_id)["status"] == "submitted"
    scene.caller.mock.clock.advance(2000)
    assert scene.row(task_id)["status"] == "failed"


def test_a_time_that_cannot_be_trusted_fails_no_task_as_unknown(scene: Scene) -> None:
    """Until the clocks agree, it is not known for how long Kling has not had it."""
    scene.created, scene.poll_reply = (500, b""), refusal(1203, 404)
    task_id = scene.caller.created()
    scene.reconciler._may_expire = lambda: False
    scene.caller.mock.clock.advance(600)
    assert scene.row(task_id)["status"] == "submitted"
    scene.reconciler._may_expire = lambda: True
    scene.caller.mock.clock.advance(600)
    assert scene.row(task_id)["status"] == "failed"


def test_a_channel_that_is_left_alone_is_not_read(scene: Scene) -> None:
    """So nothing is known of its tasks: being skipped is not a response."""
    task_id = scene.caller.created()
    row = scene.stored(task_id)

    async def fail() -> None:
        for _ in range(FAILURES):
            scene.relay._breakers.failed((row.channel_id,))

    assert scene.run(scene.reconciler.read(row, "query")) is True
    calls = len(scene.kling.requests)
    scene.run(fail())
    assert scene.run(scene.reconciler.read(row, "query")) is False
    assert scene.run(scene.reconciler.refresh(row, "query")) is False
    assert len(scene.kling.requests) == calls


# ---------------------------------------------------------------- what the row keeps


def test_a_success_without_a_video_leaves_its_columns_empty(scene: Scene) -> None:
    """The length is the one that was asked for."""
    task_id = scene.caller.created()
    scene.poll_reply = envelope({"task_id": "873", "task_status": "succeed"})
    scene.caller.mock.clock.advance(20)
    row = scene.row(task_id)
    assert (row["status"], row["video_id"], row["store_url"]) == ("succeed", "", "")
    assert (row["duration"], row["fail_reason"]) == ("5", "")


def test_the_first_of_several_videos_is_that_of_the_row(scene: Scene) -> None:
    """The others are in Kling's report, which the row has as well."""
    task_id = scene.caller.created()
    clips = [{"id": str(n), "url": f"https://cdn.test/{n}.mp4", "duration": "5"} for n in range(3)]
    scene.poll_reply = envelope(task("873", "succeed", task_result={"videos": clips}))
    scene.caller.mock.clock.advance(20)
    row = scene.row(task_id)
    assert (row["video_id"], row["store_url"]) == ("0", "https://cdn.test/0.mp4")


def test_a_video_without_a_length_keeps_the_one_that_was_asked_for(scene: Scene) -> None:
    """Kling need not state it."""
    task_id = scene.caller.created()
    clip = {"id": "1", "url": "https://cdn.test/1.mp4"}
    scene.poll_reply = envelope(task("873", "succeed", task_result={"videos": [clip]}))
    scene.caller.mock.clock.advance(20)
    row = scene.row(task_id)
    assert (row["video_id"], row["store_url"]) == ("1", "https://cdn.test/1.mp4")
    assert row["duration"] == "5"


@pytest.mark.parametrize(
    ("stated", "reason"), [("refused", "refused"), ("", "Kling gave no reason.")]
)
def test_a_failure_has_a_reason(scene: Scene, stated: str, reason: str) -> None:
    """The reason is Kling's own, or says that there is none."""
    task_id = scene.caller.created()
    scene.poll_reply = envelope(task("873", "failed", task_status_msg=stated))
    scene.caller.mock.clock.advance(20)
    assert scene.row(task_id)["fail_reason"] == reason
    assert json.loads(scene.row(task_id)["json_data"])["task_status"] == "failed"


# ---------------------------------------------------------------- successes kept for the deadline


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        (json.dumps(task("873", "succeed")), True),
        (json.dumps(task("874", "succeed")), False),
        ('{"incomplete": "too large"}', False),
    ],
    ids=["whole", "of another task", "too large to be stored"],
)
def test_a_success_kept_for_the_deadline_ends_the_task(
    scene: Scene,
    text: str,
    ended: bool,  # noqa: FBT001 - a case
) -> None:
    """If it cannot end the task, the sweeper has to fail it."""
    task_id = scene.caller.created()
    row = scene.stored(task_id)
    assert scene.run(scene.reconciler.settle_unconfirmed(row)) is False
    unconfirmed = TaskResult(task_id, "succeed", "callback", json_data=text)
    scene.run(scene.relay.storage.keep_report(unconfirmed, status=UNCONFIRMED, now=row.created_at))
    assert scene.run(scene.reconciler.settle_unconfirmed(row)) is ended
    assert scene.row(task_id)["status"] == ("succeed" if ended else "submitted")
    assert scene.caller.mock.ledger.user().used_quota == (PRICE if ended else 0)
