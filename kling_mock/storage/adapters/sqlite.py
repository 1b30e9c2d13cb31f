"""SQLite: group commit. What is submitted while the disk is waited for is committed together.

A commit waits for the disk; while it does, the next transactions queue up, and one commit makes
them all durable. In a group each transaction fails alone: if one does after it has changed
something, the group is rolled back and run again, each transaction with a savepoint. No result is
returned before the COMMIT.

Statements run on the event loop: each takes some microseconds, while handing it to a thread and
waiting for the interpreter's lock twice takes several times that. What can wait runs in a
thread: taking the lock when another process has it, and COMMIT. So do reads of many rows; those
of a few by their key run on the loop, on a connection of their own, from the last committed
state.

Settings: WAL, so that readers do not wait; synchronous=FULL, so that an acknowledged charge
survives a power cut; BEGIN IMMEDIATE, because a read transaction that wants to write fails
with BUSY however long it would wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar

from kling_mock.storage.adapters.engine import TransactionMode, call_nothing
from kling_mock.storage.adapters.sqlite_groups import (
    Job,
    PartialGroupError,
    Result,
    SqliteConnection,
    TransactionAbortedError,
    is_busy,
    read,
    resolve,
    resolve_all,
    run_group,
)
from kling_mock.storage.errors import StorageUnavailableError
from kling_mock.storage.schema import Dialect
from kling_mock.storage.steps import RetryTransactionError, Statement, TransactionFactory
from kling_mock.storage.values import DatabaseNode

__all__ = ["SqliteEngine", "Writer"]

T = TypeVar("T")

_log = logging.getLogger("kling_mock.storage")

_SWITCH_PAUSE: Final = 0.02  # seconds
_Call: TypeAlias = tuple[Callable[[], Any], asyncio.AbstractEventLoop, asyncio.Future[Any]]

#: Seconds that a writer waits for another process's lock.
BUSY_TIMEOUT: Final = 30.0
#: Transactions in one commit: they keep the loop for a few milliseconds.
GROUP: Final = 64
#: Runs of a group that keeps falling out of its transaction.
REPLAYS: Final = 3
#: Groups with savepoints after one that would have needed them: at most one group in so many
#: is run twice.
CAREFUL: Final = 32


class WriterThread:
    """A thread for calls that may block, one after the other, all from one event loop.

    An executor of the standard library costs the loop several times as much for each call.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()

    def __call__(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """Run a call in the thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.put((call, loop, future))
        return future

    def end(self) -> None:
        """End the thread after the calls that are queued."""
        self._calls.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (given := self._calls.get()) is not None:
            call, loop, future = given
            try:
                answer: Result = call(), None
            except BaseException as error:  # noqa: BLE001 - raised in the caller
                answer = None, error
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(resolve, future, answer)


class Writer:
    """The connection that writes, and its queue. One event loop uses it.

    Args:
        connection: Only this writer uses it.
        waiting: Where a call that may wait is run; `None` if none ever does.
    """

    def __init__(self, connection: SqliteConnection, waiting: WriterThread | None) -> None:
        self._connection = connection
        self._waiting = waiting
        self._careful = 0  # groups that are still to have savepoints
        self._jobs: deque[Job] = deque()
        self._work: asyncio.Task[None] | None = None

    def submit(self, make: TransactionFactory[T]) -> asyncio.Future[T]:
        """Queue a transaction."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.append(Job(make, future))
        if self._work is None:
            # It begins one iteration of the loop later, with all that is submitted in this one.
            self._work = loop.create_task(self._run())
        return future

    async def close(self) -> None:
        """Finish what is queued, and disconnect."""
        if self._work is not None:
            await self._work
        self._connection.close()

    async def _run(self) -> None:
        try:
            while self._jobs:
                group = [self._jobs.popleft() for _ in range(min(GROUP, len(self._jobs)))]
                await self._group(group)
        finally:
            self._work = None

    async def _group(self, jobs: Sequence[Job]) -> None:
        """Run a group in one transaction of SQLite, commit it, and return the results."""
        for _ in range(REPLAYS):
            try:
                results = await self._transaction(jobs)
            except TransactionAbortedError as error:
                cause: BaseException | None = error.__cause__
                self._connection.repeats["rolled_back"] += 1
                _log.warning(
                    "kling storage error: SQLite rolled back a group of %d: %s; again",
                    len(jobs),
                    cause,
                )
            else:
                resolve_all(jobs, results)
                return
        if len(jobs) > 1:
            for job in jobs:  # one of them is the cause, and it alone is to fail
                await self._group([job])
        else:
            text = "SQLite rolls back this transaction whenever it is run"
            resolve_all(jobs, [(None, StorageUnavailableError(text))])

    async def _transaction(self, jobs: Sequence[Job]) -> list[Result]:
        connection = self._connection
        try:
            results = await self._run_in(jobs)
            await self._wait(connection.commit)
        except TransactionAbortedError:
            connection.undo()
            raise
        except sqlite3.Error as error:
            # Another process has not let go of the database, or the disk takes nothing. Nothing
            # of the group was made durable.
            begun = connection.raw.in_transaction
            connection.undo()
            if begun and is_busy(error):
                raise TransactionAbortedError from error
            connection.repeats["busy"] += is_busy(error)
            away = StorageUnavailableError(f"SQLite: {error}")
            away.__cause__ = error
            return [(None, away)] * len(jobs)
        return results

    async def _run_in(self, jobs: Sequence[Job]) -> list[Result]:
        """Begin a transaction of SQLite and run a group in it."""
        connection = self._connection
        await self._begin()
        if not self._careful:
            try:
                return run_group(connection, jobs, with_savepoints=False)
            except PartialGroupError as error:
                connection.undo()
                connection.repeats["changed"] += isinstance(error.__cause__, RetryTransactionError)
                self._careful = CAREFUL
                await self._begin()
        self._careful -= 1
        return run_group(connection, jobs, with_savepoints=True)

    async def _begin(self) -> None:
        if not self._connection.begin_now():
            await self._wait(self._connection.begin)

    async def _wait(self, call: Callable[[], None]) -> None:
        if self._waiting is None:
            call()
        else:
            await self._waiting(call)


class Reader:
    """The connections that read a file. One event loop uses them.

    Args:
        near: The one for the loop itself; it never waits.
        far: The one for a thread.
    """

    def __init__(self, near: SqliteConnection, far: SqliteConnection) -> None:
        self._near = near
        self._far = far
        self._thread = ThreadPoolExecutor(1, "sqlite-reader")

    def look(self, make: TransactionFactory[T]) -> T:
        """Run a transaction that reads a few rows.

        Raises:
            BlockingIOError: It would have to wait.
        """
        try:
            found: T = read(self._near, make, snapshot=False)
        except StorageUnavailableError as error:
            cause = error.__cause__
            if isinstance(cause, sqlite3.OperationalError) and is_busy(cause):
                raise BlockingIOError from error
            raise
        return found

    async def read(self, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction in the thread."""

        def call() -> T:
            found: T = read(self._far, make, snapshot=mode is TransactionMode.SNAPSHOT)
            return found

        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def close(self) -> None:
        """Finish pending calls, and disconnect."""
        self._thread.shutdown()
        self._near.close()
        self._far.close()


def switch_to_wal(
    raw: sqlite3.Connection, timeout: float, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Switch a file to WAL, which it stays in.

    SQLite does not wait, whatever its own timeout is, for another process that is about to write
    in the old mode, or that switches as well: relays that start together on a new file. So it is
    tried again.

    Args:
        raw: A connection in no transaction.
        timeout: Seconds until it is given up.
        sleep: Waits for so many seconds between two attempts.

    Raises:
        sqlite3.OperationalError: The file is locked all the time, or cannot be written.
    """
    for left in range(round(timeout / _SWITCH_PAUSE), -1, -1):
        try:
            raw.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or not left:
                raise
            sleep(_SWITCH_PAUSE)
        else:
            return


class SqliteEngine:
    """Runs transactions on a SQLite database.

    Args:
        path: The file; None is a database in memory, which ends with `close`.
        busy_timeout: Seconds that a writer waits for another process's lock.
    """

    dialect = Dialect.SQLITE

    def __init__(self, path: Path | None, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self.repeats = Counter[str]()
        self.on_connect = call_nothing
        self._waiting: WriterThread | None = None
        self._memory: SqliteConnection | None = None
        self._writer: Writer | None = None
        self._reader: Reader | None = None

    async def open(self) -> None:
        """Connect."""
        if self._path is None:
            self._memory = self._connect("synchronous = FULL")
            self._writer = Writer(self._memory, None)
            return
        opened = await asyncio.get_running_loop().run_in_executor(None, self._open_file)
        self._waiting = WriterThread()
        self._writer = Writer(opened[0], self._waiting)
        self._reader = Reader(*opened[1:])

    async def close(self) -> None:
        """Finish pending calls and disconnect."""
        reader, writer, waiting = self._reader, self._writer, self._waiting
        self._reader = self._writer = self._waiting = self._memory = None
        if writer is not None:
            await writer.close()
        loop = asyncio.get_running_loop()
        if reader is not None:
            await loop.run_in_executor(None, reader.close)
        if waiting is not None:
            await loop.run_in_executor(None, waiting.end)

    async def run(self, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction on the writer, on the loop or in the reading thread."""
        if self._writer is None:
            raise StorageUnavailableError("the database is not open")
        if mode is TransactionMode.WRITE:
            return await self._writer.submit(make)
        if self._memory is not None:
            found: T = read(self._memory, make, snapshot=mode is TransactionMode.SNAPSHOT)
            return found
        assert self._reader is not None  # noqa: S101 - a file has one
        if mode is TransactionMode.LOOK:
            with contextlib.suppress(BlockingIOError):
                return self._reader.look(make)
        return await self._reader.read(make, mode)

    async def node(self) -> DatabaseNode:
        """Return that there is no server."""
        return DatabaseNode()

    async def tables(self) -> frozenset[str]:
        """Return the names of the tables."""

        def names() -> Any:
            sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            rows = yield Statement(sql, reads=True), ()
            return frozenset(row[0] for row in rows)

        found: frozenset[str] = await self.run(names, TransactionMode.WRITE)
        return found

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run a script, all or nothing."""

        def script() -> Any:
            for sql in statements:
                yield Statement(sql, reads=False), ()

        await self.run(script, TransactionMode.WRITE)

    def _open_file(self) -> tuple[SqliteConnection, SqliteConnection, SqliteConnection]:
        """Return the connections that write, that read on the loop, and in a thread.

        The file is switched to WAL, which lasts, before it is used.

        Raises:
            StorageUnavailableError: The file cannot be opened or written, or is no database.
        """
        try:
            with contextlib.closing(self._connect()) as connection:
                switch_to_wal(connection.raw, self._busy_timeout)
                connection.raw.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            with contextlib.ExitStack() as stack:
                opened = [
                    stack.enter_context(contextlib.closing(self._connect(*pragmas)))
                    for pragmas in (
                        ("synchronous = FULL", "busy_timeout = 0"),
                        ("query_only = ON", "busy_timeout = 0"),
                        ("query_only = ON",),
                    )
                ]
                stack.pop_all()
        except sqlite3.Error as error:
            raise StorageUnavailableError(f"SQLite, {self._path}: {error}") from error
        return opened[0], opened[1], opened[2]

    def _connect(self, *pragmas: str) -> SqliteConnection:
        raw = sqlite3.connect(
            ":memory:" if self._path is None else self._path,
            timeout=self._busy_timeout,
            isolation_level=None,
            cached_statements=256,
            check_same_thread=False,  # the loop and one thread take turns
        )
        try:
            for pragma in pragmas:
                raw.execute(f"PRAGMA {pragma}")
        except BaseException:
            raw.close()
            raise
        return SqliteConnection(raw, self._busy_timeout, self.repeats)
