"""Transactions whose rows another process changes between two of their statements.

It is run again, and its second run sees what the other has done.
"""

from __future__ import annotations

from functools import partial

import pytest

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.errors import ExistsError, InsufficientQuotaError, UnknownError
from kling_mock.relay.storage.steps import Transaction
from kling_mock.relay.storage.transactions import (
    accounts,
    channels,
    create,
    lifecycle,
    receivers,
    repair,
    settlement,
)
from kling_mock.relay.storage.transactions.services import label_tasks
from kling_mock.relay.storage.values import (
    UNCONFIRMED,
    Absence,
    Acceptance,
    Attempt,
    LedgerKind,
    NewToken,
    NewUser,
    TaskOutcome,
)
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.conftest import STORES
from tests.mock.relay.storage.interleaving import race
from tests.mock.relay.storage.samples import LATER, NOW, PRICE, Shop

pytestmark = pytest.mark.parametrize(
    "closed_store", [name for name in STORES if name != "memory"], indirect=True
)


# ------------------------------------------------------------ users, tokens, channels


async def test_a_user_that_another_process_has_made_is_returned(shop: Shop) -> None:
    """The same call twice at once makes one user with one opening balance."""
    make = partial(accounts.create_user, NewUser("bob", 500), now=NOW)
    user = await race(shop, make, make, at=sql.INSERT_USER)
    assert user == await shop.store.find_user("bob")
    assert [entry.amount for entry in await shop.store.list_ledger(user.id)] == [500]


async def test_a_token_that_another_process_has_made_is_returned(shop: Shop) -> None:
    token = NewToken(shop.user.id, kit.digest("new"))
    make = partial(accounts.create_token, token, now=NOW)
    created = await race(shop, make, make, at=sql.INSERT_TOKEN)
    assert await shop.store.list_tokens(shop.user.id) == [shop.token, created]


async def test_a_channel_that_another_process_has_made_is_returned(shop: Shop) -> None:
    make = partial(channels.create_channel, kit.channel_named("new"), now=NOW)
    channel = await race(shop, make, make, at=sql.INSERT_CHANNEL)
    assert await shop.store.list_channels() == [shop.channel, channel]


async def test_a_channel_that_is_deleted_meanwhile_is_unknown(shop: Shop) -> None:
    """Its new settings are lost, and the caller hears of it."""
    number = shop.channel.id
    with pytest.raises(UnknownError, match="channel"):
        await race(
            shop,
            partial(channels.replace_channel, number, kit.channel_named("new")),
            partial(channels.delete_channel, number),
            at=sql.CHANNEL_BY_ID,
            nth=2,
        )


# ------------------------------------------------------------ money


async def test_a_credit_that_another_process_has_booked_is_returned(shop: Shop) -> None:
    """It moves the balance once."""
    book = partial(accounts.credit, shop.user.id, 70, reference="order", now=NOW)
    entry = await race(shop, book, book, at=sql.INSERT_LEDGER)
    assert (entry.amount, (await shop.me()).quota) == (70, 1_070)


async def test_a_debit_is_tried_again_with_a_balance_that_has_grown(shop: Shop) -> None:
    """It did not suffice for the statement, and does when it is read."""
    me = shop.user.id
    await race(
        shop,
        partial(accounts.credit, me, -1_200, reference="debit", now=NOW),
        partial(accounts.credit, me, 500, reference="credit", now=NOW),
        at=sql.USER_BY_ID,
    )
    assert (await shop.me()).quota == 300
    await shop.assert_explained()


async def test_a_hold_is_tried_again_with_a_balance_that_has_grown(shop: Shop) -> None:
    """A task is never created without its hold."""
    task = kit.new_task(shop.user.id, price=1_200)
    await race(
        shop,
        create.creating(task, NOW, NOW),
        partial(accounts.credit, shop.user.id, 500, reference="credit", now=NOW),
        at=sql.USER_BY_ID,
    )
    user = await shop.me()
    assert (user.quota, user.held_quota) == (1_500, 1_200)
    await shop.assert_explained()


async def test_a_hold_is_tried_again_with_a_token_that_has_got_more(shop: Shop) -> None:
    small = NewToken(shop.user.id, kit.digest("small"), remain_quota=PRICE - 1)
    token = await shop.store.create_token(small, now=NOW)
    task = kit.new_task(shop.user.id, token_id=token.id)
    await race(
        shop,
        create.creating(task, NOW, NOW),
        partial(accounts.set_token_quota, token.id, PRICE),
        at=sql.TOKEN_BY_ID,
    )
    _, token = await shop.store.list_tokens(shop.user.id)
    assert (token.remain_quota, token.held_quota) == (PRICE, PRICE)
    await shop.assert_explained()


