"""A task of an upstream service is charged once, over however many channels it is reported."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from kling_mock.relay.storage.errors import KlingTaskClashError
from kling_mock.relay.storage.rule_queries import RULE_QUERIES
from kling_mock.relay.storage.values import Acceptance, Attempt, NewChannel, TaskOutcome
from kling_mock.relay.storage.values.services import service_at
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import LATER, NOW, PRICE, Shop

HOST = "127.0.0.1:1"  # of the shop's own channel


async def another(shop: Shop, name: str = "second", **settings: Any) -> Shop:
    """Return the shop with another channel."""
    channel = await shop.store.create_channel(kit.channel_named(name, **settings), now=NOW)
    return attrs.evolve(shop, channel=channel)


def attempt(shop: Shop, *, names_service: bool) -> Attempt:
    service = shop.channel.service_label if names_service else None
    return Attempt(shop.channel.id, "key-1", NOW + 120, service)


# ------------------------------------------------------------ one charge


@pytest.mark.parametrize("names_service", [True, False])
async def test_an_acceptance_is_recorded_once(shop: Shop, *, names_service: bool) -> None:
    """The task keeps the id that it has: another one is of another task of Kling's."""
    row = await shop.create(attempt=attempt(shop, names_service=names_service))
    accept = partial(shop.store.accept, row.task_id, now=NOW + 1, next_poll_at=NOW + 10)
    assert await accept("831922") is Acceptance.RECORDED
    assert await accept("831922") is Acceptance.ALREADY
    accepted = await shop.row(row.task_id)
    assert (accepted.kling_task_id, accepted.service) == ("831922", HOST)
    assert (accepted.next_poll_at, accepted.updated_at) == (NOW + 10, NOW)
    with pytest.raises(KlingTaskClashError, match="or this task has another one"):
        await accept("831923")
    for end in (kit.succeed, kit.failed):
        with pytest.raises(KlingTaskClashError):
            await shop.settle(end(row.task_id, kling_task_id="831923"))
    assert await shop.row(row.task_id) == accepted


@pytest.mark.parametrize("names_service", [True, False])
async def test_two_channels_of_one_service_charge_a_task_once(
    shop: Shop, *, names_service: bool
) -> None:
    """The second row never gets the id; it stays open with its hold, and ends at its deadline."""
    second = await another(shop)
    charged = await shop.accepted("831922", attempt=attempt(shop, names_service=names_service))
    clashing = await second.create(attempt=attempt(second, names_service=names_service))
    with pytest.raises(KlingTaskClashError):
        await shop.store.accept(clashing.task_id, "831922", now=NOW, next_poll_at=NOW)
    await shop.settle(kit.succeed(charged.task_id))
    for result in (kit.succeed, kit.failed):
        with pytest.raises(KlingTaskClashError):
            await shop.settle(result(clashing.task_id, kling_task_id="831922"))
    assert await shop.row(clashing.task_id) == clashing
    user = await shop.me()
    assert (user.used_quota, user.held_quota) == (PRICE, PRICE)
    assert await shop.store.expire(
        clashing.task_id, created_until=NOW, reason="no result", now=LATER
    )
    user = await shop.me()
    assert (user.used_quota, user.held_quota) == (PRICE, 0)
    await shop.assert_explained()


@pytest.mark.parametrize(
    ("base_url", "names_service", "clashes"),
    [
        (None, False, True),  # the same channel
        (f"http://{HOST}", True, True),  # another one of the service
        (f"http://{HOST}", False, False),  # not known yet to be of the service
        ("https://b.example", True, False),
    ],
)
async def test_a_late_report_with_the_id_of_another_task_is_not_kept(
    shop: Shop, base_url: str | None, *, names_service: bool, clashes: bool
) -> None:
    """It is not about this task, however it has ended."""
    other = shop if base_url is None else await another(shop, base_url=base_url)
    await shop.accepted("831922")
    row = await other.create(attempt=attempt(other, names_service=names_service))
    await shop.settle(kit.failed(row.task_id))
    result = kit.succeed(row.task_id, kling_task_id="831922")
    if clashes:
        with pytest.raises(KlingTaskClashError):
            await shop.settle(result)
    else:
        assert (await shop.settle(result)).outcome is TaskOutcome.CONTRADICTED
    assert len(await shop.store.list_reports()) == int(not clashes)


async def test_a_result_that_comes_first_takes_the_id(shop: Shop) -> None:
    """In whichever way the id came, the other channel's row cannot get it."""
    second = await another(shop)
    charged, clashing = await shop.create(), await second.create()
    await shop.settle(kit.succeed(charged.task_id, kling_task_id="831922"))
    with pytest.raises(KlingTaskClashError):
        await shop.settle(kit.succeed(clashing.task_id, kling_task_id="831922"))
    assert (await shop.me()).used_quota == PRICE
    await shop.assert_explained()


async def test_two_services_charge_their_own_tasks(shop: Shop) -> None:
    """Ids of different services have nothing to do with each other."""
    second = await another(shop, base_url="https://api.other.example")
    for each in (shop, second):
        row = await each.accepted("831922")
        done = await each.settle(kit.succeed(row.task_id, kling_task_id="831922"))
        assert (done.outcome, done.charged) == (TaskOutcome.SETTLED, PRICE)
    assert (await shop.me()).used_quota == 2 * PRICE
    await shop.assert_explained()


