"""SQLite: a group of transactions in one transaction of the database, each of which fails alone.

There are no threads and no event loop here: `sqlite.Writer` decides where each part runs.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from kling_mock.relay.storage.adapters.engine import RUNS
from kling_mock.relay.storage.adapters.sqlite_lock import LockWait, is_busy
from kling_mock.relay.storage.errors import NoRoomError, StorageError, StorageUnavailableError
from kling_mock.relay.storage.steps import (
    DuplicateError,
    RetryTransactionError,
    Statement,
    TransactionFactory,
    drive,
)

T = TypeVar("T")

#: The result of a job, or its error.
Result: TypeAlias = tuple[Any, BaseException | None]

TABLE_NAMES: Final = Statement(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'", reads=True
)

#: SQLite has an error of its own for a primary key.
_DUPLICATE: Final = frozenset(
    {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
)


class TransactionAbortedError(Exception):
    """The group has to be run again: SQLite has rolled it back, or was busy in the middle."""


class PartialGroupError(Exception):
    """A transaction failed after it had changed something, without a savepoint to roll back to."""


@attrs.define(eq=False)
class Job:
    """A queued transaction and the future of its caller."""

    make: Callable[[], Any]
    future: asyncio.Future[Any]


class SqliteConnection:
    """A connection, to be used by one thread at a time.

    Args:
        raw: The driver's connection, without implicit transactions.
        lock: Waits for another process in `begin`.
        repeats: Counts the runs that were not committed.

    Attributes:
        touched: Whether a statement may have changed something since this was last set.
    """

    def __init__(self, raw: sqlite3.Connection, lock: LockWait, repeats: Counter[str]) -> None:
        self.raw = raw
        self.repeats = repeats
        self.touched = False
        self._lock = lock

    def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        """Run one statement of a transaction."""
        try:
            cursor = self.raw.execute(statement.sql, parameters)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode in _DUPLICATE:
                raise DuplicateError from error
            raise
        if statement.reads:
            return cursor.fetchall()
        count = cursor.rowcount
        if count:  # -1 where SQLite does not count, as for DDL
            self.touched = True
        return count

    def begin_now(self) -> bool:
        """Take the lock for writing; return False if another process has it."""
        try:
            self.raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_busy(error):
                return False
            raise
        return True

    def begin(self) -> None:
        """Take the lock for writing, and wait for it.

        Raises:
            sqlite3.Error: The lock was not released in time.
        """
        self._lock(lambda: self.raw.execute("BEGIN IMMEDIATE"))

    def commit(self) -> None:
        """Make the transaction durable."""
        self.raw.execute("COMMIT")

    def undo(self) -> None:
        """Roll back the transaction, if there is one."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self.raw.close()


def run_group(
    connection: SqliteConnection, jobs: Sequence[Job], *, with_savepoints: bool
) -> list[Result]:
    """Run a group in SQLite's open transaction; each of its members fails alone.

    Args:
        connection: A connection in a transaction.
        jobs: The transactions.
        with_savepoints: Whether each has a savepoint. Savepoints cost as much as half of all
            statements, and hardly any transaction needs one.

    Raises:
        TransactionAbortedError: No change of the group remains.
        PartialGroupError: The group must be rolled back, and run again with savepoints.
    """
    run = _savepoint if with_savepoints else _plain
    return [_until_settled(connection, job, run) for job in jobs]


def _until_settled(connection: SqliteConnection, job: Job, run: Callable[..., Any]) -> Result:
    for _ in range(RUNS):
        try:
            return run(connection, job), None
        except (TransactionAbortedError, PartialGroupError):
            raise
        except RetryTransactionError:
            connection.repeats["changed"] += 1
        except BaseException as error:  # noqa: BLE001 - it belongs to one member; the others continue
            return None, translated(error)
    return None, StorageUnavailableError(f"a transaction had conflicts in all of {RUNS} runs")


def _plain(connection: SqliteConnection, job: Job) -> Any:
    connection.touched = False
    try:
        return drive(job.make(), connection.execute)
    except BaseException as error:
        if _is_over(connection, error):
            raise TransactionAbortedError from error
        if connection.touched:
            raise PartialGroupError from error
        raise


def _savepoint(connection: SqliteConnection, job: Job) -> Any:
    raw = connection.raw
    raw.execute("SAVEPOINT unit")
    try:
        value = drive(job.make(), connection.execute)
    except BaseException as error:
        if _is_over(connection, error):
            raise TransactionAbortedError from error
        raw.execute("ROLLBACK TO unit")
        raw.execute("RELEASE unit")
        raise
    raw.execute("RELEASE unit")
    return value


def _is_over(connection: SqliteConnection, error: BaseException) -> bool:
    """Return whether the whole transaction has to be run again."""
    busy = isinstance(error, sqlite3.Error) and is_busy(error)
    return busy or not connection.raw.in_transaction


def translated(error: BaseException) -> BaseException:
    """Translate an error of SQLite; any other error is the transaction's own.

    A refusal gets no traceback. Its frames would hold the jobs, whose futures hold the refusal, and
    such a cycle would keep everything of the caller, even a request of 80 MB, until it is
    collected.
    """
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return NoRoomError(f"SQLite: {error}")
    if isinstance(error, sqlite3.OperationalError):
        return StorageUnavailableError(f"SQLite: {error}")
    if isinstance(error, sqlite3.Error):
        return StorageError(f"the database refused a statement: SQLite: {error}")
    return error.with_traceback(None) if isinstance(error, StorageError) else error


def read(connection: SqliteConnection, make: TransactionFactory[T], *, snapshot: bool) -> T:
    """Run a transaction that only reads, on the last committed state, and return its result.

    Raises:
        StorageUnavailableError: SQLite refuses.
    """
    try:
        if snapshot:
            connection.raw.execute("BEGIN")
        return drive(make(), connection.execute)
    except sqlite3.Error as error:
        raise StorageUnavailableError(f"SQLite: {error}") from error
    finally:
        if snapshot and connection.raw.in_transaction:
            connection.raw.execute("COMMIT")


def resolve(future: asyncio.Future[Any], result: Result) -> None:
    """Return a result to its caller; if the caller was cancelled, it is committed all the same."""
    value, error = result
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


def resolve_all(jobs: Sequence[Job], results: Sequence[Result]) -> None:
    """Return the results of a group."""
    for job, result in zip(jobs, results, strict=True):
        resolve(job.future, result)