async def test_a_create_that_the_balance_does_not_cover_is_refused_after_a_look(
    shop: Shop,
) -> None:
    """The first run does not look for the same create of another process, which may have held."""
    task = kit.new_task(shop.user.id, price=600, external_task_id="order-1")
    make = create.creating(task, NOW, NOW)
    created = await race(
        shop, make, partial(create.create_task, task, NOW, NOW, look=False), at=sql.HOLD_USER
    )
    assert (created.is_new, created.row.task_id) == (False, task.task_id)
    with pytest.raises(InsufficientQuotaError):
        await shop.create(price=600)


async def test_a_result_that_another_process_has_settled_charges_nothing_more(shop: Shop) -> None:
    row = await shop.accepted()
    settle = partial(settlement.settle, kit.succeed(row.task_id), now=LATER)
    done = await race(shop, settle, settle, at=sql.END)
    assert (done.outcome, done.charged) == (TaskOutcome.ALREADY, 0)
    assert (await shop.me()).quota == 1_000 - PRICE
    await shop.assert_explained()


async def test_a_hold_that_another_process_has_completed_is_not_added_twice(shop: Shop) -> None:
    """The entry of an older process's hold is missing, and a repair adds it first."""
    row = await shop.accepted()
    await kit.change(shop.store, "DELETE FROM ledger WHERE kind = 'hold'")

    def other() -> Transaction[None]:
        yield (
            sql.INSERT_LEDGER,
            ("hold", row.task_id, shop.user.id, shop.token.id, 0, PRICE, 0, "", LATER),
        )

    await race(
        shop,
        partial(settlement.settle, kit.failed(row.task_id), now=LATER),
        other,
        at=sql.INSERT_LEDGER,
    )
    kinds = [entry.kind for entry in await shop.store.list_ledger(shop.user.id)]
    assert kinds == [LedgerKind.RELEASE, LedgerKind.HOLD, LedgerKind.OPENING]
    await shop.assert_explained()


async def test_a_repair_leaves_what_the_end_of_a_task_has_completed(shop: Shop) -> None:
    row = await shop.accepted()
    await kit.change(shop.store, "DELETE FROM ledger WHERE kind = 'hold'")
    repairs = await race(
        shop,
        partial(repair.add_missing_holds, now=LATER),
        partial(settlement.settle, kit.failed(row.task_id), now=LATER),
        at=sql.INSERT_LEDGER,
    )
    assert repairs == []
    await shop.assert_explained()


# ------------------------------------------------------------ tasks before their end


async def test_a_task_that_is_accepted_meanwhile_is_not_sent_elsewhere(shop: Shop) -> None:
    """It is not bound to another channel."""
    row = await shop.create(attempt=Attempt(shop.channel.id, "key-1", NOW + 120, "kling"))
    bound = await race(
        shop,
        partial(lifecycle.bind_attempt, row.task_id, Attempt(7, "key-7", NOW + 300)),
        partial(lifecycle.accept, row.task_id, "831922", now=NOW, next_poll_at=NOW),
        at=sql.BIND_ATTEMPT,
    )
    after = await shop.row(row.task_id)
    assert (bound, after.channel_id, after.kling_task_id) == (False, shop.channel.id, "831922")


async def test_an_id_that_the_task_has_got_meanwhile_is_no_clash(shop: Shop) -> None:
    """A callback and the create's reply bring the same one."""
    row = await shop.create()
    result = kit.succeed(row.task_id, kling_task_id="831922")
    done = await race(
        shop,
        partial(settlement.settle, result, now=LATER),
        partial(lifecycle.accept, row.task_id, "831922", now=NOW, next_poll_at=NOW),
        at=sql.VIDEOS_BY_KLING_ID,
    )
    assert (done.outcome, done.row.kling_task_id) == (TaskOutcome.SETTLED, "831922")


async def test_an_acceptance_of_a_task_that_has_failed_meanwhile_is_late(shop: Shop) -> None:
    row = await shop.create()
    accepted = await race(
        shop,
        partial(lifecycle.accept, row.task_id, "831922", now=NOW, next_poll_at=NOW),
        partial(settlement.settle, kit.failed(row.task_id), now=NOW),
        at=sql.RECORD_SERVICE,
    )
    assert accepted is Acceptance.LATE
    assert (await shop.row(row.task_id)).kling_task_id == "831922"


async def test_an_end_returns_the_service_that_was_recorded_meanwhile(shop: Shop) -> None:
    """The channel has another label by then; the row that is returned is the row that is stored."""
    row = await shop.create()
    attempt = Attempt(shop.channel.id, "key-1", NOW + 120, "kling")
    done = await race(
        shop,
        partial(settlement.settle, kit.succeed(row.task_id, kling_task_id="831922"), now=LATER),
        partial(lifecycle.bind_attempt, row.task_id, attempt),
        at=sql.RECORD_SERVICE,
    )
    assert done.row.service == "kling"
    assert done.row == await shop.row(row.task_id)


