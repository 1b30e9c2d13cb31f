"""An attempt to create a task: its outcome, the channels it skips, and its maximum duration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kling_mock.relay.domain.breaker import FAILURES, FIRST_PAUSE
from kling_mock.relay.settings import CREATE_LEASE
from kling_mock.relay.storage.errors import StorageUnavailableError
from tests.mock.relay.http_calls import VIDEOS, Caller, error_of
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

AWAY = StorageUnavailableError("the database is away")
BROKEN = RuntimeError("a mistake in a program")
SUBMITTED = (
    "INFO kling task ID submitted: user 1, channel 2, kling 873, text2video kling-v1-5-std,"
    " 140000 quota held"
)
LOST = "WARNING kling task error: ID, channel 2: unknown (HTTP 500, code 0)"


def relay_of(caller: Caller) -> Any:
    return caller.mock._existing_relay().host.built


def only_row(caller: Caller) -> Any:
    """Return the row of the only task, whose create got no id."""
    (listed,) = caller.call("GET", VIDEOS).json()["data"]
    return caller.operate("GET", f"tasks/{listed['task_id']}")


def fail(caller: Caller, **methods: Exception) -> None:
    """Have methods of the relay's storage raise errors, until their attributes are deleted."""

    def failing(error: Exception) -> Callable[..., Any]:
        async def call(*_: Any, **__: Any) -> None:
            raise error

        return call

    for name, error in methods.items():
        setattr(relay_of(caller).storage, name, failing(error))