# ------------------------------------------------------------ what a service is


async def test_a_label_joins_hosts_and_parts_channels_of_one(shop: Shop) -> None:
    """Two hosts of one vendor share ids; two accounts behind one gateway may not."""
    singapore = await another(shop, "sg", base_url="https://sg.example", service="kling")
    beijing = await another(shop, "cn", base_url="https://cn.example", service="kling")
    gateway = await another(shop, "gateway", base_url="https://sg.example", service="sg-2")
    await singapore.accepted("831922")
    with pytest.raises(KlingTaskClashError):
        await beijing.accepted("831922")
    row = await gateway.accepted("831922")
    assert row.service == "sg-2"


async def test_a_task_keeps_the_service_that_it_was_sent_to(shop: Shop) -> None:
    """A channel's new label is for its next tasks."""
    sent = await shop.create(attempt=attempt(shop, names_service=True))
    await shop.store.change_channel(shop.channel.id, {"service": "kling"})
    await shop.store.accept(sent.task_id, "831922", now=NOW, next_poll_at=NOW)
    assert (await shop.row(sent.task_id)).service == HOST
    assert (await shop.accepted("831923")).service == "kling"


async def test_the_last_attempt_decides(shop: Shop) -> None:
    """A create that goes to another channel is a task of that one's service."""
    second = await another(shop, base_url="https://b.example")
    row = await shop.create(attempt=attempt(shop, names_service=True))
    assert await shop.store.bind_attempt(row.task_id, attempt(second, names_service=True))
    assert (await shop.row(row.task_id)).service == "b.example"
    assert await shop.store.bind_attempt(row.task_id, attempt(shop, names_service=False))
    assert (await shop.row(row.task_id)).service is None
    await shop.store.accept(row.task_id, "831922", now=NOW, next_poll_at=NOW)
    assert (await shop.row(row.task_id)).service == HOST


async def test_an_id_that_comes_after_the_end_is_of_the_service_too(shop: Shop) -> None:
    second = await another(shop)
    row = await shop.create()
    await shop.settle(kit.failed(row.task_id))
    late = await shop.store.accept(row.task_id, "831922", now=LATER, next_poll_at=LATER)
    assert (late, (await shop.row(row.task_id)).service) == (Acceptance.LATE, HOST)
    with pytest.raises(KlingTaskClashError):
        await second.accepted("831922")


async def test_a_task_without_a_channel_is_of_no_service(shop: Shop) -> None:
    """Its id is still recorded, so that it is not lost."""
    row = await shop.accepted("831922", attempt=None)
    assert (row.kling_task_id, row.service) == ("831922", "channel 0")
    assert (await shop.accepted("831922")).service == HOST


@pytest.mark.parametrize(
    ("base_url", "service"),
    [
        ("https://api-singapore.klingai.com", "api-singapore.klingai.com"),
        ("https://API.KlingAI.com/", "api.klingai.com"),
        ("https://api.klingai.com:443/v1", "api.klingai.com"),
        ("http://api.klingai.com:80", "api.klingai.com"),
        ("https://api.klingai.com:8443", "api.klingai.com:8443"),
        ("http://api.klingai.com:443", "api.klingai.com:443"),
        ("https://user:secret@api.klingai.com./", "api.klingai.com"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://[::1", "channel 7"),
        ("http://a:b", "channel 7"),
        ("api.klingai.com", "channel 7"),
        ("", "channel 7"),
    ],
)
def test_the_default_is_the_host_of_the_base_url(base_url: str, service: str) -> None:
    """In lower case, with a port that is not the scheme's; without user and password."""
    assert service_at(base_url, 7) == service


@pytest.mark.parametrize("label", ["kling", "api.klingai.com:8443", "[::1]:80", "a_b-1", "a" * 255])
async def test_a_label_is_kept(shop: Shop, label: str) -> None:
    """An empty one brings the default back."""
    changed = await shop.store.change_channel(shop.channel.id, {"service": label})
    assert (changed.service, changed.service_label) == (label, label)
    changed = await shop.store.change_channel(shop.channel.id, {"service": ""})
    assert (changed.service, changed.service_label) == ("", HOST)


@pytest.mark.parametrize("label", ["Kling", "a b", "a/b", "köln", "a\n", "a\x00", "a" * 256])
def test_another_label_is_refused(label: str) -> None:
    """It would be a second service by mistake, or fit no column."""
    with pytest.raises(ValueError, match=r"service: must have at most 255 characters"):
        NewChannel("one", "https://a.example", "a|b", service=label)


def test_each_charged_task_is_compared_by_its_upstream_id_alone(sqlite_template: Path) -> None:
    """By an index of status, each look-up would read every charged task: 17 s for 3,000."""
    query = next(
        rule_query.query for rule_query in RULE_QUERIES if rule_query.rule.name == "upstream-once"
    )
    with closing(sqlite3.connect(sqlite_template)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", (0, 1)).fetchall()
    (others,) = [row[3] for row in plan if row[3].startswith(("SEARCH o ", "SCAN o"))]
    assert "(kling_task_id=?" in others
