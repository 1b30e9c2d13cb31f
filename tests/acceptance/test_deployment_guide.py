"""Phase 4 of the deployment guide on SQLite, and what else an operator tries with its commands."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.guide import CALLBACK, CREATE, QUERY
from tests.mock.relay.http_calls import guide_members
from tests.mock.relay.storage.databases import Database, SqliteFile
from tests.started import SERVE, started

pytestmark = [pytest.mark.slow, pytest.mark.programs("curl")]

LAST = "SELECT * FROM videos ORDER BY id DESC LIMIT 5;"
TWICE = "SELECT task_id, COUNT(*) FROM videos GROUP BY task_id HAVING COUNT(*) > 1;"
TWICE_Q2 = "SELECT task_id, COUNT(*) as cnt FROM videos GROUP BY task_id HAVING cnt > 1;"
STATES = "SELECT status, COUNT(*) FROM videos GROUP BY status;"
BILLED = (
    "SELECT user_id, SUM(quota) as total_quota FROM videos "
    "WHERE status = 'succeed' GROUP BY user_id;"
)
OPEN = "SELECT * FROM videos WHERE status IN ('submitted', 'processing');"
BILLED_Q4 = (
    "SELECT user_id, COUNT(*) as success_count, SUM(quota) as total_quota FROM videos "
    "WHERE status = 'succeed' GROUP BY user_id;"
)
BALANCES = (
    "SELECT id, username, quota, used_quota FROM users "
    "WHERE id IN (SELECT DISTINCT user_id FROM videos WHERE status = 'succeed');"
)


class Deployment:
    """A running `kling-mock serve`, and the database behind it."""

    def __init__(self, ready: dict[str, str], database: Database) -> None:
        self.ready = ready
        self.database = database

    def run(self, command: str, task_id: str = "", kling_task_id: str = "") -> Any:
        """Run a command of the guide, with this server's address, token and ids put in."""
        for placeholder, replacement in (
            ("http://localhost:3000", self.ready["relay_url"]),
            ("YOUR_API_TOKEN", self.ready["relay_token"]),
            ("kling_abc123...", task_id),
            ("kl_xyz789...", kling_task_id),
        ):
            command = command.replace(placeholder, replacement)
        done = subprocess.run(
            ["bash", "-c", command.replace("curl ", "curl -sS ", 1)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"no_proxy": "*"},
        )
        return json.loads(done.stdout)

    def sql(self, statement: str, task_id: str = "") -> list[tuple[Any, ...]]:
        statement = statement.replace("kling_abc123...", task_id).rstrip(";")
        rows = asyncio.run(self.database.query(statement))
        return [tuple(row) for row in rows]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kling_mock", *words, "--db", self.database.url],
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def database(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path)


