"""The record of an upgrade for tasks that an older relay has sent: the service, once per id.

Such tasks have an upstream id and no service.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import attrs
import pytest

from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.transactions.services import label_tasks
from kling_mock.relay.storage.values import Attempt, SentTask, ServiceClash, VideoRow
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.conftest import STORES
from tests.mock.relay.storage.samples import NOW, Shop

HOST = "127.0.0.1:1"  # of all channels here

pytestmark = pytest.mark.parametrize(
    "closed_store", [name for name in STORES if name != "memory"], indirect=True
)


async def label(shop: Shop, first: int, last: int) -> tuple[int, Sequence[ServiceClash]]:
    assert isinstance(shop.store, Storage)
    run = partial(label_tasks, first, last)
    return await shop.store.run("label", run, TransactionMode.WRITE)


async def sent(
    shop: Shop, kling_task_id: str, *, end: Any = None, older: bool = True, channel: int = 0
) -> VideoRow:
    """Return a task that was sent; an *older* relay's has no service.

    Each has a channel of its own, unless *channel* is given: within one, ids are unique.
    """
    if not channel:
        name = f"channel of {kit.own_id()}"
        channel = (await shop.store.create_channel(kit.channel_named(name), now=NOW)).id
    attempt = Attempt(channel, "key-1", NOW + 120)
    row = await shop.accepted(f"not yet {kit.own_id()}", price=1, attempt=attempt)
    if end is not None:
        await shop.settle(end(row.task_id))
    service = "NULL" if older else f"'{HOST}'"
    await kit.change(
        shop.store,
        f"UPDATE videos SET kling_task_id = '{kling_task_id}', service = {service}"
        f" WHERE id = {row.id}",
    )
    return await shop.row(row.task_id)


async def services(shop: Shop, *rows: VideoRow) -> list[str | None]:
    return [(await shop.row(row.task_id)).service for row in rows]


async def test_nothing_is_recorded_where_each_task_has_its_service(shop: Shop) -> None:
    """A task that has not been sent gets no service either."""
    row = await sent(shop, "1", older=False)
    unsent = await shop.create()
    assert await label(shop, 0, unsent.id) == (0, ())
    assert await services(shop, row, unsent) == [HOST, None]


async def test_each_task_gets_the_label_of_its_channel(shop: Shop) -> None:
    """This includes a deleted task; a channel that is gone counts as a separate service."""
    rows = [await sent(shop, str(number)) for number in range(4)]
    await shop.store.change_channel(rows[1].channel_id, {"service": "kling"})
    await shop.store.delete_channel(rows[2].channel_id)
    gone = rows[3].channel_id
    await kit.change(shop.store, f"DELETE FROM channels WHERE id = {gone}")
    assert await label(shop, rows[0].id, rows[3].id) == (4, [])
    assert await services(shop, *rows) == [HOST, "kling", HOST, f"channel {gone}"]


async def test_only_the_tasks_of_a_page_are_labelled(shop: Shop) -> None:
    """The page is from the first to the last, both included."""
    rows = [await sent(shop, str(number)) for number in range(5)]
    assert (await label(shop, rows[1].id, rows[3].id))[0] == 3
    assert await services(shop, *rows) == [None, HOST, HOST, HOST, None]
    assert (await label(shop, rows[0].id, rows[4].id))[0] == 2


async def test_tasks_around_a_clash_are_labelled(shop: Shop) -> None:
    """Between, before and after the tasks that share an id; one of these gets the service."""
    rows = [
        await sent(shop, kling_id)
        for kling_id in ("1", "shared", "2", "shared", "3", "twin", "twin", "4")
    ]
    changed, clashes = await label(shop, rows[0].id, rows[-1].id)
    assert changed == 6
    assert [[task.id for task in clash.tasks] for clash in clashes] == [
        [rows[1].id, rows[3].id],
        [rows[5].id, rows[6].id],
    ]
    assert await services(shop, *rows) == [HOST, HOST, HOST, None, HOST, HOST, None, HOST]


async def test_a_clash_at_the_ends_of_a_page_leaves_what_is_between(shop: Shop) -> None:
    """A task of the clash beyond the page is left out."""
    rows = [await sent(shop, kling_id) for kling_id in ("1", "shared", "2", "shared", "3")]
    changed, _ = await label(shop, rows[1].id, rows[2].id)
    assert changed == 2
    assert await services(shop, *rows) == [None, HOST, HOST, None, None]


async def test_a_clash_names_its_tasks(shop: Shop) -> None:
    """So an operator sees which tasks were charged."""
    open_one = await sent(shop, "shared")
    charged = await sent(shop, "shared", end=kit.succeed)
    _, clashes = await label(shop, open_one.id, charged.id)
    columns = [field.name for field in attrs.fields(SentTask)]
    tasks = [SentTask(*(getattr(row, name) for name in columns)) for row in (charged, open_one)]
    assert clashes == [ServiceClash(HOST, tuple(tasks))]
    assert [task.quota for task in tasks] == [1, 1]


@pytest.mark.parametrize(
    ("first", "second", "winner", "count"),
    [
        ({}, {}, 0, 1),
        ({}, {"end": kit.succeed}, 1, 1),  # which was charged
        ({"end": kit.failed}, {"end": kit.succeed}, 1, 1),
        ({}, {"older": False}, 1, 0),  # which has the service
        ({"older": False}, {"end": kit.succeed}, 1, 2),  # it loses the service to the charged one
        ({"end": kit.succeed}, {"older": False, "end": kit.succeed}, 1, 0),
    ],
)
async def test_one_task_of_a_clash_gets_the_service(
    shop: Shop, first: dict[str, Any], second: dict[str, Any], winner: int, count: int
) -> None:
    """One that was charged, else one that has it, else the first; the others are never charged."""
    rows = [await sent(shop, "shared", **first), await sent(shop, "shared", **second)]
    changed, clashes = await label(shop, rows[0].id, rows[1].id)
    assert changed == count
    assert [clash.tasks[0].id for clash in clashes] == [rows[winner].id]
    expected: list[str | None] = [None, None]
    expected[winner] = HOST
    assert await services(shop, *rows) == expected


async def test_one_id_of_two_services_is_no_clash(shop: Shop) -> None:
    """Ids are unique within a service only."""
    other = kit.channel_named("other", base_url="https://b.example")
    channel = await shop.store.create_channel(other, now=NOW)
    rows = [await sent(shop, "shared"), await sent(shop, "shared", channel=channel.id)]
    assert await label(shop, rows[0].id, rows[1].id) == (2, [])
    assert await services(shop, *rows) == [HOST, "b.example"]


# ------------------------------------------------------------ ends without a label


@pytest.mark.parametrize("end", [kit.succeed, kit.failed])
async def test_a_task_without_an_upstream_id_ends_without_a_service(shop: Shop, end: Any) -> None:
    """There is nothing that another row could be charged for as well."""
    row = await shop.create()
    await shop.settle(end(row.task_id))
    assert await services(shop, row) == [None]


async def test_a_task_whose_id_another_one_has_can_still_fail(shop: Shop) -> None:
    """Only a charge needs the service; a hold is released without it."""
    await sent(shop, "shared", older=False)
    twin = await sent(shop, "shared")
    done = await shop.settle(kit.failed(twin.task_id))
    assert (done.row.status, done.row.service) == ("failed", None)
    assert (await shop.me()).held_quota == 1


async def test_a_task_of_an_older_relay_is_charged_under_its_service(shop: Shop) -> None:
    """The label is recorded with the end, and returned with it."""
    row = await sent(shop, "831922")
    done = await shop.settle(kit.succeed(row.task_id))
    assert (done.charged, done.row.service) == (1, HOST)
    assert await services(shop, row) == [HOST]
