"""SQLite: a group of units in one transaction, each of which fails alone.

Pure of threads and loops: `sqlite.Writer` decides where each part runs.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import attrs

from kling_mock.storage.adapters.engine import RUNS
from kling_mock.storage.errors import StorageError, StorageUnavailableError
from kling_mock.storage.transaction import AgainError, DuplicateError, Statement, drive

__all__ = [
    "Connection",
    "HalfwayError",
    "Job",
    "LeftError",
    "Result",
    "is_busy",
    "read",
    "run_group",
    "tell",
    "tell_all",
]

#: What came of a job: its result, or why there is none.
Result: TypeAlias = tuple[Any, BaseException | None]

_BUSY: Final = sqlite3.SQLITE_BUSY


class LeftError(Exception):
    """The transaction is to be run anew: SQLite has rolled it back, or was busy in the middle."""


class HalfwayError(Exception):
    """A unit has failed after it had changed something, and there is no savepoint to go back to."""


@attrs.define(eq=False)
class Job:
    """A unit, and who waits for it."""

    make: Callable[[], Any]
    future: asyncio.Future[Any]


class Connection:
    """A connection; one thread at a time uses it.

    Args:
        raw: The driver's, without transactions of its own.
        patience: Seconds that `begin` waits for another process.
        repeats: Where runs that came to nothing are counted.

    Attributes:
        touched: Whether a statement may have changed something since this was last set.
    """

    def __init__(self, raw: sqlite3.Connection, patience: float, repeats: Counter[str]) -> None:
        self.raw = raw
        self.repeats = repeats
        self.touched = False
        self._patience = patience

    def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        """Run one statement of a unit."""
        try:
            cursor = self.raw.execute(statement.sql, parameters)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise DuplicateError from error
            raise
        if statement.reads:
            return cursor.fetchall()
        count = cursor.rowcount
        if count:  # -1 where SQLite does not count, as of tables that are made
            self.touched = True
        return count

    def begin_now(self) -> bool:
        """Take the lock for writing; False if another process has it."""
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
            sqlite3.Error: It was not let go of in time.
        """
        self.raw.execute(f"PRAGMA busy_timeout = {round(self._patience * 1000)}")
        try:
            self.raw.execute("BEGIN IMMEDIATE")
        finally:
            self.raw.execute("PRAGMA busy_timeout = 0")

    def commit(self) -> None:
        """Make it durable."""
        self.raw.execute("COMMIT")

    def undo(self) -> None:
        """Leave the transaction, if there is one."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    def close(self) -> None:
        """Close it."""
        self.raw.close()


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection was in the way."""
    # An extended code says why; an error of the driver's own has none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == _BUSY


def run_group(
    connection: Connection, jobs: Sequence[Job], *, with_savepoints: bool
) -> list[Result]:
    """Run units in the transaction that has begun; each of them fails alone.

    Args:
        connection: In a transaction.
        jobs: The units.
        with_savepoints: Whether each has one. They cost as much as half of all statements, and
            hardly a unit needs its own.

    Raises:
        LeftError: Nothing of the group stands.
        HalfwayError: The group is to be rolled back, and run anew with savepoints.
    """
    run = _savepoint if with_savepoints else _plain
    return [_until_settled(connection, job, run) for job in jobs]


def _until_settled(connection: Connection, job: Job, run: Callable[..., Any]) -> Result:
    for _ in range(RUNS):
        try:
            return run(connection, job), None
        except (LeftError, HalfwayError):
            raise
        except AgainError:
            connection.repeats["changed"] += 1
        except BaseException as error:  # noqa: BLE001 - it is the unit's own; the others go on
            return None, _translated(error)
    return None, StorageUnavailableError("a unit was overtaken by nobody again and again")


def _plain(connection: Connection, job: Job) -> Any:
    connection.touched = False
    try:
        return drive(job.make(), connection.execute)
    except BaseException as error:
        if _is_over(connection, error):
            raise LeftError from error
        if connection.touched:
            raise HalfwayError from error
        raise


def _savepoint(connection: Connection, job: Job) -> Any:
    raw = connection.raw
    raw.execute("SAVEPOINT unit")
    try:
        value = drive(job.make(), connection.execute)
    except BaseException as error:
        if _is_over(connection, error):
            raise LeftError from error
        raw.execute("ROLLBACK TO unit")
        raw.execute("RELEASE unit")
        raise
    raw.execute("RELEASE unit")
    return value


def _is_over(connection: Connection, error: BaseException) -> bool:
    """Whether the whole transaction has to be run anew."""
    busy = isinstance(error, sqlite3.Error) and is_busy(error)
    return busy or not connection.raw.in_transaction


def _translated(error: BaseException) -> BaseException:
    """Return what an error of SQLite is to a caller; any other is the unit's own."""
    if isinstance(error, sqlite3.OperationalError):
        return StorageUnavailableError(f"SQLite: {error}")
    if isinstance(error, sqlite3.Error):
        return StorageError(f"the database refused a statement: SQLite: {error}")
    return error


def read(connection: Connection, make: Callable[[], Any], *, snapshot: bool) -> Any:
    """Run a unit that only reads, on the last committed state, and return its result.

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


def tell(future: asyncio.Future[Any], result: Result) -> None:
    """Answer whoever waits; a unit whose caller was cancelled is committed all the same."""
    value, error = result
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


def tell_all(jobs: Sequence[Job], results: Sequence[Result]) -> None:
    """Answer everybody of a group."""
    for job, result in zip(jobs, results, strict=True):
        tell(job.future, result)
