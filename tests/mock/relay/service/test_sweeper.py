"""The sweeper and rows that it cannot poll."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.relay.domain.breaker import FAILURES
from kling_mock.relay.domain.schedule import DEADLINE
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.values import DueTask, VideoRow
from tests.mock.receiver import Receiver, receiver
from tests.mock.relay.http_calls import PRICE, Caller
from tests.mock.relay.logged import lines_about
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    task,
)
from tests.plain_http import NO_TLS

__all__ = ["receiver"]  # the fixture


def test_a_row_that_cannot_be_polled_is_logged_and_delays_no_other(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the task; the others of the same sweep end."""
    broken, sound = caller.created(), caller.created()
    relay: Any = caller.mock._existing_relay().host.built
    storage = relay._sweeper._storage
    end_poll = storage.end_poll

    async def end_poll_of_others(row: VideoRow, *args: Any, **named: Any) -> None:
        if row.task_id == broken:
            raise RuntimeError("a row that no poll understands")
        await end_poll(row, *args, **named)

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
    due = [caller.operate("GET", f"tasks/{task_id}")["next_poll_at"] for task_id in ids]
    assert all(at > now for at in due), (now, due)


@pytest.mark.slow
def test_a_task_that_expires_is_counted_as_failed_and_logged(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """The sweeper ended it; nothing is charged."""
    caller.mock.faults.add("stuck")
    task_id = caller.created()
    caller.mock.clock.advance(DEADLINE + 2000)
    line = "WARNING kling task error: ID failed: its deadline has passed"
    assert lines_about(caplog, task_id) == [line]
    relay: Any = caller.mock._existing_relay().host.built
    counted = relay._sweeper._metrics.settlements
    assert {kind: count for kind, count in counted.items() if count} == {("failed", "sweeper"): 1}


@pytest.mark.slow
def test_a_time_that_cannot_be_trusted_fails_no_task_for_its_age(caller: Caller) -> None:
    """The task is still polled, and fails once the clocks agree."""
    caller.mock.faults.add("stuck")
    task_id = caller.created()
    relay: Any = caller.mock._existing_relay().host.built
    relay._sweeper._may_expire = lambda: False
    caller.mock.clock.advance(DEADLINE + 2000)
    assert caller.operate("GET", f"tasks/{task_id}")["status"] == "processing"
    relay._sweeper._may_expire = lambda: True
    caller.mock.clock.advance(2000)
    assert caller.operate("GET", f"tasks/{task_id}")["status"] == "failed"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("a program's mistake"), "the report of ID cannot be applied"),
        (StorageUnavailableError("the database is away"), "ID cannot be polled"),
    ],
    ids=["report", "database"],
)
def test_a_success_that_cannot_be_stored_is_read_again(
    caller: Caller, caplog: pytest.LogCaptureFixture, error: Exception, line: str
) -> None:
    """A report that breaks a program does not count as read, and is due like any other; a database
    that is away leaves the row leased for two minutes, as a killed process does.
    """

    def kling(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return accepted(request)
        return envelope(task("873", "succeed", final_unit_deduction="2"))

    async def settle(*_: Any, **__: Any) -> None:
        raise error

    relay: Any = caller.mock._existing_relay()
    with ScriptedKling(kling) as server:
        server.serve(caller)
        task_id = caller.created()
        relay.host.built.storage.settle = settle
        caller.mock.clock.advance(20)
        assert lines_about(caplog, task_id) == [f"ERROR kling task error: {line}"]
        row = relay.run(lambda store: store.find_task(task_id))
        now = int(caller.mock.clock.now())
        if "applied" in line:
            assert relay.run(lambda _: relay.host.built._sweeper._read(row)) is False
            assert (row.lease_until, 20 <= row.next_poll_at - now <= 24) == (now + 5, True)
        else:
            assert (row.lease_until, row.next_poll_at) == (now + 120, now)
        del relay.host.built.storage.settle
        caller.mock.clock.advance(300)
        assert caller.operate("GET", f"tasks/{task_id}")["status"] == "succeed"


def test_a_page_goes_on_where_the_last_one_has_ended(caller: Caller) -> None:
    """This holds also among rows that are due at the same second."""
    ids = [caller.created() for _ in range(3)]
    relay: Any = caller.mock._existing_relay()
    sweeper, at = relay.host.built._sweeper, int(caller.mock.clock.now()) + 1000
    paged, position = [], (0, 0)
    for _ in ids:
        (due,) = relay.run(lambda _, after=position: sweeper._page(at, after, 1))
        position = sweeper._position_of(due)
        paged.append(due.task_id)
    assert paged == ids
    assert relay.run(lambda _: sweeper._page(at, position, 1)) == []


def readings(server: ScriptedKling) -> int:
    return [request.method for request in server.requests].count("GET")


def test_a_task_that_runs_is_read_after_a_quarter_of_its_age(caller: Caller) -> None:
    """The poll comes after 20 seconds at the earliest."""

    def kling(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return accepted(request)
        return envelope(task("873", "processing"))

    with ScriptedKling(kling) as server:
        server.serve(caller)
        relay: Any = caller.mock._existing_relay().host.built
        relay._sweeper._chance = lambda: 0.0
        caller.created()
        counts = []
        for seconds in (19, 1, 19, 1, 20, 20, 20, 24, 1):
            caller.mock.clock.advance(seconds)
            counts.append(readings(server))
        assert counts == [0, 1, 1, 2, 3, 4, 5, 5, 6]


def test_a_task_that_kling_does_not_know_is_read_after_65_seconds(caller: Caller) -> None:
    """A little more than the minute after which a second "not found" counts."""
    with ScriptedKling(lambda _: (500, b"")) as server:
        server.serve(caller)
        caller.created()
        counts = []
        for seconds in (5, 64, 1, 64, 1):
            caller.mock.clock.advance(seconds)
            counts.append(readings(server))
        assert counts == [1, 1, 2, 2, 3]


def test_a_channel_that_is_left_alone_is_called_when_two_days_are_over(caller: Caller) -> None:
    """This is the last poll of a task, after which it fails; a day is not enough."""
    caller.operate("GET", "users")  # the relay is made by its first request
    relay: Any = caller.mock._existing_relay().host.built
    due = DueTask(1, "kling_1", 1, created_at=1000, next_poll_at=2000)
    instants = (1000 + DEADLINE + 1, 1000 + 2 * DEADLINE - 1, 1000 + 2 * DEADLINE)
    assert [relay._sweeper._is_last_call(due, now) for now in instants] == [False, False, True]


@pytest.mark.parametrize("has_ended", [False, True])
def test_the_end_of_a_task_at_its_deadline_is_sent_at_once(
    caller: Caller,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    has_ended: bool,  # noqa: FBT001 - a case
) -> None:
    """If it has ended meanwhile, it is neither counted nor logged twice."""
    caller.mock.faults.add("callback-dropped")
    reply = caller.create(callback_url=receiver.url).json()
    relay: Any = caller.mock._existing_relay()
    row: VideoRow = relay.run(lambda store: store.find_task(reply["task_id"]))
    if has_ended:
        caller.mock.complete(reply["kling_task_id"])
        caller.mock.clock.advance(60)
        assert receiver.statuses == ["succeed"]
    now = int(caller.mock.clock.now())
    expired = relay.run(lambda _: relay.host.built._sweeper._expire(row, now, now))
    caller.mock.clock.advance(0)
    assert expired is not has_ended
    assert receiver.statuses == [("succeed" if has_ended else "failed")]
    line = "WARNING kling task error: ID failed: its deadline has passed"
    assert (line in lines_about(caplog, row.task_id)) is not has_ended
    counted = relay.host.built._metrics.settlements["failed", "sweeper"]
    assert counted == int(not has_ended)


@pytest.mark.parametrize("lease", [True, False])
def test_a_task_whose_times_are_decades_away_ends(caller: Caller, *, lease: bool) -> None:
    """Such a task is of a relay that was started before its computer's clock was set."""
    relay: Any = caller.mock._existing_relay()
    caller.mock.faults.add("callback-dropped")
    task_id = caller.created()
    absurd, now = 4_070_908_800, int(caller.mock.clock.now())

    def put_off(store: Any) -> Any:
        if lease:
            return store.claim_read(task_id, now=now, lease_until=absurd)
        return store.schedule_poll(task_id, absurd)

    relay.run(put_off)
    caller.created()  # which keeps the sweeper awake
    caller.mock.clock.advance(900)
    assert caller.operate("GET", f"tasks/{task_id}")["status"] == "succeed"


def test_a_hint_during_a_reading_is_followed_up_five_seconds_after_it() -> None:
    """The poll started before, so it may be too old to show what the hint is about."""
    readings: list[float] = []
    followed = threading.Event()

    def answer(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return accepted(request)
        readings.append(mock.clock.now())
        if len(readings) == 1:
            assert caller.report(task_id, "processing").status_code == 200
            mock.clock.sleep(12)  # a slow reply: by its end the time that the hint asks for is over
            readings.append(mock.clock.now())
        else:
            followed.set()
        return envelope(task("873", "processing"))

    with (
        KlingMock(clock=60) as mock,
        httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
        ScriptedKling(answer) as kling,
    ):
        caller = Caller(http, mock)
        kling.serve(caller)
        task_id = caller.created()
        assert followed.wait(10)
    _, ended, again = readings[:3]
    assert 4 <= again - ended < 15  # not the next sweep, which is up to a minute away
