"""Each row that a call writes, column by column, the same in every store."""

from __future__ import annotations

import pytest

from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import (
    ENABLED,
    UNCONFIRMED,
    Attempt,
    LateReport,
    LedgerEntry,
    LedgerKind,
    NewToken,
    Notice,
    NoticeState,
    Receiver,
    TaskResult,
    Token,
    User,
    VideoRow,
    WebhookDelivery,
)
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import LATER, NOW, PRICE, Shop


async def test_a_new_user_has_used_and_holds_nothing(shop: Shop) -> None:
    """The ledger explains its balance by its number."""
    me = shop.user.id
    assert shop.user == User(me, "ann", ENABLED, 1_000, 0, 0, 0, NOW)
    (opening,) = await shop.store.list_ledger(me)
    assert opening == LedgerEntry(
        opening.id, LedgerKind.OPENING, str(me), me, 0, 0, 1_000, 0, "", NOW
    )


@pytest.mark.parametrize(
    ("limit", "unlimited", "remaining"), [(None, True, 0), (0, False, 0), (7, False, 7)]
)
async def test_a_new_token_has_its_limit(
    shop: Shop, limit: int | None, remaining: int, *, unlimited: bool
) -> None:
    """A limit of 0 is one."""
    new = NewToken(shop.user.id, kit.digest("ci"), "ci", limit, LATER)
    token = await shop.store.create_token(new, now=NOW)
    assert token == Token(
        token.id,
        shop.user.id,
        kit.digest("ci"),
        "ci",
        ENABLED,
        LATER,
        unlimited,
        remaining,
        0,
        0,
        NOW,
    )


async def test_a_credit_names_its_reference(shop: Shop) -> None:
    """It has neither a token nor a channel."""
    entry = await shop.store.credit(shop.user.id, 250, reference="order-1", now=LATER, note="paid")
    assert entry == LedgerEntry(
        entry.id, LedgerKind.CREDIT, "order-1", shop.user.id, 0, 0, 250, 0, "paid", LATER
    )
    without_note = await shop.store.credit(shop.user.id, 1, reference="order-2", now=LATER)
    assert without_note.note == ""


@pytest.mark.parametrize("with_token", [True, False])
async def test_the_entries_of_a_task_name_its_owner(shop: Shop, *, with_token: bool) -> None:
    """The hold has no channel, since it covers all, and says how the price arose."""
    token = shop.token.id if with_token else 0
    row = await shop.create(token_id=token or None, price_reason="1 unit x 100")
    await shop.settle(kit.succeed(row.task_id, quota=130))
    me, task, channel = shop.user.id, row.task_id, shop.channel.id
    charge, release, hold, _ = await shop.store.list_ledger(me)
    assert hold == LedgerEntry(
        hold.id, LedgerKind.HOLD, task, me, token, 0, PRICE, 0, "1 unit x 100", NOW
    )
    assert release == LedgerEntry(
        release.id, LedgerKind.RELEASE, task, me, token, channel, -PRICE, 30, "", LATER
    )
    assert charge == LedgerEntry(
        charge.id, LedgerKind.CHARGE, task, me, token, channel, -PRICE, 30, "", LATER
    )


async def test_the_release_of_a_failure_has_nothing_uncollected(shop: Shop) -> None:
    row = await shop.create()
    await shop.settle(kit.failed(row.task_id))
    release, *_ = await shop.store.list_ledger(shop.user.id)
    assert (release.kind, release.amount, release.uncollected) == (LedgerKind.RELEASE, -PRICE, 0)


async def test_a_new_task_is_submitted_and_has_nothing_of_an_end(shop: Shop) -> None:
    """Its price is held, and its attempt is the one that is going to be made."""
    task = kit.new_task(
        shop.user.id,
        token_id=shop.token.id,
        external_task_id="order-1",
        resolution="1080p",
        n=2,
        callback_url="https://user.example.com/hook",
        attempt=Attempt(shop.channel.id, "key-1", NOW + 120, "kling"),
    )
    await shop.store.create_task(task, now=NOW, next_poll_at=NOW + 30)
    row = await shop.row(task.task_id)
    assert row == VideoRow(
        id=row.id,
        task_id=task.task_id,
        prompt="a kitten on the grass",
        created_at=NOW,
        updated_at=NOW,
        type="text2video",
        provider="kling",
        mode="std",
        duration="5",
        resolution="1080p",
        username="ann",
        channel_id=shop.channel.id,
        user_id=shop.user.id,
        model="kling-v2-6",
        status="submitted",
        fail_reason="",
        video_id="",
        store_url="",
        quota=PRICE,
        n=2,
        credentials="",
        json_data="",
        external_task_id="order-1",
        request_hash=kit.digest("a kitten"),
        kling_task_id=None,
        channel_key_id="key-1",
        token_id=shop.token.id,
        held_quota=PRICE,
        next_poll_at=NOW + 30,
        lease_until=0,
        callback_url="https://user.example.com/hook",
        legacy=False,
        attempt_until=NOW + 120,
        not_found_at=None,
        service="kling",
    )


