"""`Storage` without HTTP against the same statements on the bare driver.

A task is a create, an acceptance and a settlement: three transactions. The bare side replays
exactly the statements and parameters that our transactions issued, which were recorded before,
so it spends no time on decisions or on building values. It has the same savepoints, durability,
connections, and tasks per commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncmy

from kling_mock.relay.storage.adapters import sqlite
from kling_mock.relay.storage.adapters.mysql import SESSION
from kling_mock.relay.storage.adapters.server import LIMITS
from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.ensure_schema import script_statements
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.steps import Statement, Transaction, drive
from kling_mock.relay.storage.transactions import accounts, channels, create, lifecycle, settlement
from kling_mock.relay.storage.values import Attempt, NewToken, NewUser
from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import Cost, Rounds, atake_turns
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.databases import MYSQL, Mysql

IN_FLIGHT: Final = 32
QUOTA: Final = 10**12

#: Tasks in a round. MariaDB waits for the disk in each of the three commits of a task.
_FULL: Final = {"sqlite": 1_000, "mariadb": 1_000}
_QUICK: Final = {"sqlite": 300, "mariadb": 100}

Step: TypeAlias = tuple[Statement, tuple[Any, ...]]
#: The steps of a create, an acceptance and a settlement.
TaskSteps: TypeAlias = tuple[list[Step], list[Step], list[Step]]

_USER = NewUser("ann", QUOTA)
_TOKEN = NewToken(1, kit.digest("sk-ann"))
_CHANNEL = kit.channel_named("Kling")


def _task(task_id: str) -> Any:
    return kit.new_task(1, task_id=task_id, token_id=1, attempt=Attempt(1, "key-1", kit.NOW))


class Recorder:
    """Runs transactions on a scratch database and records their statements and parameters."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", isolation_level=None)
        self.raw.executescript(";".join(script_statements(Dialect.SQLITE)))

    def steps(self, transaction: Transaction[Any]) -> list[Step]:
        """Return the steps of a transaction."""
        steps: list[Step] = []

        def execute(statement: Statement, parameters: tuple[Any, ...]) -> Any:
            steps.append((statement, parameters))
            cursor = self.raw.execute(statement.sql, parameters)
            return cursor.fetchall() if statement.reads else cursor.rowcount

        drive(transaction, execute)
        return steps

    def fill(self) -> list[Step]:
        """Return the steps that make a user, a token and a channel, each with number 1."""
        return [
            *self.steps(accounts.create_user(_USER, now=kit.NOW)),
            *self.steps(accounts.create_token(_TOKEN, now=kit.NOW)),
            *self.steps(channels.create_channel(_CHANNEL, now=kit.NOW)),
        ]

    def task(self, task_id: str) -> TaskSteps:
        """Return the steps of a task from its create to its settlement."""
        return (
            self.steps(create.create_task(_task(task_id), kit.NOW, kit.NOW, look=False)),
            self.steps(
                lifecycle.accept(task_id, f"k-{task_id}", now=kit.NOW, next_poll_at=kit.NOW)
            ),
            self.steps(settlement.settle(kit.succeed(task_id), now=kit.LATER)),
        )


async def _ours(store: Storage, task_ids: Sequence[str]) -> Cost:
    """Create, accept and settle all tasks through `Storage`, `IN_FLIGHT` at a time."""
    waiting = iter(task_ids)

    async def worker() -> None:
        for task_id in waiting:
            await store.create_task(_task(task_id), now=kit.NOW, next_poll_at=kit.NOW)
            await store.accept(task_id, f"k-{task_id}", now=kit.NOW, next_poll_at=kit.NOW)
            await store.settle(kit.succeed(task_id), now=kit.LATER)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


async def _fill(store: Storage) -> None:
    await store.open()
    await store.create_user(_USER, now=kit.NOW)
    await store.create_token(_TOKEN, now=kit.NOW)
    await store.create_channel(_CHANNEL, now=kit.NOW)


def _batches(rounds: int, size: int, side: str) -> Iterator[list[str]]:
    for number in range(rounds):
        yield [kit.own_id(f"{side} {number} {index}") for index in range(size)]


# ---------------------------------------------------------------- SQLite


class Commits:
    """Counts the writer's commits and the transactions in them."""

    def __init__(self) -> None:
        self.commits = self.transactions = 0
        self._plain = plain = sqlite.Writer._transaction

        async def counted(writer: sqlite.Writer, jobs: Any) -> Any:
            self.commits += 1
            self.transactions += len(jobs)
            return await plain(writer, jobs)

        setattr(sqlite.Writer, "_transaction", counted)  # noqa: B010 - mypy takes no other

    def stop(self) -> None:
        """Stop counting."""
        setattr(sqlite.Writer, "_transaction", self._plain)  # noqa: B010 - as above

    @property
    def group(self) -> int:
        """Transactions per commit so far."""
        return max(1, round(self.transactions / max(1, self.commits)))


def _bare_sqlite(raw: sqlite3.Connection, tasks: Sequence[TaskSteps], group: int) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(tasks), group):
        part = tasks[start : start + group]
        for phase in range(3):
            raw.execute("BEGIN IMMEDIATE")
            for task in part:
                for statement, parameters in task[phase]:
                    cursor = raw.execute(statement.sql, parameters)
                    if statement.reads:
                        cursor.fetchall()
            raw.execute("COMMIT")
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