@pytest.mark.parametrize("absences", [0, 1])
async def test_a_task_that_is_accepted_meanwhile_is_not_absent(shop: Shop, absences: int) -> None:
    """Neither the first nor the second "not found" response counts then."""
    row = await shop.create(attempt=Attempt(shop.channel.id, "key-1", NOW, "kling"))
    for _ in range(absences):
        await shop.store.report_not_found(row.task_id, queried_at=NOW + 60, reason="")
    absence = await race(
        shop,
        partial(settlement.report_not_found, row.task_id, queried_at=NOW + 120, reason="lost"),
        partial(lifecycle.accept, row.task_id, "831922", now=NOW, next_poll_at=NOW),
        at=sql.END_ABSENT if absences else sql.NOTE_ABSENCE,
    )
    assert absence is Absence.IRRELEVANT
    assert (await shop.row(row.task_id)).status == "submitted"
    assert (await shop.me()).held_quota == PRICE


async def test_a_task_with_a_label_that_ends_meanwhile_keeps_it_if_it_was_charged(
    shop: Shop,
) -> None:
    """If two tasks have one upstream id, the one that was charged has the service."""
    first = await shop.accepted("831922")
    twin = await shop.store.create_channel(kit.channel_named("twin"), now=NOW)
    second = await shop.accepted("831923", attempt=Attempt(twin.id, "key-2", NOW + 120))
    await shop.settle(kit.succeed(second.task_id))
    older = "service = NULL, kling_task_id = '831922'"
    await kit.change(shop.store, f"UPDATE videos SET {older} WHERE id = {second.id}")
    changed, clashes = await race(
        shop,
        partial(label_tasks, first.id, second.id),
        partial(settlement.settle, kit.succeed(first.task_id), now=LATER),
        at=sql.CLEAR_SERVICE,
    )
    assert (changed, [[task.id for task in clash.tasks] for clash in clashes]) == (
        0,
        [[first.id, second.id]],
    )
    assert (await shop.row(first.task_id)).service == "127.0.0.1:1"
    assert (await shop.row(second.task_id)).service is None


async def test_a_report_that_another_process_has_kept_is_counted(shop: Shop) -> None:
    row = await shop.accepted()
    keep = partial(settlement.keep_report, kit.succeed(row.task_id), status=UNCONFIRMED, now=NOW)
    await race(shop, keep, keep, at=sql.INSERT_REPORT)
    (report,) = await shop.store.list_reports()
    assert report.seen == 2


# ------------------------------------------------------------ receivers and secrets


@pytest.mark.parametrize("failures", [0, 1])
async def test_failures_of_two_senders_are_both_counted(shop: Shop, failures: int) -> None:
    """The first ones of a receiver, and later ones."""
    fail = partial(receivers.record_failure, 7, "dead.example", now=NOW, off_from=0, min_failures=9)
    for _ in range(failures):
        await shop.store.record_failure(7, "dead.example", now=NOW, off_from=0, min_failures=9)
    statement = sql.COUNT_FAILURE if failures else sql.INSERT_RECEIVER
    receiver = await race(shop, fail, fail, at=statement)
    assert receiver.failures == failures + 2


async def test_a_failure_after_a_success_is_the_first(shop: Shop) -> None:
    """The success of another sender forgets the receiver while the failure is recorded."""
    await shop.store.record_failure(7, "dead.example", now=NOW, off_from=0, min_failures=9)
    receiver = await race(
        shop,
        partial(receivers.record_failure, 7, "dead.example", now=LATER, off_from=0, min_failures=9),
        partial(receivers.record_success, 7, "dead.example"),
        at=sql.RECEIVER,
        nth=2,
    )
    assert (receiver.failures, receiver.failing_since) == (1, LATER)


@pytest.mark.parametrize("generation", [1, 2])
async def test_a_secret_is_rotated_by_one_of_two_operators(shop: Shop, generation: int) -> None:
    """The other one learns that such a generation exists already."""
    me = shop.user.id
    if generation == 2:
        await shop.store.rotate_webhook_secret(me, generation=1, overlap_until=NOW)
    rotate = partial(receivers.rotate_webhook_secret, me, generation=generation)
    statement = sql.ROTATE_WEBHOOK_SECRET if generation == 2 else sql.INSERT_WEBHOOK_SECRET
    with pytest.raises(ExistsError, match=f"generation {generation}"):
        await race(
            shop,
            partial(rotate, overlap_until=LATER),
            partial(rotate, overlap_until=LATER + 1),
            at=statement,
        )
    assert await shop.store.find_webhook_secret(me) is None or generation == 2
