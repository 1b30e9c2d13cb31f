"""What the sweeper does about rows that it cannot poll."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.relay.domain.breaker import FAILURES
from kling_mock.relay.domain.schedule import DEADLINE
from kling_mock.storage.values import VideoRow
from tests.mock.relay.http_calls import PRICE, Caller


def test_a_row_that_cannot_be_polled_is_logged_and_delays_no_other(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the task; the others of the same sweep end."""
    broken, sound = caller.created(), caller.created()
    relay: Any = caller.mock._existing_relay().host.built
    storage = relay._sweeper._storage
    end_poll = storage.end_poll

    async def end_poll_of_others(row: VideoRow, *given: Any, **named: Any) -> None:
        if row.task_id == broken:
            raise RuntimeError("a row that no reading understands")
        await end_poll(row, *given, **named)

    storage.end_poll = end_poll_of_others
    caller.mock.faults.add("callback-dropped")
    caller.mock.clock.advance(25)
    assert f"kling task error: {broken} cannot be polled" in caplog.text
    assert "cannot be applied" not in caplog.text
    caller.mock.clock.advance(600)
    assert caller.operate("GET", f"tasks/{sound}")["status"] == "succeed"
    assert caller.mock.ledger.user().used_quota >= PRICE


def test_tasks_of_a_silent_channel_are_put_off(caller: Caller) -> None:
    """Their rows say so, and so other processes leave the channel alone as well."""
    ids = [caller.created() for _ in range(FAILURES + 1)]
    caller.mock.faults.add("callback-dropped")
    caller.mock.faults.add("reset", "GET /v1/*")
    for _ in range(3):
        caller.mock.clock.advance(25)
    now = caller.mock.clock.now()
    due = [caller.operate("GET", f"tasks/{one}")["next_poll_at"] for one in ids]
    assert all(at > now for at in due), (now, due)


def test_a_task_that_expires_is_counted_as_failed(caller: Caller) -> None:
    """By the sweeper, which ended it; nothing is charged."""
    caller.mock.faults.add("stuck")
    caller.created()
    caller.mock.clock.advance(DEADLINE + 2000)
    relay: Any = caller.mock._existing_relay().host.built
    counted = relay._sweeper._metrics.settlements
    assert {kind: count for kind, count in counted.items() if count} == {("failed", "sweeper"): 1}
