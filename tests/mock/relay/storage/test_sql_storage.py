"""What the storage notes of its writes, and how long they wait for their turn."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from kling_mock.relay.storage import sql_storage
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.errors import (
    NoRoomError,
    StorageUnavailableError,
    WaitedInVainError,
)
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.sql_storage import Storage
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import NOW, Shop


async def test_nobody_waits_for_ever_behind_changes_of_the_same_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A settlement gives up before a create does, and others go on afterwards."""
    store = MemoryStorage()
    shop = await Shop.fill(store)
    row = await shop.accepted()
    locked, plain = asyncio.Event(), Storage.run

    async def waiting(self: Storage, *args: object) -> object:
        await locked.wait()
        return await plain(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(store._engine, "per_user", 1, raising=False)
    monkeypatch.setattr(sql_storage, "LOCK_WAIT", 0.01)
    monkeypatch.setattr(sql_storage, "CREATE_WAIT", 0.02)
    monkeypatch.setattr(Storage, "run", waiting)
    first = asyncio.create_task(
        store.create_task(kit.new_task(shop.user.id), now=NOW, next_poll_at=NOW)
    )
    await asyncio.sleep(0)
    with pytest.raises(WaitedInVainError, match=r"took longer than 0.01 s"):
        await store.settle(kit.succeed(row.task_id), now=NOW, user_id=shop.user.id)
    with pytest.raises(WaitedInVainError, match=r"took longer than 0.02 s"):
        await store.create_task(kit.new_task(shop.user.id), now=NOW, next_poll_at=NOW)
    locked.set()
    assert (await first).is_new
    done = await store.settle(kit.succeed(row.task_id), now=NOW, user_id=shop.user.id)
    assert done.row.status == "succeed"
    assert not store._turns


async def test_a_lost_connection_does_not_hide_a_full_disk() -> None:
    """MariaDB aborts if a rollback finds no room. Creates notice it before a probe does."""
    failures = [NoRoomError("the database has no room"), StorageUnavailableError("it is away")]

    class Failing:
        async def run(self, _make: object, _mode: object) -> None:
            raise failures.pop(0)

    storage = Storage(cast("Any", Failing()))
    while failures:
        with pytest.raises(StorageUnavailableError):
            await storage.run("create", cast("Any", None), TransactionMode.WRITE)
    assert storage.no_room == "the database has no room"
    assert storage.failed_write > storage.no_room_at
