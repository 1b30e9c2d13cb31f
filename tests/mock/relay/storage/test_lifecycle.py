"""Looking after open tasks: due rows, the rate limit of reads, absences, deadlines."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kling_mock.relay.storage.errors import UnknownError
from kling_mock.relay.storage.values import (
    Absence,
    Attempt,
    NoticeState,
    TaskOutcome,
    WebhookDelivery,
)
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import LATER, NOW, PRICE, Shop


async def test_due_rows_are_claimed_the_longest_overdue_first(shop: Shop) -> None:
    """No other process gets a claimed row until its lease ends; then it is due again."""
    rows = [await shop.create() for _ in range(4)]
    for row, at in zip(rows, (NOW + 40, NOW + 20, NOW + 60, NOW + 30), strict=True):
        await shop.store.schedule_poll(row.task_id, at)
    first = await kit.claim_due(shop.store, now=NOW + 45, lease_until=NOW + 75, limit=2)
    assert [row.task_id for row in first] == [rows[1].task_id, rows[3].task_id]
    assert first[0] == await shop.row(rows[1].task_id)
    assert first[0].lease_until == NOW + 75
    second = await kit.claim_due(shop.store, now=NOW + 45, lease_until=NOW + 75, limit=9)
    assert [row.task_id for row in second] == [rows[0].task_id]
    assert await kit.claim_due(shop.store, now=NOW + 50, lease_until=NOW + 80, limit=9) == []
    again = await kit.claim_due(shop.store, now=NOW + 75, lease_until=NOW + 99, limit=9)
    assert [row.task_id for row in again] == [rows[i].task_id for i in (1, 3, 0, 2)]


async def test_an_ended_task_is_never_due(shop: Shop) -> None:
    """Success and failure take a row out of the sweeper's sight, also if it is rescheduled."""
    for make in (kit.succeed, kit.failed):
        row = await shop.accepted()
        await shop.settle(make(row.task_id))
        await shop.store.schedule_poll(row.task_id, NOW)
        assert (await shop.row(row.task_id)).next_poll_at is None
    assert await kit.claim_due(shop.store, now=LATER * 2, lease_until=LATER * 3, limit=10) == []


async def test_rescheduling_sets_the_time_and_can_end_the_lease(shop: Shop) -> None:
    """After a read the row is due later; a hint may bring that forward and never put it off."""
    row = await shop.create()
    await shop.store.end_poll(row, NOW + 50, lease_until=NOW + 5)
    after = await shop.row(row.task_id)
    assert (after.next_poll_at, after.lease_until) == (NOW + 50, NOW + 5)
    await shop.store.schedule_sooner(row.task_id, NOW + 90, now=NOW + 6)
    assert (await shop.row(row.task_id)).next_poll_at == NOW + 50
    await shop.store.schedule_sooner(row.task_id, NOW + 10, now=NOW + 6)
    after = await shop.row(row.task_id)
    assert (after.next_poll_at, after.lease_until) == (NOW + 10, NOW + 5)
    for call in (
        shop.store.schedule_poll("kling_unknown", NOW),
        shop.store.schedule_sooner("kling_unknown", NOW, now=NOW),
    ):
        await call


async def test_a_hint_during_a_reading_is_not_forgotten(shop: Shop) -> None:
    """What that poll shows may be older than the hint, so it does not put off the next one."""
    created = await shop.accepted()
    now = NOW + 40
    (row,) = await kit.claim_due(shop.store, now=now, lease_until=now + 60, limit=1)
    await shop.store.schedule_sooner(row.task_id, now + 5, now=now)
    await shop.store.end_poll(row, now + 600, lease_until=now + 5)
    after = await shop.row(created.task_id)
    assert (after.next_poll_at, after.lease_until) == (now + 5, now + 5)
    (row,) = await kit.claim_due(shop.store, now=now + 5, lease_until=now + 65, limit=1)
    await shop.store.end_poll(row, now + 600, lease_until=now + 10)
    assert (await shop.row(created.task_id)).next_poll_at == now + 600


async def test_a_task_is_read_at_most_once_per_lease(shop: Shop) -> None:
    """Within five seconds, one of many queries polls upstream; none does once the task is over."""
    row = await shop.accepted()
    claimed = [
        await shop.store.claim_read(row.task_id, now=NOW + at, lease_until=NOW + at + 5)
        for at in (0, 0, 4, 5, 9, 10)
    ]
    assert claimed == [True, False, False, True, False, True]
    await shop.settle(kit.succeed(row.task_id))
    assert not await shop.store.claim_read(row.task_id, now=LATER, lease_until=LATER + 5)
    assert not await shop.store.claim_read("kling_unknown", now=LATER, lease_until=LATER + 5)


