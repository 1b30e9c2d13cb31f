"""The number of requests of a wait for 1,000 tasks, on an account that has no others.

Simulated: an account answers list pages and queries in the process, and the clock moves
only while the client sleeps. The figure is a count, so it depends on no machine.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Final

import httpx

from kling_sdk import Kling, Task
from tests.benchmarks.frame import Figure, Gate, Report

TASKS: Final = 1000
TICK: Final = 10.0  # s
FIRST_END, LAST_END = 30.0, 600.0  # s after the start


class Clock:
    """A clock that moves only while its user sleeps."""

    def __init__(self) -> None:
        self.now = 1_735_689_600.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        del wake
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        self.now += seconds

    def call(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class Account:
    """1,000 tasks, listed newest first, that end at given times."""

    def __init__(self, clock: Clock, ends: list[float]) -> None:
        self.clock = clock
        self.start = clock.now
        self.ends = {f"{800_000_000_000 + place}": end for place, end in enumerate(ends)}
        self.requests: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(self.clock.now)
        size = request.url.params.get("pageSize")
        if size is None:
            return _envelope(self._object(request.url.path.rpartition("/")[2]))
        first = (int(request.url.params["pageNum"]) - 1) * int(size)
        newest_first = sorted(self.ends, reverse=True)
        return _envelope([self._object(name) for name in newest_first[first : first + int(size)]])

    def _object(self, task_id: str) -> dict[str, Any]:
        ended = self.clock.now >= self.start + self.ends[task_id]
        return {
            "task_id": task_id,
            "task_status": "succeed" if ended else "processing",
            "task_result": {"videos": [{"id": task_id, "url": "https://cdn.example.com/a.mp4"}]},
            "created_at": int(self.start * 1000),
        }


def _envelope(data: object) -> httpx.Response:
    return httpx.Response(200, content=json.dumps({"code": 0, "message": "ok", "data": data}))


def _at_random() -> list[float]:
    chance = random.Random(1)  # noqa: S311 - a fixed schedule, no secret
    return [chance.uniform(FIRST_END, LAST_END) for _ in range(TASKS)]


ORDERS: Final[dict[str, Callable[[], list[float]]]] = {
    "at random": _at_random,
    "oldest first": lambda: sorted(_at_random()),
    "newest first": lambda: sorted(_at_random(), reverse=True),
}


def run() -> Report:
    """Wait for the tasks in three orders of ending; the worst one counts."""
    seen = {order: _wait(ends()) for order, ends in ORDERS.items()}
    late = max(late for _, late in seen.values())
    gate = Gate(
        "polls_per_tick_1000",
        max(most for most, _ in seen.values()),
        4,
        "<=",
        "requests",
        "most requests in one tick of 10 s, waiting for 1,000 tasks of one endpoint (simulated)",
        broken=f"an end was noticed after {late:.1f} s" if late > TICK else "",
    )
    most = [
        Figure(f"requests in the busiest tick, tasks ending {order}", most, "")
        for order, (most, _) in seen.items()
    ]
    return Report("sdk", [gate], [*most, Figure("latest notice of an end", late, "s", "after it")])


def _wait(ends: list[float]) -> tuple[float, float]:
    """Return the maximum of requests in a tick, and the seconds until the last end was noticed."""
    clock = Clock()
    account = Account(clock, ends)
    tasks = [Task(task_id, "submitted", endpoint="text2video") for task_id in account.ends]
    late = 0.0
    with (
        httpx.Client(transport=httpx.MockTransport(account)) as http,
        Kling("AK|SK", base_url="http://kling.test", http_client=http, clock=clock) as kling,
    ):
        for outcome in kling.as_completed(tasks):
            end = account.start + account.ends[outcome.result().task_id]
            late = max(late, clock.now - end)
    times = account.requests
    most = max(bisect_left(times, start + TICK) - place for place, start in enumerate(times))
    return most, late
