"""Faults of database servers: concurrent creation of tables, lost connections, broken commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import attrs
import pytest

from kling_mock.relay.storage.adapters.address import Host, ServerAddress
from kling_mock.relay.storage.adapters.connection import (
    ConflictingWriteError,
    ConnectionLostError,
    PooledConnection,
)
from kling_mock.relay.storage.adapters.engine import RUNS, Engine, TransactionMode
from kling_mock.relay.storage.adapters.mysql import MysqlEngine
from kling_mock.relay.storage.adapters.postgres import PostgresEngine
from kling_mock.relay.storage.adapters.server import ServerEngine, ServerLimits
from kling_mock.relay.storage.connect import connect, engine_of
from kling_mock.relay.storage.errors import SchemaError, StorageError, StorageUnavailableError
from kling_mock.relay.storage.schema import VERSION
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.steps import RetryTransactionError, Statement, Transaction
from kling_mock.relay.storage.values import DatabaseNode
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.databases import (
    MYSQL,
    POSTGRES,
    Mysql,
    Postgres,
    Server,
    need,
    opened,
)
from tests.mock.relay.storage.proxy import Proxy
from tests.mock.relay.storage.samples import NOW, PRICE, Shop

# ------------------------------------------------------------ creating tables


@pytest.fixture(params=[Mysql, Postgres])
def bare(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A database of its own without any table."""
    need("mysql" if request.param is Mysql else "postgres")
    database: Server = request.param()
    asyncio.run(database.make())
    yield database
    asyncio.run(database.drop())


async def test_an_empty_database_is_founded_by_many_at_once(bare: Server) -> None:
    """Relays that start together on an empty server all come up; later ones find it made."""

    async def start() -> None:
        async with opened(bare) as store:
            await store.probe(now=1)

    await asyncio.gather(*(start() for _ in range(4)))
    await start()
    rows = await bare.query("SELECT version FROM schema_version")
    assert [tuple(row) for row in rows] == [(VERSION,)]
    await bare.query("UPDATE schema_version SET version = 99")
    with pytest.raises(SchemaError, match="version 99"):
        await connect(bare.url).open()


async def test_the_guides_database_is_not_touched(bare: Server) -> None:
    """A database that has to be migrated first is refused, and stays as it is."""
    await bare.query("CREATE TABLE videos (task_id VARCHAR(200))")
    with pytest.raises(SchemaError, match="tables videos, and they are not this relay's"):
        await connect(bare.url).open()


@pytest.mark.parametrize("wrong", ["", "a b", "\u00e4"])
async def test_the_database_itself_refuses_a_task_id_with_spaces(
    served: Server, wrong: str
) -> None:
    """The condition is in the table, so it holds for every program that writes there."""
    with pytest.raises(Exception, match=r"(?i)check|constraint|incorrect string"):
        await served.query(
            f"INSERT INTO videos (task_id, user_id, channel_id) VALUES ('{wrong}', 1, 1)"
        )


# ------------------------------------------------------------ a server that fails


@pytest.fixture(params=["mysql", "postgres"])
def served(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    asyncio.run(server.empty())
    return server


class Failing(PooledConnection):
    """A real session whose calls are counted; one of the calls fails."""

    def __init__(self, inner: PooledConnection, plan: Plan) -> None:
        self.inner = inner
        self.plan = plan

    async def _do(self, work: Callable[[], Awaitable[Any]]) -> Any:
        return await self.plan.do(self.inner, work)

    async def begin(self, mode: TransactionMode) -> None:
        await self._do(lambda: self.inner.begin(mode))

    async def commit(self) -> None:
        await self._do(self.inner.commit)

    async def rollback(self) -> None:
        await self.inner.rollback()

    async def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        return await self._do(lambda: self.inner.execute(statement, parameters))

    async def run_script(self, statements: Any) -> None:
        await self.inner.run_script(statements)

    async def look(self) -> DatabaseNode:
        return await self.inner.look()

    def terminate(self) -> None:
        self.inner.terminate()

    async def goodbye(self) -> None:
        await self.inner.goodbye()


@attrs.define
class Plan:
    """The call that fails, and how: before it, after it, or by the database's own choice."""

    fail_at: int = -1
    how: str = ""
    calls: int = 0
    away: bool = False

    async def do(self, session: PooledConnection, work: Callable[[], Awaitable[Any]]) -> Any:
        number, self.calls = self.calls, self.calls + 1
        if number != self.fail_at and not self.away:
            return await work()
        if self.how == "overtaken":
            raise ConflictingWriteError("as after a deadlock")
        if self.how == "lost after":
            await work()
        session.terminate()
        raise ConnectionLostError(self.how)


@pytest.fixture
async def failing(
    served: Server, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Shop, Plan]]:
    engine = engine_of(served.url)
    assert isinstance(engine, ServerEngine)
    plan, plain = Plan(), engine.connect

    async def connect_failing() -> PooledConnection:
        return Failing(await plain(), plan)

    monkeypatch.setattr(engine, "connect", connect_failing)
    store = Storage(engine)
    await store.open()
    yield await Shop.fill(store, quota=1_000_000), plan
    await store.close()


