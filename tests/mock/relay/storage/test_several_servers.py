"""A database of several servers: the first that serves and takes writes is used.

Each server is the machine's own one behind a proxy that goes away, hangs or answers errors. The
proofs with real clusters are in `tests/proof`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Final

import pytest

from kling_mock.relay.storage.adapters.address import Host, ServerAddress
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.mysql import MysqlEngine
from kling_mock.relay.storage.adapters.postgres import PostgresEngine
from kling_mock.relay.storage.adapters.server import ServerEngine, ServerLimits
from kling_mock.relay.storage.connect import engine_of
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.steps import Statement, Transaction
from tests.mock.relay.storage.databases import MYSQL, POSTGRES, Mysql, Server, need
from tests.mock.relay.storage.proxy import Proxy
from tests.mock.relay.storage.samples import Shop

pytestmark = pytest.mark.slow

QUICK: Final = ServerLimits(suspect_after=0.1, connect=0.5, patience=0.5, stand_in=0.0)


@pytest.fixture(params=["mysql", "postgres"])
def served(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    asyncio.run(server.empty())
    return server


@pytest.fixture
def proxies(served: Server) -> Iterator[list[Proxy]]:
    target = MYSQL if isinstance(served, Mysql) else POSTGRES
    with ExitStack() as stack:
        yield [stack.enter_context(Proxy(target)) for _ in range(3)]


def engine_over(served: Server, proxies: list[Proxy], limits: ServerLimits = QUICK) -> ServerEngine:
    """Return an engine whose servers are the proxies."""
    direct = engine_of(served.url)
    hosts = tuple(Host("127.0.0.1", proxy.port) for proxy in proxies)
    assert isinstance(direct, MysqlEngine | PostgresEngine)
    return type(direct)(ServerAddress(hosts, direct.address.arguments), limits)


@asynccontextmanager
async def shop_over(engine: ServerEngine) -> AsyncIterator[Shop]:
    store = Storage(engine)
    await store.open()
    try:
        yield await Shop.fill(store, quota=1_000_000)
    finally:
        await store.close()


async def test_the_first_server_is_used(served: Server, proxies: list[Proxy]) -> None:
    """All connections use it, also where a busy machine answers after `QUICK`'s time."""
    async with shop_over(engine_over(served, proxies, ServerLimits())) as shop:
        await asyncio.gather(*(shop.create(price=1) for _ in range(8)))
    assert proxies[0].sent > 0
    assert proxies[1].sent == proxies[2].sent == 0


async def test_a_server_that_goes_away_is_replaced_and_taken_again(
    served: Server, proxies: list[Proxy], caplog: pytest.LogCaptureFixture
) -> None:
    """Callers notice nothing; the log says which one is used now."""
    first, second, _ = proxies
    engine = engine_over(served, proxies)
    async with shop_over(engine) as shop:
        first.go_away()
        await asyncio.gather(*(shop.create(price=1) for _ in range(8)))
        assert second.sent > 0
        assert f"the database server in use is now 127.0.0.1:{second.port}" in caplog.text
        first.come_back()
        engine._order.put_off(0, float("-inf"))  # it may be tried again
        before = first.sent
        # The connection to a stand-in is given up after its time; all it is told is farewell.
        await shop.create(price=1)
        assert first.sent > before
        await shop.assert_explained()


async def test_a_server_that_hangs_is_replaced(served: Server, proxies: list[Proxy]) -> None:
    """It takes connections and answers nothing, as one that is frozen does."""
    first, second, _ = proxies
    async with shop_over(engine_over(served, proxies)) as shop:
        first.silent = True
        await asyncio.gather(*(shop.create(price=1) for _ in range(8)))
        assert second.sent > 0
        await shop.assert_explained()


async def test_a_list_read_from_a_server_that_hangs_ends_too(
    served: Server, proxies: list[Proxy]
) -> None:
    """A read of many rows has no limit of its own."""
    async with shop_over(engine_over(served, proxies)) as shop:
        proxies[0].silent = True
        assert list(await shop.store.list_tasks(shop.user.id, limit=10)) == []


async def test_if_all_are_away_callers_hear_so_after_a_while(
    served: Server, proxies: list[Proxy]
) -> None:
    """The error has what each server said, without a password."""
    async with shop_over(engine_over(served, proxies)) as shop:
        for proxy in proxies:
            proxy.go_away()
        with pytest.raises(StorageUnavailableError, match=r"database is away: .*; .*; "):
            await shop.create()
        for proxy in proxies:
            proxy.come_back()
        await shop.create()
        await shop.assert_explained()


async def test_one_that_comes_back_in_time_is_waited_for(
    served: Server, proxies: list[Proxy]
) -> None:
    """A cluster that has lost a server agrees on that first."""
    patient = ServerLimits(connect=0.5, patience=30.0)
    async with shop_over(engine_over(served, proxies, patient)) as shop:
        for proxy in proxies:
            proxy.go_away()
        creating = asyncio.ensure_future(shop.create())
        engine = shop.store._engine
        while engine.repeats["connection_lost"] < 5:  # noqa: ASYNC110 - a counter sets no event
            await asyncio.sleep(0)
        proxies[2].come_back()
        await creating


def nothing() -> Transaction[None]:
    yield Statement("SELECT 1", reads=True), ()


async def test_one_that_takes_no_writes_is_not_used(postgres: Server) -> None:
    """Without another server the database is away, and is shown as not writable."""
    name = postgres.url.rpartition("/")[2]
    await postgres.query(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        engine = engine_of(postgres.url)
        await engine.open()
        node = await engine.probe(nothing)
        assert node.problem == "it is a standby, or else read-only"

        with pytest.raises(StorageUnavailableError, match="standby"):
            await engine.run(nothing, TransactionMode.LOOK)
        await engine.close()
    finally:
        await postgres.query(
            f"SET default_transaction_read_only = off;"
            f"ALTER DATABASE {name} RESET default_transaction_read_only"
        )


@pytest.mark.parametrize("code", [1047, 1290, 1836])
async def test_a_server_that_turns_read_only_is_left(code: int, mysql: Server) -> None:
    """A primary that lost its cluster, or was demoted, does so: the next one takes the write."""
    await mysql.empty()
    with Proxy(MYSQL) as first, Proxy(MYSQL) as second:
        async with shop_over(engine_over(mysql, [first, second])) as shop:
            first.fail(1, code=code)
            await shop.create()
            assert second.sent > 0
            await shop.assert_explained()


async def test_the_health_names_the_server(served: Server) -> None:
    """The name is the server's own."""
    need("mysql" if isinstance(served, Mysql) else "postgres")
    engine = engine_of(served.url)
    await engine.open()
    node = await engine.probe(nothing)
    await engine.close()
    assert node.problem is None
    assert node.name.endswith(str(MYSQL[1] if isinstance(served, Mysql) else POSTGRES[1]))
