"""Receivers of webhooks that fail, and the secrets that sign."""

from __future__ import annotations

import pytest

from kling_mock.relay.storage.errors import ExistsError, UnknownError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import Receiver, ReceiverCounts, SecretRotation
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import LATER, NOW, Shop

DAY = 86_400


async def fails(store: Storage, now: int, host: str = "dead.example") -> Receiver:
    return await store.record_failure(7, host, now=now, off_from=now - 5 * DAY, min_failures=3)


async def test_a_receiver_is_switched_off_after_days_of_failures(store: Storage) -> None:
    """It needs both: so many days since the first failure, and so many failures in a row."""
    for at in (NOW, NOW + 1, NOW + 2, NOW + 3):
        assert not (await fails(store, at)).is_off  # often, but not for long
    off = await fails(store, NOW + 5 * DAY)
    assert (off.is_off, off.failures, off.failing_since, off.last_at, off.off_at) == (
        True,
        5,
        NOW,
        NOW + 5 * DAY,
        NOW + 5 * DAY,
    )
    assert await fails(store, NOW + 6 * DAY) == off  # an attempt that was under way
    await store.record_success(7, "dead.example")
    assert await store.find_receiver(7, "dead.example") == off

    await fails(store, NOW, "rare.example")
    assert not (await fails(store, NOW + 6 * DAY, "rare.example")).is_off  # twice in six days
    assert await store.count_receivers() == ReceiverCounts(failing=1, off=1)


async def test_a_success_forgets_what_failed(store: Storage) -> None:
    """The days are counted from the first failure after the last success."""
    await fails(store, NOW)
    await fails(store, NOW + 1)
    await store.record_success(7, "dead.example")
    assert await store.find_receiver(7, "dead.example") is None
    assert await store.count_receivers() == ReceiverCounts(failing=0, off=0)
    again = await fails(store, NOW + 9 * DAY)
    assert (again.failures, again.failing_since, again.is_off) == (1, NOW + 9 * DAY, False)


async def test_the_operator_switches_a_receiver_on_again(store: Storage) -> None:
    """Its days start again, and a receiver of another user with the same host is another one."""
    await fails(store, NOW)
    await fails(store, NOW + 5 * DAY)
    off = await fails(store, NOW + 5 * DAY)
    assert off.is_off
    mine = await store.record_failure(8, "dead.example", now=NOW, off_from=0, min_failures=3)
    on = await store.switch_receiver(off.id, off_at=0, now=LATER)
    assert (on.is_off, on.failures, on.failing_since) == (False, 0, LATER)
    assert not (await fails(store, LATER + 1)).is_off
    assert (await store.switch_receiver(mine.id, off_at=LATER, now=LATER)).is_off
    first, second = await store.list_receivers()
    assert (first.id, second.id) == (off.id, mine.id)
    assert await store.list_receivers(after=first.id, limit=1) == [second]
    with pytest.raises(UnknownError, match="receiver"):
        await store.switch_receiver(99, off_at=0, now=NOW)


async def test_a_secret_is_rotated_one_generation_at_a_time(shop: Shop) -> None:
    """The same call again changes nothing; one that was overtaken by another is refused."""
    store, user = shop.store, shop.user.id
    assert await store.find_webhook_secret(user) is None
    first = SecretRotation(user, 1, LATER)
    for _ in range(2):
        assert await store.rotate_webhook_secret(user, generation=1, overlap_until=LATER) == first
    with pytest.raises(
        ExistsError, match="there is a webhook secret with this generation 1 already"
    ):
        await store.rotate_webhook_secret(user, generation=1, overlap_until=LATER + 1)
    await store.rotate_webhook_secret(user, generation=2, overlap_until=NOW)
    assert await store.find_webhook_secret(user) == SecretRotation(user, 2, NOW)
    with pytest.raises(ExistsError, match="generation 4"):
        await store.rotate_webhook_secret(user, generation=4, overlap_until=NOW)
    with pytest.raises(UnknownError, match="user"):
        await store.rotate_webhook_secret(user + 1, generation=1, overlap_until=NOW)


async def test_the_first_callback_secret_is_kept(shop: Shop) -> None:
    """Of several processes that start with different ones, all use the first."""
    assert await shop.store.keep_callback_secret(b"\x00first") == b"\x00first"
    assert await shop.store.keep_callback_secret(b"second") == b"\x00first"


