"""A relay's history with one of everything that can happen to money, and a generator of others."""

from __future__ import annotations

import random
from typing import Final

import attrs

from kling_mock.relay.storage.errors import StorageError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import Attempt, NewNotice, NewToken, TaskResult, Token
from tests.mock.relay.storage.samples import (
    LATER,
    NOW,
    PRICE,
    Shop,
    channel_named,
    digest,
    failed,
    own_id,
    succeed,
)

#: An upstream id that two services have given to a task.
SHARED: Final = "831922"
#: The services of all tasks.
SERVICES: Final = ("127.0.0.1:1", "kling.example")
#: A row that a migration brought in.
LEGACY: Final = """
    INSERT INTO videos (task_id, created_at, status, user_id, username, channel_id, quota, legacy)
    VALUES ('legacy-{0}', 1, '{0}', {1}, 'ann', 99, 140000, 1)"""


async def everything(store: Storage) -> list[Shop]:
    """Fill a store with tasks of each kind and end; return the shops of two users.

    A third one has tasks under the plain check. Two paid tasks have the upstream id `SHARED`, of
    different services.
    """
    ann = await Shop.fill(store, quota=2_000)
    bob = await Shop.fill(store, name="bob")
    limited = await store.create_token(
        NewToken(ann.user.id, digest("sk-limited"), remain_quota=900), now=NOW
    )
    for shop in (ann, bob):
        await _tasks(shop, shop.token)
    await _tasks(attrs.evolve(ann, token=limited), limited)
    carol = await Shop.fill(store, quota=300, name="carol")
    await carol.create(overdraft=True)
    for result in (succeed, failed):
        row = await carol.accepted(overdraft=True)
        await carol.settle(result(row.task_id))
    elsewhere = channel_named("elsewhere", base_url="https://kling.example")
    other = attrs.evolve(bob, channel=await store.create_channel(elsewhere, now=NOW))
    for shop in (ann, other):
        row = await shop.accepted(SHARED)
        await shop.settle(succeed(row.task_id))
    await store.credit(ann.user.id, 250, reference="invoice-1", now=NOW)
    await store.credit(bob.user.id, -40, reference="invoice-2", now=NOW)
    return [ann, bob]


async def _tasks(shop: Shop, token: Token) -> None:
    store, name = shop.store, token.token_hash[:8]
    await shop.create()
    await shop.create(attempt=None)
    await shop.create(price=0)
    running = await shop.accepted()
    await store.mark_open(running.task_id, "processing", now=NOW + 5)
    for price, final in ((PRICE, None), (PRICE, 60), (PRICE, 0), (50, 90), (0, None)):
        row = await shop.accepted(price=price, callback_url="http://127.0.0.1:1")
        notice = NewNotice(f"event-{row.task_id}", "http://127.0.0.1:1", "{}")
        await shop.settle(succeed(row.task_id, quota=final), notice=notice)
    for price in (PRICE, 0):
        row = await shop.accepted(price=price)
        await shop.settle(failed(row.task_id))
        await shop.settle(succeed(row.task_id))  # contradicts, and is kept
    refused = await shop.create(external_task_id=f"mine-{name}")
    await shop.settle(failed(refused.task_id, free_external_id=True))


async def generated(store: Storage, seed: int, steps: int = 40) -> None:
    """Fill a store with a random history of two users."""
    chance = random.Random(seed)  # noqa: S311 - a seeded test
    shops = [await Shop.fill(store, quota=chance.randint(0, 900), name=n) for n in ("ann", "bob")]
    for shop in list(shops):
        token = NewToken(
            shop.user.id, digest(f"{shop.user.id} second"), remain_quota=chance.randint(0, 600)
        )
        shops.append(attrs.evolve(shop, token=await store.create_token(token, now=NOW)))
    tasks: list[str] = []
    for step in range(steps):
        shop, now = chance.choice(shops), NOW + step
        try:
            await _step(chance, shop, tasks, now, f"{seed}-{step}")
        except (StorageError, ValueError):
            continue  # refused: no quota, or an id that is taken


async def _step(chance: random.Random, shop: Shop, tasks: list[str], now: int, name: str) -> None:
    store = shop.store
    what = chance.choice(["create"] * 4 + ["accept"] * 2 + ["settle"] * 3 + ["other"] * 2)
    if what == "create" or not tasks:
        row = await shop.create(
            task_id=own_id(f"{name} of a history"),
            price=chance.choice([0, 1, 50, 100, 700]),
            external_task_id=chance.choice([None, f"mine-{chance.randint(1, 5)}"]),
            token_id=chance.choice([None, shop.token.id]),
            attempt=chance.choice([None, Attempt(shop.channel.id, "key-1", now + 60)]),
            request_hash=digest(chance.choice(["a", "b"])),
        )
        tasks.append(row.task_id)
        return
    task_id = chance.choice(tasks)
    if what == "accept":
        await store.accept(task_id, f"kling-{task_id}", now=now, next_poll_at=now + 20)
    elif what == "settle":
        result = TaskResult(
            task_id,
            chance.choice(["succeed", "failed"]),
            chance.choice(["callback", "sweeper"]),
            quota=chance.choice([None, 0, 60, 5_000]),
            unmetered=chance.random() < 0.2,
            free_external_id=chance.random() < 0.2,
        )
        await store.settle(result, now=LATER)
    else:
        await _operator(chance, shop, task_id, now, name)


async def _operator(chance: random.Random, shop: Shop, task_id: str, now: int, name: str) -> None:
    store = shop.store
    match chance.randint(0, 4):
        case 0:
            await store.credit(
                shop.user.id, chance.randint(-300, 300), reference=f"credit-{name}", now=now
            )
        case 1:
            await store.bind_attempt(task_id, Attempt(shop.channel.id, "key-2", now + 60))
        case 2:
            await store.expire(task_id, created_until=now, reason="too old", now=now)
        case 3:
            await store.set_token_quota(shop.token.id, chance.choice([None, 200, 900]))
        case _:
            await store.mark_open(task_id, "processing", now=now)
