"""The end of a task: one charge at most, a terminal status that stays, money that adds up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kling_mock.relay.storage.errors import KlingTaskClashError, UnknownError
from kling_mock.relay.storage.values import (
    MAX_AMOUNT,
    UNCONFIRMED,
    UNMETERED,
    Acceptance,
    LedgerKind,
    NewToken,
    NoticeState,
    TaskOutcome,
    TaskResult,
)
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import LATER, NOW, PRICE, Shop

# ------------------------------------------------------------ acceptance


async def test_klings_id_is_recorded_once(shop: Shop) -> None:
    """The first acceptance is recorded; the same one again changes nothing."""
    row = await shop.create()
    for expected in (Acceptance.RECORDED, Acceptance.ALREADY):
        done = await shop.store.accept(row.task_id, "831922", now=NOW + 1, next_poll_at=NOW + 10)
        assert done is expected
    after = await shop.row(row.task_id)
    assert (after.kling_task_id, after.status, after.next_poll_at) == (
        "831922",
        "submitted",
        NOW + 10,
    )
    assert await shop.store.find_by_kling_id("831922") == [after]
    with pytest.raises(ValueError, match="empty"):
        await shop.store.accept(row.task_id, "", now=NOW, next_poll_at=NOW)
    with pytest.raises(UnknownError, match="task"):
        await shop.store.accept("kling_unknown", "1", now=NOW, next_poll_at=NOW)


async def test_an_id_of_kling_that_turns_up_twice_is_a_loud_error(shop: Shop) -> None:
    """No row is ever overwritten by another task with the same Kling id."""
    first = await shop.accepted("831922")
    second = await shop.create()
    for task_id, kling_id in ((second.task_id, "831922"), (first.task_id, "831923")):
        before = await shop.row(task_id)
        with pytest.raises(KlingTaskClashError) as caught:
            await shop.store.accept(task_id, kling_id, now=NOW, next_poll_at=NOW)
        assert (caught.value.task_id, caught.value.kling_task_id) == (task_id, kling_id)
        for result in (kit.succeed, kit.failed):
            with pytest.raises(KlingTaskClashError):
                await shop.settle(result(task_id, kling_task_id=kling_id))
        assert await shop.row(task_id) == before
    await shop.assert_explained()


async def test_two_services_may_use_the_same_id(shop: Shop) -> None:
    """Kling's ids are unique per service only, byte for byte."""
    other = await Shop.fill(shop.store, name="bob", base_url="https://b.example")
    rows = [await shop.accepted("ID"), await shop.accepted("id"), await other.accepted("ID")]
    tasks = await shop.store.find_by_kling_id("ID")
    assert sorted(row.id for row in tasks) == [rows[0].id, rows[2].id]


async def test_an_acceptance_that_comes_after_the_end_is_kept(shop: Shop) -> None:
    """The id is recorded for later reference, the status stays, nothing is charged."""
    row = await shop.create()
    await shop.settle(kit.failed(row.task_id))
    done = await shop.store.accept(row.task_id, "831922", now=LATER, next_poll_at=LATER)
    assert done is Acceptance.LATE
    after = await shop.row(row.task_id)
    assert (after.status, after.kling_task_id, after.next_poll_at) == ("failed", "831922", None)
    (report,) = await shop.store.list_reports()
    assert (report.task_id, report.status, report.kling_task_id) == (
        row.task_id,
        "accepted",
        "831922",
    )
    await shop.assert_explained()


async def test_a_callback_may_come_before_the_create_has_answered(shop: Shop) -> None:
    """The result brings Kling's id along; the acceptance then finds it there."""
    row = await shop.create()
    await shop.settle(kit.succeed(row.task_id, kling_task_id="831922"))
    assert (await shop.row(row.task_id)).kling_task_id == "831922"
    done = await shop.store.accept(row.task_id, "831922", now=LATER, next_poll_at=LATER)
    assert done is Acceptance.ALREADY
    late = await shop.create()
    await shop.settle(kit.succeed(late.task_id))
    done = await shop.store.accept(late.task_id, "831923", now=LATER, next_poll_at=LATER)
    assert done is Acceptance.RECORDED
    assert (await shop.row(late.task_id)).next_poll_at is None
    assert await shop.store.list_reports() == []


# ------------------------------------------------------------ success


