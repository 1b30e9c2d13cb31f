"""What a reading of Kling leaves in the row, and in the log."""

from __future__ import annotations

import pytest

from kling_mock.relay.domain.schedule import DEADLINE
from tests.mock.relay.http_calls import Caller
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    task,
)


@pytest.mark.parametrize(
    ("stated", "stored"), [("5." + "1" * 18, "5." + "1" * 18), ("5." + "1" * 19, "5")]
)
def test_a_length_is_stored_as_long_as_the_column_is(
    caller: Caller, stated: str, stored: str
) -> None:
    """20 characters of it; of a longer one the row keeps what was asked for."""

    def kling(asked: ReceivedRequest) -> Reply:
        if asked.method == "POST":
            return accepted(asked)
        clip = {"id": "1", "url": "https://cdn.test/1.mp4", "duration": stated}
        return envelope(task("873", "succeed", task_result={"videos": [clip]}))

    with ScriptedKling(kling) as server:
        server.serve(caller)
        task_id = caller.created()
        caller.mock.clock.advance(21)
        row = caller.operate("GET", f"tasks/{task_id}")
    assert (row["status"], row["duration"]) == ("succeed", stored)


def test_a_reading_that_fails_is_logged(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """With the task and what went wrong, so that an operator can look it up."""
    caller.mock.faults.add("callback-dropped")
    task_id = caller.created()
    caller.mock.faults.add("reset", "GET /v1/*", times=2)
    caller.mock.clock.advance(25)
    assert f"kling task error: {task_id} cannot be read (TransportError)" in caplog.text


def test_a_task_that_turns_up_waiting_is_submitted(caller: Caller) -> None:
    """Its row gets Kling's id, and keeps the status by which it is told from those that run."""

    def kling(asked: ReceivedRequest) -> Reply:
        ours = {"external_task_id": task_id} if task_id else {}
        found = task("873", "submitted", task_info=ours)
        return (500, b"") if asked.method == "POST" else envelope(found)

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
    """It is not shown open by anybody, so it gets twice the time before it fails."""
    caller.mock.faults.add("callback-dropped")
    task_id = caller.created()
    caller.operate("PATCH", "channels/1", json={"key": "AK-of-another|SK-of-another"})
    caller.mock.clock.advance(DEADLINE + 2000)
    assert caller.operate("GET", f"tasks/{task_id}")["status"] == "submitted"
    assert f"{task_id} cannot be read: key" in caplog.text
    caller.mock.clock.advance(DEADLINE)
    assert caller.operate("GET", f"tasks/{task_id}")["status"] == "failed"
    assert caller.mock.ledger.user().held_quota == 0
