"""SQLite: groups, their savepoints, and what happens when the connection gives up."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kling_mock.relay.storage.adapters import sqlite as adapter
from kling_mock.relay.storage.adapters.engine import RUNS, TransactionMode
from kling_mock.relay.storage.adapters.sqlite import SqliteEngine, Writer
from kling_mock.relay.storage.errors import (
    InsufficientQuotaError,
    StorageError,
    StorageUnavailableError,
)
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.statements import BACKLOG
from kling_mock.relay.storage.steps import (
    DuplicateError,
    RetryTransactionError,
    Statement,
    Transaction,
)
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.databases import SqliteFile, opened
from tests.mock.relay.storage.samples import Shop

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    sqlite_engine = SqliteEngine(tmp_path / "a.db", busy_timeout=0.05)
    await sqlite_engine.open()
    await sqlite_engine.execute_script(["CREATE TABLE t (a INTEGER PRIMARY KEY)"])
    yield sqlite_engine
    await sqlite_engine.close()


def put(number: int) -> Transaction[int]:
    changed = yield Statement("INSERT INTO t VALUES (?)", reads=False), (number,)
    return int(changed)


def numbers() -> Transaction[list[int]]:
    rows = yield Statement("SELECT a FROM t ORDER BY a", reads=True), ()
    return [row[0] for row in rows]


def table_names() -> Transaction[list[str]]:
    rows = yield SqliteEngine.table_names, ()
    return [name for (name,) in rows]


class Trace:
    """Counts the commits of every writer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.groups: list[int] = []
        plain = Writer._transaction

        async def counted(writer: Writer, jobs: Any) -> Any:
            self.groups.append(len(jobs))
            return await plain(writer, jobs)

        monkeypatch.setattr(Writer, "_transaction", counted)


def put_unless_there(number: int) -> Transaction[bool]:
    try:
        yield from put(number)
    except DuplicateError:
        return False
    return True


async def test_a_repeated_primary_key_is_a_duplicate(engine: SqliteEngine) -> None:
    """As on the servers: the transaction is told, and decides what it means."""
    for is_new in (True, False):
        assert await engine.run(partial(put_unless_there, 1), TransactionMode.WRITE) is is_new


async def test_what_gathers_is_committed_together(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many transactions at a time need few commits, and each gets its own answer."""
    trace = Trace(monkeypatch)
    waiting = [engine.run(partial(put, n), TransactionMode.WRITE) for n in range(300)]
    assert await asyncio.gather(*waiting) == [1] * 300
    assert sum(trace.groups) == 300
    assert len(trace.groups) < 100
    assert max(trace.groups) <= adapter.GROUP
    assert await engine.run(numbers, TransactionMode.READ) == list(range(300))


async def test_one_unit_of_a_group_fails_alone(engine: SqliteEngine) -> None:
    """What a refused transaction had written is undone; its neighbours in the group stay."""

    def refused() -> Transaction[None]:
        yield from put(1_000)
        raise InsufficientQuotaError("user", 1, 0)

    waiting = [
        engine.run(refused if n % 3 == 1 else partial(put, n), TransactionMode.WRITE)
        for n in range(30)
    ]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    for number, result in enumerate(results):
        if number % 3 == 1:
            assert isinstance(result, InsufficientQuotaError)
        else:
            assert result == 1
    assert await engine.run(numbers, TransactionMode.READ) == [n for n in range(30) if n % 3 != 1]


async def test_a_unit_that_was_overtaken_runs_anew_from_its_savepoint(
    engine: SqliteEngine,
) -> None:
    """The first run leaves nothing; a transaction that always has to be retried fails."""
    runs: Iterator[int] = iter(range(10_000))

    def once_overtaken() -> Transaction[int]:
        run = next(runs)
        yield from put(7)
        if run == 0:
            raise RetryTransactionError
        return run

    assert await engine.run(once_overtaken, TransactionMode.WRITE) == 1

    def always() -> Transaction[None]:
        yield from put(8)
        raise RetryTransactionError

    with pytest.raises(StorageUnavailableError):
        await engine.run(always, TransactionMode.WRITE)
    assert await engine.run(numbers, TransactionMode.READ) == [7]
    assert engine.repeats == {"changed": 1 + RUNS}


async def test_a_group_that_falls_out_of_its_transaction_is_replayed(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If SQLite rolls back everything, the group runs again: nothing is lost or doubled."""
    trace = Trace(monkeypatch)
    falls = iter([True, True])

    def falling() -> Transaction[int]:
        changed = yield from put(500)
        if next(falls, False):
            yield Statement("ROLLBACK", reads=False), ()  # SQLite does so by itself
            raise sqlite3.OperationalError("database or disk is full")
        return changed

    waiting = [
        engine.run(falling if n == 5 else partial(put, n), TransactionMode.WRITE) for n in range(10)
    ]
    assert await asyncio.gather(*waiting) == [1] * 10
    assert await engine.run(numbers, TransactionMode.READ) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 500]
    assert sum(trace.groups) > 10
    assert engine.repeats == {"rolled_back": 2}