# ------------------------------------------------------------ choosing among what is due


async def test_what_is_due_is_seen_page_by_page(shop: Shop) -> None:
    """Looking leases nothing; a row that is put off is due later, and a lease keeps it."""
    rows = [await shop.create(price=1) for _ in range(5)]
    store, now = shop.store, NOW + 30
    page = await store.list_due_tasks(now=now, limit=3)
    assert [task.task_id for task in page] == [row.task_id for row in rows[:3]]
    assert {(task.channel_id, task.created_at) for task in page} == {(shop.channel.id, NOW)}
    last = (page[-1].next_poll_at, page[-1].id)
    rest = await store.list_due_tasks(now=now, after=last, limit=3)
    assert [task.task_id for task in rest] == [row.task_id for row in rows[3:]]
    assert await store.list_due_tasks(now=now - 1, limit=3) == []

    task_ids = [rows[4].task_id, rows[0].task_id, "kling_unknown", "no id"]
    claimed = await store.claim_tasks(task_ids, now=now, lease_until=now + 60)
    assert [row.task_id for row in claimed] == task_ids[:2]
    assert claimed[0] == await shop.row(rows[4].task_id)
    assert await store.claim_tasks(task_ids, now=now, lease_until=now + 60) == []
    await store.put_off_tasks([row.task_id for row in rows] + ["no id"], now + 300, now=now)
    assert await store.list_due_tasks(now=now + 60, limit=9) == await store.list_due_tasks(
        now=now + 299, limit=9
    )
    assert [task.task_id for task in await store.list_due_tasks(now=now + 60, limit=9)] == [
        rows[0].task_id,
        rows[4].task_id,
    ]
    await store.put_off_tasks([rows[1].task_id], now + 100, now=now)  # it is due later already
    assert len(await store.list_due_tasks(now=now + 299, limit=9)) == 2
    assert len(await store.list_due_tasks(now=now + 300, limit=9)) == 5


async def test_open_tasks_are_counted_by_token(shop: Shop) -> None:
    """What has ended no longer counts."""
    rows = [await shop.create(price=1) for _ in range(3)]
    await shop.create(price=1, token_id=0)
    await shop.settle(kit.failed(rows[0].task_id))
    counted = await shop.store.count_open_by_token()
    assert (counted[shop.token.id], counted.get(0), counted.get(99, 0)) == (2, 1, 0)


async def test_notices_are_seen_put_off_and_stopped(shop: Shop) -> None:
    """A notice whose receiver is off is no longer pending, until it is replayed."""
    events: list[str] = []
    for at in range(3):
        row = await shop.create(price=1)
        notice = kit.notice_of(row.task_id)
        await shop.settle(kit.failed(row.task_id), notice=notice, now=NOW + at)
        events.append(notice.event_id)
    store = shop.store
    page = await store.list_due_notices(now=NOW + 2, limit=2)
    assert [due.event_id for due in page] == events[:2]
    assert (page[0].user_id, page[0].url) == (shop.user.id, kit.notice_of("x").url)
    last = (page[-1].next_at, page[-1].id)
    (third,) = await store.list_due_notices(now=NOW + 2, after=last, limit=2)
    assert third.event_id == events[2]

    claimed = await store.claim_notices(events[::-1][1:], now=NOW + 2, lease_until=NOW + 62)
    assert [leased.event_id for leased in claimed] == [events[1], events[0]]
    await store.put_off_notices([*events, "no id"], LATER, now=NOW + 2)
    assert [due.event_id for due in await store.list_due_notices(now=NOW + 62, limit=9)] == [
        events[0],
        events[1],
    ]
    assert await store.stop_notice(events[0], now=NOW + 3)
    assert not await store.stop_notice(events[0], now=NOW + 3)
    assert not await store.stop_notice("no id", now=NOW + 3)
    assert [due.event_id for due in await store.list_due_notices(now=LATER, limit=9)] == [
        events[1],
        events[2],
    ]
    again = await store.replay_notice(events[0], now=LATER)
    assert (again.attempts, again.next_at, again.lease_until) == (0, LATER, 0)