async def test_a_success_charges_the_price_once(shop: Shop) -> None:
    """Balance, token, channel, ledger and row move together, and only the first time."""
    row = await shop.accepted()
    done = await shop.settle(kit.succeed(row.task_id))
    assert (done.outcome, done.charged, done.uncollected) == (TaskOutcome.SETTLED, PRICE, 0)
    again = await shop.settle(kit.succeed(row.task_id, quota=7))
    assert (again.outcome, again.charged, again.row) == (TaskOutcome.ALREADY, 0, done.row)

    assert done.row == await shop.row(row.task_id)
    assert (done.row.status, done.row.quota, done.row.held_quota, done.row.next_poll_at) == (
        "succeed",
        PRICE,
        0,
        None,
    )
    assert (done.row.video_id, done.row.duration, done.row.updated_at) == (
        "831922345719271434",
        "5.1",
        LATER,
    )
    assert done.row.store_url.startswith("https://cdn")
    assert done.row.json_data == '{"task_status":"succeed"}'
    user, token = await shop.me(), await shop.my_token()
    assert (user.quota, user.held_quota, user.used_quota, user.request_count) == (900, 0, 100, 1)
    assert (token.held_quota, token.used_quota, token.remain_quota) == (0, 100, 0)
    assert await shop.store.sum_by_channel() == {shop.channel.id: 100}
    entry = await shop.store.find_charge(row.task_id)
    assert entry is not None
    assert (entry.kind, entry.reference, entry.amount, entry.uncollected, entry.user_id) == (
        LedgerKind.CHARGE,
        row.task_id,
        -100,
        0,
        shop.user.id,
    )
    await shop.assert_explained()


@pytest.mark.parametrize(
    ("final", "charged", "uncollected"),
    [(None, 100, 0), (0, 0, 0), (60, 60, 0), (100, 100, 0), (130, 100, 30), (10**30, 100, None)],
)
async def test_the_final_amount_is_charged_up_to_the_hold(
    shop: Shop, final: int | None, charged: int, uncollected: int | None
) -> None:
    """Kling's final amount counts; what is above the hold is counted and not taken."""
    row = await shop.accepted()
    done = await shop.settle(kit.succeed(row.task_id, quota=final))
    rest = MAX_AMOUNT - PRICE if uncollected is None else uncollected
    assert (done.charged, done.uncollected, done.row.quota) == (charged, rest, charged)
    entry = await shop.store.find_charge(row.task_id)
    assert entry is not None
    assert (entry.amount, entry.uncollected) == (-charged, rest)
    assert (await shop.me()).available == 1_000 - charged
    (books,) = await shop.store.reconcile(shop.user.id)
    assert (books.charged, books.uncollected, books.is_explained) == (charged, rest, True)


async def test_a_limited_token_pays_what_was_charged(shop: Shop) -> None:
    """Its remaining quota falls by the charge, and the rest of the hold is free again."""
    small = await shop.store.create_token(
        NewToken(shop.user.id, kit.digest("small"), remain_quota=300), now=NOW
    )
    row = await shop.create(token_id=small.id)
    await shop.settle(kit.succeed(row.task_id, quota=40))
    _, token = await shop.store.list_tokens(shop.user.id)
    assert (token.remain_quota, token.held_quota, token.used_quota) == (260, 0, 40)


async def test_a_free_task_has_its_ledger_row_too(shop: Shop) -> None:
    """A charge exists exactly when the record says `succeed`, be it 0."""
    row = await shop.create(price=0, token_id=None, attempt=None)
    done = await shop.settle(kit.succeed(row.task_id, quota=9))
    assert (done.charged, done.uncollected) == (0, 9)
    entry = await shop.store.find_charge(row.task_id)
    assert entry is not None
    assert (entry.amount, (await shop.me()).request_count) == (0, 1)
    await shop.assert_explained()


async def test_what_a_report_leaves_out_stays(shop: Shop) -> None:
    """A report without length or video does not erase what the row knew."""
    row = await shop.accepted()
    done = await shop.settle(TaskResult(row.task_id, "succeed", "sweeper"))
    assert (done.row.duration, done.row.video_id, done.row.store_url) == ("5", "", "")
    assert done.row.kling_task_id == row.kling_task_id


# ------------------------------------------------------------ failure


