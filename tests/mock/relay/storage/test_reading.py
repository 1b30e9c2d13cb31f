"""Reading: a task by either id, pages, outgoing callbacks, sums."""

from __future__ import annotations

import attrs
import pytest

from kling_mock.relay.storage.errors import UnknownError
from kling_mock.relay.storage.transactions import lifecycle
from kling_mock.relay.storage.values import (
    REPEATS,
    Backlog,
    DailyTotals,
    NewUser,
    NoticeState,
    StoreSummary,
    WebhookDelivery,
)
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import LATER, NOW, PRICE, Shop

DAY = 86_400


async def test_a_task_is_found_by_either_id_and_only_by_its_owner(shop: Shop) -> None:
    """The same row answers to both ids; another user gets nothing by either."""
    other = await Shop.fill(shop.store, name="bob")
    row = await shop.create(external_task_id="order-1")
    for any_id in (row.task_id, "order-1"):
        assert await shop.store.get_task(shop.user.id, any_id) == row
        assert await shop.store.get_task(other.user.id, any_id) is None
    assert await shop.store.find_task("order-1") is None


async def test_an_external_id_that_is_somebodys_task_id_finds_the_own_task(shop: Shop) -> None:
    """A user may take another's task id as external id, and never sees the other task."""
    other = await Shop.fill(shop.store, name="bob")
    theirs = await other.create()
    mine = await shop.create(external_task_id=theirs.task_id)
    assert await shop.store.get_task(shop.user.id, theirs.task_id) == mine
    assert await shop.store.get_task(other.user.id, theirs.task_id) == theirs


async def test_a_tasks_own_id_is_found_before_an_external_one(shop: Shop) -> None:
    """If one task's id is another's external id, the id of the relay counts."""
    first = await shop.create()
    await shop.create(external_task_id=first.task_id)
    assert await shop.store.get_task(shop.user.id, first.task_id) == first


@pytest.mark.parametrize(
    "unknown_id",
    [
        "",
        " ",
        "kling",
        "order-1 ",
        "ORDER-1",
        "order-1\0",
        "ö",
        "\ud800",
        "%",
        "_" * 7,
        "x" * 5_000,
    ],
)
async def test_an_id_that_was_never_given_finds_nothing(shop: Shop, unknown_id: str) -> None:
    """Padding, case, wildcards and nonsense match no task, in any database."""
    await shop.create(external_task_id="order-1")
    assert await shop.store.get_task(shop.user.id, unknown_id) is None
    assert await shop.store.find_task(unknown_id) is None
    assert await shop.store.find_by_kling_id(unknown_id) == []
    assert await shop.store.find_charge(unknown_id) is None


async def test_ids_that_share_their_first_forty_characters_are_different(shop: Shop) -> None:
    """Unlike with the guide's prefix index, long ids and ids of another case do not collide."""
    ids = ["k" * 40 + "-1", "k" * 40 + "-2", "K" * 40 + "-1"]
    rows = [await shop.create(task_id=task_id) for task_id in ids]
    assert [(await shop.row(task_id)).id for task_id in ids] == [row.id for row in rows]


async def test_tasks_are_listed_newest_first_in_pages(shop: Shop) -> None:
    """Pages follow each other without gap or repeat while new tasks come in."""
    other = await Shop.fill(shop.store, name="bob")
    rows = []
    for _ in range(5):
        rows.append(await shop.create(prompt=""))
        await other.create()
    rows.reverse()
    first = await shop.store.list_tasks(shop.user.id, limit=2)
    await shop.create()
    second = await shop.store.list_tasks(shop.user.id, before=first[-1].id, limit=2)
    third = await shop.store.list_tasks(shop.user.id, before=second[-1].id, limit=2)
    assert [*first, *second, *third] == rows
    assert await shop.store.list_tasks(shop.user.id, before=third[-1].id) == []


async def test_a_list_reads_the_long_texts_that_are_shown_and_no_other(shop: Shop) -> None:
    """It has the reports of the named endpoints, but no prompt, and no report of an open row."""
    long = "x" * 60_000
    video, pictures, opened = [
        await shop.accepted(type=kind, prompt=long)
        for kind in ("text2video", "image-generation", "image-generation")
    ]
    for row in (video, pictures):
        await shop.settle(kit.succeed(row.task_id, json_data=long))
    names = (opened.task_id, pictures.task_id, video.task_id)
    for status in (None, "succeed"):
        page = await shop.store.list_tasks(
            shop.user.id, status=status, reports_of={"image-generation"}
        )
        expected = [*zip(names, ("", "", ""), ("", long, ""), strict=True)]
        assert [(row.task_id, row.prompt, row.json_data) for row in page] == (
            expected if status is None else expected[1:]
        )
    assert (await shop.row(pictures.task_id)).prompt == long


