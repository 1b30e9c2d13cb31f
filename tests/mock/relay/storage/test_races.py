"""Concurrent calls on every shared database: the promises do not depend on their order.

Each race is run by two stores on one database, as by two relay processes. The negative controls
are the naive transactions that the field has shipped; the same proof has to catch them.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.adapters.engine import Engine, TransactionMode
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.steps import Transaction, write
from kling_mock.relay.storage.values import (
    Absence,
    Created,
    NoticeState,
    TaskOutcome,
    User,
    VideoRow,
    WebhookDelivery,
)
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.conftest import SHARED, database_of, store_on
from tests.mock.relay.storage.samples import LATER, NOW, PRICE, Shop

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(params=SHARED)
def closed_pair(request: pytest.FixtureRequest) -> tuple[Storage, Storage, str]:
    database = database_of(request, request.param)
    first, second = (store_on(database, request.param) for _ in range(2))
    return first, second, database.url


@pytest.fixture
async def pair(
    closed_pair: tuple[Storage, Storage, str],
) -> AsyncIterator[tuple[Shop, Shop]]:
    """The same shop through two stores on one database."""
    first, second, _ = closed_pair
    await first.open()
    await second.open()
    shop = await Shop.fill(first)
    yield shop, Shop(second, shop.user, shop.token, shop.channel)
    await second.close()
    await first.close()


async def race(*waiting: Any) -> list[Any]:
    """Run all at once; an error is a result."""
    return list(await asyncio.gather(*waiting, return_exceptions=True))


def kinds(results: Sequence[Any]) -> Counter[str]:
    return Counter(
        type(outcome).__name__ if isinstance(outcome, BaseException) else "ok"
        for outcome in results
    )


# ------------------------------------------------------------ a refusal against a poll


async def test_a_refusal_and_a_reading_leave_one_story(pair: tuple[Shop, Shop]) -> None:
    """Either the refusal came first, and the poll is late; or it changes nothing at all."""
    first, second = pair
    rows = [await first.create(price=1) for _ in range(60)]
    await race(
        *(first.settle(kit.failed(row.task_id, free_external_id=True)) for row in rows),
        *(
            second.store.accept(row.task_id, f"kt-{row.task_id}", now=NOW, next_poll_at=NOW)
            for row in rows
        ),
    )
    late = {report.task_id for report in await first.store.list_reports(limit=100)}
    for row in rows:
        after = await first.row(row.task_id)
        story = (after.status, after.held_quota, row.task_id in late, after.kling_task_id)
        known = f"kt-{row.task_id}"
        assert story in {("failed", 0, True, known), ("submitted", 1, False, known)}
    await first.assert_explained()


# ------------------------------------------------------------ creates


async def test_a_balance_for_ten_videos_accepts_exactly_ten(pair: tuple[Shop, Shop]) -> None:
    """However many ask at a time, the tenth is accepted and the eleventh is not."""
    shops = [pair[number % 2] for number in range(60)]
    results = await race(*(shop.create() for shop in shops))
    assert kinds(results) == {"ok": 10, "InsufficientQuotaError": 50}
    user = await pair[0].me()
    assert (user.quota, user.held_quota) == (1_000, 1_000)
    await pair[0].assert_explained()


async def test_one_external_id_is_one_task(pair: tuple[Shop, Shop]) -> None:
    """A client that sends its request twenty times at once gets one task, held once."""
    task = partial(kit.new_task, pair[0].user.id, external_task_id="order-1")
    results = await race(
        *(
            pair[number % 2].store.create_task(task(), now=NOW, next_poll_at=NOW)
            for number in range(20)
        )
    )
    created = [outcome for outcome in results if isinstance(outcome, Created)]
    assert len(created) == 20, kinds(results)
    assert sum(creation.is_new for creation in created) == 1
    assert len({creation.row.task_id for creation in created}) == 1
    assert (await pair[0].me()).held_quota == PRICE


# ------------------------------------------------------------ settlements


async def test_twenty_reports_of_a_success_charge_once(pair: tuple[Shop, Shop]) -> None:
    """Duplicate callbacks and polls of five tasks, all at a time: five charges."""
    rows = [await pair[0].accepted() for _ in range(5)]
    results = await race(
        *(pair[number % 2].settle(kit.succeed(row.task_id)) for number in range(20) for row in rows)
    )
    assert Counter(settlement.outcome for settlement in results) == {
        TaskOutcome.SETTLED: 5,
        TaskOutcome.ALREADY: 95,
    }
    assert sum(settlement.charged for settlement in results) == 5 * PRICE
    assert (await pair[0].me()).quota == 1_000 - 5 * PRICE
    assert (await pair[0].me()).request_count == 5
    await pair[0].assert_explained()


async def test_contradicting_reports_end_a_task_once(pair: tuple[Shop, Shop]) -> None:
    """Success, failure, deadline and absence at the same time: one of them wins, as a whole."""
    for _ in range(4):
        row = await pair[0].create()
        await pair[0].store.report_not_found(row.task_id, queried_at=NOW + 180, reason="lost")
        results = await race(
            *(pair[number % 2].settle(kit.succeed(row.task_id)) for number in range(4)),
            *(pair[number % 2].settle(kit.failed(row.task_id)) for number in range(4)),
            pair[0].store.expire(row.task_id, created_until=NOW, reason="old", now=LATER),
            pair[1].store.report_not_found(row.task_id, queried_at=NOW + 300, reason="lost"),
        )
        won = sum(
            report is True
            or report is Absence.FAILED
            or getattr(report, "outcome", None) is TaskOutcome.SETTLED
            for report in results
        )
        assert won == 1, results
        await pair[0].assert_explained()


async def test_acceptance_and_result_may_cross(pair: tuple[Shop, Shop]) -> None:
    """A callback that overtakes the create's response loses neither id nor money."""
    for number in range(4):
        row = await pair[0].create()
        results = await race(
            pair[0].store.accept(row.task_id, f"k{number}", now=NOW, next_poll_at=NOW),
            pair[1].settle(kit.succeed(row.task_id, kling_task_id=f"k{number}")),
            pair[0].store.mark_open(row.task_id, "processing", now=NOW),
            pair[1].settle(kit.succeed(row.task_id)),
        )
        assert "ok" in kinds(results)
        assert not [outcome for outcome in results if isinstance(outcome, BaseException)], results
        after = await pair[0].row(row.task_id)
        assert (after.status, after.kling_task_id, after.quota) == ("succeed", f"k{number}", PRICE)
    await pair[0].assert_explained()


