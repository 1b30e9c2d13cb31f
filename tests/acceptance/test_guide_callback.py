"""The guide's test 3 by its own command, at default speed: settled when it is answered.

`KLING_PROOF_SIZE=full` makes it 1,800 callbacks; `-s` shows the count.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.guide import CALLBACK, CREATE, QUERY
from tests.mock.relay.storage.databases import Database, Mysql, Postgres, SqliteFile, need
from tests.started import SERVE, started

pytestmark = [
    pytest.mark.slow,
    pytest.mark.programs("curl"),
]

ROUNDS: Final = 50 if os.environ.get("KLING_PROOF_SIZE") == "full" else 1
#: What happens between the create and the callback: nothing, a query, a callback of Kling's.
BEFORE: Final = ("", QUERY, CALLBACK.replace("succeed", "submitted"))
STATUSES: Final = ("succeed", "failed")
PATHS: Final = ("/kling/callback/kling_abc123...", "/kling/internal/callback")


@pytest.fixture(params=["sqlite", "mysql", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        yield SqliteFile(tmp_path)
        return
    need(request.param)
    server = Mysql() if request.param == "mysql" else Postgres()
    asyncio.run(server.make())
    try:
        yield server
    finally:
        asyncio.run(server.drop())


def run(command: str, ready: dict[str, str], created: dict[str, str]) -> Any:
    """Run a command of the guide at a server, with a task's ids."""
    replacements = {
        "http://localhost:3000": ready["relay_url"],
        "YOUR_API_TOKEN": ready["relay_token"],
        "kling_abc123...": created.get("task_id", ""),
        "kl_xyz789...": created.get("kling_task_id", ""),
    }
    for written, value in replacements.items():
        command = command.replace(written, value)
    done = subprocess.run(
        ["bash", "-c", command.replace("curl ", "curl -sS ", 1)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"no_proxy": "*"},
    )
    return json.loads(done.stdout)


def status_of(database: Database, task_id: str) -> str:
    """Return the status in the row, which no query has read again."""
    ((status,),) = asyncio.run(
        database.query(f"SELECT status FROM videos WHERE task_id = '{task_id}'")
    )
    return str(status)


@pytest.mark.timeout(120 * ROUNDS)
def test_a_task_is_settled_when_its_callback_is_answered(
    database: Database, tmp_path: Path
) -> None:
    """After nothing, a query or a callback; a success and a failure; on both paths."""
    cases = [*itertools.product(BEFORE, STATUSES, PATHS)] * ROUNDS
    settled = 0
    with (
        (tmp_path / "log").open("w") as log,
        started(*SERVE, "--db", database.url, errors=log) as (_, ready),
    ):
        for before, status, path in cases:
            created = run(CREATE, ready, {})
            if before:
                run(before, ready, created)
            callback = CALLBACK.replace("succeed", status).replace(PATHS[0], path)
            assert run(callback, ready, created)["message"] == "success"
            settled += status_of(database, created["task_id"]) == status
    print(f"{type(database).__name__}: settled when answered: {settled} of {len(cases)}")  # noqa: T201 - the figure
    assert settled == len(cases)
