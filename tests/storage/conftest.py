"""The store under test, by turns each that we have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from kling_mock.storage.connect import connect
from kling_mock.storage.memory import MemoryStorage
from kling_mock.storage.protocol import Storage
from tests.storage import kit
from tests.storage.databases import SqliteFile, opened


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables: to copy it costs less than to wait for the disk again."""
    database = SqliteFile(tmp_path_factory.mktemp("template"))

    async def make() -> None:
        async with opened(database):
            pass

    asyncio.run(make())
    return database.path


@pytest.fixture(params=["memory", "sqlite-memory", "sqlite"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path
) -> AsyncIterator[Storage]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield MemoryStorage()
        elif request.param == "sqlite-memory":
            one = connect("sqlite://")
            await one.open()
            stack.push_async_callback(one.close)
            yield one
        else:
            yield await stack.enter_async_context(opened(SqliteFile(tmp_path, sqlite_template)))


@pytest.fixture
async def shop(store: Storage) -> kit.Shop:
    """A store with a user of 1,000 quota, a token and a channel."""
    return await kit.Shop.fill(store)
