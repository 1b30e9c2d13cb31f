"""Tasks per second, create to settled, with millions of rows in the tables and with none."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from kling_mock.relay.migration.database.session import connect
from kling_mock.relay.storage.connect import connect as connect_storage
from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import Rounds, atake_turns
from tests.benchmarks.migration import server
from tests.benchmarks.relay_chain import cost
from tests.benchmarks.relay_sides import IN_FLIGHT, kling, relay
from tests.benchmarks.storage_tables import Size, fill_relay

FULL: Final = Size(2_000_000, 0)
QUICK: Final = Size(20_000, 0)
_NOTE: Final = (
    "With {0.rows:,} tasks there are as many entries in the ledger, {0.users:,} users, {0.others:,}"
    " webhooks and reports, and {0.waiting:,} open tasks that are not due. MariaDB is a server of"
    " its own with a pool of 4 GB."
)


async def _make_tables(url: str) -> None:
    store = connect_storage(url)
    await store.open()
    await store.close()


@contextmanager
def _sqlite(folder: Path) -> Iterator[dict[str, str]]:
    yield {name: f"sqlite:///{folder}/{name}.db" for name in ("empty", "filled")}


@contextmanager
def _mariadb(folder: Path) -> Iterator[dict[str, str]]:
    del folder
    with server(pool="4G") as url:
        with connect(url) as session:
            session.execute("CREATE DATABASE empty CHARACTER SET utf8mb4")
        yield {"empty": f"{url.rpartition('/')[0]}/empty", "filled": url}


DATABASES: Final = {"SQLite": _sqlite, "MariaDB": _mariadb}


def _measured(name: str, size: Size, rounds: int, tasks: int) -> Rounds:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kling-bench-")))
        urls = stack.enter_context(DATABASES[name](folder))
        asyncio.run(_make_tables(urls["filled"]))
        with connect(urls["filled"]) as session:
            fill_relay(session, size)
        upstream = stack.enter_context(kling())
        calls = {
            side: partial(cost, stack.enter_context(relay(upstream, url, folder, IN_FLIGHT)), tasks)
            for side, url in urls.items()
        }
        return asyncio.run(atake_turns(calls, rounds))


def run(*, quick: bool) -> Report:
    """Measure on SQLite and on MariaDB, the two tables in turn."""
    size, rounds, tasks = (QUICK, 2, 100) if quick else (FULL, 9, 1_000)
    measured = {name: _measured(name, size, rounds, tasks) for name in DATABASES}
    ratios = {name: costs.wall_ratio("empty", "filled") for name, costs in measured.items()}
    return Report(
        "relay",
        gates=[
            Gate(
                "rate_at_2m_rows_vs_empty",
                min(ratios.values()),
                0.8,
                ">=",
                "x",
                f"tasks/s from create to settled, {IN_FLIGHT} in flight of as many users, with"
                f" {size.rows:,} rows against none; the worse of"
                + " and".join(f" {name} ({ratio:.2f}x)" for name, ratio in ratios.items()),
                full_size=not quick,
            )
        ],
        figures=[
            Figure(f"{name}, {side} table", tasks / costs.wall(side), "tasks/s")
            for name, costs in measured.items()
            for side in ("empty", "filled")
        ],
        notes=[_NOTE.format(size)],
    )
