"""Relays in separate processes, and their callers."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp

from kling_mock.web.webhook_signing import signed_headers
from tests.benchmarks.bare_chain import CREATE
from tests.benchmarks.processes import python

IN_FLIGHT: Final = 32

_QUOTA: Final = 10**14
_SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
_VIDEO: Final = {
    "model_name": "kling-v2-6",
    "prompt": "a kitten on the grass looks at a butterfly",
    "mode": "std",
    "duration": "5",
}
_END: Final = {
    "task_status": "succeed",
    "task_status_msg": "",
    "task_result": {
        "videos": [{"id": "1", "url": "https://cdn.example.com/1.mp4", "duration": "5.1"}]
    },
    "final_unit_deduction": "1.5",
}


class Side(NamedTuple):
    """A relay that accepts connections.

    Attributes:
        url: Scheme, host and port.
        tokens: The tokens of its users.
        pid: Its process.
    """

    url: str
    tokens: Sequence[str]
    pid: int


@contextmanager
def kling() -> Iterator[str]:
    """Run a Kling on bare aiohttp that accepts every task; yield its URL."""
    with python("-m", "tests.benchmarks.bare_chain", "upstream") as (line, _):
        yield line.strip()


@contextmanager
def bare_relay(upstream: str) -> Iterator[Side]:
    """Run the same hops on bare aiohttp."""
    with python("-m", "tests.benchmarks.bare_chain", "relay", upstream) as (line, pid):
        yield Side(line.strip(), ("sk-any",), pid)


@contextmanager
def relay(upstream: str, database: str, folder: Path, users: int = 1) -> Iterator[Side]:
    """Run `kling-mock relay` with users of its own; its log is in *folder*."""
    command = ("-m", "kling_mock", "relay", "--upstream", upstream, "--db", database)
    reached = ("--port", "0", "--callback-domain", "http://127.0.0.1:9")
    # On, and out of reach: what they cost is measured.
    high = "1000000"
    limits = ("--token-rate", high, "--token-burst", high, "--open-tasks-per-token", high)
    environment = {**os.environ, "KLING_API_KEY": "api-key-of-the-benchmark"}
    with (
        (folder / "relay.log").open("a") as log,
        python(*command, *reached, *limits, environment=environment, log=log) as (line, pid),
    ):
        ready = json.loads(line)
        yield Side(ready["relay_url"], _set_up(ready, upstream, users), pid)


def _set_up(ready: dict[str, str], upstream: str, users: int) -> list[str]:
    """Leave one channel, with signed callbacks; return the tokens of new users with a balance."""

    def operate(method: str, path: str, **body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - http, and our own
            f"{ready['relay_url']}/__kling/relay/{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {ready['admin_token']}"},
        )
        with urllib.request.urlopen(request) as reply:  # noqa: S310 - as above
            return json.load(reply)

    present = operate("GET", "channels")["data"]
    operate(
        "POST",
        "channels",
        name="benchmark",
        base_url=upstream,
        key="api-key-of-the-benchmark",
        webhook_secrets=_SECRET,
    )
    for channel in present:
        operate("DELETE", f"channels/{channel['id']}")
    tokens: list[str] = []
    for number in range(users):
        user = operate("POST", "users", username=f"user {number}", quota=_QUOTA)
        token = operate("POST", f"users/{user['id']}/tokens", name="benchmark")
        tokens.append(token["token"])
    return tokens


async def run_tasks(side: Side, tasks: int) -> tuple[float, list[float]]:
    """Create tasks and report each one's success, `IN_FLIGHT` at a time.

    Returns:
        Seconds that all took, and the seconds of each from its create to its settlement.
    """
    waiting = iter(range(tasks))
    tokens = itertools.cycle(side.tokens)
    took: list[float] = []

    async def worker(session: aiohttp.ClientSession) -> None:
        for _ in waiting:
            task_started = time.perf_counter()
            await run_task(session, side.url, next(tokens))
            took.append(time.perf_counter() - task_started)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        started = time.perf_counter()
        await asyncio.gather(*(worker(session) for _ in range(IN_FLIGHT)))
        return time.perf_counter() - started, took


async def run_task(session: aiohttp.ClientSession, url: str, token: str) -> None:
    """Create a task and report its success.

    Raises:
        AssertionError: One of the two was refused.
    """
    headers = {"Authorization": f"Bearer {token}"}
    async with session.post(url + CREATE, json=_VIDEO, headers=headers) as reply:
        task = await reply.json()
        assert reply.status == 200, task
    raw = json.dumps({"task_id": task["kling_task_id"], **_END}).encode()
    signed = dict(signed_headers([_SECRET], f"msg_{task['task_id']}", int(time.time()), raw))
    path = f"{url}/kling/callback/{task['task_id']}"
    async with session.post(path, data=raw, headers=signed) as reply:
        answer = await reply.json()
        assert (reply.status, answer) == (200, {"message": "success"}), answer
