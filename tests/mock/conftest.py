"""A running server, and a client that speaks plain HTTP to it: nothing of the SDK."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from kling_mock import KlingMock
from kling_mock.clock import ManualClock, MockClock
from kling_mock.kling.endpoints.registry import ENDPOINTS
from tests.mock.receiver import receiver
from tests.plain_http import NO_TLS

__all__ = ["receiver"]

CLOCK_START = 1_700_000_000.0  # start of the clocks that are tested alone


def path_of(endpoint: str) -> str:
    """Return the path of an endpoint of the emulator; a video's path for an unknown one."""
    record = ENDPOINTS.get(endpoint)
    return f"/v1/videos/{endpoint}" if record is None else record.path


class Api:
    """Calls of one server over real sockets, with a token made the vendor's documented way."""

    def __init__(self, mock: KlingMock) -> None:
        self.mock = mock
        self.http = httpx.Client(base_url=mock.kling_url, trust_env=False, verify=NO_TLS)
        self._connection = http.client.HTTPConnection(urlsplit(mock.kling_url).netloc)

    def token(self, *, secret: str | None = None, **claims: Any) -> str:
        """Return a token by the computer's own time; *claims* replace the usual ones."""
        now = int(time.time())
        usual = {"iss": self.mock.access_key, "exp": now + 1800, "nbf": now - 5}
        usual.update(claims)
        payload = {name: value for name, value in usual.items() if value is not None}
        return jwt.encode(payload, self.mock.secret_key if secret is None else secret, "HS256")

    def headers(self, token: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.mock.api_key}"}

    def create(self, endpoint: str = "text2video", **body: Any) -> httpx.Response:
        """Send a create request; text2video gets a default prompt and model."""
        if endpoint == "text2video":
            body = {"model_name": "kling-v2-6", "prompt": "a kitten on the grass"} | body
        return self.http.post(path_of(endpoint), json=body, headers=self.headers())

    def post(self, path: str, body: Any) -> tuple[int, http.client.HTTPMessage, Any]:
        """Return the status, headers and JSON of the reply to a POST.

        The standard library's client takes a third of the time of httpx's, which counts in tests
        that send hundreds of requests.
        """
        headers = self.headers() | {"Content-Type": "application/json"}
        self._connection.request("POST", path, json.dumps(body), headers)
        with self._connection.getresponse() as reply:
            return reply.status, reply.headers, json.load(reply)

    def close(self) -> None:
        self._connection.close()
        self.http.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, headers=self.headers() | options.pop("headers", {}), **options)

    def task(self, task_id: str, endpoint: str = "text2video") -> dict[str, Any]:
        """Return the `data` of a query."""
        data: dict[str, Any] = self.get(f"{path_of(endpoint)}/{task_id}").json()["data"]
        return data

    def new(self, endpoint: str = "text2video", **body: Any) -> str:
        """Create a task and return its id."""
        reply = self.create(endpoint, **body)
        assert reply.status_code == 200, reply.text
        data = reply.json()["data"]
        return str(data.get("task_id") or data["id"])


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as server:
        yield server


@pytest.fixture
def api(mock: KlingMock) -> Iterator[Api]:
    api = Api(mock)
    yield api
    api.close()


class Loop:
    """An event loop on a thread of its own, as a server has."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def run(self, fn: Callable[..., Any], *args: Any) -> Any:
        async def inside() -> Any:
            return fn(*args)

        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(5)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


@contextlib.contextmanager
def serve_clock(clock: MockClock) -> Iterator[Loop]:
    loop = Loop()
    loop.run(clock.start, loop.loop)
    try:
        yield loop
    finally:
        loop.run(clock.stop)
        loop.close()


@pytest.fixture
def served() -> Any:
    """What runs a clock on a loop of its own: `with served(clock) as loop`."""
    return serve_clock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(CLOCK_START)


@pytest.fixture
def server(clock: ManualClock) -> Iterator[Loop]:
    with serve_clock(clock) as loop:
        yield loop
