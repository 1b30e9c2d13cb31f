"""`get` against the raw library on the same URL: one at a time, and 64 in flight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import httpx

from kling_sdk import AsyncKling, Kling
from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import Cost, Rounds, atake_turns, cost_of, server, take_turns
from tests.benchmarks.server import TASK_ID, TASK_PATH

IN_FLIGHT: Final = 64
RTT: Final = 0.1  # s

Call = Callable[[], Awaitable[Any]]


def run(*, quick: bool) -> Report:
    """Measure the gates that are about calls."""
    with server() as near, server("--delay", str(RTT)) as far:
        sync = _one_at_a_time(near, quick=quick)
        many = asyncio.run(_many(near, quick=quick))
        distant = asyncio.run(_many_far_away(far, quick=quick))
    gates = [
        Gate(
            "cpu_sync_vs_httpx",
            sync.cpu_ratio("kling", "httpx"),
            1.15,
            "<=",
            "x",
            "CPU time of one `get`, `Kling` against `httpx.Client().get().json()`",
        ),
        Gate(
            "async64_vs_httpx",
            many.wall_ratio("httpx", "kling"),
            2.8,
            ">=",
            "x",
            "requests/s at 64 in flight, `AsyncKling` against `httpx.AsyncClient()`",
        ),
        Gate(
            "async64_rtt100_vs_httpx",
            distant.wall_ratio("httpx", "kling"),
            1.2,
            ">=",
            "x",
            "the same with a server that answers after 100 ms",
        ),
        Gate(
            "async64_aiohttp_vs_aiohttp",
            many.wall_ratio("aiohttp", "kling+aiohttp"),
            0.65,
            ">=",
            "x",
            "requests/s at 64 in flight, `AsyncKling(http_client=session)` against the session",
        ),
    ]
    return Report("sdk", gates, [*_cpu(sync), *_rates("", many), *_rates(", 100 ms away", distant)])


def _cpu(rounds: Rounds) -> list[Figure]:
    return [
        Figure(f"CPU of a get, {side}", rounds.cpu(side) * 1e6, "us", "one at a time, sync")
        for side in rounds.costs
    ]


def _rates(where: str, rounds: Rounds) -> list[Figure]:
    return [
        Figure(f"rate at {IN_FLIGHT} in flight, {side}{where}", 1 / rounds.wall(side), "requests/s")
        for side in rounds.costs
    ]


def _one_at_a_time(url: str, *, quick: bool) -> Rounds:
    calls, rounds = (200, 11) if quick else (500, 21)
    address = url + TASK_PATH
    with httpx.Client() as raw, Kling("AK|SK", base_url=url) as kling:
        sides = {
            "httpx": lambda: cost_of(lambda: raw.get(address, headers=HEADERS).json(), calls),
            "kling": lambda: cost_of(lambda: kling.text2video.get(TASK_ID), calls),
        }
        return take_turns(sides, rounds)


HEADERS = {"authorization": "Bearer " + "x" * 180}


async def _raw_httpx(client: httpx.AsyncClient, address: str) -> Any:
    return (await client.get(address, headers=HEADERS)).json()


async def _raw_aiohttp(session: aiohttp.ClientSession, address: str) -> Any:
    async with session.get(address, headers=HEADERS) as response:
        return await response.json()


async def _many(url: str, *, quick: bool) -> Rounds:
    rounds = 5 if quick else 9
    async with (
        httpx.AsyncClient() as raw,
        AsyncKling("AK|SK", base_url=url) as kling,
        _session() as session,
        AsyncKling("AK|SK", base_url=url, http_client=session) as kling_aiohttp,
    ):
        address = url + TASK_PATH
        calls = {  # fewer where one call takes longer, so that rounds last about as long
            "httpx": (lambda: _raw_httpx(raw, address), 256),
            "kling": (lambda: kling.text2video.get(TASK_ID), 512),
            "aiohttp": (lambda: _raw_aiohttp(session, address), 2048),
            "kling+aiohttp": (lambda: kling_aiohttp.text2video.get(TASK_ID), 2048),
        }
        sides = {name: _load(call, total) for name, (call, total) in calls.items()}
        return await atake_turns(sides, rounds)


async def _many_far_away(url: str, *, quick: bool) -> Rounds:
    rounds, total = (5, 512) if quick else (9, 1024)
    async with httpx.AsyncClient() as raw, AsyncKling("AK|SK", base_url=url) as kling:
        sides = {
            "httpx": _load(lambda: _raw_httpx(raw, url + TASK_PATH), total),
            "kling": _load(lambda: kling.text2video.get(TASK_ID), total),
        }
        return await atake_turns(sides, rounds)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT))


def _load(call: Call, total: int) -> Callable[[], Awaitable[Cost]]:
    """Return a round of *total* calls, `IN_FLIGHT` at any time; its cost is one call's."""

    async def measure() -> Cost:
        places = iter(range(total))

        async def worker() -> None:
            for _ in places:
                await call()

        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        return Cost((time.perf_counter() - wall) / total, (time.process_time() - cpu) / total)

    return measure
