"""SQLite: one thread writes, and commits what has gathered meanwhile as one group.

A commit waits for the disk; while it does, the next units gather, and one commit makes them
all durable. In a group each unit has a savepoint of its own and fails alone. Nothing is
answered before the COMMIT. Another thread reads, from the last committed state.

Settings: WAL, so that readers do not wait; synchronous=FULL, so that an acknowledged charge
survives a power cut; BEGIN IMMEDIATE, because a read transaction that wants to write fails
with BUSY however long it would wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from kling_mock.storage.adapters.engine import RUNS, Mode
from kling_mock.storage.errors import StorageError, StorageUnavailableError
from kling_mock.storage.schema import Dialect
from kling_mock.storage.statement import AgainError, DuplicateError, Make, Statement, drive

__all__ = ["SqliteEngine"]

T = TypeVar("T")

_log = logging.getLogger("kling_mock.storage")

#: Seconds that a writer waits for another process.
BUSY_TIMEOUT: Final = 30.0
#: Units in one commit.
GROUP: Final = 256
#: Runs of a group that keeps falling out of its transaction.
REPLAYS: Final = 3

#: What came of a job: its result, or why there is none.
Result: TypeAlias = tuple[Any, BaseException | None]


#: Primary result codes of SQLite that say "not now".
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class _LeftError(Exception):
    """The whole transaction is rolled back: SQLite did it (disk full, I/O error), or was busy."""


@attrs.define(eq=False)
class _Job:
    """A unit, and who waits for it."""

    make: Callable[[], Any]
    mode: Mode
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


Connect: TypeAlias = Callable[[], sqlite3.Connection]
Run: TypeAlias = Callable[["Connection", Sequence[_Job]], list[Result]]


class Connection:
    """A connection, used by one thread.

    Args:
        raw: The driver's own.
        repeats: Where runs that came to nothing are counted.
    """

    def __init__(self, raw: sqlite3.Connection, repeats: Counter[str]) -> None:
        self.raw = raw
        self.repeats = repeats

    def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        """Run one statement of a unit."""
        try:
            cursor = self.raw.execute(statement.sql, parameters)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise DuplicateError from error
            raise
        return cursor.fetchall() if statement.reads else cursor.rowcount

    def close(self) -> None:
        """Close it."""
        self.raw.close()


# ---------------------------------------------------------------- running units


def write_group(connection: Connection, jobs: Sequence[_Job]) -> list[Result]:
    """Run units in one transaction and commit it.

    Raises:
        StorageUnavailableError: Another process has not let go of the database for
            `BUSY_TIMEOUT`, or the disk takes nothing. Nothing of the group was made durable.
    """
    for _ in range(REPLAYS):
        try:
            return _transaction(connection, jobs)
        except _LeftError as error:
            cause: BaseException | None = error.__cause__
            connection.repeats["rolled_back"] += 1
            _log.warning(
                "kling storage error: SQLite rolled back a group of %d: %s; again", len(jobs), cause
            )
    if len(jobs) == 1:
        raise StorageUnavailableError("SQLite rolls back this transaction whenever it is run")
    # One of them is to blame, and it alone shall fail.
    return [one for job in jobs for one in settled(write_group, connection, [job])]


def _transaction(connection: Connection, jobs: Sequence[_Job]) -> list[Result]:
    raw = connection.raw
    try:
        raw.execute("BEGIN IMMEDIATE")
        results = [_savepoint(connection, job) for job in jobs]
        raw.execute("COMMIT")
    except (sqlite3.Error, _LeftError) as error:
        begun = raw.in_transaction
        if begun:
            raw.execute("ROLLBACK")
        if isinstance(error, _LeftError):
            raise
        if begun and _is_busy(error):
            raise _LeftError from error
        connection.repeats["busy"] += _is_busy(error)
        raise StorageUnavailableError(f"SQLite: {error}") from error
    return results


def _is_busy(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None) if isinstance(error, sqlite3.Error) else None
    return code is not None and code & 0xFF in _BUSY


def _savepoint(connection: Connection, job: _Job) -> Result:
    raw = connection.raw
    for _ in range(RUNS):
        raw.execute("SAVEPOINT unit")
        try:
            value = drive(job.make(), connection.execute)
        except BaseException as error:
            if not raw.in_transaction or _is_busy(error):
                raise _LeftError from error
            raw.execute("ROLLBACK TO unit")
            raw.execute("RELEASE unit")
            if not isinstance(error, AgainError):
                return None, _translated(error)
            connection.repeats["changed"] += 1
        else:
            raw.execute("RELEASE unit")
            return value, None
    return None, StorageUnavailableError("a unit was overtaken by nobody again and again")


def _translated(error: BaseException) -> BaseException:
    """Return what an error of SQLite is to a caller; any other is the unit's own."""
    if isinstance(error, sqlite3.OperationalError):
        return StorageUnavailableError(f"SQLite: {error}")
    if isinstance(error, sqlite3.Error):
        return StorageError(f"the database refused a statement: SQLite: {error}")
    return error


def read_group(connection: Connection, jobs: Sequence[_Job]) -> list[Result]:
    """Run units that only read, each on the last committed state."""
    return [_read(connection, job) for job in jobs]


