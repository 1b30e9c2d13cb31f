"""A receiver of callbacks, as an app under test has one: on a thread of its own."""

from __future__ import annotations

import atexit
import functools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest


@functools.cache
def _bound() -> socket.socket:
    """Return a socket that never listens and stays open, so that its port is not reused."""
    bound = socket.socket()
    atexit.register(bound.close)
    bound.bind(("127.0.0.1", 0))
    return bound


def closed_url() -> str:
    """Return a URL without a listener, as long as this process lives."""
    return f"http://127.0.0.1:{_bound().getsockname()[1]}/"


class Received(NamedTuple):
    headers: dict[str, str]
    body: bytes

    @property
    def task(self) -> dict[str, Any]:
        task: dict[str, Any] = json.loads(self.body)
        return task


class Receiver:
    """Keeps requests, and responds with the next of `answers`, then with 200.

    Before an answer it calls `before_answer`, as an app does its work.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        self.before_answer: Callable[[], object] = bool
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(headers, body))
                receiver.before_answer()
                status = receiver.answers.pop(0) if receiver.answers else 200
                self.send_response(status)
                self.send_header("Content-Length", "2")
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callback"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def statuses(self) -> list[str]:
        return [received.task["task_status"] for received in self.received]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