@pytest.mark.parametrize("limit", [0, -1, 1_001])
async def test_a_limit_out_of_range_is_an_error(shop: Shop, limit: int) -> None:
    """No page and no claim is empty by mistake or large without bound."""
    store = shop.store
    for call in (
        kit.claim_due(store, now=NOW, lease_until=NOW, limit=limit),
        store.list_due_tasks(now=NOW, limit=limit),
        store.list_due_notices(now=NOW, limit=limit),
        store.list_receivers(limit=limit),
        store.list_tasks(1, limit=limit),
        store.list_users(limit=limit),
        store.list_ledger(1, limit=limit),
        store.list_notices(limit=limit),
        store.list_reports(limit=limit),
        store.list_stuck(created_until=NOW, limit=limit),
    ):
        with pytest.raises(ValueError, match="limit must be 1 to 1000"):
            await call


NO_IDS = ["", "with space", "nul\0", "ä", "\ud800", "x" * 201]


@pytest.mark.parametrize("none", NO_IDS)
async def test_an_id_that_no_task_can_have_changes_nothing(shop: Shop, none: str) -> None:
    """No database is asked for it: some would refuse it, some would find another one's row."""
    row, store = await shop.create(), shop.store
    assert not await store.claim_read(none, now=NOW, lease_until=LATER)
    assert not await store.mark_open(none, "processing", now=NOW)
    assert await store.claim_tasks([none], now=LATER, lease_until=LATER) == []
    await store.put_off_tasks([none], LATER, now=NOW)
    await store.close_attempt(none, at=NOW)
    await store.schedule_poll(none, NOW)
    await store.schedule_sooner(none, NOW, now=NOW)
    assert await store.find_report(none, "succeed") is None
    for call in (
        store.accept(none, "831922", now=NOW, next_poll_at=NOW),
        store.bind_attempt(none, Attempt(1, "key-1", NOW)),
        store.expire(none, created_until=NOW, reason="", now=NOW),
        store.report_not_found(none, queried_at=NOW, reason=""),
    ):
        with pytest.raises(UnknownError, match="there is no task"):
            await call
    assert await shop.row(row.task_id) == row


@pytest.mark.parametrize("none", NO_IDS)
async def test_an_id_that_no_notice_can_have_changes_nothing(shop: Shop, none: str) -> None:
    store = shop.store
    ended = WebhookDelivery(none, 0, NoticeState.DELIVERED)
    assert not await store.record_delivery(ended, now=NOW)
    assert not await store.stop_notice(none, now=NOW)
    assert await store.claim_notices([none], now=NOW, lease_until=NOW) == []
    await store.put_off_notices([none], LATER, now=NOW)
    with pytest.raises(UnknownError, match="there is no notice"):
        await store.replay_notice(none, now=NOW)


@pytest.mark.parametrize("none", ["", "pad ", "nul\0", "\ud800", "x" * 201])
async def test_a_name_that_no_row_can_have_finds_nothing(shop: Shop, none: str) -> None:
    store, me = shop.store, shop.user.id
    await shop.create()
    assert await store.find_user(none) is None
    assert await store.authenticate(none) is None
    assert await store.find_by_kling_id(none) == []
    assert await store.list_tasks(me, status=none) == []


@pytest.mark.parametrize("empty", ["", None])
async def test_an_acceptance_has_an_id(shop: Shop, empty: Any) -> None:
    """Without an id the row would look like one that was never accepted."""
    row = await shop.create()
    with pytest.raises(ValueError, match="Kling's id of the task is empty"):
        await shop.store.accept(row.task_id, empty, now=NOW, next_poll_at=NOW)
    assert await shop.row(row.task_id) == row


async def test_words_for_an_open_status_are_made_to_fit(shop: Shop) -> None:
    """A message of blanks only is dropped; blanks at the end are dropped everywhere."""
    row = await shop.create()
    for wrong in ("", "  ", "failed  "):
        with pytest.raises(ValueError, match="neither empty nor terminal"):
            await shop.store.mark_open(row.task_id, wrong, now=NOW)
    assert await shop.store.mark_open(row.task_id, "queued ", now=NOW)
    assert not await shop.store.mark_open(row.task_id, "queued", now=NOW)
    assert (await shop.row(row.task_id)).status == "queued"


async def test_a_task_that_is_due_since_ever_is_the_first(shop: Shop) -> None:
    """The first page begins with the lowest time and number."""
    task = kit.new_task(shop.user.id)
    await shop.store.create_task(task, now=NOW, next_poll_at=0)
    row = await shop.create()
    due = await shop.store.list_due_tasks(now=NOW + 30, limit=9)
    assert [due_task.task_id for due_task in due] == [task.task_id, row.task_id]


