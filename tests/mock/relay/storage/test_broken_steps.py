"""Each step of a task's lifecycle fails in turn, COMMIT included, as real drivers see it.

Servers stand behind a proxy that cuts the connection at the n-th packet, before or after the
server has got it, or forges an error. SQLite's own calls are made to fail. Whatever happens, a
caller whose call returns finds the change made, nothing is done twice, and every balance is
explained.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.sql_storage import Storage, method_of
from kling_mock.relay.storage.steps import Transaction, write
from kling_mock.relay.storage.transactions.lifecycle import video
from kling_mock.relay.storage.values import (
    Acceptance,
    NewNotice,
    NoticeState,
    Settlement,
    TaskOutcome,
    TaskResult,
    WebhookDelivery,
)
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.databases import MYSQL, POSTGRES, Database, Mysql, Server, SqliteFile
from tests.mock.relay.storage.proxy import Proxy
from tests.mock.relay.storage.samples import LATER, NOW, Shop

#: Deadlock, lock wait timeout, changed since it was read.
OVERTAKEN: Final = (1213, 1205, 1020)


# ------------------------------------------------------------ what is done


@attrs.define
class Task:
    """One task, and the results that its callers got."""

    shop: Shop
    task_id: str = attrs.field(factory=kit.own_id)

    async def create(self) -> None:
        task = kit.new_task(
            self.shop.user.id,
            task_id=self.task_id,
            token_id=self.shop.token.id,
            external_task_id=f"ext-{self.task_id}",
        )
        created = await self.shop.store.create_task(task, now=NOW, next_poll_at=NOW)
        assert created.row.task_id == self.task_id

    async def accept(self) -> None:
        acceptance = await self.shop.store.accept(
            self.task_id, f"k-{self.task_id}", now=NOW, next_poll_at=NOW
        )
        assert acceptance in {Acceptance.RECORDED, Acceptance.ALREADY}
        assert (await self.shop.row(self.task_id)).kling_task_id == f"k-{self.task_id}"

    async def settle(self) -> None:
        notice = kit.notice_of(self.task_id)
        await self.shop.settle(kit.succeed(self.task_id), notice=notice)
        assert (await self.shop.row(self.task_id)).status == "succeed"

    async def deliver(self) -> None:
        store = self.shop.store
        await kit.claim_notices(store, now=LATER, lease_until=LATER + 60, limit=9)
        event = kit.notice_of(self.task_id).event_id
        done = WebhookDelivery(event, 0, NoticeState.DELIVERED, http_status=200)
        await store.record_delivery(done, now=LATER)
        notices = await store.list_notices(state=NoticeState.DELIVERED, limit=9)
        assert event in {notice.event_id for notice in notices}

    async def release(self) -> None:
        await self.shop.settle(kit.failed(self.task_id, free_external_id=True))
        assert (await self.shop.row(self.task_id)).external_task_id is None


Step = Callable[[Task], Awaitable[None]]
#: A success and a failure, step by step.
LIFECYCLES: Final[tuple[tuple[Step, ...], ...]] = (
    (Task.create, Task.accept, Task.settle, Task.deliver),
    (Task.create, Task.release),
)


async def run_steps(shop: Shop, steps: tuple[Step, ...]) -> Task:
    """Run the steps of a lifecycle; a failed step is repeated, as its caller would."""
    task = Task(shop)
    for step in steps:
        try:
            await step(task)
        except StorageUnavailableError:
            await step(task)
    return task


async def assert_once(database: Database, shop: Shop) -> None:
    """Every task has one row, one charge or none, and one notice; the balances are explained."""
    await shop.assert_explained()
    for sql in (
        "SELECT task_id FROM videos GROUP BY task_id HAVING COUNT(*) > 1",
        "SELECT reference FROM ledger WHERE kind = 'charge' GROUP BY reference HAVING COUNT(*) > 1",
        "SELECT task_id FROM outbox GROUP BY task_id HAVING COUNT(*) > 1",
        "SELECT task_id FROM videos WHERE status NOT IN ('succeed', 'failed')",
    ):
        assert list(await database.query(sql)) == [], sql
    rows = await database.query("SELECT COUNT(*) FROM videos WHERE status = 'succeed'")
    user = await shop.me()
    assert (user.held_quota, user.request_count) == (0, int(rows[0][0]))
    assert user.used_quota == user.request_count * kit.PRICE


# ------------------------------------------------------------ servers


@pytest.fixture(params=["mysql", "postgres"])
def served(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    asyncio.run(server.empty())
    return server


@pytest.fixture
def proxy(served: Server) -> Iterator[Proxy]:
    with Proxy(MYSQL if isinstance(served, Mysql) else POSTGRES) as proxy:
        yield proxy


@pytest.fixture
async def shop(served: Server, proxy: Proxy) -> AsyncIterator[Shop]:
    """A shop whose store speaks through the proxy."""
    port = MYSQL[1] if isinstance(served, Mysql) else POSTGRES[1]
    store = connect(served.url.replace(f":{port}/", f":{proxy.port}/"))
    await store.open()
    yield await Shop.fill(store, quota=1_000_000)
    await store.close()


async def packets(proxy: Proxy, shop: Shop, steps: tuple[Step, ...]) -> int:
    """Return how many packets a lifecycle takes on a connection with prepared statements."""
    await run_steps(shop, steps)
    before = proxy.sent
    await run_steps(shop, steps)
    return proxy.sent - before


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("steps", LIFECYCLES, ids=["charged", "released"])
async def test_a_connection_that_is_cut_at_any_packet_moves_the_money_once(
    served: Server, proxy: Proxy, shop: Shop, steps: tuple[Step, ...], how: Any
) -> None:
    """Whether or not the server still got the COMMIT, it is done once and reported as done."""
    count = await packets(proxy, shop, steps)
    assert count > 12
    # A new connection to PostgreSQL is a new process there, so only some packets are cut.
    for number in range(0, count, 1 if isinstance(served, Mysql) else 3):
        await run_steps(shop, steps)  # so that a connection with prepared statements exists
        before = proxy.sent
        proxy.fail(number, how)
        await run_steps(shop, steps)
        assert proxy.sent - before > number
    await assert_once(served, shop)


async def test_an_error_of_mysql_at_any_packet_moves_the_money_once(mysql: Server) -> None:
    """Deadlock, lock wait timeout or a change in between, at COMMIT too: run again, done once."""
    await mysql.empty()
    codes = itertools.cycle(OVERTAKEN)
    with Proxy(MYSQL) as proxy:
        store = connect(mysql.url.replace(f":{MYSQL[1]}/", f":{proxy.port}/"))
        await store.open()
        shop = await Shop.fill(store, quota=1_000_000)
        for steps in LIFECYCLES:
            for number in range(await packets(proxy, shop, steps)):
                proxy.fail(number, code=next(codes))
                await run_steps(shop, steps)
        await assert_once(mysql, shop)
        await store.close()


async def test_the_checker_catches_a_charge_that_is_only_run_again(
    mysql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: a charge without a key, run again after an unanswered COMMIT, counts twice."""
    await mysql.empty()

    def naive(
        result: TaskResult, *, now: int, notice: NewNotice | None = None
    ) -> Transaction[Settlement]:
        del now, notice
        row = yield from video(result.task_id)
        yield write("UPDATE users SET quota = quota - ? WHERE id = ?"), (row.quota, row.user_id)
        return Settlement(TaskOutcome.SETTLED, row, row.quota)

    monkeypatch.setattr(Storage, "settle", method_of(naive, TransactionMode.WRITE))
    with Proxy(MYSQL) as proxy:
        store = connect(mysql.url.replace(f":{MYSQL[1]}/", f":{proxy.port}/"))
        await store.open()
        shop = await Shop.fill(store, quota=1_000_000)
        task = Task(shop)
        await task.create()
        for number in range(6):  # one of them is the COMMIT
            proxy.fail(number, "after")
            await shop.settle(kit.succeed(task.task_id))
        assert (await shop.me()).quota < 1_000_000 - 6 * kit.PRICE
        with pytest.raises(AssertionError):
            await assert_once(mysql, shop)
        await store.close()


