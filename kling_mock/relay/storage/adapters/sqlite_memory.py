"""SQLite in memory: a database that belongs to one process, and ends with its connection.

Nothing waits for a disk or for another process, so each transaction runs at once and to its end,
without yielding to the event loop: no groups, no threads, no WAL.
"""

from __future__ import annotations

import atexit
import contextlib
import sqlite3
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from kling_mock.relay.storage.adapters.engine import RUNS, TransactionMode, call_nothing
from kling_mock.relay.storage.adapters.sqlite_groups import (
    TABLE_NAMES,
    SqliteConnection,
    read,
    translated,
)
from kling_mock.relay.storage.adapters.sqlite_lock import LockWait
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.steps import (
    RetryTransactionError,
    TransactionFactory,
    drive,
    script,
)
from kling_mock.relay.storage.values import DatabaseNode

T = TypeVar("T")

_UNUSED: Final = 8  # connections of a process that wait for their next database


class MemoryTemplate:
    """Empty tables, created once, for databases in memory.

    A connection whose database has ended is emptied and used for the next one: SQLite then has its
    statements prepared, which otherwise takes as long as the start of a server.

    Args:
        tables: The database, as `MemoryEngine.serialize` returns it.
    """

    def __init__(self, tables: bytes) -> None:
        self._tables = tables
        self._unused: list[sqlite3.Connection] = []
        with contextlib.closing(connected(tables)) as raw:
            sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_version'"
            deletes = [f"DELETE FROM {name}" for (name,) in raw.execute(sql)]  # noqa: S608 - names of our own
            self._empty = ("BEGIN", *deletes, "COMMIT")
            self._max_pages = 2 * _pages(raw)
        atexit.register(self._close)

    def connect(self) -> sqlite3.Connection:
        """Return a connection to a database of its own."""
        try:
            return self._unused.pop()
        except IndexError:
            return connected(self._tables)

    def give_back(self, raw: sqlite3.Connection) -> None:
        """Empty a connection that is no longer used, for the next `connect`, or close it."""
        if len(self._unused) >= _UNUSED or _pages(raw) > self._max_pages:
            raw.close()
            return
        for statement in self._empty:
            raw.execute(statement)
        self._unused.append(raw)

    def _close(self) -> None:
        self._max_pages = 0  # connections that are given back after this are closed at once
        while self._unused:
            self._unused.pop().close()


def connected(tables: bytes = b"") -> sqlite3.Connection:
    """Return a connection to a database in memory, of these tables."""
    raw = sqlite3.connect(
        ":memory:",
        isolation_level=None,
        cached_statements=256,
        check_same_thread=False,  # each start of a server has a thread of its own
    )
    if tables:
        raw.deserialize(tables)
    raw.execute("PRAGMA secure_delete = ON")  # keeps data of earlier databases out of a snapshot
    return raw


def _pages(raw: sqlite3.Connection) -> int:
    ((pages,),) = raw.execute("PRAGMA page_count")
    return int(pages)


class MemoryEngine:
    """Runs transactions on a SQLite database in memory.

    It is always open: its rows survive `close`, and end with this object. Pickling keeps them.

    Args:
        raw: A connection to the database.
        end: Called with the connection when this object is gone.
    """

    dialect = Dialect.SQLITE
    table_names = TABLE_NAMES
    per_user = 0
    waits_for = ""

    def __init__(
        self,
        raw: sqlite3.Connection,
        end: Callable[[sqlite3.Connection], None] = sqlite3.Connection.close,
    ) -> None:
        self.repeats = Counter[str]()
        self.on_connect = call_nothing
        self._connection = SqliteConnection(raw, LockWait(None, 0.0), self.repeats)
        weakref.finalize(self, end, raw)

    def __reduce__(self) -> tuple[object, tuple[bytes, Counter[str]]]:
        return _restored, (self.serialize(), self.repeats)

    def serialize(self) -> bytes:
        """Return the database. No transaction is open, since none is left before its end."""
        return self._connection.raw.serialize()

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing: the rows stay."""

    async def run(self, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction."""
        return self.run_now(make, mode)

    def run_now(self, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction, and return its result without waiting.

        Raises:
            StorageUnavailableError: SQLite refuses, for example a database of more than 1 GiB.
        """
        if mode not in {TransactionMode.WRITE, TransactionMode.LONG_WRITE}:
            return read(self._connection, make, snapshot=False)  # there are no concurrent writes
        for _ in range(RUNS):
            try:
                return self._write(make)
            except RetryTransactionError:
                self.repeats["changed"] += 1
        raise StorageUnavailableError(f"a transaction had conflicts in all of {RUNS} runs")

    def _write(self, make: TransactionFactory[T]) -> T:
        connection = self._connection
        try:
            connection.raw.execute("BEGIN")
            result = drive(make(), connection.execute)
            connection.commit()
        except sqlite3.Error as error:
            connection.undo()
            raise translated(error) from error
        except BaseException:
            connection.undo()
            raise
        return result

    async def probe(self, make: TransactionFactory[None]) -> DatabaseNode:
        """Write; there is no server."""
        self.run_now(make, TransactionMode.WRITE)
        return DatabaseNode()

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run a script, all or nothing."""
        self.run_now(partial(script, statements), TransactionMode.WRITE)


def _restored(rows: bytes, repeats: Counter[str]) -> MemoryEngine:
    engine = MemoryEngine(connected(rows))
    engine.repeats.update(repeats)
    return engine