async def test_a_failure_releases_the_hold_and_charges_nothing(shop: Shop) -> None:
    """The quota is free again at once; the ledger has nothing to say."""
    row = await shop.accepted()
    done = await shop.settle(kit.failed(row.task_id))
    again = await shop.settle(kit.failed(row.task_id))
    assert (done.outcome, again.outcome) == (TaskOutcome.SETTLED, TaskOutcome.ALREADY)
    assert (done.row.status, done.row.fail_reason, done.row.quota, done.row.held_quota) == (
        "failed",
        "content policy",
        0,
        0,
    )
    user, token = await shop.me(), await shop.my_token()
    assert (user.quota, user.held_quota, user.used_quota, user.request_count) == (1_000, 0, 0, 0)
    assert (token.held_quota, token.used_quota) == (0, 0)
    assert await shop.store.find_charge(row.task_id) is None
    free = await shop.create(price=0, token_id=None)
    await shop.settle(kit.failed(free.task_id))
    await shop.assert_explained()


async def test_an_unknown_task_cannot_be_settled(shop: Shop) -> None:
    """A report on a task that is not ours is an error."""
    for call in (
        shop.settle(kit.succeed("kling_unknown")),
        shop.store.expire("kling_unknown", created_until=NOW, reason="", now=NOW),
        shop.store.report_not_found("kling_unknown", queried_at=NOW, reason=""),
    ):
        with pytest.raises(UnknownError, match="task 'kling_unknown'"):
            await call


# ------------------------------------------------------------ contradictions


@pytest.mark.parametrize("first", ["succeed", "failed"])
async def test_a_contradicting_report_is_kept_and_not_applied(shop: Shop, first: str) -> None:
    """A terminal status never changes; repeats of the other one are counted in one report."""
    row = await shop.accepted()
    makers: dict[str, Any] = {"succeed": kit.succeed, "failed": kit.failed}
    other = "failed" if first == "succeed" else "succeed"
    await shop.settle(makers[first](row.task_id))
    before, user = await shop.row(row.task_id), await shop.me()
    for step in range(3):
        done = await shop.settle(makers[other](row.task_id, quota=55), now=LATER + step)
        assert (done.outcome, done.charged, done.row) == (TaskOutcome.CONTRADICTED, 0, before)
    assert await shop.me() == user
    (report,) = await shop.store.list_reports()
    assert (report.task_id, report.status, report.seen, report.quota) == (
        row.task_id,
        other,
        3,
        55,
    )
    assert (report.first_at, report.last_at) == (LATER, LATER + 2)
    assert (report.user_id, report.channel_id, report.kling_task_id) == (
        shop.user.id,
        shop.channel.id,
        row.kling_task_id,
    )
    assert report.json_data == f'{{"task_status":"{other}"}}'
    (books,) = await shop.store.reconcile()
    assert (books.late, books.is_explained) == (int(other == "succeed"), True)


async def test_reports_are_read_in_pages(shop: Shop) -> None:
    """The newest come first, and a page goes on where the last one ended."""
    rows = [await shop.create() for _ in range(3)]
    for row in rows:
        await shop.settle(kit.failed(row.task_id))
        await shop.settle(kit.succeed(row.task_id))
    first = await shop.store.list_reports(limit=2)
    rest = await shop.store.list_reports(before=first[-1].id)
    assert [report.task_id for report in [*first, *rest]] == [row.task_id for row in rows[::-1]]


# ------------------------------------------------------------ the notice to the user


@pytest.mark.parametrize("make", [kit.succeed, kit.failed])
async def test_the_user_is_told_once(shop: Shop, make: Any) -> None:
    """The notice is part of the settlement; a repeat or contradiction adds no further one."""
    row = await shop.accepted()
    await shop.settle(make(row.task_id), notice=kit.notice_of(row.task_id))
    for other in (kit.succeed, kit.failed):
        await shop.settle(other(row.task_id), notice=kit.notice_of(row.task_id, "again"))
    (notice,) = await shop.store.list_notices()
    assert (notice.task_id, notice.user_id, notice.state) == (
        row.task_id,
        shop.user.id,
        NoticeState.PENDING,
    )
    assert (notice.body, notice.url) == ('{"é": 1}', "https://user.example.com/hook")
    assert (notice.attempts, notice.next_at, notice.created_at) == (0, LATER, LATER)
    assert "user.example.com" not in repr(notice)


# ------------------------------------------------------------ open statuses


