"""Delivering a webhook: what is sent, stored, counted and logged of each attempt."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.domain.breaker import FAILURES, FIRST_PAUSE, BreakerState
from kling_mock.relay.domain.receivers import MIN_FAILURES
from kling_mock.relay.storage.errors import StorageUnavailableError
from tests.mock.receiver import Receiver, receiver
from tests.mock.relay.http_calls import Caller
from tests.mock.relay.logged import lines_about
from tests.plain_http import NO_TLS

__all__ = ["receiver"]

DAY = 86_400


def relay_of(caller: Caller) -> Any:
    return caller.mock._existing_relay()


def end(caller: Caller, receiver: Receiver) -> str:
    """Create a task and have it end and its webhook sent; return its id."""
    reply = caller.create(callback_url=receiver.url).json()
    caller.mock.complete(reply["kling_task_id"])
    caller.mock.clock.advance(0)
    return str(reply["task_id"])


def notices(caller: Caller) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = caller.operate("GET", "notices")["data"]
    return rows


@pytest.mark.parametrize(
    ("status", "state", "wait"),
    [(201, "delivered", 0), (410, "gone", 0), (500, "pending", 5), (302, "pending", 5)],
)
def test_each_attempt_is_stored_counted_and_logged(
    caller: Caller,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    status: int,
    state: str,
    wait: int,
) -> None:
    """The log line names the task and the user, without a link; a failure is repeated."""
    caller.operate("GET", "users")  # the relay is made by its first request
    relay = relay_of(caller).host.built
    relay._webhooks._chance = lambda: 0.0
    receiver.answers += [status]
    caplog.set_level(logging.INFO, "kling_mock.relay")
    task_id = end(caller, receiver)
    line = f"INFO kling task ID: webhook to user 1 {state} (HTTP {status})"
    assert lines_about(caplog, task_id, logging.INFO)[-1] == line
    (notice,) = notices(caller)
    assert (notice["state"], notice["attempts"], notice["http_status"]) == (state, 1, status)
    assert notice["error"] == ""
    counted = {kind: count for kind, count in relay._metrics.deliveries.items() if count}
    assert counted == {state: 1}
    caller.mock.clock.advance(max(wait - 1, 0))
    assert len(receiver.received) == 1
    caller.mock.clock.advance(1)
    assert len(receiver.received) == (2 if wait else 1)


def test_a_webhook_is_json_that_is_signed(caller: Caller, receiver: Receiver) -> None:
    """The signature is of the instant at which it is sent."""
    end(caller, receiver)
    (received,) = receiver.received
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == notices(caller)[0]["event_id"]
    assert received.headers["webhook-timestamp"] == str(int(caller.mock.clock.now()))


def test_an_attempt_is_leased_for_a_minute(caller: Caller, receiver: Receiver) -> None:
    """An attempt takes up to 15 seconds; if its process is killed, another one takes over."""
    counts: list[int] = []

    def look() -> None:
        now = int(caller.mock.clock.now())
        for later in (59, 60):
            due = relay_of(caller).run(
                lambda store, at=now + later: store.list_due_notices(now=at, limit=9)
            )
            counts.append(len(due))

    receiver.before_answer = look
    end(caller, receiver)
    assert counts == [0, 1]


def test_webhooks_of_a_receiver_that_is_left_alone_are_put_off(
    caller: Caller, receiver: Receiver
) -> None:
    """The store puts them off, so that other processes do not check them repeatedly."""
    receiver.answers += [500] * FAILURES
    for _ in range(FAILURES):
        end(caller, receiver)
    reply = caller.create(callback_url=receiver.url).json()
    caller.mock.complete(reply["kling_task_id"])
    caller.mock.clock.advance(0)
    now = int(caller.mock.clock.now())
    later = now + int(FIRST_PAUSE)
    dues = [
        relay_of(caller).run(lambda store, at=at: store.list_due_notices(now=at, limit=9))
        for at in (later - 1, later)
    ]
    event_id = f"msg_{reply['task_id']}"
    assert [event_id in {notice.event_id for notice in due} for due in dues] == [False, True]


def test_an_attempt_that_shows_nothing_of_its_receiver_is_no_probe(
    caller: Caller, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that is away fails it before it is sent: the next one may try at once."""
    receiver.answers += [500] * FAILURES
    for _ in range(FAILURES):
        end(caller, receiver)
    relay = relay_of(caller).host.built
    breakers = relay._webhooks._breakers
    assert set(breakers.states().values()) == {BreakerState.OPEN}

    async def find_receiver(*_: Any) -> None:
        raise StorageUnavailableError("the database is away")

    relay.storage.find_receiver = find_receiver
    caller.mock.clock.advance(FIRST_PAUSE)
    assert set(breakers.states().values()) == {BreakerState.OPEN}
    assert "kling relay error: work that was due has failed" in caplog.text
    assert len(receiver.received) == FAILURES
    del relay.storage.find_receiver
    caller.mock.clock.advance(120)
    assert breakers.states() == {}
    assert {notice["state"] for notice in notices(caller)} >= {"delivered"}


