"""The relay's whole way over HTTP against the same hops on bare aiohttp.

Three hops: a create at the relay, its create at Kling, and Kling's signed callback, which settles
the task. Both relays stand in front of the same Kling, are called by the same client, and are one
process each. The bare one has no database; beside it the raw driver runs what ours does there.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import Cost, Rounds, atake_turns
from tests.benchmarks.relay_rates import DATABASES, Raw, UsersRecorder
from tests.benchmarks.relay_sides import IN_FLIGHT, Side, bare_relay, kling, relay, run_tasks


async def cost(side: Side, tasks: int) -> Cost:
    """Return the time of so many tasks from create to settled."""
    seconds, _ = await run_tasks(side, tasks)
    return Cost(seconds, 0.0)


async def _raw_cost(raw: Raw, recorder: UsersRecorder, tasks: int) -> Cost:
    recorded, started = recorder.tasks(tasks), time.perf_counter()
    await raw.run_tasks(recorded)
    return Cost(time.perf_counter() - started, 0.0)


async def _measured(rounds: int, tasks: int) -> Rounds:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(kling())
        bare = stack.enter_context(bare_relay(upstream))
        async with DATABASES["SQLite"](folder) as (url, raw):
            recorder = UsersRecorder(1)
            await raw.fill(recorder.fill())
            ours = stack.enter_context(relay(upstream, url, folder))
            sides: dict[str, Callable[[], Awaitable[Cost]]] = {
                "bare": partial(cost, bare, tasks),
                "driver": partial(_raw_cost, raw, recorder, tasks),
                "relay": partial(cost, ours, tasks),
            }
            return await atake_turns(sides, rounds)


def run(*, quick: bool) -> Report:
    """Measure the relay on SQLite."""
    rounds, tasks = (5, 500) if quick else (15, 1_500)
    measured = asyncio.run(_measured(rounds, tasks))
    turns = zip(*(measured.costs[side] for side in ("bare", "driver", "relay")), strict=True)
    return Report(
        "relay",
        gates=[
            Gate(
                "relay_vs_bare_chain_sqlite",
                measured.wall_ratio("bare", "relay"),
                0.4,
                ">=",
                "x",
                f"tasks/s from create to settled callback, {IN_FLIGHT} in flight, one user, against"
                " the same three hops on bare aiohttp without a database",
            ),
            Gate(
                "relay_vs_bare_chain_with_raw_sqlite",
                statistics.median(
                    (bare.wall + driver.wall) / ours.wall for bare, driver, ours in turns
                ),
                0.55,
                ">=",
                "x",
                "the same against the time of those hops and, one after the other, of the task's"
                f" three transactions on the raw driver, {IN_FLIGHT} tasks in each commit",
            ),
        ],
        figures=[
            Figure(f"chain, {name}", tasks / measured.wall(name), "tasks/s")
            for name in measured.costs
        ],
    )