async def test_tasks_are_listed_by_status(shop: Shop) -> None:
    """A page can show one status only, known or not."""
    rows = [await shop.accepted() for _ in range(3)]
    await shop.settle(kit.succeed(rows[0].task_id))
    await shop.store.mark_open(rows[1].task_id, "queued", now=NOW)
    for status, expected in (("succeed", 0), ("queued", 1), ("submitted", 2)):
        (task,) = await shop.store.list_tasks(shop.user.id, status=status)
        assert task.task_id == rows[expected].task_id
    assert await shop.store.list_tasks(shop.user.id, status="failed") == []
    assert await shop.store.list_tasks(shop.user.id, status="SUCCEED") == []
    page = await shop.store.list_tasks(shop.user.id, status="succeed", before=rows[0].id)
    assert page == []


async def test_tasks_of_one_endpoint_are_listed_by_the_page(shop: Shop) -> None:
    """Also those of an old program's user, once they are bound to one of ours."""
    other = await Shop.fill(shop.store, name="bob")
    rows = [await shop.create(type="image2video") for _ in range(5)][::-1]
    await shop.create()
    await other.create(type="image2video")

    async def page(offset: int, limit: int) -> list[int]:
        listed = await shop.store.list_of_type(
            shop.user.id, "image2video", offset=offset, limit=limit
        )
        return [row.id for row in listed]

    ids = [row.id for row in rows]
    assert [await page(0, 2), await page(2, 2), await page(4, 2)] == [ids[:2], ids[2:4], ids[4:]]
    assert await page(6, 2) == []
    for row, legacy in zip(rows[1:4], (1, 2, 1), strict=True):
        old = f"UPDATE videos SET user_id = 7, legacy = {legacy} WHERE id = {row.id}"
        await kit.change(shop.store, old)
    assert await page(0, 9) == [ids[0], ids[4]]
    await shop.store.bind_user(shop.user.id, 7)
    assert [await page(0, 2), await page(2, 2), await page(4, 2)] == [ids[:2], ids[2:4], ids[4:]]