# ------------------------------------------------------------ absences


async def test_an_absence_is_believed_the_second_time(shop: Shop) -> None:
    """Two answers, 60 s apart, the first 60 s after the attempt was over, end the task."""
    row = await shop.create()  # its attempt may last until NOW + 120
    notice = kit.notice_of(row.task_id)
    for due, expected in (
        (NOW + 179, Absence.TOO_EARLY),
        (NOW + 180, Absence.NOTED),
        (NOW + 181, Absence.TOO_EARLY),
        (NOW + 239, Absence.TOO_EARLY),
        (NOW + 240, Absence.FAILED),
        (NOW + 300, Absence.IRRELEVANT),
    ):
        absence = await shop.store.report_not_found(
            row.task_id, queried_at=due, reason="never arrived", notice=notice
        )
        assert absence is expected
    after = await shop.row(row.task_id)
    assert (after.status, after.fail_reason, after.held_quota, after.updated_at) == (
        "failed",
        "never arrived",
        0,
        NOW + 240,
    )
    assert (await shop.me()).held_quota == 0
    assert len(await shop.store.list_notices()) == 1
    await shop.assert_explained()


async def test_the_wait_begins_when_the_socket_closes(shop: Shop) -> None:
    """A closed attempt can be judged sooner than its lease would have allowed."""
    row = await shop.create()
    await shop.store.close_attempt(row.task_id, at=NOW + 3)
    for due, expected in ((NOW + 62, Absence.TOO_EARLY), (NOW + 63, Absence.NOTED)):
        absence = await shop.store.report_not_found(row.task_id, queried_at=due, reason="")
        assert absence is expected


async def test_a_task_that_was_never_bound_counts_from_its_creation(shop: Shop) -> None:
    """A sender killed before it had chosen a channel does not leave a task open forever."""
    row = await shop.create(attempt=None)
    absence = await shop.store.report_not_found(row.task_id, queried_at=NOW + 59, reason="")
    assert absence is Absence.TOO_EARLY
    absence = await shop.store.report_not_found(row.task_id, queried_at=NOW + 60, reason="")
    assert absence is Absence.NOTED


async def test_an_accepted_task_is_never_absent(shop: Shop) -> None:
    """An answer that crosses the acceptance means nothing."""
    row = await shop.create()
    await shop.store.report_not_found(row.task_id, queried_at=NOW + 180, reason="")
    await shop.store.accept(row.task_id, "831922", now=NOW + 200, next_poll_at=NOW + 210)
    absence = await shop.store.report_not_found(row.task_id, queried_at=NOW + 900, reason="")
    assert absence is Absence.IRRELEVANT
    assert (await shop.row(row.task_id)).is_open


async def test_a_task_that_kling_never_received_frees_its_external_id(shop: Shop) -> None:
    """The first absence frees nothing; after the second a repeat is a new task."""
    row = await shop.create(external_task_id="order-1")
    repeat = kit.new_task(shop.user.id, token_id=shop.token.id, external_task_id="order-1")
    repeat = attrs.evolve(repeat, request_hash=row.request_hash)
    await shop.store.report_not_found(row.task_id, queried_at=NOW + 180, reason="")
    again = await shop.store.create_task(repeat, now=NOW + 200, next_poll_at=NOW + 230)
    assert (again.is_new, again.row.task_id) == (False, row.task_id)
    await shop.store.report_not_found(row.task_id, queried_at=NOW + 240, reason="")
    again = await shop.store.create_task(repeat, now=NOW + 250, next_poll_at=NOW + 280)
    assert (again.is_new, again.row.task_id) == (True, repeat.task_id)
    task = await shop.store.get_task(shop.user.id, "order-1")
    assert task is not None
    assert task.task_id == repeat.task_id
    assert (await shop.row(row.task_id)).status == "failed"
    await shop.assert_explained()


async def test_a_task_that_turns_up_after_all_is_reported_and_not_charged(shop: Shop) -> None:
    """The success of a task that was given up is kept for the operator."""
    row = await shop.create()
    for due in (NOW + 180, NOW + 240):
        await shop.store.report_not_found(row.task_id, queried_at=due, reason="never arrived")
    done = await shop.settle(kit.succeed(row.task_id, kling_task_id="831922", quota=70))
    assert (done.outcome, done.charged, done.row.status) == (TaskOutcome.CONTRADICTED, 0, "failed")
    (report,) = await shop.store.list_reports()
    assert (report.status, report.kling_task_id, report.quota) == ("succeed", "831922", 70)
    assert (await shop.me()).quota == 1_000
    (books,) = await shop.store.reconcile()
    assert (books.late, books.is_explained) == (1, True)