def test_a_probe_that_fails_doubles_the_pause(caller: Caller, receiver: Receiver) -> None:
    """A probe may be any webhook; one that is stopped as the receiver is off decides nothing."""
    receiver.answers += [500] * 100
    for _ in range(FAILURES):
        end(caller, receiver)
    breakers = relay_of(caller).host.built._webhooks._breakers
    (path,) = breakers.states()
    assert breakers.wait(path) == FIRST_PAUSE
    caller.mock.clock.advance(FIRST_PAUSE)
    assert len(receiver.received) == FAILURES + 1
    assert breakers.wait(path) == 2 * FIRST_PAUSE
    (failing,) = caller.operate("GET", "receivers")["data"]
    caller.operate("POST", f"receivers/{failing['id']}/status", json={"status": "disabled"})
    caller.mock.clock.advance(1000)
    assert len(receiver.received) == FAILURES + 1
    assert {notice["state"] for notice in notices(caller)} == {"stopped"}
    assert breakers.states() == {path: BreakerState.OPEN}


def test_a_success_ends_the_days_of_failures(caller: Caller, receiver: Receiver) -> None:
    """A receiver that works is not among those that fail."""
    receiver.answers += [500]
    end(caller, receiver)
    (failing,) = caller.operate("GET", "receivers")["data"]
    assert (failing["host"], failing["user_id"]) == ("127.0.0.1", 1)
    caller.mock.clock.advance(60)
    assert caller.operate("GET", "receivers")["data"] == []


@pytest.mark.slow
@pytest.mark.parametrize(("days", "lines"), [(1, 1), (0, 0)])
def test_a_receiver_that_is_switched_off_is_logged_once(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, days: int, lines: int
) -> None:
    """The line has the command that switches it on again; with 0 days, none is switched off."""
    with (
        KlingMock(seed=7, relay=RelaySettings(receiver_off_days=days)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        receiver.answers += [500] * 1000
        for _ in range(MIN_FAILURES):
            end(caller, receiver)
        mock.clock.advance(3 * DAY)
        messages = [record.getMessage() for record in caplog.records if "switched" in record.msg]
        assert len(messages) == lines
        for line in messages:
            assert line.startswith("kling relay error: receiver 1 of user 1 has failed for days")
            assert line.endswith("kling-mock receiver enable 1")


def test_a_page_goes_on_where_the_last_one_has_ended(caller: Caller, receiver: Receiver) -> None:
    """This holds also among webhooks that are due at the same second."""
    receiver.answers += [500] * 3
    ids = [f"msg_{end(caller, receiver)}" for _ in range(3)]
    relay = relay_of(caller)
    queue, at = relay.host.built._webhooks, int(caller.mock.clock.now()) + 1000
    paged, position = [], (0, 0)
    for _ in ids:
        (due,) = relay.run(lambda _, after=position: queue._page(at, after, 1))
        position = queue._position_of(due)
        paged.append(due.event_id)
    assert sorted(paged) == sorted(ids)
    assert relay.run(lambda _: queue._page(at, position, 1)) == []
