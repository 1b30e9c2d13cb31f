"""The log of deliveries, and replays from it."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Any

import pytest

from kling_mock import IncompleteJournalError, KlingMock
from kling_mock.kling.callbacks.log import Deliveries, Delivery
from kling_mock.kling.journal.changes import ChangeLog
from tests.mock.admin_client import Admin
from tests.mock.receiver import Receiver, closed_url

ALL = ["submitted", "processing", "succeed"]
#: Fates by state, and what the state is afterwards. Written out here, so that a change of the
#: code's own table is noticed.
STATES_AFTER = {
    "pending": {
        "sent": "delivered",
        "refused": "pending",
        "gave-up": "failed",
        "dropped": "dropped",
        "blocked": "blocked",
    },
    "delivered": {"sent": "delivered", "refused": "delivered", "blocked": "delivered"},
    "failed": {"sent": "delivered", "refused": "failed", "blocked": "failed"},
    "dropped": {"sent": "delivered", "refused": "dropped", "blocked": "dropped"},
    "blocked": {"sent": "delivered", "refused": "failed", "blocked": "blocked"},
}


# ------------------------------------------------------------ the log and replays


def test_a_replay_is_the_same_to_the_byte(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """Body, id, time and signature are those of the first time, unless it is signed again."""
    mock.account.add_webhook_secret()
    task_id = api.new(callback_url=receiver.url)
    mock.complete(task_id)
    first = receiver.received[-1]
    mock.clock.advance(100)

    mock.deliveries.replay(mock.deliveries[-1])
    assert receiver.received[-1].body == first.body
    assert receiver.received[-1].headers == first.headers
    mock.deliveries.replay(mock.deliveries[-1], resign=True)
    again = receiver.received[-1]
    assert again.body == first.body
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again.headers["webhook-timestamp"] == str(int(mock.clock.now()))
    assert again.headers["webhook-signature"] != first.headers["webhook-signature"]
    attempts = mock.deliveries[-1].attempts
    assert [attempt.replayed for attempt in attempts] == [False, True, True]

    del receiver.received[:]
    mock.deliveries.replay(task_id)
    assert receiver.statuses == ALL
    with pytest.raises(KeyError, match="callback_url"):
        mock.deliveries.replay("800000000000000000")


def test_a_replay_can_deliver_what_had_failed(
    mock: KlingMock, api: Any, receiver: Receiver
) -> None:
    """A receiver that was away gets it later."""
    mock.callbacks.retries = ()
    mock.progress.add("by-hand")
    receiver.answers = [500, 500]
    api.new(callback_url=receiver.url)
    mock.clock.advance(0)
    states: list[str] = []
    for _ in range(2):
        mock.deliveries.replay(mock.deliveries[0])
        states.append(mock.deliveries[0].state)
    assert states == ["failed", "delivered"]


def test_a_changed_body_is_sent_with_the_signature_of_the_old_one(
    mock: KlingMock, api: Any, receiver: Receiver
) -> None:
    """A sender without the secret would do the same; it is a separate delivery."""
    mock.account.add_webhook_secret()
    mock.complete(api.new(callback_url=receiver.url))
    first, before = receiver.received[-1], mock.deliveries[-1]

    forged = mock.deliveries.send_changed(before, body='{"task_status": "failed"}')
    assert receiver.received[-1].body == b'{"task_status": "failed"}'
    assert receiver.received[-1].headers["webhook-signature"] == first.headers["webhook-signature"]
    assert (forged.state, forged.truthful) == ("delivered", False)
    assert [attempt.replayed for attempt in forged.attempts] == [True]
    assert mock.deliveries[-1] == forged
    assert mock.deliveries.find(before.delivery_id) == before

    signed = mock.deliveries.send_changed(before, body=b"{}", resign=True)
    headers = receiver.received[-1].headers
    assert headers["webhook-id"] == signed.delivery_id
    assert headers["webhook-signature"] != first.headers["webhook-signature"]


def test_a_delivery_is_sent_to_another_address(
    mock: KlingMock, api: Any, receiver: Receiver
) -> None:
    """Its bytes are unchanged; one that does not arrive has failed, and is not repeated."""
    mock.complete(api.new(callback_url=closed_url()))
    lost = mock.deliveries[-1]
    copy = mock.deliveries.send_changed(lost, url=receiver.url)
    assert (copy.url, copy.state, copy.truthful) == (receiver.url, "delivered", True)
    assert receiver.received[-1].body == lost.body
    refused = mock.deliveries.send_changed(lost, url=closed_url())
    assert (refused.state, len(refused.attempts)) == ("failed", 1)
    elsewhere = mock.deliveries.send_changed(lost, url="http://192.0.2.1/callback")
    assert elsewhere.state == "blocked"  # only this computer, unless the server allows others
    with pytest.raises(ValueError, match="http or https"):
        mock.deliveries.send_changed(lost, url="ftp://127.0.0.1/")


def test_the_log(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """They can be filtered by task, counts everything, and is a picture of the moment."""
    first, second = (api.new(callback_url=receiver.url) for _ in range(2))
    mock.complete(first)
    before = mock.deliveries[-1]
    assert [delivery.task_status for delivery in mock.deliveries.of(first)] == ALL
    assert [delivery.task_id for delivery in mock.deliveries.of(second)] == [second]
    assert (len(mock.deliveries), mock.deliveries.total) == (4, 4)
    assert repr(mock.deliveries) == "<Deliveries: 4, 4 kept>"
    assert re.fullmatch("msg_[0-9a-f]{32}", before.delivery_id)
    mock.deliveries.replay(before)
    assert len(before.attempts) == 1


@pytest.mark.slow
def test_what_is_forgotten_is_not_answered_for(
    mock: KlingMock, api: Any, receiver: Receiver
) -> None:
    """A list that lacks what was not taken would be true of all; newer tasks are known whole."""
    receiver.answers = [500]
    mock.callbacks.retries = ()
    mock.progress.add("by-hand")
    lost = api.new(callback_url=receiver.url)
    mock.clock.advance(0)
    mock.faults.add("callback-dropped")
    old = api.new(callback_url=receiver.url)
    newest = [api.new(callback_url=receiver.url) for _ in range(2_000)][-1]
    mock.faults.clear()
    mock.complete(lost)
    assert {delivery.state for delivery in mock.deliveries if delivery.task_id == lost} == {
        "delivered"
    }
    for ask in (mock.deliveries.assert_delivered, mock.deliveries.of, mock.deliveries.replay):
        for task in (lost, old):
            with pytest.raises(IncompleteJournalError, match="4 of 2,004 are forgotten"):
                ask(task)
    assert len(mock.deliveries.of(newest)) == 1
    with Admin(mock) as admin:
        admin.refused("POST", f"/tasks/{lost}/replay", status=409)


def test_the_log_is_bounded() -> None:
    """Old deliveries make room, and news about a forgotten one is dropped."""
    log = Deliveries(ChangeLog(), size=2)
    rows = [Delivery(str(n), "1", "default", "submitted", "http://a/", b"", 0.0) for n in range(3)]
    for row in rows:
        log.add(row)
    log.update(rows[0].after("sent"))
    assert [row.delivery_id for row in log] == ["1", "2"]
    assert (log.total, log.find("0")) == (3, None)


def test_the_states_of_a_delivery_are_a_table() -> None:
    """A row leads to the state that it names; a change without a row raises and has no effect."""
    fates = STATES_AFTER["pending"]
    for state, leads_to in STATES_AFTER.items():
        for fate in fates:
            new: Any = Delivery("1", "1", "default", "submitted", "", b"", 0.0)
            row: Any = new._replace(state=state)
            if fate in leads_to:
                assert row.after(fate).state == leads_to[fate]
            else:
                with pytest.raises(ValueError, match="cannot be"):
                    row.after(fate)


def test_stopping_in_the_middle_of_a_delivery(api: Any, mock: KlingMock) -> None:
    """A server stops at once although a receiver has not answered, and can go on later."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        task_id = api.new(callback_url=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        mock.stop()
        mock.complete(task_id)
        assert {delivery.state for delivery in mock.deliveries} == {"pending"}
        with pytest.raises(RuntimeError, match="start"):
            mock.deliveries.replay(task_id)


@pytest.mark.parametrize("resets", [True, False])
async def test_a_reset_forgets_deliveries_under_way(
    api: Any, mock: KlingMock, *, resets: bool
) -> None:
    """What was due before a reset is never sent after it; without one it is."""
    api.new(callback_url=closed_url())
    if resets:
        mock.reset()
    await asyncio.sleep(0)
    await mock.clock.aadvance(600)
    assert (len(mock.deliveries) == 0, mock.deliveries.total == 0) == (resets, resets)