async def _sqlite(rounds: int, size: int) -> tuple[Rounds, int]:
    recorder = Recorder()
    fill = recorder.fill()
    with tempfile.TemporaryDirectory() as folder:
        store = connect(f"sqlite:///{folder}/ours.db")
        await _fill(store)
        bare_path = Path(folder) / "bare.db"
        with closing(sqlite3.connect(bare_path, isolation_level=None)) as raw:
            raw.execute("PRAGMA journal_mode = WAL")
            raw.execute("PRAGMA synchronous = FULL")
            raw.executescript(";".join(script_statements(Dialect.SQLITE)))
            for statement, parameters in fill:
                raw.execute(statement.sql, parameters)
            ours = _batches(rounds + 1, size, "ours")
            bare = (
                [recorder.task(task_id) for task_id in batch]
                for batch in _batches(rounds + 1, size, "bare")
            )
            commits = Commits()

            async def measure_ours() -> Cost:
                return await _ours(store, next(ours))

            async def measure_bare() -> Cost:
                return _bare_sqlite(raw, next(bare), commits.group)

            measured = await atake_turns({"ours": measure_ours, "bare": measure_bare}, rounds)
            commits.stop()
        await store.close()
    return measured, commits.group


# ---------------------------------------------------------------- MariaDB


class BareMysql:
    """Connections with prepared statements, and nothing else."""

    def __init__(self, database: Mysql) -> None:
        self.database = database
        self.connections: list[tuple[Any, dict[str, Any]]] = []

    async def open(self) -> None:
        """Connect as often as our pool does, set up as it does."""
        for _ in range(LIMITS.connections):
            connection: Any = await asyncmy.connect(
                host=MYSQL[0],
                port=MYSQL[1],
                user="root",
                database=self.database.name,
                autocommit=True,
                charset="utf8mb4",
            )
            for sql in SESSION:
                await connection.query(sql)
            self.connections.append((connection, {}))

    async def close(self) -> None:
        """Disconnect."""
        for connection, _ in self.connections:
            await connection.ensure_closed()

    async def run(self, number: int, steps: Sequence[Step]) -> None:
        """Run steps as one transaction."""
        connection, prepared = self.connections[number]
        await connection.query("BEGIN")
        for statement, parameters in steps:
            prepared_statement = prepared.get(statement.sql)
            if prepared_statement is None:
                prepared_statement = prepared[statement.sql] = await connection.prepare(
                    statement.sql
                )
            await prepared_statement.execute(parameters)
        await connection.query("COMMIT")

    async def run_tasks(self, tasks: Sequence[TaskSteps]) -> Cost:
        """Run all, one per connection at a time."""
        waiting = iter(tasks)

        async def worker(number: int) -> None:
            for task in waiting:
                for steps in task:
                    await self.run(number, steps)

        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*map(worker, range(LIMITS.connections)))
        return Cost(time.perf_counter() - wall, time.process_time() - cpu)


async def _mariadb(rounds: int, size: int) -> Rounds:
    recorder = Recorder()
    fill = recorder.fill()
    databases = (Mysql(), Mysql())
    for database in databases:
        await database.make()
    try:
        creating_tables = connect(databases[1].url)
        await creating_tables.open()
        await creating_tables.close()
        store, bare = connect(databases[0].url), BareMysql(databases[1])
        await _fill(store)
        await bare.open()
        await bare.run(0, fill)
        ours = _batches(rounds + 1, size, "ours")
        bare_tasks = (
            [recorder.task(task_id) for task_id in batch]
            for batch in _batches(rounds + 1, size, "bare")
        )

        async def measure_ours() -> Cost:
            return await _ours(store, next(ours))

        async def measure_bare() -> Cost:
            return await bare.run_tasks(next(bare_tasks))

        measured = await atake_turns({"ours": measure_ours, "bare": measure_bare}, rounds)
        await bare.close()
        await store.close()
        return measured
    finally:
        for database in databases:
            await database.drop()


# ---------------------------------------------------------------- the report


LEAST: Final = {"sqlite": 0.62, "mariadb": 0.8}


async def run(*, quick: bool) -> Report:
    """Measure both databases."""
    rounds, sizes = (3, _QUICK) if quick else (9, _FULL)
    lite, group = await _sqlite(rounds, sizes["sqlite"])
    maria = await _mariadb(rounds, sizes["mariadb"])
    sides = {"sqlite": lite, "mariadb": maria}
    return Report(
        "relay",
        gates=[
            Gate(
                f"storage_vs_raw_{name}",
                measured.wall_ratio("bare", "ours"),
                LEAST[name],
                ">=",
                "x",
                f"tasks/s through `Storage` on {name}, {IN_FLIGHT} in flight, one user,"
                " against the same statements on the bare driver",
            )
            for name, measured in sides.items()
        ],
        figures=[
            Figure(f"{name}, {side}", sizes[name] / measured.wall(side), "tasks/s")
            for name, measured in sides.items()
            for side in ("ours", "bare")
        ],
        notes=[f"On SQLite a commit held {group} transactions on average, on both sides."],
    )
