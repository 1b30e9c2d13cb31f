"""Rows that a migration brought in: they move no money, and are not polled upstream."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.relay.storage.errors import StorageError
from kling_mock.relay.storage.values import Absence, Acceptance, Attempt, TaskOutcome, VideoRow
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.conftest import STORES
from tests.mock.relay.storage.samples import LATER, NOW, PRICE, Shop

pytestmark = pytest.mark.parametrize(
    "closed_store", [name for name in STORES if name != "memory"], indirect=True
)


async def legacy(shop: Shop, **changes: Any) -> VideoRow:
    """Return an open row as a migration leaves it: with a price, and without a hold."""
    row = await shop.create(price=0, **changes)
    older = f"legacy = 1, next_poll_at = NULL, quota = {PRICE}"
    await kit.change(shop.store, f"UPDATE videos SET {older} WHERE id = {row.id}")
    await shop.store.bind_user(shop.user.id, shop.user.id)
    return await shop.row(row.task_id)


async def test_a_success_is_recorded_and_reported_instead_of_charged(shop: Shop) -> None:
    """The old relay has charged it; what Kling says it cost is kept for the operator."""
    row = await legacy(shop)
    done = await shop.settle(kit.succeed(row.task_id, quota=130))
    assert (done.outcome, done.charged, done.uncollected) == (TaskOutcome.SETTLED, 0, 0)
    assert (done.row.status, done.row.quota) == ("succeed", 0)
    assert done.row == await shop.row(row.task_id)
    (report,) = await shop.store.list_reports()
    assert (report.task_id, report.status, report.quota) == (row.task_id, "succeed", 130)
    assert await shop.store.find_charge(row.task_id) is None
    user, token = await shop.me(), await shop.my_token()
    assert (user.quota, user.used_quota, user.request_count) == (1_000, 0, 0)
    assert (token.used_quota, await shop.store.sum_by_channel()) == (0, {})


async def test_an_unmetered_success_is_reported_once(shop: Shop) -> None:
    """Nothing was charged, so no charge is in doubt."""
    row = await legacy(shop)
    await shop.settle(kit.succeed(row.task_id, unmetered=True))
    assert [report.status for report in await shop.store.list_reports()] == ["succeed"]


async def test_a_failure_releases_nothing(shop: Shop) -> None:
    row = await legacy(shop)
    before = await shop.store.list_ledger(shop.user.id)
    done = await shop.settle(kit.failed(row.task_id))
    assert (done.row.status, done.row.fail_reason) == ("failed", "content policy")
    assert await shop.store.list_ledger(shop.user.id) == before
    assert await shop.store.list_reports() == []


async def test_a_webhook_goes_to_the_user_who_sees_the_row(shop: Shop) -> None:
    """The number in the row is another user's, or nobody's, until the operator says whose."""
    rows = [await legacy(shop) for _ in range(3)]
    for number, row in zip((7, 8, 9), rows, strict=True):
        await kit.change(shop.store, f"UPDATE videos SET user_id = {number} WHERE id = {row.id}")
    await shop.store.bind_user(shop.user.id, 7)
    await shop.store.disown_number(8)
    for row in rows:
        await shop.settle(kit.failed(row.task_id), notice=kit.notice_of(row.task_id))
    (notice,) = await shop.store.list_notices()
    assert (notice.task_id, notice.user_id) == (rows[0].task_id, shop.user.id)


async def test_it_is_neither_sent_nor_given_up(shop: Shop) -> None:
    """It was sent before, and has no deadline here."""
    row = await legacy(shop)
    assert not await shop.store.bind_attempt(row.task_id, Attempt(9, "key-9", LATER))
    assert not await shop.store.expire(row.task_id, created_until=LATER, reason="", now=LATER)
    absence = await shop.store.report_not_found(row.task_id, queried_at=LATER, reason="")
    assert absence is Absence.IRRELEVANT
    assert await shop.row(row.task_id) == row


async def test_an_id_is_recorded_quietly(shop: Shop) -> None:
    """The row is not polled because of it."""
    row = await legacy(shop)
    done = await shop.store.accept(row.task_id, "831922", now=LATER, next_poll_at=LATER)
    assert done is Acceptance.RECORDED
    after = await shop.row(row.task_id)
    assert (after.kling_task_id, after.next_poll_at, after.status) == ("831922", None, "submitted")


async def test_a_success_needs_no_service(shop: Shop) -> None:
    """It is not charged, so another row may have the id as well."""
    await shop.accepted("831922", price=1)
    twin = await shop.store.create_channel(kit.channel_named("twin"), now=NOW)
    row = await legacy(shop, attempt=Attempt(twin.id, "key-2", NOW))
    await kit.change(shop.store, f"UPDATE videos SET kling_task_id = '831922' WHERE id = {row.id}")
    done = await shop.settle(kit.succeed(row.task_id))
    assert (done.outcome, done.row.service) == (TaskOutcome.SETTLED, None)


async def test_a_charge_of_a_user_that_is_gone_is_an_error(shop: Shop) -> None:
    """An operator who deletes rows by hand hears of it; the task stays open."""
    row = await shop.accepted()
    await kit.change(shop.store, f"DELETE FROM users WHERE id = {shop.user.id}")
    with pytest.raises(StorageError, match="is gone; nothing was charged"):
        await shop.settle(kit.succeed(row.task_id))
    assert await shop.row(row.task_id) == row
    assert await shop.store.find_charge(row.task_id) is None


async def test_a_notice_with_an_id_that_is_used_undoes_the_settlement(shop: Shop) -> None:
    """Without the error the user would never get the webhook of the end."""
    first, second = await shop.accepted(), await shop.accepted()
    notice = kit.notice_of(first.task_id)
    await shop.settle(kit.failed(first.task_id), notice=notice)
    with pytest.raises(StorageError, match=f"there is a notice {notice.event_id} already"):
        await shop.settle(kit.succeed(second.task_id), notice=notice)
    assert await shop.row(second.task_id) == second