async def test_a_task_that_is_bound_to_no_channel_has_no_attempt(shop: Shop) -> None:
    """Its attempt is over since ever, so that an absence counts from its creation."""
    row = await shop.create(attempt=None, token_id=None)
    assert (row.channel_id, row.channel_key_id, row.attempt_until, row.service, row.token_id) == (
        0,
        "",
        0,
        None,
        0,
    )


async def test_a_new_notice_is_due_at_once(shop: Shop) -> None:
    """It is not leased by a sender, and has no response yet."""
    row = await shop.accepted()
    new = kit.notice_of(row.task_id)
    await shop.settle(kit.succeed(row.task_id), notice=new)
    (notice,) = await shop.store.list_notices()
    assert notice == Notice(
        id=notice.id,
        event_id=new.event_id,
        task_id=row.task_id,
        user_id=shop.user.id,
        url=new.url,
        body=new.body,
        state=NoticeState.PENDING,
        attempts=0,
        next_at=LATER,
        lease_until=0,
        http_status=0,
        error="",
        created_at=LATER,
        updated_at=LATER,
    )


async def test_a_delivery_ends_the_lease(shop: Shop) -> None:
    """The row says when, how often, and with which answer."""
    row = await shop.accepted()
    await shop.settle(kit.succeed(row.task_id), notice=kit.notice_of(row.task_id))
    store = shop.store
    (claimed,) = await kit.claim_notices(store, now=LATER, lease_until=LATER + 30, limit=1)
    delivered = WebhookDelivery(
        claimed.event_id, 0, NoticeState.PENDING, LATER + 60, 503, "HTTP 503"
    )
    assert await store.record_delivery(delivered, now=LATER + 2)
    (notice,) = await store.list_notices()
    assert (notice.attempts, notice.next_at, notice.lease_until) == (1, LATER + 60, 0)
    assert (notice.http_status, notice.error, notice.updated_at) == (503, "HTTP 503", LATER + 2)


async def test_a_receiver_that_fails_for_the_first_time_is_on(store: Storage) -> None:
    """Even if one failure would be enough."""
    failed = await store.record_failure(7, "dead.example", now=NOW, off_from=NOW, min_failures=1)
    assert failed == Receiver(failed.id, 7, "dead.example", 1, NOW, NOW, 0)


async def test_a_receiver_that_is_due_is_switched_off_at_that_failure(store: Storage) -> None:
    """It is off at the last second of its days, with at least that many failures; not before."""
    for host, off_from, min_failures, off_at in (
        ("old.example", NOW, 2, LATER),
        ("new.example", NOW - 1, 2, 0),
        ("rare.example", NOW, 3, 0),
    ):
        await store.record_failure(7, host, now=NOW, off_from=0, min_failures=9)
        again = await store.record_failure(
            7, host, now=LATER, off_from=off_from, min_failures=min_failures
        )
        assert again == Receiver(again.id, 7, host, 2, NOW, LATER, off_at)


async def test_a_report_has_what_was_reported(shop: Shop) -> None:
    """Kling's id is the row's, or the report's where the row has none."""
    for known, reported in (("831922", None), (None, "831923")):
        row = await (shop.accepted(known) if known else shop.create())
        result = TaskResult(row.task_id, "succeed", "callback", 55, reported, json_data='{"a": 1}')
        await shop.store.keep_report(result, status=UNCONFIRMED, now=LATER)
        report = await shop.store.find_report(row.task_id, UNCONFIRMED)
        assert report is not None
        assert report == LateReport(
            id=report.id,
            task_id=row.task_id,
            status=UNCONFIRMED,
            user_id=shop.user.id,
            channel_id=shop.channel.id,
            kling_task_id=known or reported,
            source="callback",
            quota=55,
            json_data='{"a": 1}',
            seen=1,
            first_at=LATER,
            last_at=LATER,
        )


async def test_an_acceptance_that_is_late_is_reported_as_a_create_s(shop: Shop) -> None:
    row = await shop.create()
    await shop.settle(kit.failed(row.task_id))
    await shop.store.accept(row.task_id, "831922", now=LATER + 1, next_poll_at=LATER)
    (report,) = await shop.store.list_reports()
    assert (report.source, report.status, report.kling_task_id) == ("create", "accepted", "831922")
    assert (report.quota, report.json_data, report.first_at) == (0, "", LATER + 1)