async def test_one_credit_is_booked_once(pair: tuple[Shop, Shop]) -> None:
    """Twenty repeats of a top-up, while tasks are created, move the balance once."""
    results = await race(
        *(
            pair[number % 2].store.credit(pair[0].user.id, 500, reference="order", now=NOW)
            for number in range(20)
        ),
        *(pair[number % 2].create() for number in range(10)),
    )
    assert kinds(results) == {"ok": 30}
    assert (await pair[0].me()).quota == 1_500
    await pair[0].assert_explained()


async def test_a_busy_shop_never_hears_of_a_deadlock(pair: tuple[Shop, Shop]) -> None:
    """Creates and settlements over two users and channels: no caller has to try again."""
    other = await Shop.fill(pair[0].store, name="bob", quota=3_000)
    shops = [*pair, other, Shop(pair[1].store, other.user, other.token, other.channel)]

    async def lifecycle(number: int) -> None:
        shop = shops[number % 4]
        for step in range(3):
            row = await shop.accepted(price=1 + number)
            end = kit.succeed if (number + step) % 3 else kit.failed
            await shop.settle(end(row.task_id), notice=kit.notice_of(row.task_id))

    results = await race(*(lifecycle(number) for number in range(16)))
    assert kinds(results) == {"ok": 16}, results
    await pair[0].assert_explained()


# ------------------------------------------------------------ leases


async def test_a_due_row_has_one_reader(pair: tuple[Shop, Shop]) -> None:
    """Four sweepers and many queries at a time: each row is given out once per lease."""
    rows = [await pair[0].create(price=1) for _ in range(12)]
    claims = await race(
        *(
            kit.claim_due(pair[number % 2].store, now=NOW + 60, lease_until=NOW + 90, limit=7)
            for number in range(4)
        )
    )
    task_ids = [row.task_id for claim in claims for row in claim]
    assert len(task_ids) == len(set(task_ids))
    rest = await kit.claim_due(pair[0].store, now=NOW + 60, lease_until=NOW + 90, limit=99)
    assert sorted([*task_ids, *(row.task_id for row in rest)]) == sorted(
        row.task_id for row in rows
    )
    reads = await race(
        *(
            pair[number % 2].store.claim_read(task_ids[0], now=NOW + 90, lease_until=NOW + 95)
            for number in range(20)
        )
    )
    assert Counter(reads) == {True: 1, False: 19}


async def test_a_notice_has_one_sender_and_one_record(pair: tuple[Shop, Shop]) -> None:
    """Two senders never get the same notice, and one attempt is recorded once."""
    for number in range(6):
        row = await pair[0].create(price=1)
        notice = kit.notice_of(row.task_id, str(number))
        await pair[0].settle(kit.failed(row.task_id), notice=notice, now=NOW)
    claims = await race(
        *(
            kit.claim_notices(pair[number % 2].store, now=NOW, lease_until=NOW + 30, limit=4)
            for number in range(4)
        )
    )
    event_ids = [claimed.event_id for claim in claims for claimed in claim]
    assert len(event_ids) == len(set(event_ids))
    end = WebhookDelivery(event_ids[0], 0, NoticeState.DELIVERED, http_status=200)
    records = await race(
        *(pair[number % 2].store.record_delivery(end, now=NOW) for number in range(8))
    )
    assert Counter(records) == {True: 1, False: 7}