def _read(connection: Connection, job: _Job) -> Result:
    snapshot = job.mode is Mode.SNAPSHOT
    try:
        if snapshot:
            connection.raw.execute("BEGIN")
        return drive(job.make(), connection.execute), None
    except BaseException as error:  # noqa: BLE001 - it is the job's own; the others go on
        return None, _translated(error)
    finally:
        if snapshot and connection.raw.in_transaction:
            connection.raw.execute("COMMIT")


def settled(run: Run, connection: Connection, jobs: Sequence[_Job]) -> list[Result]:
    """Run a group; what fails it as a whole fails each of its jobs."""
    try:
        return run(connection, jobs)
    except BaseException as error:  # noqa: BLE001 - told to whoever waits; the thread goes on
        return [(None, error)] * len(jobs)


# ---------------------------------------------------------------- the threads


class Worker:
    """A thread with a connection of its own, that runs jobs in groups.

    Args:
        name: Of the thread.
        connect: Opens the connection, in the thread.
        run: Runs a group.
        repeats: Where runs that came to nothing are counted.
    """

    def __init__(self, name: str, connect: Connect, run: Run, repeats: Counter[str]) -> None:
        self._connect = connect
        self._repeats = repeats
        self._run = run
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, make: Make[T], mode: Mode) -> asyncio.Future[T]:
        """Queue a unit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(make, mode, loop, future))
        return future

    async def stop(self) -> None:
        """Finish what is queued and end."""
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _work(self) -> None:
        connection = Connection(self._connect(), self._repeats)
        try:
            goes_on = True
            while goes_on:
                group, goes_on = self._gather()
                if group:
                    _answer(group, settled(self._run, connection, group))
        finally:
            connection.close()

    def _gather(self) -> tuple[list[_Job], bool]:
        """Wait for a job, and take along all that have gathered; False is the end."""
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP:
                return group, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, True
        return group, False


def _answer(jobs: Sequence[_Job], results: Sequence[Result]) -> None:
    """Tell everybody, with one wake-up per event loop."""
    told: defaultdict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Result]]]
    told = defaultdict(list)
    for job, result in zip(jobs, results, strict=True):
        told[job.loop].append((job.future, result))
    for loop, answers in told.items():
        # A loop that was closed meanwhile waits for nothing any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, answers)


def _tell(answers: Sequence[tuple[asyncio.Future[Any], Result]]) -> None:
    for future, (value, error) in answers:
        if future.done():
            continue  # its caller was cancelled; the unit is committed all the same
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


# ---------------------------------------------------------------- the engine


class SqliteEngine:
    """Runs units on a SQLite database.

    Args:
        path: The file; None is a database in memory, which ends with `close`.
        busy_timeout: Seconds that a writer waits for another process.
    """

    dialect = Dialect.SQLITE

    def __init__(self, path: Path | None, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self.repeats = Counter[str]()
        self._writer: Worker | None = None
        self._reader: Worker | None = None

    async def open(self) -> None:
        """Connect."""
        await asyncio.get_running_loop().run_in_executor(None, self._prepare)
        self._writer = Worker("sqlite-writer", self._connect, write_group, self.repeats)
        self._writer.start()
        # A database in memory belongs to one connection, so there its thread reads too.
        if self._path is not None:
            self._reader = Worker("sqlite-reader", self._connect_reader, read_group, self.repeats)
            self._reader.start()

    async def close(self) -> None:
        """Finish what was asked for and disconnect."""
        for worker in (self._reader, self._writer):
            if worker is not None:
                await worker.stop()
        self._reader = self._writer = None

    async def run(self, make: Make[T], mode: Mode) -> T:
        """Run a unit in the thread that is for it."""
        writes = mode is Mode.WRITE or self._reader is None
        worker = self._writer if writes else self._reader
        if worker is None:
            raise StorageUnavailableError("the database is not open")
        return await worker.submit(make, mode)

    async def tables(self) -> frozenset[str]:
        """Return the names of the tables."""

        def names() -> Any:
            sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            rows = yield Statement(sql, reads=True), ()
            return frozenset(row[0] for row in rows)

        found: frozenset[str] = await self.run(names, Mode.WRITE)
        return found

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run a script, all or nothing."""

        def script() -> Any:
            for sql in statements:
                yield Statement(sql, reads=False), ()

        await self.run(script, Mode.WRITE)

    def _prepare(self) -> None:
        """Switch the file to WAL, which lasts, before any thread uses it.

        Raises:
            StorageUnavailableError: The file cannot be opened or written, or is no database.
        """
        try:
            with contextlib.closing(self._connect()) as raw:
                raw.execute("PRAGMA journal_mode = WAL")
                raw.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise StorageUnavailableError(f"SQLite, {self._path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        raw = sqlite3.connect(
            ":memory:" if self._path is None else self._path,
            timeout=self._busy_timeout,
            isolation_level=None,
            cached_statements=256,
            check_same_thread=False,
        )
        return _told(raw, "PRAGMA synchronous = FULL")

    def _connect_reader(self) -> sqlite3.Connection:
        return _told(self._connect(), "PRAGMA query_only = ON")


def _told(raw: sqlite3.Connection, pragma: str) -> sqlite3.Connection:
    """Return the connection once it has taken a setting; one that does not is closed."""
    try:
        raw.execute(pragma)
    except BaseException:
        raw.close()
        raise
    return raw
