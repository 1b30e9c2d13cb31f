"""The rows that a transaction touches, and their order.

Rows are touched in the order videos, ledger, users, tokens, channels; a create touches users and
tokens first. Two transactions that keep to it never wait for each other.
"""

from __future__ import annotations

from typing import Any

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.steps import Statement, Transaction
from kling_mock.relay.storage.transactions import accounts, create, lifecycle, repair, settlement
from kling_mock.relay.storage.values import Attempt
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.interleaving import statements_of
from tests.mock.relay.storage.samples import LATER, NOW, Shop

#: What a task may have nothing of.
NOTHING: dict[str, Any] = {"price": 0, "token_id": None, "attempt": None}


async def written(shop: Shop, transaction: Transaction[Any]) -> list[Statement]:
    return [
        statement for statement in await statements_of(shop, transaction) if not statement.reads
    ]


async def test_a_new_create_reads_nothing(shop: Shop) -> None:
    """Nearly every create is new: looking for an earlier one is left to a second run."""
    task = kit.new_task(shop.user.id, token_id=shop.token.id, external_task_id="order-1")
    assert await statements_of(shop, create.creating(task, NOW, NOW)()) == [
        sql.HOLD_USER,
        sql.HOLD_TOKEN,
        sql.INSERT_VIDEO,
        sql.INSERT_LEDGER,
    ]
    assert (await shop.me()).held_quota == task.price


async def test_a_create_without_a_price_holds_nothing(shop: Shop) -> None:
    """Its hold of 0 is written, so that each task has one."""
    task = kit.new_task(shop.user.id, token_id=shop.token.id, price=0)
    assert await written(shop, create.creating(task, NOW, NOW)()) == [
        sql.INSERT_VIDEO,
        sql.INSERT_LEDGER,
    ]


async def test_a_create_under_the_plain_check_writes_no_hold(shop: Shop) -> None:
    task = kit.new_task(shop.user.id, token_id=shop.token.id, overdraft=True)
    assert await written(shop, create.creating(task, NOW, NOW)()) == [sql.INSERT_VIDEO]


async def test_a_success_is_booked_in_the_order_of_locks(shop: Shop) -> None:
    """It changes no row that the tasks of other users need, such as a channel's."""
    row = await shop.accepted(attempt=Attempt(shop.channel.id, "key-1", NOW, "kling"))
    settle = settlement.settle(kit.succeed(row.task_id), now=LATER)
    assert await written(shop, settle) == [
        sql.END,
        sql.INSERT_TWO_ENTRIES,
        sql.CHARGE_USER,
        sql.CHARGE_TOKEN,
    ]


async def test_a_failure_is_booked_in_the_order_of_locks(shop: Shop) -> None:
    """No channel has to do with it."""
    row = await shop.accepted()
    settle = settlement.settle(kit.failed(row.task_id), now=LATER)
    assert await written(shop, settle) == [
        sql.END,
        sql.INSERT_LEDGER,
        sql.RELEASE_USER,
        sql.RELEASE_TOKEN,
    ]


async def test_a_task_without_price_token_and_channel_touches_its_user_alone(shop: Shop) -> None:
    """A success counts as a request of the user; a failure as nothing."""
    row = await shop.create(**NOTHING)
    settle = settlement.settle(kit.succeed(row.task_id), now=LATER)
    assert await written(shop, settle) == [sql.END, sql.INSERT_TWO_ENTRIES, sql.CHARGE_USER]
    row = await shop.create(**NOTHING)
    settle = settlement.settle(kit.failed(row.task_id), now=LATER)
    assert await written(shop, settle) == [sql.END, sql.INSERT_LEDGER]


async def test_a_task_without_a_token_releases_its_user_alone(shop: Shop) -> None:
    row = await shop.create(token_id=None)
    settle = settlement.settle(kit.failed(row.task_id), now=LATER)
    assert await written(shop, settle) == [sql.END, sql.INSERT_LEDGER, sql.RELEASE_USER]


async def test_a_credit_is_entered_before_it_is_booked(shop: Shop) -> None:
    """The entry's unique key is what makes two credits one."""
    credit = accounts.credit(shop.user.id, 7, reference="r", now=NOW)
    assert await written(shop, credit) == [sql.INSERT_LEDGER, sql.CREDIT_USER]


async def test_an_acceptance_is_one_statement(shop: Shop) -> None:
    """This holds for tasks sent with the name of their service, as nearly all are."""
    row = await shop.create(attempt=Attempt(shop.channel.id, "key-1", NOW, "kling"))
    accept = lifecycle.accept(row.task_id, "831922", now=NOW, next_poll_at=NOW)
    assert await statements_of(shop, accept) == [sql.ACCEPT]


async def test_a_bind_that_is_repeated_writes_nothing(shop: Shop) -> None:
    """MySQL counts no row for values that are there already, as if the task had been accepted."""
    row = await shop.create()
    attempt = Attempt(shop.channel.id, "key-2", NOW + 300)
    assert await shop.store.bind_attempt(row.task_id, attempt)
    assert await written(shop, lifecycle.bind_attempt(row.task_id, attempt)) == []


async def test_a_repair_waits_for_another_before_it_reads(shop: Shop) -> None:
    """If two operators repair at once, the second one finds everything in order."""
    first, *rest = await statements_of(shop, repair.repair(now=LATER, commit=True))
    assert first is sql.LOCK_REPAIRS
    assert any(statement.reads for statement in rest)