async def test_open_statuses_are_followed_and_never_go_back(shop: Shop) -> None:
    """`submitted` never replaces `processing`, nothing replaces the end, new words are kept."""
    row = await shop.accepted()
    assert not await shop.store.mark_open(row.task_id, "submitted", now=NOW + 1)
    assert await shop.store.mark_open(row.task_id, "processing", now=NOW + 2)
    assert not await shop.store.mark_open(row.task_id, "processing", now=NOW + 3)
    assert not await shop.store.mark_open(row.task_id, "submitted", now=NOW + 4)
    after = await shop.row(row.task_id)
    assert (after.status, after.updated_at, after.held_quota) == ("processing", NOW + 2, PRICE)
    assert await shop.store.mark_open(row.task_id, "w" * 60, now=NOW + 5)
    assert (await shop.row(row.task_id)).status == "w" * 50
    await shop.settle(kit.succeed(row.task_id))
    assert not await shop.store.mark_open(row.task_id, "processing", now=LATER)
    assert (await shop.row(row.task_id)).status == "succeed"
    assert not await shop.store.mark_open("kling_unknown", "processing", now=LATER)
    for wrong in ("succeed", "failed", ""):
        with pytest.raises(ValueError, match="terminal"):
            await shop.store.mark_open(row.task_id, wrong, now=LATER)


async def test_a_refused_create_gives_its_external_id_back(shop: Shop) -> None:
    """A request that was refused before any acceptance can be repeated under its own id."""
    refused = await shop.create(external_task_id="order-1")
    await shop.settle(kit.failed(refused.task_id, free_external_id=True))
    again = await shop.create(external_task_id="order-1")
    assert again.task_id != refused.task_id
    assert (await shop.row(refused.task_id)).external_task_id is None
    await shop.settle(kit.succeed(again.task_id, free_external_id=True))
    assert (await shop.row(again.task_id)).external_task_id == "order-1"
    await shop.assert_explained()


# ------------------------------------------------------------ reports beside the end


async def test_a_report_is_kept_once_per_status_and_counted(shop: Shop) -> None:
    """A report that is only kept changes no row and no money; the same again is counted."""
    row = await shop.accepted("831922")
    for seen in (1, 2, 3):
        result = kit.succeed(row.task_id, json_data=json.dumps({"n": seen}))
        await shop.store.keep_report(result, status=UNCONFIRMED, now=NOW + seen)
    report = await shop.store.find_report(row.task_id, UNCONFIRMED)
    assert report is not None
    assert (report.seen, report.first_at, report.last_at) == (3, NOW + 1, NOW + 3)
    assert (report.json_data, report.kling_task_id, report.quota) == ('{"n": 1}', "831922", PRICE)
    assert await shop.store.list_reports() == [report]
    assert await shop.store.find_report(row.task_id, "succeed") is None
    assert await shop.store.find_report("no such task", UNCONFIRMED) is None
    with pytest.raises(UnknownError, match="task"):
        await shop.store.keep_report(kit.failed("kling_unknown"), status="failed", now=NOW)
    assert await shop.row(row.task_id) == row
    assert (await shop.me()).held_quota == PRICE
    await shop.assert_explained()


async def test_an_unmetered_success_leaves_a_report(shop: Shop) -> None:
    """A success without stated units is charged its price, and a report says so."""
    row = await shop.accepted()
    for outcome in (TaskOutcome.SETTLED, TaskOutcome.ALREADY):
        done = await shop.settle(kit.succeed(row.task_id, unmetered=True))
        assert done.outcome is outcome
    (report,) = await shop.store.list_reports()
    assert (report.task_id, report.status, report.quota) == (row.task_id, UNMETERED, PRICE)
    assert report.seen == 1
    (balance,) = await shop.store.reconcile()
    assert (balance.charged, balance.late) == (PRICE, 0)
    await shop.assert_explained()


@pytest.mark.parametrize("status", ["submitted", "processing"])
async def test_a_refusal_never_overrules_what_was_read(shop: Shop, status: str) -> None:
    """Once the row has Kling's id, the refusal of its create changes nothing at all."""
    row = await shop.accepted("831922", external_task_id="mine")
    await shop.store.mark_open(row.task_id, status, now=NOW + 2)
    row = await shop.row(row.task_id)
    done = await shop.settle(kit.failed(row.task_id, source="create", free_external_id=True))
    assert (done.outcome, done.row) == (TaskOutcome.OVERRULED, row)
    assert await shop.row(row.task_id) == row
    assert (await shop.me()).held_quota == PRICE
    assert await shop.store.list_reports() == []
    await shop.settle(kit.succeed(row.task_id))
    await shop.assert_explained()