# ------------------------------------------------------------ SQLite


@attrs.define
class Failing:
    """The call of SQLite that fails, and its error."""

    at: int = -1
    code: int = sqlite3.SQLITE_BUSY
    calls: int = 0

    def check(self, sql: str) -> None:
        if sql.startswith("PRAGMA"):
            return
        number, self.calls = self.calls, self.calls + 1
        if number == self.at:
            error = sqlite3.OperationalError("made to fail")
            error.sqlite_errorcode = self.code
            raise error


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    plan, plain = Failing(), sqlite3.connect

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *parameters: Any) -> Any:
            plan.check(sql)
            return super().execute(sql, *parameters)

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> Any:
            plan.check(sql)
            return super().execute(sql, *parameters)

        def cursor(self, *_: Any) -> Any:
            return super().cursor(Cursor)

    def connect_failing(*arguments: Any, **named: Any) -> Any:
        return plain(*arguments, factory=Connection, **named)

    monkeypatch.setattr(sqlite3, "connect", connect_failing)
    return plan


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL])
async def test_an_error_of_sqlite_at_any_call_moves_the_money_once(
    failing: Failing, quick_path: Path, code: int
) -> None:
    """Busy, a broken disk or a full one: run again, or reported as not done and repeated."""
    database = SqliteFile(quick_path)
    store = connect(database.url)
    await store.open()
    shop = await Shop.fill(store, quota=1_000_000)
    failing.code = code
    for steps in LIFECYCLES:
        await run_steps(shop, steps)
        failing.calls = 0
        await run_steps(shop, steps)
        for number in range(failing.calls):
            failing.calls, failing.at = 0, number
            await run_steps(shop, steps)
            assert failing.calls > number
            failing.at = -1
    await assert_once(database, shop)
    await store.close()


async def test_a_busy_moment_is_waited_out(failing: Failing, quick_path: Path) -> None:
    """A BUSY in the middle of a transaction is the database's affair: no caller hears of it."""
    store = connect(SqliteFile(quick_path).url)
    await store.open()
    shop = await Shop.fill(store, quota=1_000_000)
    failing.calls, failing.at = 0, 3  # BEGIN and SAVEPOINT come before
    await Task(shop).create()
    assert failing.calls > 3
    failing.at = -1
    await store.close()
