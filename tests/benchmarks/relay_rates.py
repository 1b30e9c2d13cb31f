"""Tasks per second, create to settled, by database and number of users; the raw driver beside.

Ours is the whole relay: HTTP, the call to Kling, the signed callback, and three transactions. The
driver's own figure is those transactions alone, replayed with the parameters they had.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import asyncpg

from kling_mock.relay.storage.adapters.server import LIMITS
from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.ensure_schema import script_statements
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.transactions import accounts, channels, create, lifecycle, settlement
from kling_mock.relay.storage.values import Attempt, NewToken, NewUser
from tests.benchmarks.frame import Report, Table, number
from tests.benchmarks.relay_sides import IN_FLIGHT, Side, kling, relay, run_tasks
from tests.benchmarks.storage_raw import QUOTA, BareMysql, Recorder, Step, TaskSteps
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.databases import Mysql, Postgres, Server

USERS: Final = (1, IN_FLIGHT)

_NOTE: Final = (
    "The driver's own figures are the three transactions of a task alone: on SQLite"
    f" {IN_FLIGHT} tasks in lockstep in each commit, on the servers {LIMITS.connections}"
    " connections with one task each. Every commit waits for the disk."
)


class Found(NamedTuple):
    """The figures of one side.

    Attributes:
        rates: Tasks/s, one per round.
        took: Seconds of each task.
    """

    rates: list[float]
    took: list[float]

    def cells(self) -> tuple[str, str, str]:
        """Return rate, p50 and p99 as texts."""
        cuts = statistics.quantiles(self.took, n=100)
        return (
            number(statistics.median(self.rates)),
            f"{number(1e3 * cuts[49])} ms",
            f"{number(1e3 * cuts[98])} ms",
        )


class UsersRecorder(Recorder):
    """Records the tasks of several users, with the ids 1, 2, ..."""

    def __init__(self, users: int) -> None:
        super().__init__()
        self.users = users
        self._task_count = 0

    def fill(self) -> list[Step]:
        """Return the steps that make the users, a token each, and a channel."""
        steps: list[Step] = []
        for user_id in range(1, self.users + 1):
            user, token = (
                NewUser(f"user {user_id}", QUOTA),
                NewToken(user_id, kit.digest(f"sk-{user_id}")),
            )
            steps += self.steps(accounts.create_user(user, now=kit.NOW))
            steps += self.steps(accounts.create_token(token, now=kit.NOW))
        return [
            *steps,
            *self.steps(channels.create_channel(kit.channel_named("Kling"), now=kit.NOW)),
        ]

    def tasks(self, count: int) -> list[TaskSteps]:
        """Return the steps of *count* tasks, the users in turn."""
        return [self._task() for _ in range(count)]

    def _task(self) -> TaskSteps:
        self._task_count += 1
        user = 1 + self._task_count % self.users
        task_id = kit.own_id(f"raw {self._task_count}")
        attempt = Attempt(1, "key-1", kit.NOW)
        task = kit.new_task(user, task_id=task_id, token_id=user, attempt=attempt)
        return (
            self.steps(create.create_task(task, kit.NOW, kit.NOW, look=False)),
            self.steps(
                lifecycle.accept(task_id, f"k-{task_id}", now=kit.NOW, next_poll_at=kit.NOW)
            ),
            self.steps(settlement.settle(kit.succeed(task_id), now=kit.LATER)),
        )


class Raw(Protocol):
    """A driver without anything around it."""

    async def fill(self, steps: Sequence[Step]) -> None:
        """Insert the users, tokens and the channel."""
        ...

    async def run_tasks(self, tasks: Sequence[TaskSteps]) -> list[float]:
        """Run all tasks; return the seconds of each."""
        ...


# ---------------------------------------------------------------- the raw drivers


class RawSqlite:
    """One connection; `IN_FLIGHT` tasks share each commit, as ours do at best."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw

    async def fill(self, steps: Sequence[Step]) -> None:
        """Insert the users, tokens and the channel."""
        for statement, parameters in steps:
            self._raw.execute(statement.sql, parameters)

    async def run_tasks(self, tasks: Sequence[TaskSteps]) -> list[float]:
        """Run all tasks."""
        took: list[float] = []
        for start in range(0, len(tasks), IN_FLIGHT):
            part, started = tasks[start : start + IN_FLIGHT], time.perf_counter()
            for phase in range(3):
                self._raw.execute("BEGIN IMMEDIATE")
                for task in part:
                    for statement, parameters in task[phase]:
                        self._raw.execute(statement.sql, parameters).fetchall()
                self._raw.execute("COMMIT")
            took += [time.perf_counter() - started] * len(part)
        return took


