"""SQLite with group commit: transactions submitted during a wait for the disk commit together.

A commit waits for the disk; meanwhile the next transactions queue up, and one commit makes them all
durable. In a group each transaction fails alone: if one fails after it has changed something, the
group is rolled back and run again, each transaction with a savepoint. No result is returned before
the COMMIT.

Statements run on the event loop: each takes some microseconds, while handing it to a thread and
waiting for the interpreter's lock twice takes several times that. Steps that may wait run in a
thread: taking the lock when another process has it, and COMMIT. Reads of many rows run in a thread
too; reads of a few rows by their key run on the loop, on a connection of their own, from the last
committed state.

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
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar

from kling_mock.relay.storage.adapters.engine import TransactionMode, call_nothing
from kling_mock.relay.storage.adapters.sqlite_groups import (
    TABLE_NAMES,
    Job,
    PartialGroupError,
    Result,
    SqliteConnection,
    TransactionAbortedError,
    read,
    resolve,
    resolve_all,
    run_group,
)
from kling_mock.relay.storage.adapters.sqlite_lock import LockWait, is_busy
from kling_mock.relay.storage.errors import StorageUnavailableError, WaitedInVainError
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.steps import RetryTransactionError, TransactionFactory, script
from kling_mock.relay.storage.values import DatabaseNode

T = TypeVar("T")

_log = logging.getLogger("kling_mock.storage")

_Call: TypeAlias = tuple[Callable[[], Any], asyncio.AbstractEventLoop, asyncio.Future[Any]]

#: Seconds that a writer waits for another process's lock.
BUSY_TIMEOUT: Final = 30.0
#: Transactions in one commit: they keep the loop for a few milliseconds.
GROUP: Final = 64
#: Maximum number of runs of a group whose transaction SQLite keeps ending.
REPLAYS: Final = 3
#: Groups that get savepoints after a group that would have needed them, so that at most one group
#: in so many is run twice.
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
        while (queued := self._calls.get()) is not None:
            call, loop, future = queued
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
        waiting: Runs a call that may wait.

    Attributes:
        waits_for: The resource for which it waits; "" if it does not wait.
    """

    waits_for = ""

    def __init__(self, connection: SqliteConnection, waiting: WriterThread) -> None:
        self._connection = connection
        self._waiting = waiting
        self._group_now: Sequence[Job] = ()
        self._careful = 0  # number of groups that still get savepoints
        self._jobs: deque[Job] = deque()
        self._work: asyncio.Task[None] | None = None

    def submit(self, make: TransactionFactory[T]) -> asyncio.Future[T]:
        """Queue a transaction."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.append(Job(make, future))
        if self._work is None:
            # It starts one iteration of the loop later, with everything submitted in this one.
            self._work = loop.create_task(self._run())
        return future

    @property
    def is_idle(self) -> bool:
        """Whether no caller waits for a transaction."""
        return all(job.future.done() for job in (*self._group_now, *self._jobs))

    async def close(self) -> None:
        """Finish the queued transactions, and disconnect."""
        if self._work is not None:
            await self._work
        self._connection.close()

    async def _run(self) -> None:
        try:
            while self._jobs:
                group = [self._jobs.popleft() for _ in range(min(GROUP, len(self._jobs)))]
                self._group_now = group
                await self._group(group)
        finally:
            self._work, self._group_now = None, ()

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
            for job in jobs:  # one of them is the cause, and only that one is to fail
                await self._group([job])
        else:
            text = "SQLite rolls back this transaction whenever it is run"
            resolve_all(jobs, [(None, StorageUnavailableError(text))])

    async def _transaction(self, jobs: Sequence[Job]) -> list[Result]:
        connection = self._connection
        try:
            results = await self._run_in(jobs)
            self.waits_for = "the disk"
            await self._waiting(connection.commit)
        except TransactionAbortedError:
            connection.undo()
            raise
        except sqlite3.Error as error:
            # Another process has not released the database, or the disk does not take writes. No
            # change of the group is durable.
            in_transaction = connection.raw.in_transaction
            connection.undo()
            if in_transaction and is_busy(error):
                raise TransactionAbortedError from error
            connection.repeats["busy"] += is_busy(error)
            kind = WaitedInVainError if is_busy(error) else StorageUnavailableError
            away = kind(f"SQLite: {error}")
            away.__cause__ = error
            return [(None, away)] * len(jobs)
        finally:
            self.waits_for = ""
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
            self.waits_for = "another process, which has locked the file"
            await self._waiting(self._connection.begin)


class Reader:
    """The connections that read a file. One event loop uses them.

    Args:
        near: The connection for the loop itself; it never waits.
        far: The connection for a thread.
    """

    def __init__(self, near: SqliteConnection, far: SqliteConnection) -> None:
        self._near = near
        self._far = far
        self._thread = ThreadPoolExecutor(1, "sqlite-reader")

    def look(self, make: TransactionFactory[T]) -> T:
        """Run a transaction that reads a few rows.

        Raises:
            BlockingIOError: The transaction would have to wait.
        """
        try:
            return read(self._near, make, snapshot=False)
        except StorageUnavailableError as error:
            cause = error.__cause__
            if isinstance(cause, sqlite3.OperationalError) and is_busy(cause):
                raise BlockingIOError from error
            raise

    async def read(self, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction in the thread."""

        def call() -> T:
            return read(self._far, make, snapshot=mode is TransactionMode.SNAPSHOT)

        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def close(self) -> None:
        """Finish pending calls, and disconnect."""
        self._thread.shutdown()
        self._near.close()
        self._far.close()


