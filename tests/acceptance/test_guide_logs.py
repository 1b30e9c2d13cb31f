"""Phase 5.1 of the deployment guide: its greps, in the log of a real relay."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from tests.mock.relay.http_calls import GUIDE, VIDEOS

pytestmark = pytest.mark.programs("bash", "grep")

# As the guide writes them.
KLING = 'grep -i "kling" logs/oneapi.out'
ERROR = 'grep -i "error" logs/oneapi.out | tail -20'
LAST = "tail -100 logs/oneapi.out"


class Server:
    """A relay in a separate process, whose output goes to `logs/oneapi.out`."""

    def __init__(self, folder: Path, kling: KlingMock, ready: Mapping[str, str]) -> None:
        self.folder = folder
        self.kling = kling
        self.ready = ready
        headers = {"Authorization": f"Bearer {ready['relay_token']}"}
        self.http = httpx.Client(base_url=ready["relay_url"], headers=headers, timeout=20)

    def run(self, command: str) -> list[str]:
        """Run a command of the guide where the guide runs it; return the lines it prints."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, capture_output=True, text=True, check=False
        )
        return done.stdout.splitlines()

    def create(self, **fields: Any) -> httpx.Response:
        return self.http.post(f"{VIDEOS}/text2video", json=GUIDE | {"model": "kling-v1-6"} | fields)

    def query(self, task_id: str) -> dict[str, Any]:
        task: dict[str, Any] = self.http.get(f"{VIDEOS}/{task_id}").json()
        return task

    def until(self, task_id: str, status: str) -> None:
        for _ in range(500):
            if self.query(task_id)["status"] == status:
                return
        raise AssertionError(f"{task_id} did not become {status}")


@contextmanager
def started(folder: Path, kling: KlingMock, upstream: str = "") -> Iterator[Server]:
    (folder / "logs").mkdir()
    address = ("--upstream", upstream or kling.kling_url, "--port", "0")
    speed = () if upstream else ("--speed", "100")  # its clock is read at the start
    words = ("relay", *address, *speed, "--db", "sqlite://")
    with (folder / "logs" / "oneapi.out").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kling_mock", *words],
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ
            | {"KLING_ACCESS_KEY": kling.access_key, "KLING_SECRET_KEY": kling.secret_key},
        )
        try:
            assert process.stdout is not None
            server = Server(folder, kling, json.loads(process.stdout.readline()))
            with server.http:
                yield server
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
        finally:
            process.kill()
            process.communicate()


def secrets_in(server: Server, *links: str) -> list[str]:
    """Return the secrets that are in the log: tokens, keys, prompts, links (P7)."""
    log = "\n".join(server.run("cat logs/oneapi.out"))
    assert "kling_" in log
    tokens = (server.ready["relay_token"], server.ready["admin_token"])
    hidden = (*tokens, server.kling.secret_key, str(GUIDE["prompt"]), *links)
    return [secret for secret in hidden if secret in log]


@pytest.fixture
def kling() -> Iterator[KlingMock]:
    with KlingMock(clock=100.0, relay=False) as kling:
        kling.progress.add("stuck")  # a task ends when the test says so
        yield kling


@pytest.mark.slow
def test_a_success_is_found_by_its_name_and_is_no_error(tmp_path: Path, kling: KlingMock) -> None:
    """`grep kling` shows each step of the task with its id and cost, `grep error` nothing."""
    with started(tmp_path, kling) as server:
        created = server.create().json()
        kling.complete(created["kling_task_id"])
        server.until(created["task_id"], "succeed")
        steps = [line for line in server.run(KLING) if created["task_id"] in line]
        assert [
            step
            for step in steps
            if f"submitted: user 1, channel 1, kling {created['kling_task_id']}" in step
        ]
        (end,) = [step for step in steps if " succeed by " in step]
        assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ INFO kling task ", end)
        assert "user 1 charged 140000 quota (0 uncollected)" in end
        assert server.run(ERROR) == []
        assert set(steps) <= set(server.run(LAST))
        assert secrets_in(server, server.query(created["task_id"])["video_url"]) == []


@pytest.mark.slow
def test_a_failure_is_found_and_is_no_error_of_the_relay(tmp_path: Path, kling: KlingMock) -> None:
    """A task that Kling has failed is reported as such; the relay itself has no error."""
    with started(tmp_path, kling) as server:
        created = server.create().json()
        kling.fail(created["kling_task_id"])
        server.until(created["task_id"], "failed")
        steps = [line for line in server.run(KLING) if created["task_id"] in line]
        assert [step for step in steps if " failed by " in step and "charged 0 quota" in step]
        assert server.run(ERROR) == []


@pytest.mark.slow
def test_what_goes_wrong_is_found_by_the_word_error(tmp_path: Path, kling: KlingMock) -> None:
    """Refusals, lost answers and an upstream that cannot be read: `grep error` has a line each."""
    with started(tmp_path, kling) as server:
        assert server.create(prompt="").status_code == 400
        assert server.http.get(f"{VIDEOS}/nothing").status_code == 404
        kling.faults.add("response-lost", match="POST /v1/videos/text2video", times=1)
        unknown = server.create().json()
        readable = server.create().json()
        kling.faults.add("status", match="GET /v1/videos/text2video/*", code=5000)
        wrong = ""
        for _ in range(200):
            server.query(readable["task_id"])
            wrong = "\n".join(server.run(ERROR))
            if "cannot be read" in wrong:
                break
        refused = r"kling task error: kling_\w+, channel 1: refused \(HTTP 400, code 12"
        assert re.search(refused, wrong)
        assert re.search(rf"kling task error: {unknown['task_id']}, channel 1: unknown", wrong)
        assert "kling relay error 400 " in wrong
        assert "kling relay error 404 not_found on GET" in wrong
        assert "cannot be read (HTTP 500, code 5000)" in wrong
        assert all("kling" in line for line in wrong.splitlines())
        assert secrets_in(server) == []


@pytest.mark.slow
def test_an_upstream_that_is_away_is_an_error(tmp_path: Path, kling: KlingMock) -> None:
    """Without Kling a create is refused with 503, and the log says why."""
    with started(tmp_path, kling, upstream="http://127.0.0.1:1") as server:
        assert server.create().status_code == 503
        wrong = server.run(ERROR)
        assert [
            line
            for line in wrong
            if re.search(r"kling task error: .* next \(UnreachableError\)", line)
        ]
        assert [
            line for line in wrong if "kling relay error 503 upstream_unreachable on POST" in line
        ]
