"""The server's cost of a create and a poll, and its memory over time.

Server CPU, read from outside the process. The load is 16 connections that stay open; each
asks in turn, so that neither side is ever asked more at once than the other.
"""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from typing import Final

from tests.benchmarks.bare_aiohttp import PATH
from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import Cost, Rounds, take_turns
from tests.benchmarks.processes import Running, bare, mock

CONNECTIONS: Final = 16
SPEED: Final = "10000"  # speed of the mock's clock: a task is done after some 15 ms
WARM_UP: Final = 50_000  # requests that fill what is bounded
MANY: Final = 100_000
BATCH: Final = 1000


class Load:
    """Connections to one server that stay open.

    Args:
        server: The server to call.

    Attributes:
        answers: The bodies of the answers that `cost` brought.
    """

    def __init__(self, server: Running) -> None:
        self.server = server
        self._sockets = [socket.create_connection(server.address) for _ in range(CONNECTIONS)]
        self._names = itertools.count()
        self.answers: list[bytes] = []
        self._head = (
            f"Host: {server.address[0]}:{server.address[1]}\r\nAccept: */*\r\n"
            f"Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
            f"User-Agent: kling-sdk/0.1.0\r\nAuthorization: {server.authorization()}\r\n"
        )

    def close(self) -> None:
        """Close the connections."""
        for connection in self._sockets:
            connection.close()

    def create(self) -> bytes:
        """Return a create request with an external id of its own."""
        body = json.dumps(
            {
                "model_name": "kling-v2-6",
                "prompt": "a kitten on the grass looks at a butterfly",
                "duration": "5",
                "external_task_id": f"sdk-{next(self._names):032x}",
            }
        )
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return f"POST {PATH} HTTP/1.1\r\n{self._head}{more}{body}".encode()

    def poll(self, task_id: str) -> bytes:
        """Return a query for a task."""
        return f"GET {PATH}/{task_id} HTTP/1.1\r\n{self._head}\r\n".encode()

    def send(self, requests: Iterator[bytes]) -> list[bytes]:
        """Send everything; return the bodies of the responses, each of which must be a 200."""
        bodies: list[bytes] = []
        while batch := list(itertools.islice(requests, CONNECTIONS)):
            for connection, request in zip(self._sockets, batch, strict=False):
                connection.sendall(request)
            bodies += [_receive(connection) for connection in self._sockets[: len(batch)]]
        return bodies

    def cost(self, requests: list[bytes]) -> Cost:
        """Return what one of *requests* costs the server."""
        wall, cpu = time.perf_counter(), self.server.cpu()
        self.answers = self.send(iter(requests))
        count = len(requests)
        return Cost((time.perf_counter() - wall) / count, (self.server.cpu() - cpu) / count)


def _receive(connection: socket.socket) -> bytes:
    received = b""
    while True:
        more = connection.recv(65536)
        assert more, "the server closed the connection"
        received += more
        head, separator, body = received.partition(b"\r\n\r\n")
        if separator:
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(body) == length:
                return body


Start = Callable[[], AbstractContextManager[Running]]
SIDES: Final[dict[str, Start]] = {
    "aiohttp": bare,
    "aiohttp's web.Server": partial(bare, "--low-level"),
    "kling-mock": partial(mock, "--speed", SPEED),
}


@contextmanager
def _loads() -> Iterator[dict[str, Load]]:
    with ExitStack() as stack:
        servers = {name: stack.enter_context(side()) for name, side in SIDES.items()}
        yield {name: stack.enter_context(closing(Load(server))) for name, server in servers.items()}


def run(*, quick: bool) -> Report:
    """Measure the gates that are about requests."""
    calls, rounds = (1000, 7) if quick else (2000, 21)
    with _loads() as loads:
        measured = _rounds(loads, calls, rounds)
    gates = [
        Gate(
            f"cpu_{call}_vs_aiohttp",
            measured.cpu_ratio(f"{call}, kling-mock", f"{call}, aiohttp"),
            most,
            "<=",
            "x",
            means,
        )
        for call, (most, means) in GATES.items()
    ]
    figures = [
        Figure(
            f"CPU of a {call}, {side}", measured.cpu(f"{call}, {side}") * 1e6, "us", "per request"
        )
        for call in GATES
        for side in SIDES
    ]
    if not quick:
        figures += _memory()
    return Report("mock", gates, figures)


#: The maximum cost of a request, as a multiple of bare aiohttp's.
GATES: Final = {
    "create": (
        1.5,
        (
            "server CPU of an accepted create, with every state of its task and the "
            "journal, against an aiohttp handler that reads the body and returns fixed bytes"
        ),
    ),
    "poll": (
        1.3,
        "server CPU of a query of a finished task, journal on, against the same handler",
    ),
}


def _rounds(loads: dict[str, Load], calls: int, rounds: int) -> Rounds:
    def create(load: Load) -> Cost:
        return load.cost([load.create() for _ in range(calls)])

    def poll(load: Load) -> Cost:
        return load.cost([load.poll(name) for name in _task_ids(load.answers)])

    sides = {f"create, {name}": partial(create, load) for name, load in loads.items()}
    sides |= {f"poll, {name}": partial(poll, load) for name, load in loads.items()}
    return take_turns(sides, rounds)


def _task_ids(answers: list[bytes]) -> list[str]:
    return [json.loads(body)["data"]["task_id"] for body in answers]


def _memory() -> list[Figure]:
    """Return how the memory grows over 100,000 requests, half of them creates."""
    with mock("--speed", SPEED) as server, closing(Load(server)) as load:
        first = server.memory()
        _mixed(load, WARM_UP)
        full = server.memory()
        _mixed(load, MANY)
        last = server.memory()
    return [
        Figure("memory when it starts", first, "MiB"),
        Figure(f"memory after {WARM_UP:,} requests", full, "MiB"),
        Figure(f"growth over {MANY:,} more requests", last - full, "MiB"),
    ]


def _mixed(load: Load, count: int) -> None:
    """Make *count* requests: a create, a poll of its task, and so on."""
    for _ in range(0, count, 2 * BATCH):
        bodies = load.send(load.create() for _ in range(BATCH))
        load.send(load.poll(name) for name in _task_ids(bodies))
