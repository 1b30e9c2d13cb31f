"""SQLite in memory: whole transactions at once, rows that outlive `close`, clean reuse."""

from __future__ import annotations

import contextlib
import pickle
import sqlite3
from functools import partial

import pytest

from kling_mock.relay.storage.adapters.engine import RUNS, TransactionMode
from kling_mock.relay.storage.adapters.sqlite_memory import MemoryEngine, MemoryTemplate, connected
from kling_mock.relay.storage.errors import InsufficientQuotaError, StorageUnavailableError
from kling_mock.relay.storage.steps import RetryTransactionError, Statement, Transaction

SECRET = "a secret prompt"


def put(text: str) -> Transaction[int]:
    changed = yield Statement("INSERT INTO t VALUES (?)", reads=False), (text,)
    return int(changed)


def texts() -> Transaction[list[str]]:
    rows = yield Statement("SELECT a FROM t ORDER BY a", reads=True), ()
    return [row[0] for row in rows]


@pytest.fixture
async def engine() -> MemoryEngine:
    engine = MemoryEngine(connected())
    await engine.execute_script(["CREATE TABLE t (a TEXT)"])
    return engine


async def write(engine: MemoryEngine, text: str) -> int:
    return await engine.run(partial(put, text), TransactionMode.WRITE)


async def read(engine: MemoryEngine) -> list[str]:
    return await engine.run(texts, TransactionMode.READ)


async def test_a_transaction_never_gives_way_to_the_loop(engine: MemoryEngine) -> None:
    """So a manual clock settles at the same instants as if the rows were in a dictionary."""
    for mode, make in ((TransactionMode.WRITE, partial(put, "a")), (TransactionMode.LOOK, texts)):
        with pytest.raises(StopIteration):
            engine.run(make, mode).send(None)


async def test_a_transaction_that_fails_leaves_nothing(engine: MemoryEngine) -> None:
    """A refusal, a database error and a failure of our own are raised, and all is undone."""

    def failing(error: Exception) -> Transaction[None]:
        yield from put("half")
        raise error

    for error, kind in (
        (InsufficientQuotaError("user", 1, 0), InsufficientQuotaError),
        (sqlite3.OperationalError("disk I/O error"), StorageUnavailableError),
        (ZeroDivisionError(), ZeroDivisionError),
    ):
        with pytest.raises(kind):
            await engine.run(partial(failing, error), TransactionMode.WRITE)
    assert await read(engine) == []
    with pytest.raises(StorageUnavailableError, match="already exists"):
        await engine.execute_script(["CREATE TABLE u (a TEXT)", "CREATE TABLE t (a TEXT)"])
    tables = engine._connection.raw.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("t",)]


async def test_a_transaction_that_was_overtaken_runs_again(engine: MemoryEngine) -> None:
    """The first run leaves nothing; one that always has to be retried fails."""
    runs = iter([True, False])

    def overtaken(text: str) -> Transaction[None]:
        yield from put(text)
        if next(runs, True):
            raise RetryTransactionError

    await engine.run(partial(overtaken, "once"), TransactionMode.WRITE)
    with pytest.raises(StorageUnavailableError, match=str(RUNS)):
        await engine.run(partial(overtaken, "always"), TransactionMode.WRITE)
    assert await read(engine) == ["once"]
    assert engine.repeats == {"changed": 1 + RUNS}


async def test_rows_outlive_a_close(engine: MemoryEngine) -> None:
    """A server that is stopped and started again goes on with them."""
    await write(engine, "a")
    await engine.close()
    await engine.open()
    assert await read(engine) == ["a"]


async def test_a_pickled_database_is_a_copy(engine: MemoryEngine) -> None:
    """Each of its copies has the rows of that moment, and a life of its own."""
    await write(engine, "a")
    engine.repeats["changed"] = 3
    pickled = pickle.dumps(engine)
    copies = [pickle.loads(pickled) for _ in range(2)]  # noqa: S301 - made above
    for text, copy in zip("bc", copies, strict=True):
        await write(copy, text)
    assert [await read(database) for database in (engine, *copies)] == [
        ["a"],
        ["a", "b"],
        ["a", "c"],
    ]
    assert copies[0].repeats == {"changed": 3}


async def test_it_is_neither_a_wal_nor_shared(engine: MemoryEngine) -> None:
    """Both would make a copy unreadable, or rows visible to others."""
    raw = engine._connection.raw
    assert raw.execute("PRAGMA journal_mode").fetchone() == ("memory",)
    assert raw.execute("PRAGMA database_list").fetchall() == [(0, "main", "")]


# ------------------------------------------------------------ reuse


@pytest.fixture
async def template(engine: MemoryEngine) -> MemoryTemplate:
    await engine.execute_script(
        [
            "CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)",
            "CREATE TABLE schema_version (version INTEGER)",
            "INSERT INTO schema_version VALUES (7)",
        ]
    )
    return MemoryTemplate(engine.serialize())


def contents(raw: sqlite3.Connection) -> list[str]:
    return [*raw.iterdump()]


def test_a_connection_is_used_again_and_knows_nothing_of_before(template: MemoryTemplate) -> None:
    """The next database is as the template, numbers too; no text of the last one is left in it."""
    first = template.connect()
    clean = contents(first)
    engine = MemoryEngine(first, template.give_back)
    first.execute("INSERT INTO t VALUES (?)", (SECRET,))
    first.execute("INSERT INTO numbered (a) VALUES (?)", (SECRET * 1000,))
    assert contents(first) != clean
    del engine
    with contextlib.closing(template.connect()) as second:
        assert second is first
        assert contents(second) == clean
        assert SECRET.encode() not in second.serialize()


def test_a_connection_is_in_use_once(template: MemoryTemplate) -> None:
    """Two databases at a time share nothing."""
    with (
        contextlib.closing(template.connect()) as first,
        contextlib.closing(template.connect()) as second,
    ):
        first.execute("INSERT INTO t VALUES ('a')")
        assert second.execute("SELECT * FROM t").fetchall() == []


def test_a_large_database_is_not_kept(template: MemoryTemplate) -> None:
    """Its memory goes back to the system, and so does that of more than a few connections."""
    large = template.connect()
    large.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    connections = [large, *(template.connect() for _ in range(20))]
    for raw in connections:
        template.give_back(raw)
    assert large not in template._unused
    assert len(template._unused) == 8
    template._close()
    connections.append(late := template.connect())
    template.give_back(late)
    for raw in connections:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            raw.execute("SELECT 1")
