"""A relay at full load: tasks from create to settled callback, its size and its times."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tests.benchmarks.relay_sides import IN_FLIGHT, Side, kling, relay, run_task
from tests.proof.steady_load import Measure


class Span(NamedTuple):
    """The figures of a relay in a part of the time.

    Attributes:
        size: Its size at the end.
        took: Seconds of each task, from its create to its settlement.
        seconds: How long the span was.
    """

    size: Measure
    took: list[float]
    seconds: float

    def __str__(self) -> str:
        cuts = statistics.quantiles(self.took, n=100)
        rate = len(self.took) / self.seconds
        return (
            f"{self.size}; {rate:,.0f} tasks/s, p50 {1e3 * cuts[49]:.1f} ms, "
            f"p99 {1e3 * cuts[98]:.1f} ms, worst {1e3 * max(self.took):.0f} ms"
        )


@contextmanager
def busy_relay(folder: Path) -> Iterator[Side]:
    """Run a relay on SQLite in front of a Kling that accepts everything, with 32 users."""
    database = f"sqlite:///{folder}/relay.db"
    with kling() as upstream, relay(upstream, database, folder, IN_FLIGHT) as side:
        yield side


async def load(side: Side, seconds: float, every: float) -> list[Span]:
    """Run tasks as fast as they go, `IN_FLIGHT` at a time; return each part of the time.

    Args:
        side: The relay.
        seconds: For how long.
        every: Seconds of a part.
    """
    spans: list[Span] = []
    took: list[float] = []
    tokens = itertools.cycle(side.tokens)
    start = time.monotonic()

    async def work(http: aiohttp.ClientSession) -> None:
        while time.monotonic() < start + seconds:
            task_start = time.perf_counter()
            await run_task(http, side.url, next(tokens))
            took.append(time.perf_counter() - task_start)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        workers = [asyncio.ensure_future(work(http)) for _ in range(IN_FLIGHT)]
        while not all(worker.done() for worker in workers):
            span_start = time.monotonic()
            await asyncio.wait(workers, timeout=every)
            now = time.monotonic()
            if len(took) > 1 and now - span_start > every / 2:
                spans.append(Span(Measure.of(side.pid, now - start), took[:], now - span_start))
                took.clear()
        await asyncio.gather(*workers)
    return spans
