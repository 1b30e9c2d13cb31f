"""The callbacks that break consumers: doubled, shuffled, late, lost, early, contradicting."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock import KlingMock
from tests.mock.receiver import Receiver

ALL = ["submitted", "processing", "succeed"]


def test_duplicates(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """The same report comes several times at once: same id, same bytes."""
    mock.account.add_webhook_secret()
    mock.faults.add("callback-duplicate", copies=3, statuses=["succeed"])
    mock.complete(api.new(callback_url=receiver.url))
    assert receiver.statuses == ["submitted", "processing", "succeed", "succeed", "succeed"]
    copies = receiver.received[2:]
    assert len({copy.body for copy in copies}) == 1
    assert len({copy.headers["webhook-id"] for copy in copies}) == 1
    assert len(mock.deliveries[-1].attempts) == 3


def test_a_refused_duplicate_is_retried_once(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """Copies that fail together lead to one series of retries."""
    mock.callbacks.retries = (1,)
    mock.progress.add("by-hand")
    mock.faults.add("callback-duplicate")
    receiver.answers = [500, 500]
    api.new(callback_url=receiver.url)
    mock.clock.advance(60)
    assert [attempt.status for attempt in mock.deliveries[0].attempts] == [500, 500, 200]


@pytest.mark.parametrize("seed", range(5))
def test_shuffled(seed: int, receiver: Receiver) -> None:
    """All reports come after the end and never in order, and alike for the same seed."""
    orders = []
    for _ in range(2):
        with KlingMock(seed=seed) as mock, mock.client() as kling:
            mock.faults.add("callback-shuffled", prompt="kitten")
            del receiver.received[:]
            task = kling.text2video.create(prompt="a kitten", callback_url=receiver.url)
            mock.clock.advance(5)
            assert receiver.statuses == []
            mock.complete(task)
            orders.append(receiver.statuses)
    assert sorted(orders[0]) == sorted(ALL)
    assert orders[0] != ALL
    assert orders[0] == orders[1]


def test_delayed(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """A report comes late, and overtaken by others; its body says what was true then."""
    mock.faults.add("callback-delayed", seconds=1000, statuses="processing")
    task_id = api.new(callback_url=receiver.url)
    mock.clock.advance(900)
    assert receiver.statuses == ["submitted", "succeed"]
    mock.clock.advance(200)
    assert receiver.statuses == ["submitted", "succeed", "processing"]
    assert [row.task_status for row in mock.deliveries.of(task_id)] == ALL


def test_dropped(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """A report that is lost is in the log, and never comes, unless the test replays it."""
    fault = mock.faults.add("callback-dropped", "POST /v1/videos/text2video")
    task_id = api.new(callback_url=receiver.url)
    mock.complete(task_id)
    mock.clock.advance(1000)
    assert (receiver.received, fault.acted) == ([], 3)
    assert {delivery.state for delivery in mock.deliveries} == {"dropped"}
    mock.deliveries.replay(mock.deliveries[-1])
    assert receiver.statuses == ["succeed"]
    assert mock.deliveries[-1].state == "delivered"


def test_before_create_returns(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """The callback is there before the create call is answered, and even the end may be."""
    mock.faults.add("callback-before-create-returns", times=2)
    answered: list[int] = []
    for pace in ("by-hand", "instant"):
        mock.progress.add(pace)
        reply = api.create(callback_url=receiver.url)
        answered.append(len(receiver.received))
        assert reply.json()["data"]["task_status"] == "submitted"
    assert answered == [1, 4]
    assert receiver.statuses == ["submitted", *ALL]


@pytest.mark.parametrize("truth", ["succeed", "failed"])
@pytest.mark.parametrize("seconds", [0, 50])
def test_contradicting(
    mock: KlingMock, api: Any, receiver: Receiver, truth: str, seconds: float
) -> None:
    """After the end comes its opposite, signed as well; a query still has the true status."""
    mock.account.add_webhook_secret()
    mock.faults.add("callback-contradicting", seconds=seconds)
    task_id = api.new(callback_url=receiver.url)
    if truth == "succeed":
        mock.complete(task_id)
    else:
        mock.fail(task_id)
    if seconds:
        mock.clock.advance(seconds - 1)
        assert receiver.statuses[-1] == truth
        mock.clock.advance(1)
    lie = receiver.received[-1]
    assert lie.task["task_status"] == {"succeed": "failed", "failed": "succeed"}[truth]
    assert bool(lie.task["task_result"]) is (truth == "failed")
    assert bool(lie.task["task_status_msg"]) is (truth == "succeed")
    assert "webhook-signature" in lie.headers
    assert [delivery.truthful for delivery in mock.deliveries][-2:] == [True, False]
    assert receiver.statuses.count(truth) == 1
    assert api.task(task_id)["task_status"] == truth


def test_without_task_info(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """A report lacks `task_info` alone; its signature is of the bytes that are sent."""
    mock.account.add_webhook_secret()
    mock.faults.add("callback-omit-task-info", statuses="processing", times=1)
    task_id = api.new(callback_url=receiver.url, external_task_id="order-1")
    mock.complete(task_id)
    assert receiver.statuses == ALL
    whole, without, _ = (callback.task for callback in receiver.received)
    assert whole["task_info"] == {"external_task_id": "order-1"}
    assert set(whole) - set(without) == {"task_info"}
    assert mock.deliveries[1].body == receiver.received[1].body
    assert receiver.received[1].headers["webhook-signature"]


def test_modes_combine(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """Late and doubled, or shuffled and doubled: each mode does its part."""
    mock.faults.add("callback-delayed", seconds=5, statuses=["submitted"])
    mock.faults.add("callback-duplicate", statuses=["submitted"])
    mock.progress.add("by-hand")
    api.new(callback_url=receiver.url)
    mock.clock.advance(4)
    assert receiver.statuses == []
    mock.clock.advance(1)
    assert receiver.statuses == ["submitted"] * 2
    mock.faults.clear()
    del receiver.received[:]
    mock.faults.add("callback-shuffled")
    mock.faults.add("callback-duplicate", statuses=["succeed"])
    mock.complete(api.new(callback_url=receiver.url))
    assert sorted(receiver.statuses) == sorted([*ALL, "succeed"])


def test_a_short_life_can_be_shuffled(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """A task that fails before it is processed has two reports, and they change places."""
    mock.faults.add("callback-shuffled")
    mock.progress.add("by-hand")
    mock.fail(api.new(callback_url=receiver.url))
    assert receiver.statuses == ["failed", "submitted"]
