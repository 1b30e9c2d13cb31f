"""The relay's whole way over HTTP against the same hops on bare aiohttp, without a database.

Three hops: a create at the relay, its create at Kling, and Kling's signed callback, which settles
the task. Both relays stand in front of the same Kling, are called by the same client, and are one
process each.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import Cost, atake_turns
from tests.benchmarks.relay_sides import IN_FLIGHT, Side, bare_relay, kling, relay, run_tasks

__all__ = ["run"]


async def _cost(side: Side, tasks: int) -> Cost:
    seconds, _ = await run_tasks(side, tasks)
    return Cost(seconds, 0.0)


def run(*, quick: bool) -> Report:
    """Measure the relay on SQLite."""
    rounds, tasks = (5, 500) if quick else (15, 1_500)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(kling())
        sides = {
            "bare": stack.enter_context(bare_relay(upstream)),
            "relay": stack.enter_context(relay(upstream, f"sqlite:///{folder}/relay.db", folder)),
        }
        calls = {name: partial(_cost, side, tasks) for name, side in sides.items()}
        found = asyncio.run(atake_turns(calls, rounds))
    return Report(
        "relay",
        gates=[
            Gate(
                "relay_vs_bare_chain_sqlite",
                found.wall_ratio("bare", "relay"),
                0.4,
                ">=",
                "x",
                f"tasks/s from create to settled callback, {IN_FLIGHT} in flight, one user, against"
                " the same three hops on bare aiohttp without a database",
            )
        ],
        figures=[Figure(f"chain, {name}", tasks / found.wall(name), "tasks/s") for name in sides],
    )
