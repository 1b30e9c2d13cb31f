"""A page of a user's tasks at depth 900,000 against the first page."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.sql_storage import Storage
from tests.benchmarks.frame import Figure, Gate, Report
from tests.mock.relay.storage.databases import Database, Mysql, SqliteFile

USER: Final = 1
_COLUMNS: Final = (
    "task_id, prompt, created_at, updated_at, user_id, channel_id, status, model, legacy"
)
_VALUES: Final = "'a kitten on the grass', 1760000000 + i, 0, 1, i % 7, 'succeed', 'kling-v2-6', 0"


def _sqlite_rows(rows: int) -> str:
    return (
        f"INSERT INTO videos ({_COLUMNS}) WITH RECURSIVE n(i) AS"
        f" (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
        f" SELECT 'kling_' || printf('%032d', i), {_VALUES} FROM n"
    )


def _mariadb_rows(rows: int) -> str:
    return (
        f"INSERT INTO videos ({_COLUMNS}) SELECT CONCAT('kling_', LPAD(i, 32, '0')), {_VALUES}"
        f" FROM (SELECT seq AS i FROM seq_1_to_{rows}) n"
    )


async def _page(store: Storage, before: int | None, times: int) -> float:
    """Return the median time of a page in seconds."""
    seconds: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        page = await store.list_tasks(USER, before=before, limit=20)
        seconds.append(time.perf_counter() - start)
        assert len(page) == 20
    return statistics.median(seconds)


async def _measure(database: Database, fill: str, depth: int, times: int) -> tuple[float, float]:
    """Return the times of the first page and of the one at *depth*, each median of *times*."""
    store = connect(database.url)
    await store.open()
    await database.query(fill)
    (newest,) = await store.list_tasks(USER, limit=1)
    first: list[float] = []
    deep: list[float] = []
    for _ in range(5):
        first.append(await _page(store, None, times))
        deep.append(await _page(store, newest.id - depth, times))
    await store.close()
    return statistics.median(first), statistics.median(deep)


async def run(*, quick: bool) -> Report:
    """Measure on SQLite and on MariaDB."""
    rows, depth, times = (20_000, 18_000, 20) if quick else (1_000_000, 900_000, 100)
    with tempfile.TemporaryDirectory() as folder:
        lite = await _measure(SqliteFile(Path(folder)), _sqlite_rows(rows), depth, times)
    database = Mysql()
    await database.make()
    try:
        maria = await _measure(database, _mariadb_rows(rows), depth, times)
    finally:
        await database.drop()
    sides = {"SQLite": lite, "MariaDB": maria}
    return Report(
        "relay",
        gates=[
            Gate(
                "deep_page_vs_first",
                max(deep / first for first, deep in sides.values()),
                2,
                "<=",
                "x",
                f"a page of 20 tasks at depth {depth:,} of one user's {rows:,}, against the first;"
                " the worse of SQLite and MariaDB",
                full_size=not quick,
            )
        ],
        figures=[
            Figure(f"{name}, {what} page", 1e3 * value, "ms")
            for name, times in sides.items()
            for what, value in zip(("first", "deep"), times, strict=True)
        ],
    )
