"""A server under steady load does not grow: memory, descriptors and threads stay as they are.

The figures are taken when what the server keeps (tasks, journal, deliveries) is at its limits.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs
import pytest

from tests.proof.steady_load import Measure, growth, load, serve
from tests.proof.steady_relay import busy_relay
from tests.proof.steady_relay import load as load_relay

pytestmark = pytest.mark.slow


@attrs.frozen
class Size:
    """The size of a run.

    Attributes:
        seconds: How long the load lasts, after the server has been filled.
        settled: After how many seconds nothing may grow further.
        every: Seconds between two measures.
        tasks: How many tasks are created before that; 10,000 fill what a server keeps.
        journal: How many calls the journal keeps.
        memory: How much more memory is allowed after that, as a part of what it was.
    """

    seconds: float
    settled: float
    every: float
    tasks: int
    journal: int
    memory: float

    @property
    def minute(self) -> float:
        """Seconds of one of the parts whose figures are printed."""
        return 6 * self.every


SIZE: Final = (
    Size(seconds=600, settled=60, every=10, tasks=11_000, journal=2000, memory=0.05)
    if os.environ.get("KLING_PROOF_SIZE") == "full"
    # Too short to fill what a server keeps: only what grows with each call is seen.
    else Size(seconds=4, settled=2, every=0.5, tasks=200, journal=50, memory=0.25)
)
#: More descriptors, for the callbacks that happen to be under way: each is a connection.
DESCRIPTORS: Final = 40
THREADS: Final = 2  # more threads


async def test_ten_minutes_of_load_leave_the_server_as_it_was_after_one() -> None:
    """Creates, polls, callbacks, downloads and refusals, with the journal at its limit."""
    with serve("--journal-size", str(SIZE.journal)) as server:
        measures, done = await load(server, SIZE.seconds, SIZE.every, SIZE.tasks)
    settled = next(measure for measure in measures if measure.at >= SIZE.settled)
    minutes = [measure for at, measure in enumerate(measures) if at % 6 == 1]
    print(  # noqa: T201 - the figures
        f"\nload: idle {measures[0]}; settled {settled}; at the end {measures[-1]}; allowed "
        f"{SIZE.memory:.0%} more memory, {DESCRIPTORS} descriptors, {THREADS} threads; {dict(done)}"
        f"\nload: MiB in steps of {6 * SIZE.every:g} s: "
        + ", ".join(f"{measure.memory:.1f}" for measure in minutes)
    )
    assert min(done[kind] for kind in ("creates", "polls", "callbacks", "downloads")) > 0
    assert growth(settled, measures[-1], SIZE.memory, DESCRIPTORS, THREADS) == []


async def test_ten_minutes_of_full_load_leave_the_relay_as_it_was_after_one(
    tmp_path: Path,
) -> None:
    """Tasks from create to settled callback, as fast as they go; each one counts."""
    with busy_relay(tmp_path) as side:
        spans = await load_relay(side, SIZE.seconds, SIZE.minute if SIZE.seconds > 60 else 1)
    print("", *(f"relay: {span}" for span in spans), sep="\n")  # noqa: T201 - the figures
    sizes = [span.size for span in spans]
    assert growth(sizes[0], sizes[-1], SIZE.memory, DESCRIPTORS, THREADS) == []


async def test_the_check_catches_connections_that_stay_open() -> None:
    """Control: what every connection takes is seen when it is not given back."""
    with serve() as server, ExitStack() as left_open:
        before = Measure.of(server.pid, 0)
        address = urlsplit(server.url)
        for _ in range(50):
            connection = left_open.enter_context(
                socket.create_connection((address.hostname or "", address.port or 0))
            )
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await asyncio.to_thread(connection.recv, 1) == b"H"
        leaks = growth(before, Measure.of(server.pid, 1), 10, DESCRIPTORS, THREADS)
    assert [leak.partition(":")[0] for leak in leaks] == ["descriptors"]


def test_the_check_catches_memory_and_threads() -> None:
    """Control: more than one part in twenty of memory, or three threads, are growth."""
    before = Measure(60, 100.0, 30, 4)
    assert growth(before, before._replace(memory=104.9, threads=6), 0.05, 40, 2) == []
    assert len(growth(before, before._replace(memory=105.1, threads=7), 0.05, 40, 2)) == 2