async def test_a_sum_is_taken_of_one_state(pair: tuple[Shop, Shop]) -> None:
    """Reconciliation finds no difference while balances and ledger are moving."""
    going = True
    settled = looks = 0

    async def business() -> None:
        nonlocal settled
        while going:
            row = await pair[1].create(price=3)
            await pair[1].settle(kit.succeed(row.task_id, quota=1))
            settled += 1

    task = asyncio.create_task(business())
    while looks < 15 or settled < 15:
        if task.done():
            await task  # raises what stopped it
        (books,) = await pair[0].store.reconcile()
        assert books.user_id == pair[0].user.id
        assert books.is_explained, books
        looks += 1
    going = False
    await task
    (last,) = await pair[0].store.reconcile()
    assert (last.charged, last.held) == (settled, 0)


# ------------------------------------------------------------ negative controls

_OVERWRITE_HELD = write("UPDATE users SET held_quota = ? WHERE id = ?")
_END_BLINDLY = write("UPDATE videos SET status = 'succeed', held_quota = 0 WHERE task_id = ?")
_TAKE_BLINDLY = write("UPDATE users SET quota = quota - ? WHERE id = ?")


def naive_look(user_id: int) -> Transaction[User]:
    rows = yield sql.USER_BY_ID, (user_id,)
    return User(*rows[0])


def naive_hold(user: User) -> Transaction[None]:
    yield _OVERWRITE_HELD, (user.held_quota + PRICE, user.id)


def naive_charge(row: VideoRow) -> Transaction[None]:
    yield _END_BLINDLY, (row.task_id,)
    yield _TAKE_BLINDLY, (PRICE, row.user_id)


def engine_of_shop(shop: Shop) -> Engine:
    assert isinstance(shop.store, Storage)
    return shop.store._engine


# All reads of the controls come before their writes, an order that the scheduler may produce at
# any time: a control that depended on luck would fail in a quiet hour.


async def test_the_proof_of_the_balance_catches_check_then_write(
    pair: tuple[Shop, Shop],
) -> None:
    """Control: reading the balance before writing it accepts more than there is."""
    engines = [engine_of_shop(shop) for shop in pair]
    users = await race(
        *(
            engines[n % 2].run(partial(naive_look, pair[0].user.id), TransactionMode.READ)
            for n in range(60)
        )
    )
    passed = [user for user in users if user.available >= PRICE]
    results = await race(
        *(
            engines[n % 2].run(partial(naive_hold, user), TransactionMode.WRITE)
            for n, user in enumerate(passed)
        )
    )
    assert kinds(results) == {"ok": 60}
    assert (await pair[0].me()).held_quota < 60 * PRICE


async def test_the_proof_of_one_charge_catches_check_then_charge(pair: tuple[Shop, Shop]) -> None:
    """Control: reading the status before charging charges more than once."""
    engines = [engine_of_shop(shop) for shop in pair]
    row = await pair[0].accepted()
    rows = await race(*(pair[n % 2].row(row.task_id) for n in range(20)))
    results = await race(
        *(
            engines[n % 2].run(partial(naive_charge, task), TransactionMode.WRITE)
            for n, task in enumerate(rows)
            if task.is_open
        )
    )
    assert kinds(results) == {"ok": 20}
    assert (await pair[0].me()).quota == 1_000 - 20 * PRICE
    with pytest.raises(AssertionError):
        await pair[0].assert_explained()


# ------------------------------------------------------------ processes

_SETTLE_ALL = """
import asyncio, sys
from kling_mock.relay.storage.connect import connect
from tests.mock.relay.storage import samples as kit

async def main():
    store = connect(sys.argv[1])
    await store.open()
    tasks = [store.settle(kit.succeed(task), now=kit.LATER) for task in sys.argv[2:] for _ in "ab"]
    done = await asyncio.gather(*tasks)
    print(sum(one.charged for one in done))
    await store.close()

asyncio.run(main())
"""


@pytest.mark.slow
async def test_four_processes_charge_each_task_once(
    closed_pair: tuple[Storage, Storage, str], pair: tuple[Shop, Shop]
) -> None:
    """Four relay processes that hear of the same 40 successes twice each: 40 charges."""
    await pair[0].store.credit(pair[0].user.id, 9_000, reference="more", now=NOW)
    rows = [await pair[0].create() for _ in range(40)]
    command = [sys.executable, "-c", _SETTLE_ALL, closed_pair[2], *(row.task_id for row in rows)]

    def run() -> int:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True)
        return int(done.stdout)

    charged = await asyncio.gather(*(asyncio.to_thread(run) for _ in range(4)))
    assert sum(charged) == 40 * PRICE
    assert (await pair[0].me()).quota == 10_000 - 40 * PRICE
    await pair[0].assert_explained()