@contextmanager
def deployed(database: Database, log_file: Path, *options: str) -> Iterator[Deployment]:
    words = (*SERVE, *options)
    process = subprocess.Popen(
        [sys.executable, "-m", "kling_mock", *words, "--db", database.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Deployment(json.loads(process.stdout.readline()), database)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
        assert process.returncode == 0
        log_file.write_text(log, encoding="utf-8")
    finally:
        process.kill()
        process.communicate()


def until(deployment: Deployment, task_id: str, status: str) -> dict[str, Any]:
    task: dict[str, Any] = {}
    for _ in range(200):
        task = deployment.run(QUERY, task_id)
        if task["status"] == status:
            return task
    raise AssertionError(f"{task_id} did not become {status}: {task}")


def test_phase_four_of_the_guide(database: Database, tmp_path: Path) -> None:
    """Every command of the guide's phase 4 gives the result that the guide expects."""
    with deployed(database, tmp_path / "log") as deployment:
        # 4.2, test 1
        created = deployment.run(CREATE)
        assert set(guide_members(created)) == {"task_id", "kling_task_id", "status"}
        assert re.fullmatch(r"kling_[0-9a-f]{32}", created["task_id"])
        assert created["kling_task_id"]
        assert created["status"] == "submitted"
        ids = (created["task_id"], created["kling_task_id"])
        # 4.2, test 2
        task = deployment.run(QUERY, *ids)
        keys = {"task_id", "kling_task_id", "status", "video_url", "duration", "fail_reason"}
        assert set(guide_members(task)) == keys
        assert task["status"] in {"submitted", "processing"}
        assert (task["video_url"], task["duration"], task["fail_reason"]) == ("", "", "")
        # 4.2, test 3
        assert deployment.run(CALLBACK, *ids) == {"message": "success"}
        assert deployment.sql(STATES) == [("succeed", 1)]  # before a query could settle it
        done = deployment.run(QUERY, *ids)
        assert done["status"] == "succeed"
        assert done["video_url"] == "https://cdn.klingai.com/video_123.mp4"
        assert done["duration"] == "5"
        assert deployment.run(CALLBACK, *ids) == {"message": "already processed"}
        # 4.3, and questions 2 to 4
        (row,) = deployment.sql(LAST)
        assert ids[0] in row
        assert deployment.sql(TWICE) == deployment.sql(TWICE_Q2) == []
        assert deployment.sql(STATES) == [("succeed", 1)]
        assert deployment.sql(BILLED) == [(1, 140_000)]
        assert deployment.sql(OPEN) == []
        assert deployment.sql(BILLED_Q4) == [(1, 1, 140_000)]
        ((user_id, username, quota, used),) = deployment.sql(BALANCES)
        assert (user_id, username, used) == (1, "default", 140_000)
        # the same, by command
        reconciled = deployment.command("reconcile")
        assert reconciled.returncode == 0, reconciled.stderr
        balance = json.loads(reconciled.stdout)
        assert (balance["charged"], balance["quota"], balance["difference"]) == (140_000, quota, 0)
        counted = deployment.command("stats").stdout.splitlines()
        assert json.loads(counted[-1])["open_tasks"] == 0
    log = (tmp_path / "log").read_text(encoding="utf-8")
    # 5.1: the guide's greps
    assert [line for line in log.splitlines() if "kling" in line.lower() and ids[0] in line]
    assert "error" not in log.lower()


def test_reconcile_tells_a_difference(database: Database, tmp_path: Path) -> None:
    """A balance that was changed by hand is found: exit status 1, with the user concerned."""
    with deployed(database, tmp_path / "log") as deployment:
        deployment.run(CREATE)
        deployment.sql("UPDATE users SET quota = quota + 5")
        reconciled = deployment.command("reconcile")
        assert reconciled.returncode == 1
        assert json.loads(reconciled.stdout)["difference"] == 5


def test_without_the_test_hook_a_forged_callback_ends_nothing(tmp_path: Path) -> None:
    """With `--no-test-callback`, the guide's callback by hand is only a hint."""
    database = SqliteFile(tmp_path)
    options = ("--no-test-callback", "--speed", "100")  # a video of two minutes takes a second
    with deployed(database, tmp_path / "log", *options) as deployment:
        created = deployment.run(CREATE)
        ids = (created["task_id"], created["kling_task_id"])
        assert deployment.run(CALLBACK, *ids) == {"message": "success"}
        done = until(deployment, ids[0], "succeed")
        assert done["video_url"].startswith(deployment.ready["kling_url"])


def test_the_relay_alone_in_front_of_a_kling(tmp_path: Path) -> None:
    """`kling-mock relay --upstream` serves any Kling, without callbacks if it has no address."""
    from kling_mock import KlingMock
    from kling_sdk import Kling

    with KlingMock(clock=1000.0) as mock:
        words = ("relay", "--port", "0", "--upstream", mock.kling_url)
        database = ("--db", f"sqlite:///{tmp_path / 'alone.db'}")
        variables = {
            "KLING_ACCESS_KEY": mock.access_key,
            "KLING_SECRET_KEY": mock.secret_key,
            "KLING_MOCK_RELAY_TOKEN": "sk-mine-and-long-enough",
        }
        with started(*words, *database, variables=variables) as (process, ready):
            assert ready["relay_token"] == "sk-mine-and-long-enough"
            with Kling.relay(ready["relay_url"], ready["relay_token"]) as relay:
                task = relay.text2video.create(prompt="a kitten")
                assert relay.text2video.get(task.task_id).kling_task_id
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
            assert process.returncode == 0


def test_the_relay_alone_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a key, or with an unknown database, the commands say so and end."""
    from kling_mock.cli.main import main

    words = ["relay", "--upstream", "http://127.0.0.1:1", "--port", "0", "--db", "sqlite://"]
    assert main(words) == 1
    assert "no key; set KLING_ACCESS_KEY" in capsys.readouterr().err
    assert main(["reconcile", "--db", "oracle://x"]) == 2
    assert main(["stats", "--db", "oracle://x"]) == 2
    assert "a database URL begins with" in capsys.readouterr().err
