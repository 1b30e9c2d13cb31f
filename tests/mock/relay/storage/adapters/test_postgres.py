"""A connection to PostgreSQL: in which order it sends what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import attrs
import pytest

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.adapters.connection import ConnectionLostError
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.postgres import PostgresConnection
from kling_mock.relay.storage.steps import Statement, write
from kling_mock.relay.storage.values import Attempt
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.databases import Server, opened
from tests.mock.relay.storage.samples import NOW, Shop

FIRST = write("UPDATE users SET quota = ?")
SECOND = write("UPDATE tokens SET status = ?")


class Driver:
    """A driver that records its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.error: Exception | None = None

    async def execute(self, sql: str) -> str:
        self.calls.append(sql.partition(" ")[0])
        return ""

    async def prepare(self, sql: str) -> Prepared:
        self.calls.append(f"prepare {sql.split()[1]}")
        if self.error:
            raise self.error
        return Prepared(self, sql)


class Prepared:
    """A statement that it has prepared."""

    def __init__(self, driver: Driver, sql: str) -> None:
        self._driver = driver
        self._table = sql.split()[1]

    async def fetch(self, *_: Any) -> Sequence[Any]:
        self._driver.calls.append(self._table)
        return []

    def get_statusmsg(self) -> str:
        return "UPDATE 3"


async def test_what_a_transaction_needs_is_prepared_before_it_begins() -> None:
    """Else a process that stops while it prepares keeps its locks: the server does not take the
    session for idle. Each statement's lock of its table ends before the next one.
    """
    driver = Driver()
    session = PostgresConnection(driver, [FIRST, SECOND])
    await session.begin(TransactionMode.SNAPSHOT)
    assert driver.calls == ["BEGIN"]  # it locks no rows
    driver.calls.clear()
    await session.begin(TransactionMode.WRITE)
    assert {*driver.calls[:3:2]} == {"prepare tokens", "prepare users"}
    assert driver.calls[1::2] == ["SELECT", "SELECT"]
    assert driver.calls[4] == "BEGIN"
    driver.calls.clear()
    assert await session.execute(FIRST, (1,)) == 3
    await session.begin(TransactionMode.WRITE)
    assert driver.calls == ["users", "BEGIN"]


@pytest.mark.parametrize("error", [asyncpg.UndefinedTableError, asyncpg.DeadlockDetectedError])
async def test_a_transaction_begins_without_what_cannot_be_prepared(error: type[Exception]) -> None:
    """It may be the one that reads the version of the tables, while other processes make them."""
    driver = Driver()
    session = PostgresConnection(driver, [FIRST])
    driver.error = error()
    await session.begin(TransactionMode.WRITE)
    assert driver.calls == ["prepare users", "BEGIN"]
    driver.error = None
    await session.begin(TransactionMode.WRITE)
    assert driver.calls[2:] == ["prepare users", "SELECT", "BEGIN"]


async def test_a_connection_that_is_lost_is_not_used_again() -> None:
    """A silent server would not reply to that either."""
    driver = Driver()
    driver.error = asyncpg.ConnectionDoesNotExistError()
    with pytest.raises(ConnectionLostError):
        await PostgresConnection(driver, [FIRST]).begin(TransactionMode.WRITE)
    assert driver.calls == ["prepare users"]


async def test_a_new_process_prepares_nothing_while_it_has_locks(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first create and its first settlements may be those in which it stops."""
    await postgres.empty()
    prepared: list[Statement] = []
    prepare = PostgresConnection._prepare

    async def watched(self: PostgresConnection, statement: Statement) -> Any:
        if self.driver.is_in_transaction():
            prepared.append(statement)
        return await prepare(self, statement)

    monkeypatch.setattr(PostgresConnection, "_prepare", watched)
    async with opened(postgres) as other, opened(postgres) as store:
        shop = attrs.evolve(await Shop.fill(other), store=store)
        prepared.clear()
        attempt = Attempt(shop.channel.id, "key-1", NOW, "kling")
        first = await shop.accepted(attempt=attempt)
        second = await shop.create(external_task_id="order-2")
        await shop.settle(kit.succeed(first.task_id), notice=kit.notice_of(first.task_id))
        await shop.settle(kit.failed(second.task_id, free_external_id=True))
    assert prepared == [sql.HOLD_USER, sql.ACCEPT]  # each locks the first row of its transaction
