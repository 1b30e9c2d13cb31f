"""The store under test, by turns each that we have."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kling_mock.storage.memory import MemoryStorage
from kling_mock.storage.protocol import Storage
from tests.storage import kit


@pytest.fixture
async def store() -> AsyncIterator[Storage]:
    one: Storage = MemoryStorage()
    await one.open()
    yield one
    await one.close()


@pytest.fixture
async def shop(store: Storage) -> kit.Shop:
    """A store with a user of 1,000 quota, a token and a channel."""
    return await kit.Shop.fill(store)
