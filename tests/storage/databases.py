"""Databases of the tests' own: made with a random name, emptied between tests, dropped."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from kling_mock.storage.connect import connect
from kling_mock.storage.protocol import Storage
from kling_mock.storage.schema import TABLES

TABLE_NAMES = [table.name for table in TABLES if table.name != "schema_version"]


class Database(Protocol):
    """A database that a store can be opened on, and that a test can look into."""

    @property
    def url(self) -> str: ...

    async def query(self, sql: str) -> Sequence[Sequence[Any]]:
        """Run one statement past the store, and return what it read."""
        ...

    async def drop(self) -> None: ...


class SqliteFile:
    """A file of its own, or a copy of *template*."""

    def __init__(self, folder: Path, template: Path | None = None) -> None:
        self.path = folder / "relay.db"
        if template is not None:
            shutil.copyfile(template, self.path)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    async def query(self, sql: str) -> Sequence[Sequence[Any]]:
        raw = sqlite3.connect(self.path, timeout=30)
        try:
            with raw:
                return raw.execute(sql).fetchall()
        finally:
            raw.close()

    async def drop(self) -> None:
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink()


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Storage]:
    store = connect(database.url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
