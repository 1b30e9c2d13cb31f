"""The capacity of one relay process and one database: `python -m tests.benchmarks capacity`.

Tasks go the whole way over HTTP, from create to the signed callback that settles them. Bytes are
the growth of all tables and indexes, divided by the tasks: the row, three entries in the ledger,
and what updates leave behind until the database has cleaned up.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.benchmarks.frame import Report, Table, number
from tests.benchmarks.relay_sides import IN_FLIGHT, kling, relay, run_tasks
from tests.mock.relay.storage.databases import Database, Mysql, Postgres, Server, SqliteFile

PACKAGES: Final = ("aiohttp", "asyncmy", "asyncpg", "attrs")

#: Part of the measured rate that a day may be planned with: load is not even, and a sweeper, a
#: backup and webhooks want some of it.
SHARE: Final = 0.5
_DAY: Final = 86_400

_MYSQL_BYTES: Final = (
    "SELECT SUM(data_length + index_length) FROM information_schema.tables"
    " WHERE table_schema = DATABASE()"
)
_POSTGRES_BYTES: Final = (
    "SELECT SUM(pg_total_relation_size(relid)) FROM pg_catalog.pg_statio_user_tables"
)


class Found(NamedTuple):
    """The capacity of one database.

    Attributes:
        one_user: Tasks/s of one user.
        many_users: Tasks/s of `IN_FLIGHT` users.
        size: Bytes per task.
    """

    one_user: float
    many_users: float
    size: float


async def _bytes(database: Database) -> int:
    if isinstance(database, SqliteFile):
        await database.query("PRAGMA wal_checkpoint(TRUNCATE)")
        return database.path.stat().st_size
    if isinstance(database, Mysql):
        tables = await database.query("SHOW TABLES")
        await database.query(f"ANALYZE TABLE {', '.join(name for (name,) in tables)}")
        return int((await database.query(_MYSQL_BYTES))[0][0])
    return int((await database.query(_POSTGRES_BYTES))[0][0])


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[Database]:
    yield SqliteFile(folder)


def _on_server(
    make: Callable[[], Server],
) -> Callable[[Path], AbstractAsyncContextManager[Database]]:
    @asynccontextmanager
    async def new_database(folder: Path) -> AsyncIterator[Database]:
        del folder
        database = make()
        await database.make()
        if isinstance(database, Postgres):  # the tests' own databases do not wait for the disk
            await database.query(f"ALTER DATABASE {database.name} SET synchronous_commit = on")
        try:
            yield database
        finally:
            await database.drop()

    return new_database


DATABASES: Final = {
    "SQLite": _sqlite,
    "MariaDB": _on_server(Mysql),
    "PostgreSQL": _on_server(Postgres),
}


async def _measured(name: str, tasks: int, rounds: int) -> Found:
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as path:
        folder = Path(path)
        async with DATABASES[name](folder) as database:
            with kling() as upstream, relay(upstream, database.url, folder, IN_FLIGHT) as side:
                await run_tasks(side, tasks)  # warms up
                alone = side._replace(tokens=side.tokens[:1])
                before = await _bytes(database)
                turns = [
                    (
                        tasks / (await run_tasks(alone, tasks))[0],
                        tasks / (await run_tasks(side, tasks))[0],
                    )
                    for _ in range(rounds)
                ]
                size = (await _bytes(database) - before) / (2 * rounds * tasks)
    one_user, many_users = (statistics.median(rates) for rates in zip(*turns, strict=True))
    return Found(one_user, many_users, size)


def _row(name: str, figures: Found) -> list[str]:
    return [
        name,
        number(figures.one_user),
        number(figures.many_users),
        f"{figures.size:,.0f}",
        f"{figures.size * 1e6 / 2**30:.1f}",
        f"{SHARE * figures.many_users * _DAY / 1e6:.1f}",
    ]


def run(*, quick: bool) -> Report:
    """Measure one process on each database."""
    tasks, rounds = (200, 1) if quick else (2_000, 5)
    rows = [_row(name, asyncio.run(_measured(name, tasks, rounds))) for name in DATABASES]
    title = f"One relay process, {IN_FLIGHT} in flight"
    heads = (
        "database",
        "tasks/s, one user",
        f"tasks/s, {IN_FLIGHT} users",
        "bytes a task",
        "GiB per million tasks",
        f"million tasks a day at {SHARE:.0%} of the rate",
    )
    return Report(
        "capacity",
        gates=[],
        tables=[Table(title, heads, rows)],
        notes=[
            (
                "A task is a row, its hold, release and charge in the ledger, a short prompt and a"
                " result of 200 bytes; longer prompts and results add their own length. The"
                " database is on the same machine as the relay, Kling and the caller."
            )
        ],
    )