def _engine(shop: Shop) -> Engine:
    assert isinstance(shop.store, Storage)
    return shop.store._engine


async def _create(shop: Shop) -> None:
    task = kit.new_task(shop.user.id, token_id=shop.token.id, external_task_id=kit.own_id())
    created = await shop.store.create_task(task, now=NOW, next_poll_at=NOW)
    assert created.row.task_id == task.task_id


async def _settle(shop: Shop) -> None:
    row = await shop.accepted()
    await shop.settle(kit.succeed(row.task_id), notice=kit.notice_of(row.task_id))
    assert (await shop.row(row.task_id)).status == "succeed"


async def _credit(shop: Shop) -> None:
    before = (await shop.me()).quota
    await shop.store.credit(shop.user.id, 5, reference=kit.own_id(), now=NOW)
    assert (await shop.me()).quota == before + 5


async def _fail_unknown(shop: Shop) -> None:
    row = await shop.create()
    for queried_at in (NOW + 180, NOW + 240):
        await shop.store.report_not_found(row.task_id, queried_at=queried_at, reason="lost")


@pytest.mark.parametrize("how", ["overtaken", "lost before", "lost after"])
@pytest.mark.parametrize("work", [_create, _settle, _credit, _fail_unknown])
async def test_a_failure_at_any_step_moves_the_money_once(
    failing: tuple[Shop, Plan], work: Callable[[Shop], Awaitable[None]], how: str
) -> None:
    """Deadlock or lost connection at every call, COMMIT included: done once, reported as done."""
    shop, plan = failing
    before = plan.calls
    await work(shop)
    # A new connection to PostgreSQL is a new process, so there only some steps are failed.
    stride = 4 if isinstance(_engine(shop), PostgresEngine) else 1
    for number in range(0, plan.calls - before, stride):
        plan.fail_at, plan.how, plan.calls = number, how, 0
        await work(shop)
        plan.fail_at = -1
    await shop.assert_explained()
    user = await shop.me()
    tasks = await shop.store.list_tasks(shop.user.id, limit=1_000)
    assert user.held_quota == sum(PRICE for row in tasks if row.is_open)


async def test_a_database_that_stays_away_is_told(failing: tuple[Shop, Plan]) -> None:
    """After some lost connections the caller hears so; what it knows stays as it was."""
    shop, plan = failing

    plan.away = True
    with pytest.raises(StorageUnavailableError, match="away"):
        await shop.create()
    plan.away = False
    await shop.create()
    await shop.assert_explained()


async def test_a_unit_that_is_always_overtaken_is_given_up(served: Server) -> None:
    """A transaction that never gets through is an error at last, not a loop."""
    engine = engine_of(served.url)
    await engine.open()

    def always() -> Transaction[None]:
        yield Statement("SELECT 1", reads=True), ()
        raise RetryTransactionError

    with pytest.raises(StorageUnavailableError, match="times"):
        await engine.run(always, TransactionMode.READ)
    assert engine.repeats == {"changed": RUNS}
    await engine.close()
    await engine.close()


async def test_connections_that_the_server_has_closed_are_replaced(served: Server) -> None:
    """After a restart of the server the next call works, however many connections were idle."""
    async with opened(served) as store:
        shop = await Shop.fill(store)
        await asyncio.gather(*(shop.create(price=1) for _ in range(8)))
        if isinstance(served, Mysql):
            rows = await served.query(
                "SELECT id FROM information_schema.processlist"
                f" WHERE db = '{served.name}' AND id <> CONNECTION_ID()"
            )
            assert rows
            await served.query(";".join(f"KILL {row[0]}" for row in rows))
        else:
            rows = await served.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{served.name}' AND pid <> pg_backend_pid()"
            )
            assert rows
        await asyncio.gather(*(shop.create(price=1) for _ in range(8)))
        await store.probe(now=1)
        assert store.statistics().repeats["connection_lost"] >= 1


async def test_a_cancelled_caller_leaves_nothing_half_done(served: Server) -> None:
    """Cancelled creates leave either a task with its hold or neither, and free connections."""
    async with opened(served) as store:
        shop = await Shop.fill(store, quota=100_000)
        for number in range(12):
            waiting = [asyncio.ensure_future(shop.create()) for _ in range(6)]
            for _ in range(50 * number):  # turns of the loop: each time it has come further
                await asyncio.sleep(0)
            for future in waiting:
                future.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        await shop.create()
        await shop.assert_explained()


