"""A task that Kling has shown exists, whatever the response to its create."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import NewNotice, Settlement, TaskResult
from tests.mock.relay.http_calls import PRICE, Caller, guide_members
from tests.mock.relay.logged import lines_about
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    envelope,
    refusal,
    task,
)
from tests.plain_http import NO_TLS

REFUSALS = [(1303, 429), (1302, 429), (1102, 429), (1201, 400), (1301, 400), (1002, 401)]


@pytest.fixture
def caller() -> Iterator[Caller]:
    with (
        KlingMock(seed=7) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=60, verify=NO_TLS) as http,
    ):
        yield Caller(http, mock)


def refused_after_a_callback(
    caller: Caller, code: int, http: int, first_status: str
) -> dict[str, Any]:
    """Create a task whose callback comes before its create is refused; return its row.

    Kling shows it as *first_status* from the beginning, and as succeeded an hour later. Once it has
    refused, it does not find it by the relay's own id, so that asking does not contradict it.
    """
    start = caller.mock.clock.now()
    refused = False

    def answer(request: ReceivedRequest) -> Reply:
        nonlocal refused
        if request.method == "POST":
            body = {"task_id": "873", "task_status": first_status}
            posted = caller.http.post(f"/kling/callback/{request.external_task_id}", json=body)
            assert posted.json() == {"message": "success"}
            caller.mock.clock.advance(0)
            refused = True
            return refusal(code, http)
        if refused and request.external_task_id.startswith("kling_"):
            return refusal(1203, 404)
        status = first_status if caller.mock.clock.now() < start + 3600 else "succeed"
        return envelope(task("873", status, final_unit_deduction="2"))

    with ScriptedKling(answer) as kling:
        kling.serve(caller)
        reply = caller.create(external_task_id="mine")
        assert reply.status_code == 200, reply.text
        row: dict[str, Any] = caller.operate("GET", f"tasks/{reply.json()['task_id']}")
        assert guide_members(reply.json()) == {
            "task_id": row["task_id"],
            "kling_task_id": "873",
            "status": row["status"],
        }
        caller.mock.clock.advance(7200)
        ended: dict[str, Any] = caller.operate("GET", f"tasks/{row['task_id']}")
        row["ended"] = ended["status"]
    return row


@pytest.mark.parametrize(("code", "http"), REFUSALS)
def test_a_refusal_never_overrules_what_was_read(caller: Caller, code: int, http: int) -> None:
    """A task that is being made keeps its row and hold, and whoever created it gets the task."""
    row = refused_after_a_callback(caller, code, http, "processing")
    assert (row["status"], row["held_quota"], row["external_task_id"]) == (
        "processing",
        PRICE,
        "mine",
    )
    assert row["ended"] == "succeed"
    user = caller.mock.ledger.user()
    assert (user.used_quota, user.held_quota) == (PRICE, 0)
    assert caller.mock.ledger.reports() == []
    caller.mock.ledger.assert_balanced()


def test_a_refusal_of_a_task_that_has_ended_is_kept_aside(caller: Caller) -> None:
    """A task that succeeded before its create was refused is charged; the refusal is a report."""
    row = refused_after_a_callback(caller, 1303, 429, "succeed")
    assert (row["status"], row["held_quota"]) == ("succeed", 0)
    assert caller.mock.ledger.user().used_quota == PRICE
    (report,) = caller.mock.ledger.reports()
    assert (report.status, report.source) == ("failed", "create")
    caller.mock.ledger.assert_balanced()


def test_a_refusal_of_the_second_channel_overrules_nothing_either(caller: Caller) -> None:
    """A task that turns up at the first channel while the second one is tried stays there."""
    ids: list[str] = []

    def first(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            ids.append(request.external_task_id)
            return refusal(1303, 429)
        return refusal(1203, 404)

    def second(_: ReceivedRequest) -> Reply:
        # The first channel has it after all, and says so while the second one is asked.
        caller.mock._existing_relay().run(  # as from another process
            lambda store: store.accept(ids[0], "873", now=1, next_poll_at=1)
        )
        return refusal(1201, 400)

    with ScriptedKling(first) as first_kling, ScriptedKling(second) as second_kling:
        first_kling.serve(caller)
        channel = {
            "name": "second",
            "base_url": second_kling.url,
            "key": "AK-by-hand-2|SK-by-hand-2",
        }
        caller.operate("POST", "channels", json=channel)
        reply = caller.create()
        assert reply.status_code == 200, reply.text
        assert reply.json()["kling_task_id"] == "873"
        assert caller.mock.ledger.user().held_quota == PRICE


def test_a_refusal_is_believed_only_when_kling_does_not_show_the_task(caller: Caller) -> None:
    """A refusal does not name a task: if Kling still shows the task, it was another's."""

    def answer(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return refusal(1301, 400)
        return envelope(task("873", "processing"))

    with ScriptedKling(answer) as kling:
        kling.serve(caller)
        reply = caller.create()

    assert (reply.status_code, reply.json()["kling_task_id"]) == (200, "873")
    assert caller.mock.ledger.user().held_quota == PRICE


def test_a_refusal_of_a_task_that_kling_shows_is_logged(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted as accepted, since no caller was refused."""
    row = refused_after_a_callback(caller, 1303, 429, "processing")
    line = "WARNING kling task error: the create of ID was refused, but Kling has shown the task"
    assert line in lines_about(caplog, row["task_id"])
    relay: Any = caller.mock._existing_relay().host.built
    counted = relay._metrics.creates
    assert (counted["accepted"], counted["refused"]) == (1, 0)


def test_that_catches_a_store_that_obeys_the_refusal(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a store that ends a task by a refusal fails one that Kling still makes."""
    settle = MemoryStorage.settle

    async def obeying(
        self: MemoryStorage,
        result: TaskResult,
        *,
        now: int,
        notice: NewNotice | None = None,
        user_id: int = 0,
    ) -> Settlement:
        result = attrs.evolve(result, free_external_id=False)
        return await settle(self, result, now=now, notice=notice, user_id=user_id)

    monkeypatch.setattr(MemoryStorage, "settle", obeying)
    row = refused_after_a_callback(caller, 1303, 429, "processing")
    assert (row["status"], row["held_quota"], row["ended"]) == ("failed", 0, "failed")
