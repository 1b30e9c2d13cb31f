"""Measuring on a machine that is never quiet: rounds in turn, medians, CPU time.

Each round measures every side once, in turn, so a slow minute of the machine falls on
all of them. A ratio is the median of the rounds' own ratios.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


class Cost(NamedTuple):
    """The cost of a piece of work, in seconds."""

    wall: float
    cpu: float


class Rounds:
    """The costs of several sides, one entry per round."""

    def __init__(self) -> None:
        self.costs: dict[str, list[Cost]] = {}

    def add(self, side: str, cost: Cost) -> None:
        """Note what *side* took in this round."""
        self.costs.setdefault(side, []).append(cost)

    def wall(self, side: str) -> float:
        """Return the median wall time of *side* in seconds."""
        return statistics.median(cost.wall for cost in self.costs[side])

    def cpu(self, side: str) -> float:
        """Return the median CPU time of *side* in seconds."""
        return statistics.median(cost.cpu for cost in self.costs[side])

    def wall_ratio(self, side: str, other: str) -> float:
        """Return how many times the wall time of *other* that of *side* is."""
        pairs = zip(self.costs[side], self.costs[other], strict=True)
        return statistics.median(cost.wall / other_cost.wall for cost, other_cost in pairs)

    def cpu_ratio(self, side: str, other: str) -> float:
        """Return how many times the CPU time of *other* that of *side* is."""
        pairs = zip(self.costs[side], self.costs[other], strict=True)
        return statistics.median(cost.cpu / other_cost.cpu for cost, other_cost in pairs)

    def cpu_added(self, side: str, other: str) -> float:
        """Return by how many seconds of CPU time *side* takes longer than *other*."""
        pairs = zip(self.costs[side], self.costs[other], strict=True)
        return statistics.median(cost.cpu - other_cost.cpu for cost, other_cost in pairs)


def take_turns(sides: Mapping[str, Callable[[], Cost]], rounds: int, *, warm_up: int = 1) -> Rounds:
    """Measure each side once per round, in turn; the first rounds are not counted."""
    measured = Rounds()
    for number in range(warm_up + rounds):
        for name, measure in sides.items():
            cost = measure()
            if number >= warm_up:
                measured.add(name, cost)
    return measured


async def atake_turns(
    sides: Mapping[str, Callable[[], Awaitable[Cost]]], rounds: int, *, warm_up: int = 1
) -> Rounds:
    """The async twin of `take_turns`."""
    measured = Rounds()
    for number in range(warm_up + rounds):
        for name, measure in sides.items():
            cost = await measure()
            if number >= warm_up:
                measured.add(name, cost)
    return measured


def cost_of(work: Callable[[], object], times: int) -> Cost:
    """Return what one of *times* repeats of *work* takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        work()
    return Cost((time.perf_counter() - wall) / times, (time.process_time() - cpu) / times)


@contextmanager
def server(*arguments: str) -> Iterator[str]:
    """Run `tests.benchmarks.server` in another process; yield its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.server", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()


def machine(*packages: str) -> list[str]:
    """Return the machine of the figures: processor, cores, system, versions."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    return [
        _processor(),
        f"{os.cpu_count()} cores (shared with other work)",
        f"{platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}",
        versions,
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
