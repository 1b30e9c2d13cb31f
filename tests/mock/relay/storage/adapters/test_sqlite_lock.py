"""A SQLite file that another process has locked: waited for, reported, given up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from kling_mock.relay.storage.adapters.sqlite import SqliteEngine
from kling_mock.relay.storage.adapters.sqlite_lock import LockWait
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.sql_storage import Storage


class Waiting:
    """Time that passes only in the pauses between two attempts."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses = 0
        self.release_at: tuple[int, sqlite3.Connection] | None = None

    def steady(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses += 1
        if self.release_at is not None and self.release_at[0] == self.pauses:
            self.release_at[1].execute("COMMIT")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "relay.db"


def raw(path: Path) -> contextlib.closing[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
    return contextlib.closing(connection)


@pytest.fixture(params=["delete", "wal"])
def locked(path: Path, request: pytest.FixtureRequest) -> Iterator[sqlite3.Connection]:
    """Another process's connection, which is about to write: in the old mode and in WAL."""
    with raw(path) as other:
        other.execute(f"PRAGMA journal_mode = {request.param}")
        other.execute("CREATE TABLE a (b)")
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_a_process_that_is_about_to_write_is_waited_for(path: Path) -> None:
    """SQLite itself would not wait here: a second relay would fail to start with "locked"."""
    waiting = Waiting()
    lock = LockWait(path, 5.0, steady=waiting.steady, pause=waiting.pause)
    with raw(path) as other, raw(path) as own:
        other.execute("CREATE TABLE a (b)")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            own.execute("PRAGMA journal_mode = WAL")  # control
        waiting.release_at = (3, other)
        lock(lambda: own.execute("PRAGMA journal_mode = WAL"))
        assert own.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert waiting.pauses == 3


def test_a_file_that_stays_locked_is_given_up_and_was_reported(
    path: Path, locked: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends shortly after its limit, and the report says what it waits for."""
    assert locked.in_transaction
    waiting = Waiting()
    lock = LockWait(path, 30.0, steady=waiting.steady, pause=waiting.pause)
    with (
        raw(path) as own,
        caplog.at_level(logging.WARNING, "kling_mock.storage"),
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        lock(lambda: own.execute("BEGIN IMMEDIATE"))
    assert waiting.now == pytest.approx(30.0)
    assert [record.getMessage() for record in caplog.records] == [
        f"kling storage: another process has locked {path}; waiting for it, for up to 30 s"
    ]


def test_an_error_that_is_no_lock_is_not_waited_for(path: Path) -> None:
    """No time makes a table."""
    waiting = Waiting()
    lock = LockWait(path, 30.0, steady=waiting.steady, pause=waiting.pause)
    with raw(path) as own, pytest.raises(sqlite3.OperationalError, match="no such table"):
        lock(lambda: own.execute("SELECT * FROM missing"))
    assert waiting.pauses == 0


@pytest.mark.slow
async def test_a_start_that_is_cancelled_waits_no_longer(
    path: Path, locked: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that is asked to end does so at once, whichever process has the file."""
    assert locked.in_transaction
    caplog.set_level(logging.WARNING, "kling_mock.storage")
    opening = asyncio.create_task(Storage(SqliteEngine(path)).open())
    while not caplog.records:  # noqa: ASYNC110 - a thread writes that it waits
        await asyncio.sleep(0.01)
    opening.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await opening
        await asyncio.get_running_loop().shutdown_default_executor()  # what a process waits for


async def test_a_start_that_gives_up_says_why(path: Path, locked: sqlite3.Connection) -> None:
    """The error is about the lock, in the old mode and in WAL."""
    assert locked.in_transaction
    with pytest.raises(StorageUnavailableError, match="database is locked"):
        await Storage(SqliteEngine(path, busy_timeout=0.05)).open()