# ------------------------------------------------------------ deadlines


async def test_only_a_task_past_its_deadline_expires(shop: Shop) -> None:
    """The end and the release of the hold are one step, and happen once."""
    row = await shop.accepted()
    store, notice = shop.store, kit.notice_of(row.task_id)

    async def expire(created_until: int) -> bool:
        return await store.expire(
            row.task_id,
            created_until=created_until,
            reason="no result within 24 h",
            now=LATER,
            notice=notice,
        )

    assert not await expire(NOW - 1)
    assert (await shop.me()).held_quota == PRICE
    assert await expire(NOW)
    assert not await expire(NOW)
    after = await shop.row(row.task_id)
    assert (after.status, after.fail_reason) == ("failed", "no result within 24 h")
    assert (await shop.me()).held_quota == 0
    assert len(await store.list_notices()) == 1
    await shop.assert_explained()


async def test_a_task_that_succeeded_does_not_expire(shop: Shop) -> None:
    """A deadline that passes after the success changes nothing."""
    row = await shop.accepted()
    await shop.settle(kit.succeed(row.task_id))
    assert not await shop.store.expire(row.task_id, created_until=LATER, reason="", now=LATER)
    assert (await shop.row(row.task_id)).status == "succeed"
    assert (await shop.me()).quota == 900


#: 2099, as a mistake or a wrong clock writes it.
ABSURD = 4_070_908_800


async def test_a_time_that_no_relay_writes_counts_as_none(shop: Shop) -> None:
    """A lease until 2099 blocks nothing, and a poll of 2099 is due now; both are reported."""
    row = await shop.accepted()
    store, me = shop.store, shop.user.id

    async def broken() -> set[str]:
        (books,) = await store.reconcile(me, now=LATER)
        return {finding.rule for finding in books.unexplained}

    assert await store.claim_read(row.task_id, now=LATER, lease_until=ABSURD)
    assert await broken() == {"open-times"}
    assert [due.task_id for due in await store.list_due_tasks(now=LATER, limit=9)] == [row.task_id]
    assert await store.claim_tasks([row.task_id], now=LATER, lease_until=LATER + 120)
    assert not await store.claim_read(row.task_id, now=LATER, lease_until=LATER + 5)
    assert await broken() == set()
    assert await store.list_far_tasks(now=LATER, limit=9) == []

    await store.schedule_poll(row.task_id, ABSURD)
    assert await broken() == {"open-times"}
    assert await store.list_far_tasks(now=LATER, limit=9) == [row.task_id]
    assert [books.unexplained for books in await store.reconcile(me)] == [()]


async def test_an_attempt_of_2099_is_over(shop: Shop) -> None:
    """Otherwise a task that Kling never received would hold its price forever. A first absence of
    2099 does not count either.
    """
    row = await shop.create(attempt=Attempt(shop.channel.id, "key-1", ABSURD))
    store, me = shop.store, shop.user.id
    (books,) = await store.reconcile(me, now=LATER)
    assert [finding.rule for finding in books.unexplained] == ["open-times"]

    async def absent(at: int) -> Absence:
        return await store.report_not_found(row.task_id, queried_at=at, reason="never received")

    first = row.created_at + 60
    assert await absent(ABSURD + 60) is Absence.NOTED  # by the wrong clock
    assert await absent(first) is Absence.NOTED
    assert await absent(first + 59) is Absence.TOO_EARLY
    assert await absent(first + 60) is Absence.FAILED
    assert (await shop.me()).held_quota == 0
    await shop.assert_explained()


async def test_a_notice_of_2099_is_sent_now(shop: Shop) -> None:
    """A next attempt in 2099 is treated like such a lease; each is reported until then."""
    row = await shop.accepted()
    notice = kit.notice_of(row.task_id)
    store, me, event = shop.store, shop.user.id, notice.event_id
    await store.settle(kit.succeed(row.task_id), now=LATER, notice=notice)

    async def broken() -> set[str]:
        (books,) = await store.reconcile(me, now=LATER)
        return {finding.rule for finding in books.unexplained}

    await store.put_off_notices([event], ABSURD, now=LATER)
    assert await broken() == {"notice-times"}
    assert await store.list_due_notices(now=LATER, limit=9) == []
    assert await store.has_far_notices(now=LATER)
    await store.hasten_notices(now=LATER)
    assert not await store.has_far_notices(now=LATER)
    (claimed,) = await store.claim_notices([event], now=LATER, lease_until=ABSURD)
    assert await broken() == {"notice-times"}
    (due,) = await store.list_due_notices(now=LATER, limit=9)
    assert due.event_id == claimed.event_id
