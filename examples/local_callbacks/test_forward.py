"""The program in a process of its own, killed at random, in front of a real receiver."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from kling_mock import KlingMock
from kling_sdk import parse_callback

SECRET = "whsec_" + "c2VjcmV0" * 6
PROGRAM = Path(__file__).with_name("forward.py")
ORDER = ["submitted", "processing", "succeed"]


class Receiver:
    """Takes callbacks as an app does: checks the signature, and drops a repeated `webhook-id`."""

    def __init__(self) -> None:
        self.posts = 0
        self.statuses: dict[str, list[str]] = {}
        self.refuse_next = 0
        seen: set[str] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                event = parse_callback(body, dict(self.headers), SECRET, time.time())
                receiver.posts += 1
                status = 200
                if receiver.refuse_next:
                    receiver.refuse_next -= 1
                    status = 503
                elif event.webhook_id not in seen:
                    seen.add(str(event.webhook_id))
                    receiver.statuses.setdefault(event.task.task_id, []).append(event.task.status)
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *_: object) -> None: ...  # noqa: A002 - its name

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


def until(is_so: Callable[[], bool]) -> None:
    """Wait at most a minute."""
    ends = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_each_change_comes_once_and_in_order_over_kills(tmp_path: Path) -> None:
    """Ten tasks, six kills, three refusals: every task's changes, and no second purchase."""
    receiver = Receiver()
    with KlingMock(clock=60) as mock, mock.client() as kling:
        environment = {**mock.environment, "KLING_WEBHOOK_SECRET": SECRET, "PATH": ""}
        old = kling.text2video.create(prompt="of before")
        mock.complete(old)

        def start() -> subprocess.Popen[bytes]:
            words: list[str | Path] = [sys.executable, PROGRAM, receiver.url, "--every", "0.05"]
            return subprocess.Popen(  # noqa: S603 - the program itself
                [*words, "--state", tmp_path / "callbacks.db"],
                env=environment,
                stdout=subprocess.DEVNULL,
            )

        chance = random.Random(7)  # noqa: S311 - the same kills each time
        process = start()
        until((tmp_path / "callbacks.db").exists)
        tasks = []
        for number in range(10):
            tasks.append(kling.text2video.create(prompt=f"kitten {number}"))
            if number % 4 == 1:
                receiver.refuse_next = 1
            if number < 6:
                posts = receiver.posts
                until(partial(lambda before: receiver.posts > before, posts))
                time.sleep(chance.random() * 0.1)
                process.kill()
                process.wait()
                process = start()
        ids = {task.task_id for task in tasks}
        until(lambda: all(receiver.statuses.get(name, [""])[-1] == "succeed" for name in ids))
        process.kill()
        process.wait()
        assert sum(entry.method == "POST" for entry in mock.journal) == 11
    receiver.server.shutdown()
    receiver.server.server_close()
    assert receiver.statuses.keys() == ids
    for statuses in receiver.statuses.values():
        assert statuses == [status for status in ORDER if status in statuses]