async def test_whoever_breaks_every_group_fails_alone(engine: SqliteEngine) -> None:
    """After some replays each transaction runs by itself, and only the culprit is refused."""

    def broken() -> Transaction[None]:
        yield Statement("ROLLBACK", reads=False), ()
        raise sqlite3.OperationalError("disk I/O error")

    waiting: list[Any] = [
        engine.run(broken if n == 5 else partial(put, n), TransactionMode.WRITE) for n in range(10)
    ]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[5], StorageUnavailableError)
    assert await engine.run(numbers, TransactionMode.READ) == [0, 1, 2, 3, 4, 6, 7, 8, 9]


async def test_another_writer_that_does_not_let_go_is_told(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    """After the timeout the caller gets the error that the database is busy; readers continue."""
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailableError, match="locked"):
        await engine.run(lambda: put(1), TransactionMode.WRITE)
    assert engine.repeats == {"busy": 1}
    assert await engine.run(numbers, TransactionMode.READ) == []
    other.execute("ROLLBACK")
    other.close()
    assert await engine.run(lambda: put(1), TransactionMode.WRITE) == 1


async def test_the_backlog_is_read_over_the_index_of_open_tasks(tmp_path: Path) -> None:
    """A scrape reads as many rows as there are open tasks, however many have ended."""
    database = SqliteFile(tmp_path)
    async with opened(database):
        plan = await database.query(f"EXPLAIN QUERY PLAN {BACKLOG.sql.replace('?', '0')}")
    assert "idx_next_poll" in str(plan[0])


async def test_slow_transactions_are_remembered_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite keeps no record of what was slow, so the store does: kind, times and the longest."""
    store = Storage(SqliteEngine(tmp_path / "slow.db"), slow_after=0.0)
    await store.open()
    shop = await Shop.fill(store)
    await shop.create()
    await shop.create()
    slow = {transaction.name: transaction for transaction in store.statistics().slow}
    await store.close()
    assert slow["create_task"].times == 2
    assert slow["create_task"].longest > 0
    assert "kling storage: create_task was slow" in caplog.text


async def test_a_reader_cannot_write(engine: SqliteEngine) -> None:
    """A transaction that was declared a read and writes is an error, not a lost write."""
    for mode in (TransactionMode.READ, TransactionMode.SNAPSHOT):
        with pytest.raises(StorageUnavailableError, match="readonly"):
            await engine.run(lambda: put(1), mode)
    assert await engine.run(numbers, TransactionMode.SNAPSHOT) == []


async def test_a_snapshot_sees_one_state(engine: SqliteEngine) -> None:
    """A commit between two reads of a snapshot is visible to neither."""
    loop = asyncio.get_running_loop()

    def two_looks() -> Transaction[tuple[list[int], list[int]]]:
        first = yield from numbers()
        asyncio.run_coroutine_threadsafe(
            engine.run(lambda: put(1), TransactionMode.WRITE), loop
        ).result(10)
        second = yield from numbers()
        return first, second

    assert await engine.run(two_looks, TransactionMode.SNAPSHOT) == ([], [])
    assert await engine.run(numbers, TransactionMode.READ) == [1]


async def test_a_cancelled_caller_leaves_the_others_alone(engine: SqliteEngine) -> None:
    """Its transaction is still committed, and other callers are not affected."""
    waiting = [
        asyncio.ensure_future(engine.run(partial(put, n), TransactionMode.WRITE)) for n in range(9)
    ]
    await asyncio.sleep(0)
    waiting[4].cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[4], asyncio.CancelledError)
    assert await engine.run(numbers, TransactionMode.READ) == list(range(9))


async def test_closing_finishes_what_was_asked_for(tmp_path: Path) -> None:
    """No transaction that was handed in is dropped by a close."""
    engine = SqliteEngine(tmp_path / "a.db")
    await engine.open()
    await engine.execute_script(["CREATE TABLE t (a INTEGER PRIMARY KEY)"])
    waiting = [
        asyncio.ensure_future(engine.run(partial(put, n), TransactionMode.WRITE)) for n in range(9)
    ]
    await asyncio.sleep(0)
    await engine.close()
    assert await asyncio.gather(*waiting) == [1] * 9


async def test_an_acknowledged_charge_waits_for_the_disk(tmp_path: Path) -> None:
    """WAL and synchronous=FULL are on, whatever the file was made with."""
    engine = SqliteEngine(tmp_path / "a.db")
    await engine.open()

    def pragma(name: str) -> Transaction[Any]:
        rows = yield Statement(f"PRAGMA {name}", reads=True), ()
        return rows[0][0]

    for name, value in (("journal_mode", "wal"), ("synchronous", 2)):
        assert await engine.run(partial(pragma, name), TransactionMode.WRITE) == value
    await engine.close()


# ------------------------------------------------------------ kill -9

_SETTLER = """
import asyncio, sys
from kling_mock.relay.storage.connect import connect
from tests.mock.relay.storage import samples as kit

