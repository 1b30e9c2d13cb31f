"""The start time of a server: one per test in this process, and `kling-mock serve`."""

from __future__ import annotations

import asyncio
import http.client
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Final

from aiohttp import web

from kling_mock import KlingMock
from tests.benchmarks.bare_aiohttp import PATH, application
from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import Cost, Rounds, cost_of, take_turns
from tests.benchmarks.processes import Running, ask, bare, mock

Memory = dict[str, list[float]]  # MiB after the first answer, by server

ASKED: Final = "enter, one GET, exit"


def run(*, quick: bool) -> Report:
    """Measure the gates that are about starting."""
    fresh = _fresh(3 if quick else 10, 11 if quick else 31)
    served, memory = _serve(7 if quick else 21)
    gates = [
        Gate(
            "fresh_server_vs_aiohttp",
            fresh.wall_ratio(f"KlingMock, {ASKED}", f"aiohttp in a thread, {ASKED}"),
            2.5,
            "<=",
            "x",
            "enter `KlingMock`, one GET through `mock.client()`, exit, against an aiohttp "
            "server in a thread, asked with `http.client`",
        ),
        Gate(
            "serve_start_vs_aiohttp",
            served.wall_ratio("kling-mock serve", "aiohttp"),
            1.5,
            "<=",
            "x",
            "`kling-mock serve`, from the start of the process to the first answer to a signed "
            "request, against a bare aiohttp server",
        ),
        Gate(
            "serve_rss_vs_aiohttp",
            statistics.median(memory["kling-mock serve"]) / statistics.median(memory["aiohttp"]),
            1.3,
            "<=",
            "x",
            "resident memory after that answer, against the same server",
        ),
    ]
    figures = [
        *(Figure(name, fresh.wall(name) * 1e3, "ms") for name in fresh.costs),
        *(Figure(f"{name}, first answer", served.wall(name) * 1e3, "ms") for name in served.costs),
        *(Figure(f"{name}, memory", statistics.median(memory[name]), "MiB") for name in memory),
    ]
    return Report("mock", gates, figures)


# ---------------------------------------------------------------- a server for one test


@contextmanager
def bare_in_a_thread() -> Iterator[int]:
    """Run the bare application on a loop in a thread; yield its port."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(application(), access_log=None)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address: Any = runner.addresses[0]
        return int(address[1])

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result()
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _bare_test() -> None:
    with bare_in_a_thread() as port:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", PATH)
        assert connection.getresponse().read()
        connection.close()


def _mock_test() -> None:
    with KlingMock() as server, server.client() as kling:
        assert not kling.text2video.list().tasks


def _bare_only() -> None:
    with bare_in_a_thread():
        pass


def _mock_only() -> None:
    with KlingMock():
        pass


def _fresh(times: int, rounds: int) -> Rounds:
    sides = {
        f"aiohttp in a thread, {ASKED}": _bare_test,
        f"KlingMock, {ASKED}": _mock_test,
        "aiohttp in a thread, enter, exit": _bare_only,
        "KlingMock, enter, exit": _mock_only,
    }
    measures = {name: partial(cost_of, work, times) for name, work in sides.items()}
    return take_turns(measures, rounds)


# ---------------------------------------------------------------- the command


def _serve(rounds: int) -> tuple[Rounds, Memory]:
    """Start both servers in turn, and ask each once with a signed token."""
    memory: Memory = {}

    def start(name: str, process: Callable[[], AbstractContextManager[Running]]) -> Cost:
        begin = time.perf_counter()
        with process() as server:
            ask(server, PATH)
            cost = Cost(time.perf_counter() - begin, server.cpu())
            memory.setdefault(name, []).append(server.memory())
        return cost

    sides = {
        "aiohttp": lambda: start("aiohttp", bare),
        "kling-mock serve": lambda: start("kling-mock serve", mock),
    }
    return take_turns(sides, rounds), memory