async def test_a_statement_that_is_refused_is_told_without_its_values(served: Server) -> None:
    """An unforeseen error names the database's code, and not the caller's values."""
    engine = engine_of(served.url)
    await engine.open()

    def broken() -> Transaction[None]:
        yield Statement("SELECT secret_4711 FROM nowhere", reads=True), ()

    with pytest.raises(StorageError, match="refused a statement") as caught:
        await engine.run(broken, TransactionMode.WRITE)
    assert "4711" not in str(caught.value)
    await engine.close()


# ------------------------------------------------------------ addresses


@pytest.mark.parametrize("kind", ["mysql", "postgres"])
async def test_a_silent_server_is_reported_and_used_again(kind: str) -> None:
    """A network that swallows everything does not close connections; callers must not hang."""
    need(kind)
    target = MYSQL if kind == "mysql" else POSTGRES
    with Proxy(target) as proxy:
        make = MysqlEngine if kind == "mysql" else PostgresEngine
        if kind == "mysql":
            arguments: dict[str, Any] = {"user": "root"}
        else:
            arguments = {"user": "postgres", "host": "127.0.0.1", "port": proxy.port}
        address = ServerAddress((Host("127.0.0.1", proxy.port),), arguments)
        engine = make(address, ServerLimits(silence=0.3))

        def select_one() -> Transaction[int]:
            rows = yield Statement("SELECT 1", reads=True), ()
            return int(rows[0][0])

        await engine.open()
        assert await engine.run(select_one, TransactionMode.WRITE) == 1
        proxy.silent = True
        with pytest.raises(StorageUnavailableError, match=r"no response|no connection"):
            await engine.run(select_one, TransactionMode.WRITE)
        assert engine.repeats["connection_lost"] == 1  # it would be silent the next time, too
        proxy.silent = False
        assert await engine.run(select_one, TransactionMode.LOOK) == 1
        await engine.close()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root:hunter2@127.0.0.1:1/relay",
        "postgresql://postgres:hunter2@127.0.0.1:1/relay",
    ],
)
async def test_a_server_that_is_away_is_told_without_the_password(url: str) -> None:
    """Nothing listens there: an error that says so, and holds no password."""
    with pytest.raises(StorageUnavailableError, match="away") as caught:
        await connect(url).open()
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(engine_of(url))


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://nobody:hunter2@{MYSQL[0]}:{MYSQL[1]}/mysql",
        f"mysql://root@{MYSQL[0]}:{MYSQL[1]}/kling_test_nowhere",
        f"postgresql://postgres:hunter2@{POSTGRES[0]}:{POSTGRES[1]}/kling_test_nowhere",
    ],
)
@pytest.mark.slow
async def test_a_server_that_lets_us_not_in_is_told(url: str) -> None:
    """A wrong password or database is an error at once, with the database's code."""
    need(url.partition(":")[0].replace("postgresql", "postgres"))
    with pytest.raises(StorageUnavailableError, match=r"cannot use the database.*\d") as caught:
        await connect(url).open()
    assert "hunter2" not in str(caught.value)


def test_a_mysql_url_is_taken_apart() -> None:
    """User, password and database may be percent-encoded; the rest has its defaults."""
    engine = engine_of("mariadb://us%40er:p%2Fw@db.example.com:3307/rel%61y?unix_socket=/run/s")
    assert isinstance(engine, MysqlEngine)
    assert engine.address.hosts == (Host("db.example.com", 3307),)
    assert engine.address.arguments == {
        "user": "us@er",
        "password": "p/w",
        "database": "relay",
        "unix_socket": "/run/s",
    }
    secure = engine_of("mysql://db.example.com/relay?ssl=true")
    assert isinstance(secure, MysqlEngine)
    assert secure.address.arguments["ssl"].check_hostname
    for wrong in ("mysql://127.0.0.1", "mysql://127.0.0.1/relay?charset=latin1"):
        with pytest.raises(ValueError, match="MySQL URL"):
            engine_of(wrong)
    assert isinstance(engine_of("postgres://127.0.0.1/relay"), PostgresEngine)


@pytest.mark.parametrize("kind", ["mysql", "postgres"])
def test_a_driver_that_is_not_installed_names_the_command(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra, the error says what to install."""
    monkeypatch.setitem(
        __import__("sys").modules, f"kling_mock.relay.storage.adapters.{kind}", None
    )
    with pytest.raises(ImportError, match=rf"pip install 'kling-sdk\[{kind}\]'"):
        engine_of(f"{kind}://127.0.0.1/relay")