class SqliteEngine:
    """Runs transactions on a SQLite database.

    Args:
        path: The file.
        busy_timeout: Seconds that a writer waits for another process's lock.
    """

    dialect = Dialect.SQLITE
    table_names = TABLE_NAMES
    per_user = 0

    def __init__(self, path: Path, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._lock = LockWait(path, busy_timeout)
        self.repeats = Counter[str]()
        self.on_connect = call_nothing
        self._waiting: WriterThread | None = None
        self._writer: Writer | None = None
        self._reader: Reader | None = None

    async def open(self) -> None:
        """Connect."""
        self._lock = LockWait(self._path, self._busy_timeout)
        try:
            opened = await asyncio.get_running_loop().run_in_executor(None, self._open_file)
        except asyncio.CancelledError:
            self._lock.give_up()  # else the thread would go on, and the process wait for it
            raise
        self._waiting = WriterThread()
        self._writer = Writer(opened[0], self._waiting)
        self._reader = Reader(*opened[1:])

    async def close(self) -> None:
        """Finish pending calls and disconnect."""
        reader, writer, waiting = self._reader, self._writer, self._waiting
        self._reader = self._writer = self._waiting = None
        if writer is not None:
            if writer.is_idle:  # anything that it still starts was cancelled
                self._lock.give_up()
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
        if mode in {TransactionMode.WRITE, TransactionMode.LONG_WRITE}:
            return await self._writer.submit(make)
        assert self._reader is not None  # noqa: S101 - opened with the writer
        if mode is TransactionMode.LOOK:
            with contextlib.suppress(BlockingIOError):
                return self._reader.look(make)
        return await self._reader.read(make, mode)

    @property
    def waits_for(self) -> str:
        """The resource for which the writer waits."""
        return "" if self._writer is None else self._writer.waits_for

    async def probe(self, make: TransactionFactory[None]) -> DatabaseNode:
        """Write, after the queued transactions; there is no server."""
        await self.run(make, TransactionMode.WRITE)
        return DatabaseNode()

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run a script, all or nothing."""
        await self.run(partial(script, statements), TransactionMode.WRITE)

    def _open_file(self) -> tuple[SqliteConnection, SqliteConnection, SqliteConnection]:
        """Return the connections that write, that read on the loop, and that read in a thread.

        The file is permanently switched to WAL before it is used.

        Raises:
            StorageUnavailableError: The file cannot be opened or written, or is not a database.
        """
        try:
            with contextlib.closing(self._connect("busy_timeout = 0")) as connection:
                # Relays that start at the same time on a new file block each other.
                self._lock(lambda: connection.raw.execute("PRAGMA journal_mode = WAL"))
                self._lock(
                    lambda: connection.raw.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
                )
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
            self._path,
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
        return SqliteConnection(raw, self._lock, self.repeats)
