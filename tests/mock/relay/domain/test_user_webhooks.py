"""The webhook of a task's end: its bytes, when it is sent again, and where it may go."""

from __future__ import annotations

import asyncio
import json

import attrs
import pytest

from kling_mock.relay.domain.user_webhooks import (
    DeliveryDecision,
    delivery_decision,
    is_public,
    webhook_of,
)
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import Notice, NoticeState, VideoRow
from tests.mock.relay.storage.samples import LATER, NOW, Shop, failed, succeed

URL = "https://user.example/hook"


async def accepted() -> VideoRow:
    shop = await Shop.fill(MemoryStorage())
    return await shop.accepted("831922", callback_url=URL, external_task_id="order-1")


@pytest.fixture
def row() -> VideoRow:
    """The row of a task whose user gets a webhook."""
    return asyncio.run(accepted())


def notice(attempts: int) -> Notice:
    return Notice(
        1, "msg_1", "kling_1", 1, "http://x", "{}", NoticeState.PENDING, attempts, 0, 0, 0, "", 0, 0
    )


def test_the_webhook_of_a_success_has_its_video(row: VideoRow) -> None:
    """Kling's own body, with the relay's id of the task; times are in milliseconds."""
    webhook = webhook_of(row, succeed(row.task_id), LATER)
    assert webhook is not None
    assert (webhook.event_id, webhook.url) == (f"msg_{row.task_id}", URL)
    assert json.loads(webhook.body) == {
        "task_id": row.task_id,
        "kling_task_id": "831922",
        "task_status": "succeed",
        "task_status_msg": "",
        "task_info": {"external_task_id": "order-1"},
        "task_result": {
            "videos": [
                {
                    "id": "831922345719271434",
                    "url": "https://cdn.example.com/a.mp4?x-sig=1",
                    "duration": "5.1",
                }
            ]
        },
        "created_at": NOW * 1000,
        "updated_at": LATER * 1000,
    }


def test_the_webhook_of_a_failure_has_its_reason_and_no_video(row: VideoRow) -> None:
    """The reason is written in UTF-8, as Kling writes it."""
    webhook = webhook_of(row, failed(row.task_id, fail_reason="内容违规"), LATER)
    assert webhook is not None
    assert '"task_status_msg": "内容违规"' in webhook.body
    assert json.loads(webhook.body)["task_status"] == "failed"
    assert json.loads(webhook.body)["task_result"] == {}


@pytest.mark.parametrize(
    ("known", "reported", "expected"),
    [("831922", None, "831922"), (None, "831922", "831922"), (None, None, "")],
)
def test_an_id_that_is_not_known_is_empty(
    row: VideoRow, known: str | None, reported: str | None, expected: str
) -> None:
    """A result may bring Kling's id along; a body never has null in the place of an id."""
    row = attrs.evolve(row, kling_task_id=known, external_task_id=None)
    webhook = webhook_of(row, failed(row.task_id, kling_task_id=reported), LATER)
    assert webhook is not None
    body = json.loads(webhook.body)
    assert (body["kling_task_id"], body["task_info"]) == (expected, {"external_task_id": ""})


def test_without_a_url_there_is_no_webhook(row: VideoRow) -> None:
    row = attrs.evolve(row, callback_url=None)
    assert webhook_of(row, succeed(row.task_id), LATER) is None


@pytest.mark.parametrize(
    ("status", "state", "wait"),
    [
        (199, NoticeState.PENDING, 5),
        (200, NoticeState.DELIVERED, 0),
        (299, NoticeState.DELIVERED, 0),
        (300, NoticeState.PENDING, 5),
        (409, NoticeState.PENDING, 5),
        (410, NoticeState.GONE, 0),
        (411, NoticeState.PENDING, 5),
    ],
)
def test_what_a_status_means(status: int, state: NoticeState, wait: int) -> None:
    """Only what is sent again has to wait."""
    assert delivery_decision(notice(0), status, "", 0.0) == DeliveryDecision(state, wait)


def test_the_eighth_attempt_is_the_last() -> None:
    assert delivery_decision(notice(6), 500, "", 0.0) == DeliveryDecision(
        NoticeState.PENDING, 36_000
    )
    assert delivery_decision(notice(7), 500, "60", 0.0) == DeliveryDecision(NoticeState.DEAD, 0)


@pytest.mark.parametrize(
    ("retry_after", "chance", "wait"),
    [
        ("", 0.0, 300),
        ("", 0.5, 315),
        ("", 1.0, 330),  # a tenth more, so that a burst is not repeated as one
        ("299", 0.0, 300),
        ("301", 0.0, 301),
        ("86400", 0.0, 86_400),  # a day
        ("86401", 0.0, 300),
        ("0", 0.0, 300),
        ("-1", 0.0, 300),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0, 300),
    ],
)
def test_the_next_attempt_is_as_late_as_the_receiver_asks(
    retry_after: str, chance: float, wait: int
) -> None:
    """It is not sooner than the schedule, and a wait of more than a day is ignored."""
    decision = delivery_decision(notice(1), 503, retry_after, chance)
    assert decision == DeliveryDecision(NoticeState.PENDING, wait)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("::ffff:8.8.8.8", True),
        ("::ffff:10.0.0.1", False),
        ("2606:4700::1111%eth0", True),
        ("fe80::1%eth0", False),
    ],
)
def test_an_address_is_judged_without_its_wrapping(address: str, *, expected: bool) -> None:
    """An IPv4 address in an IPv6 one by itself, and any address without its zone."""
    assert is_public(address) is expected
