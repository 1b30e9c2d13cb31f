"""A process that stops within a transaction, as on a paused machine, does not block others."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, Final

import attrs
import pytest

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.server import LIMITS
from kling_mock.relay.storage.connect import engine_of
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import VideoRow
from tests.mock.relay.storage.databases import Server
from tests.mock.relay.storage.samples import PRICE, Shop

pytestmark = pytest.mark.slow

WAITING: Final = 3
#: Seconds. A second transaction of the stopped process that got the lock would take them up.
OUTAGE: Final = 8


def stop_in_a_transaction(url: str, user: int, idle: int) -> None:
    """Lock a user's row and stop, while other transactions of the process wait for the row."""

    async def run() -> None:
        engine: Any = engine_of(url, limits=attrs.evolve(LIMITS, idle_in_transaction=idle))
        await engine.open()
        sessions = list[Any]()

        async def hold() -> None:
            session = await engine.connect_to(0)
            sessions.append(session)  # otherwise it is closed
            await session.begin(TransactionMode.WRITE)
            await session.execute(sql.HOLD_USER, (PRICE, user, PRICE))

        await hold()
        await asyncio.sleep(1)  # the first is idle for longer than the others wait
        async with asyncio.TaskGroup() as group:
            for _ in range(WAITING):
                group.create_task(hold())
            await asyncio.sleep(0.5)
            os.kill(os.getpid(), signal.SIGSTOP)

    asyncio.run(run())


@contextmanager
def stopped(shop: Shop, url: str, idle: int) -> Iterator[None]:
    process = get_context("spawn").Process(
        target=stop_in_a_transaction, args=(url, shop.user.id, idle)
    )
    process.start()
    assert process.pid is not None
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        yield
    finally:
        process.kill()
        process.join()


async def create(shop: Shop) -> VideoRow:
    async with asyncio.timeout(OUTAGE):
        return await shop.create()


@pytest.fixture(params=["mysql", "postgres"])
def served(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    asyncio.run(server.empty())
    return server


async def test_others_go_on_within_seconds(served: Server) -> None:
    """The server ends what the stopped process has started. Without the limit, others wait."""
    store = Storage(engine_of(served.url))
    await store.open()
    shop = await Shop.fill(store)
    with stopped(shop, served.url, LIMITS.idle_in_transaction):
        await create(shop)
    await shop.assert_explained()

    with stopped(shop, served.url, 0), pytest.raises(TimeoutError):
        await create(shop)
    await store.close()
