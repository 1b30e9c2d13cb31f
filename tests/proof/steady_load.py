"""A server under steady load: creates, polls, callbacks, downloads and refusals, and its size."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
from aiohttp import web

from tests.started import SERVE, started

LIST: Final = "/v1/videos/text2video"
WORKERS: Final = 4
OPEN: Final = 20  # tasks of a worker that it has not seen the end of
SPEED: Final = 600  # an hour, for which ended tasks are kept, is over in six seconds


class Served(NamedTuple):
    """A server in a process of its own.

    Attributes:
        url: Its base URL.
        key: Its API key.
        pid: Its process.
    """

    url: str
    key: str
    pid: int


class Measure(NamedTuple):
    """The size of a process.

    Attributes:
        at: Seconds since the load began.
        memory: Resident memory, MiB.
        descriptors: Open files and sockets.
        threads: Threads.
    """

    at: float
    memory: float
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int, at: float) -> Measure:
        """Measure a process now."""
        status = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
        fields = dict(line.split(":", 1) for line in status)
        return cls(
            at,
            int(fields["VmRSS"].split()[0]) / 1024,
            len([*Path(f"/proc/{pid}/fd").iterdir()]),
            int(fields["Threads"]),
        )

    def __str__(self) -> str:
        return (
            f"{self.at:.0f} s: {self.memory:.1f} MiB, {self.descriptors} descriptors, "
            f"{self.threads} threads"
        )


@contextmanager
def serve(*options: str) -> Iterator[Served]:
    """Run `kling-mock serve` on free ports."""
    words = (*SERVE, "--speed", str(SPEED), *options)
    with started(*words, errors=subprocess.DEVNULL) as (process, ready):
        yield Served(ready["kling_url"], ready["api_key"], process.pid)


class _Load:
    """The load on a server, and counts of what it did."""

    def __init__(self, http: aiohttp.ClientSession, callback_url: str) -> None:
        self._http = http
        self._callback_url = callback_url
        self.done: Counter[str] = Counter()

    async def fill(self, tasks: int) -> None:
        """Create tasks until there were so many."""
        while self.done["creates"] < tasks:
            await self._create()

    async def work(self, until: float) -> None:
        """Create, poll and download until an instant of the steady clock."""
        mine: deque[str] = deque()
        while time.monotonic() < until:
            mine.append(await self._create())
            while len(mine) > OPEN:
                await self._poll(mine)
            if self.done["creates"] % 10 == 0:
                await self._call("GET", f"{LIST}?pageSize=10", "lists")
                await self._call("GET", f"{LIST}/nothing", "refusals", 400)

    async def _create(self) -> str:
        body = {"prompt": "a kitten", "callback_url": self._callback_url}
        reply = await self._call("POST", LIST, "creates", json=body)
        task_id: str = reply["data"]["task_id"]
        return task_id

    async def _poll(self, mine: deque[str]) -> None:
        task_id = mine.popleft()
        data = (await self._call("GET", f"{LIST}/{task_id}", "polls"))["data"]
        if data["task_status"] != "succeed":
            mine.append(task_id)
            return
        async with self._http.get(data["task_result"]["videos"][0]["url"]) as reply:
            assert reply.status == 200
            await reply.read()
            self.done["downloads"] += 1

    async def _call(
        self, method: str, path: str, what: str, status: int = 200, **options: Any
    ) -> dict[str, Any]:
        async with self._http.request(method, path, **options) as reply:
            body: dict[str, Any] = await reply.json()
            assert reply.status == status, body
        self.done[what] += 1
        return body


async def load(
    server: Served, seconds: float, every: float, tasks: int
) -> tuple[list[Measure], Counter[str]]:
    """Keep *server* busy; return its size again and again, and the number of calls.

    The first measure is of the idle server, the second one is taken when it has been filled.

    Args:
        server: The server.
        seconds: For how long, in real time, after it has been filled.
        every: Seconds of real time between two measures.
        tasks: How many tasks fill it.
    """
    called: Counter[str] = Counter()

    async def receive(request: web.BaseRequest) -> web.Response:
        await request.read()
        called["callbacks"] += 1
        return web.Response()

    receiver = web.ServerRunner(web.Server(receive))
    await receiver.setup()
    await (site := web.TCPSite(receiver, "127.0.0.1", 0)).start()
    headers = {"Authorization": f"Bearer {server.key}"}
    measures = [Measure.of(server.pid, 0)]
    try:
        async with aiohttp.ClientSession(server.url, headers=headers) as http:
            busy = _Load(http, f"http://127.0.0.1:{receiver.addresses[0][1]}/")
            await asyncio.gather(*(busy.fill(tasks) for _ in range(WORKERS)))
            start = time.monotonic()
            measures.append(Measure.of(server.pid, 0))
            work = [asyncio.ensure_future(busy.work(start + seconds)) for _ in range(WORKERS)]
            while not all(worker.done() for worker in work):
                await asyncio.wait(work, timeout=every)
                measures.append(Measure.of(server.pid, time.monotonic() - start))
            await asyncio.gather(*work)
    finally:
        await site.stop()
        await receiver.cleanup()
    return measures, busy.done + called


def growth(
    before: Measure, after: Measure, memory: float, descriptors: int, threads: int
) -> list[str]:
    """Return what has grown by more than is allowed.

    Args:
        before: The size that it should have kept.
        after: The size at the end.
        memory: How much more resident memory is allowed, as a part of that before.
        descriptors: How many more descriptors are allowed.
        threads: How many more threads are allowed.
    """
    allowed = before._replace(
        memory=before.memory * (1 + memory),
        descriptors=before.descriptors + descriptors,
        threads=before.threads + threads,
    )
    return [
        f"{name}: {getattr(before, name):g} became {getattr(after, name):g}"
        for name in ("memory", "descriptors", "threads")
        if getattr(after, name) > getattr(allowed, name)
    ]