async def main():
    store = connect(sys.argv[1])
    await store.open()
    async def one(task_id):
        await store.settle(kit.succeed(task_id), now=kit.LATER)
        print(task_id, flush=True)
    await asyncio.gather(*map(one, sys.argv[2:]))

asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """kill -9 between settlements: each is there as a whole or not at all, and once in the end."""
    database = SqliteFile(tmp_path)
    async with opened(database) as store:
        shop = await Shop.fill(store, quota=100_000)
        tasks = [(await shop.create()).task_id for _ in range(120)]
        for after in (1, 17, 40):
            acknowledged = await asyncio.to_thread(_settle_and_kill, database.url, tasks, after)
            assert len(acknowledged) >= after
            for task_id in acknowledged:
                assert (await shop.row(task_id)).status == "succeed"
            await shop.assert_explained()
        for task_id in tasks:
            await shop.settle(kit.succeed(task_id))
        await shop.assert_explained()
        assert (await shop.me()).quota == 100_000 - 120 * kit.PRICE


def _settle_and_kill(url: str, tasks: list[str], after: int) -> list[str]:
    """Return the tasks that a process had acknowledged when it was killed."""
    with subprocess.Popen(
        [sys.executable, "-c", _SETTLER, url, *tasks],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    return [line.strip() for line in lines if line.endswith("\n")]


async def test_a_look_goes_to_the_thread_if_it_would_have_to_wait(engine: SqliteEngine) -> None:
    """A read runs on the loop; if that would have to wait, a thread asks again, and may wait."""
    runs: list[str] = []

    def busy_on_the_loop() -> Transaction[list[int]]:
        runs.append(threading.current_thread().name)
        if len(runs) == 1:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return (yield from numbers())

    assert await engine.run(busy_on_the_loop, TransactionMode.LOOK) == []
    assert runs[0] == threading.current_thread().name
    assert runs[1].startswith("sqlite-reader")


async def test_a_group_gets_savepoints_only_when_a_unit_needs_one(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusals that change nothing cost no replay; one that does is undone, and only that one."""
    trace = Trace(monkeypatch)

    def refused(number: int, *, halfway: bool) -> Transaction[None]:
        if halfway:
            yield from put(number)
        else:
            yield Statement("UPDATE t SET a = a WHERE a = ?", reads=False), (number,)
        raise InsufficientQuotaError("user", 1, 0)

    async def group(*, halfway: bool, first: int) -> None:
        odd = partial(refused, first + 1, halfway=halfway)
        transactions = (partial(put, first), odd, partial(put, first + 2))
        results = await asyncio.gather(
            *(engine.run(transaction, TransactionMode.WRITE) for transaction in transactions),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in results] == [int, InsufficientQuotaError, int]

    statements: list[str] = []
    assert engine._writer is not None
    engine._writer._connection.raw.set_trace_callback(statements.append)
    await group(halfway=False, first=10)
    assert not any("SAVEPOINT" in statement for statement in statements)
    await group(halfway=True, first=20)
    assert sum(statement.startswith("SAVEPOINT") for statement in statements) == 3
    assert await engine.run(numbers, TransactionMode.READ) == [10, 12, 20, 22]
    assert trace.groups == [3, 3]


async def test_a_script_that_fails_half_way_leaves_no_table(engine: SqliteEngine) -> None:
    """Tables that were made are undone too, although SQLite counts no rows for them."""
    with pytest.raises(StorageError):
        await engine.execute_script(["CREATE TABLE made (a INTEGER)", "CREATE TABLE t (a INTEGER)"])
    assert await engine.run(table_names, TransactionMode.READ) == ["t"]