async def test_a_page_has_the_reports_that_it_can_hold(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest ones; the others have their first result only, which is in the row."""
    monkeypatch.setattr(lifecycle, "MAX_REPORTS", 100)
    for _ in range(3):
        row = await shop.accepted(type="image-generation")
        await shop.settle(kit.succeed(row.task_id, json_data="x" * 60))
    kinds = {"image-generation"}
    pages = (
        await shop.store.list_of_type(
            shop.user.id, "image-generation", offset=0, limit=9, reports_of=kinds
        ),
        await shop.store.list_tasks(shop.user.id, reports_of=kinds),
    )
    assert [[len(row.json_data) for row in page] for page in pages] == [[60, 60, 0]] * 2


# ------------------------------------------------------------ outgoing callbacks


async def notices(shop: Shop, number: int) -> list[str]:
    events: list[str] = []
    for step in range(number):
        row = await shop.create(price=1)
        notice = kit.notice_of(row.task_id)
        await shop.settle(kit.failed(row.task_id), notice=notice, now=NOW + step)
        events.append(notice.event_id)
    return events


async def test_notices_are_claimed_by_one_sender_at_a_time(shop: Shop) -> None:
    """Due ones come oldest first; a sender that was killed leaves them to the others."""
    events = await notices(shop, 3)
    first = await kit.claim_notices(shop.store, now=NOW + 1, lease_until=NOW + 31, limit=9)
    assert [notice.event_id for notice in first] == events[:2]
    assert first[0].lease_until == NOW + 31
    assert (await shop.store.list_notices(limit=1, before=first[1].id)) == [first[0]]
    second = await kit.claim_notices(shop.store, now=NOW + 9, lease_until=NOW + 39, limit=9)
    assert [notice.event_id for notice in second] == events[2:]
    again = await kit.claim_notices(shop.store, now=NOW + 31, lease_until=NOW + 61, limit=1)
    assert [notice.event_id for notice in again] == events[:1]


@pytest.mark.parametrize("state", [NoticeState.DELIVERED, NoticeState.DEAD, NoticeState.GONE])
async def test_a_notice_is_retried_until_its_end_and_can_be_replayed(
    shop: Shop, state: NoticeState
) -> None:
    """Attempts are counted, the end is kept, and a replay starts from the beginning."""
    (event,) = await notices(shop, 1)
    store = shop.store
    (claimed,) = await kit.claim_notices(store, now=NOW, lease_until=NOW + 30, limit=1)
    retry = WebhookDelivery(event, claimed.attempts, NoticeState.PENDING, NOW + 60, 503, "HTTP 503")
    assert await store.record_delivery(retry, now=NOW + 2)
    assert await kit.claim_notices(store, now=NOW + 59, lease_until=NOW + 89, limit=1) == []
    (claimed,) = await kit.claim_notices(store, now=NOW + 60, lease_until=NOW + 90, limit=1)
    assert (claimed.attempts, claimed.http_status, claimed.error) == (1, 503, "HTTP 503")
    assert await store.record_delivery(
        WebhookDelivery(event, 1, state, http_status=200), now=NOW + 61
    )
    assert not await store.record_delivery(WebhookDelivery(event, 2, state), now=NOW + 62)
    assert await kit.claim_notices(store, now=LATER, lease_until=LATER + 1, limit=1) == []
    (ended,) = await store.list_notices(state=state, user_id=shop.user.id)
    assert (ended.state, ended.attempts, ended.updated_at) == (state, 2, NOW + 61)
    assert await store.list_notices(state=NoticeState.PENDING) == []
    assert await store.list_notices(user_id=shop.user.id + 1) == []

    replayed = await store.replay_notice(event, now=LATER)
    assert (replayed.state, replayed.attempts, replayed.next_at) == (NoticeState.PENDING, 0, LATER)
    (claimed,) = await kit.claim_notices(store, now=LATER, lease_until=LATER + 30, limit=1)
    assert claimed == attrs.evolve(replayed, lease_until=LATER + 30)
    with pytest.raises(UnknownError, match="notice"):
        await store.replay_notice("msg_unknown", now=LATER)


async def test_a_sender_that_lost_its_lease_records_nothing(shop: Shop) -> None:
    """The first record of an attempt with two senders counts, so attempts are not counted twice."""
    (event,) = await notices(shop, 1)
    (slow,) = await kit.claim_notices(shop.store, now=NOW, lease_until=NOW + 30, limit=1)
    (fast,) = await kit.claim_notices(shop.store, now=NOW + 30, lease_until=NOW + 60, limit=1)
    retry = WebhookDelivery(event, fast.attempts, NoticeState.PENDING, NOW + 90)
    assert await shop.store.record_delivery(retry, now=NOW + 31)
    late = WebhookDelivery(event, slow.attempts, NoticeState.DEAD)
    assert not await shop.store.record_delivery(late, now=NOW + 32)
    assert not await shop.store.record_delivery(
        WebhookDelivery("msg_unknown", 0, NoticeState.DEAD), now=NOW
    )
    (notice,) = await shop.store.list_notices()
    assert (notice.state, notice.attempts) == (NoticeState.PENDING, 1)


# ------------------------------------------------------------ operations


async def test_reconcile_explains_every_user(shop: Shop) -> None:
    """Opening, credits, charges and holds of each user add up to its row."""
    other = await Shop.fill(shop.store, name="bob", quota=300)
    await shop.store.credit(shop.user.id, 50, reference="top-up", now=NOW)
    await shop.create()
    await shop.settle(kit.succeed((await shop.create()).task_id, quota=130))
    first, second = await shop.store.reconcile()
    assert (first.opening, first.credits, first.charged) == (1_000, 50, 100)
    assert (first.quota, first.held, first.open_holds) == (950, 100, 100)
    assert (first.used, first.uncollected, first.late) == (100, 30, 0)
    assert (first.difference, first.held_difference, first.is_explained) == (0, 0, True)
    assert (second.user_id, second.username, second.quota) == (other.user.id, "bob", 300)
    assert await shop.store.reconcile(other.user.id) == [second]


async def test_late_successes_are_counted_per_user(shop: Shop) -> None:
    """Late successes, which the user does not pay for, are counted for each user."""
    other = await Shop.fill(shop.store, name="bob")
    for each, times in ((shop, 3), (other, 2)):
        for _ in range(times):
            row = await each.create(price=1)
            await each.settle(kit.failed(row.task_id))
            await each.settle(kit.succeed(row.task_id))
    first, second = await shop.store.reconcile()
    assert (first.late, second.late) == (3, 2)
    assert (first.open_holds, second.open_holds) == (0, 0)


async def test_totals_are_per_day_newest_first(shop: Shop) -> None:
    """What the guide's monitoring query shows: tasks, successes, failures, and charges."""
    midnight = NOW - NOW % DAY
    for at, end in (
        (midnight - 1, kit.failed),
        (midnight, kit.succeed),
        (midnight + DAY - 1, kit.succeed),
        (midnight + DAY - 1, None),
        (midnight + DAY, kit.failed),
    ):
        task = kit.new_task(shop.user.id)
        await shop.store.create_task(task, now=at, next_poll_at=at)
        if end is not None:
            await shop.settle(end(task.task_id))
    assert await shop.store.stats(since=midnight) == [
        DailyTotals(midnight + DAY, total=1, succeeded=0, failed=1, charged=0),
        DailyTotals(midnight, total=3, succeeded=2, failed=0, charged=2 * PRICE),
    ]
    assert len(await shop.store.stats(since=0)) == 3
    assert await shop.store.stats(since=LATER * 2) == []


async def test_stuck_tasks_are_listed_lowest_id_first(shop: Shop) -> None:
    """Open rows past an age, and only these, in pages."""
    rows = [await shop.create() for _ in range(3)]
    await shop.settle(kit.failed(rows[1].task_id))
    old = kit.new_task(shop.user.id)
    await shop.store.create_task(old, now=NOW - 100, next_poll_at=NOW)
    stuck = await shop.store.list_stuck(created_until=NOW)
    assert [row.task_id for row in stuck] == [rows[0].task_id, rows[2].task_id, old.task_id]
    (oldest,) = await shop.store.list_stuck(created_until=NOW - 1)
    assert oldest.task_id == old.task_id
    page = await shop.store.list_stuck(created_until=NOW, after=rows[0].id, limit=1)
    assert [row.task_id for row in page] == [rows[2].task_id]


async def test_the_overview_counts_what_is_pending(shop: Shop) -> None:
    """Open and overdue tasks, undelivered and dead notices, reports."""
    events = await notices(shop, 3)
    await shop.create()
    row = await shop.create()
    await shop.store.schedule_poll(row.task_id, LATER)
    ended = await shop.create()
    await shop.settle(kit.failed(ended.task_id))
    await shop.settle(kit.succeed(ended.task_id))
    for event, state in zip(events, (NoticeState.DEAD, NoticeState.GONE), strict=False):
        await shop.store.record_delivery(WebhookDelivery(event, 0, state), now=NOW)
    assert await shop.store.summary(now=NOW + 30) == StoreSummary(
        open_tasks=2, overdue_tasks=1, pending_notices=1, dead_notices=2, reports=1
    )


async def test_the_backlog_counts_open_tasks_by_state(shop: Shop) -> None:
    """Unknown, submitted, processing; how many are late and stuck, and by how much the worst."""
    assert await shop.store.backlog(now=LATER, stuck_until=LATER) == Backlog()
    rows = [await shop.create() for _ in range(4)]
    for row in rows[1:]:
        await shop.store.accept(row.task_id, f"k{row.id}", now=NOW, next_poll_at=NOW + 40)
    for row, word in zip(rows[2:], ("processing", "dreaming"), strict=True):
        await shop.store.mark_open(row.task_id, word, now=NOW)
    old = kit.new_task(shop.user.id)
    await shop.store.create_task(old, now=NOW - 100, next_poll_at=NOW + 50)
    ended = await shop.create()
    await shop.settle(kit.failed(ended.task_id))
    assert await shop.store.backlog(now=NOW + 41, stuck_until=NOW - 1) == Backlog(
        unknown=2, submitted=2, processing=1, overdue=4, stuck=1, lag=11
    )
    soon = await shop.store.backlog(now=NOW, stuck_until=NOW)
    assert (soon.overdue, soon.stuck, soon.lag) == (0, 5, 0)


@pytest.mark.parametrize("closed_store", ["memory"], indirect=True)
async def test_a_page_has_a_hundred_rows_if_nothing_else_is_said(shop: Shop) -> None:
    """A list of a user's tasks has twenty; each list begins with the first row."""
    store = shop.store
    events = await notices(shop, 101)
    for event in events:
        await shop.settle(kit.succeed(event.removeprefix("msg_end_")))
        await store.record_failure(7, f"{event}.example", now=NOW, off_from=0, min_failures=9)
        await shop.create(price=1)
        await store.create_user(NewUser(event), now=NOW)
    assert len(await store.list_tasks(shop.user.id)) == 20
    assert len(await store.list_notices()) == 100
    assert len(await store.list_reports()) == 100
    assert len(await store.list_ledger(shop.user.id)) == 100
    receivers = await store.list_receivers()
    assert (len(receivers), receivers[0].host) == (100, f"{events[0]}.example")
    users = await store.list_users()
    assert (len(users), users[0].username) == (100, "ann")
    stuck = await store.list_stuck(created_until=NOW)
    assert len(stuck) == 100


async def test_a_store_that_had_no_trouble_says_so(shop: Shop) -> None:
    """Nothing was repeated and nothing was slow."""
    strain = shop.store.statistics()
    assert strain.repeats == dict.fromkeys(REPEATS, 0)
    assert strain.slow == ()


async def test_only_a_write_counts_as_one(shop: Shop) -> None:
    """`/health` asks when a change was last made: reads do not count."""
    before = shop.store.last_write
    await shop.store.find_task("no-task")
    assert shop.store.last_write == before
    await shop.store.credit(shop.user.id, 1, reference="order-1", now=NOW)
    assert shop.store.last_write > before