def answering(create: Callable[[ReceivedRequest], Reply]) -> Callable[[ReceivedRequest], Reply]:
    """Return a Kling that shows the task 873 by the relay's own id, whatever its create got."""

    def answer(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return create(request)
        own = request.external_task_id
        info = {"task_info": {"external_task_id": own}} if own.startswith("kling_") else {}
        return envelope(task("873", "processing", **info))

    return answer


@pytest.mark.parametrize(
    ("create", "failing", "lines", "counted"),
    [
        (accepted, {}, [SUBMITTED], "accepted"),
        (
            accepted,
            {"accept": AWAY},
            [f"ERROR kling task error: ID is accepted, not stored: {AWAY}", SUBMITTED],
            "accepted",
        ),
        (lambda _: (500, b""), {}, [LOST], "unknown"),
        (
            lambda _: (500, b""),
            {"schedule_poll": AWAY},
            [LOST, f"ERROR kling task error: ID is unknown, not stored: {AWAY}"],
            "unknown",
        ),
        (
            accepted,
            {"accept": BROKEN},
            ["ERROR kling task error: the create of ID was interrupted"],
            "unknown",
        ),
        (
            accepted,
            {"accept": BROKEN, "close_attempt": BROKEN},
            [
                "ERROR kling task error: the create of ID was interrupted",
                "ERROR kling task error: ID is unknown, not stored",
            ],
            "unknown",
        ),
    ],
    ids=["accepted", "not stored", "lost", "lost, not stored", "interrupted", "both"],
)
def test_what_becomes_of_a_create_is_logged(
    caller: Caller,
    caplog: pytest.LogCaptureFixture,
    create: Callable[[ReceivedRequest], Reply],
    failing: dict[str, Exception],
    lines: list[str],
    counted: str,
) -> None:
    """What Kling may have got a reply of 200, and is shown as it is within a few minutes."""
    caplog.set_level(logging.INFO, "kling_mock.relay")
    with ScriptedKling(answering(create)) as kling:
        kling.serve(caller)
        fail(caller, **failing)
        reply = caller.create()
        assert reply.status_code == 200, reply.text
        task_id = reply.json()["task_id"]
        assert reply.json()["kling_task_id"] == ("873" if SUBMITTED in lines else "")
        assert lines_about(caplog, task_id, logging.INFO) == lines
        assert relay_of(caller)._metrics.creates[counted] == 1
        for name in failing:
            delattr(relay_of(caller).storage, name)
        caller.mock.clock.advance(300)
        assert caller.operate("GET", f"tasks/{task_id}")["kling_task_id"] == "873"


@pytest.mark.parametrize("failing", [{}, {"accept": BROKEN}], ids=["lost", "interrupted"])
def test_a_create_without_a_known_outcome_is_looked_up_five_seconds_later(
    caller: Caller, failing: dict[str, Exception]
) -> None:
    """Its attempt is over, so that a repeat does not wait for it; most of them have arrived."""
    create = accepted if failing else lambda _: (500, b"")
    with ScriptedKling(answering(create)) as kling:
        kling.serve(caller)
        fail(caller, **failing)
        task_id = caller.created()
        for name in failing:
            delattr(relay_of(caller).storage, name)
        now = int(caller.mock.clock.now())
        row: Any = caller.mock._existing_relay().run(lambda store: store.find_task(task_id))
        assert (row.attempt_until, row.next_poll_at) == (now, now + 5)
        caller.mock.clock.advance(4)
        assert [request.method for request in kling.requests] == ["POST"]
        caller.mock.clock.advance(1)
        assert [request.method for request in kling.requests] == ["POST", "GET"]


def test_a_refusal_is_logged_with_its_number(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """Which channel has refused which task; what Kling says may quote the prompt."""
    with ScriptedKling(lambda _: refusal(1301, 400)) as kling:
        kling.serve(caller)
        assert caller.create(external_task_id="mine").status_code == 400
    row = only_row(caller)
    (line,) = lines_about(caplog, row["task_id"])
    assert line == "WARNING kling task error: ID, channel 2: refused (HTTP 400, code 1301)"
    assert row["fail_reason"] == "refused: HTTP 400, code 1301"
    counted = relay_of(caller)._metrics
    assert (counted.creates["refused"], counted.settlements["failed", "create"]) == (1, 1)


def test_an_id_of_another_task_is_an_error(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """The reply shows a task that is only submitted, and the log has both ids."""
    with ScriptedKling(accepted) as kling:
        kling.serve(caller)
        caller.created()
        reply = caller.create().json()
    assert (reply["kling_task_id"], reply["status"]) == ("", "submitted")
    (line,) = lines_about(caplog, reply["task_id"])
    assert line.startswith("ERROR kling task error: task ID: Kling's id '873' belongs to another")


# ---------------------------------------------------------------- channels that are left alone


def pause_during_the_insert(caller: Caller, *channels: int, full: Sequence[int] = ()) -> None:
    """Have breakers of channels open, and others get too many calls, while a row is inserted."""
    relay = relay_of(caller)
    plain = relay.storage.create_task

    async def create_task(*args: Any, **named: Any) -> Any:
        for channel in channels:
            for _ in range(FAILURES):
                relay._breakers.failed((channel,))
        for channel in full:
            while relay._breakers.begin((channel,)):
                pass
        return await plain(*args, **named)

    relay.storage.create_task = create_task


def test_a_create_whose_only_channel_has_just_failed_others_is_refused(caller: Caller) -> None:
    """It is sent nowhere, nothing is held, and the reply says when to try again."""
    with ScriptedKling(accepted) as kling:
        kling.serve(caller)
        pause_during_the_insert(caller, 2)
        reply = caller.create()
        assert error_of(reply) == (503, "upstream_error", "upstream_unreachable")
        assert int(reply.headers["Retry-After"]) == FIRST_PAUSE
        assert kling.requests == []
    row = only_row(caller)
    assert (row["status"], row["fail_reason"]) == ("failed", "refused: no channel answers")
    assert caller.mock.ledger.user().held_quota == 0


def test_a_create_whose_only_channel_has_too_many_calls_is_refused(caller: Caller) -> None:
    """A second later there may be room."""
    with ScriptedKling(accepted) as kling:
        kling.serve(caller)
        pause_during_the_insert(caller, full=[2])
        reply = caller.create()
        assert error_of(reply) == (503, "upstream_error", "upstream_unreachable")
        assert reply.headers["Retry-After"] == "1"
        assert kling.requests == []


def test_a_create_that_all_channels_pass_over_may_be_repeated_after_the_shortest_pause(
    caller: Caller,
) -> None:
    """Then the first of them may take it, however long another one is left alone."""
    with ScriptedKling(accepted) as kling:
        kling.serve(caller)
        channel = {"name": "second", "base_url": kling.url, "key": "AK-2|SK-2"}
        caller.operate("POST", "channels", json=channel)
        pause_during_the_insert(caller, 2, full=[3])
        reply = caller.create()
        assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
        assert kling.requests == []


def test_a_create_passes_over_a_channel_that_has_just_failed_others(caller: Caller) -> None:
    """The next one gets it."""
    with ScriptedKling(accepted) as first, ScriptedKling(accepted) as second:
        first.serve(caller)
        channel = {"name": "second", "base_url": second.url, "key": "AK-2|SK-2", "priority": 5}
        caller.operate("POST", "channels", json=channel)
        pause_during_the_insert(caller, 2)
        assert caller.create().json()["kling_task_id"] == "873"
        assert (len(first.requests), len(second.requests)) == (0, 1)


def test_a_channel_that_is_passed_over_is_not_that_of_the_row(caller: Caller) -> None:
    """The row has the last one that the task was sent to, which has refused it."""
    with ScriptedKling(lambda _: refusal(1303, 429)) as first, ScriptedKling(accepted) as second:
        first.serve(caller)
        channel = {"name": "second", "base_url": second.url, "key": "AK-2|SK-2", "priority": 5}
        caller.operate("POST", "channels", json=channel)
        pause_during_the_insert(caller, 3)
        assert error_of(caller.create()) == (429, "upstream_error", 1303)
        assert second.requests == []
        assert only_row(caller)["channel_id"] == 2


# ---------------------------------------------------------------- the lease of an attempt


def test_an_attempt_is_stored_with_its_row(caller: Caller) -> None:
    """The row has the time limit of the attempt, and when to look it up if its sender is killed."""
    rows: list[Any] = []

    def answer(request: ReceivedRequest) -> Reply:
        relay = caller.mock._existing_relay()
        rows.append(relay.run(lambda store: store.find_task(request.external_task_id)))
        return accepted(request)

    with ScriptedKling(answer) as kling:
        kling.serve(caller)
        relay = relay_of(caller)
        fail(caller, bind_attempt=AssertionError("it is bound already"))
        now = int(caller.mock.clock.now())
        caller.created()
        (row,) = rows
        assert (row.attempt_until, row.next_poll_at) == (
            now + CREATE_LEASE,
            now + CREATE_LEASE + 65,
        )
        assert (row.channel_id, row.status) == (2, "submitted")
        assert row.next_poll_at in relay._sweeps._instants