class RawPostgres:
    """Connections to PostgreSQL, as many as our pool has."""

    def __init__(self, connections: Sequence[Any]) -> None:
        self.connections = connections

    async def run(self, number: int, steps: Sequence[Step]) -> None:
        """Run steps as one transaction."""
        connection = self.connections[number]
        async with connection.transaction():
            for statement, parameters in steps:
                call = connection.fetch if statement.reads else connection.execute
                await call(statement.postgres, *parameters)


class RawServer:
    """Tasks on a server, one per connection at a time."""

    def __init__(self, driver: BareMysql | RawPostgres) -> None:
        self._driver = driver

    async def fill(self, steps: Sequence[Step]) -> None:
        """Insert the users, tokens and the channel."""
        await self._driver.run(0, steps)

    async def run_tasks(self, tasks: Sequence[TaskSteps]) -> list[float]:
        """Run all tasks."""
        waiting = iter(tasks)
        took: list[float] = []

        async def worker(number: int) -> None:
            for task in waiting:
                started = time.perf_counter()
                for steps in task:
                    await self._driver.run(number, steps)
                took.append(time.perf_counter() - started)

        await asyncio.gather(*map(worker, range(LIMITS.connections)))
        return took


# ---------------------------------------------------------------- the databases


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[tuple[str, Raw]]:
    with closing(sqlite3.connect(folder / "raw.db", isolation_level=None)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")
        raw.executescript(";".join(script_statements(Dialect.SQLITE)))
        yield f"sqlite:///{folder}/relay.db", RawSqlite(raw)


@asynccontextmanager
async def _databases(ours: Server, raw: Server) -> AsyncIterator[None]:
    """Create two databases; the second gets its tables now."""
    for database in (ours, raw):
        await database.make()
        if isinstance(database, Postgres):  # the tests' own databases do not wait for the disk
            await database.query(f"ALTER DATABASE {database.name} SET synchronous_commit = on")
    try:
        store = connect(raw.url)
        await store.open()
        await store.close()
        yield
    finally:
        for database in (ours, raw):
            await database.drop()


@asynccontextmanager
async def _mariadb(folder: Path) -> AsyncIterator[tuple[str, Raw]]:
    del folder
    ours, other = Mysql(), Mysql()
    async with _databases(ours, other):
        driver = BareMysql(other)
        await driver.open()
        yield ours.url, RawServer(driver)
        await driver.close()


@asynccontextmanager
async def _postgres(folder: Path) -> AsyncIterator[tuple[str, Raw]]:
    del folder
    ours, other = Postgres(), Postgres()
    async with _databases(ours, other):
        connections = [await asyncpg.connect(other.url) for _ in range(LIMITS.connections)]
        yield ours.url, RawServer(RawPostgres(connections))
        for connection in connections:
            await connection.close()


DATABASES: Final = {"SQLite": _sqlite, "MariaDB": _mariadb, "PostgreSQL": _postgres}

# ---------------------------------------------------------------- the report


async def _compare(side: Side, raw: Raw, users: int, tasks: int, rounds: int) -> list[Found]:
    """Let relay and driver take turns."""
    recorder = UsersRecorder(users)
    await raw.fill(recorder.fill())
    ours, bare = Found([], []), Found([], [])
    for turn in range(1 + rounds):
        seconds, took = await run_tasks(side, tasks)
        recorded, started = recorder.tasks(tasks), time.perf_counter()
        raw_took = await raw.run_tasks(recorded)
        raw_seconds = time.perf_counter() - started
        if turn:  # the first warms up
            ours.rates.append(tasks / seconds)
            ours.took.extend(took)
            bare.rates.append(tasks / raw_seconds)
            bare.took.extend(raw_took)
    return [ours, bare]


async def _row(name: str, users: int, tasks: int, rounds: int) -> list[str]:
    with tempfile.TemporaryDirectory() as text, kling() as upstream:
        folder = Path(text)
        async with DATABASES[name](folder) as (url, raw):
            with relay(upstream, url, folder, users) as side:
                figures = await _compare(side, raw, users, tasks, rounds)
    return [name, f"{users}", *(cell for figure in figures for cell in figure.cells())]


def run(*, quick: bool) -> Report:
    """Measure every database for one user and for many."""
    tasks, rounds = (64, 1) if quick else (1_000, 5)
    rows = [asyncio.run(_row(name, users, tasks, rounds)) for name in DATABASES for users in USERS]
    return Report(
        "relay",
        gates=[],
        tables=[
            Table(
                f"Create to settled, {IN_FLIGHT} in flight, one relay process",
                ("database", "users", "tasks/s", "p50", "p99", "driver", "its p50", "its p99"),
                rows,
            )
        ],
        notes=[_NOTE],
    )
