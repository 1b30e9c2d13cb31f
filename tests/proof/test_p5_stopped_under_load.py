"""P5: SIGTERM under load loses no accepted request.

The real command, 32 creates in flight all the time. What was answered has its row; what was not is
found out by the next process; the ledger is balanced.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.mock.relay.storage.databases import Mysql, SqliteFile, need
from tests.proof.relay_processes import VIDEO, VIDEOS
from tests.proof.task_lifecycles import prepared, running
from tests.started import SERVE, started

pytestmark = [pytest.mark.slow, pytest.mark.alone]

IN_FLIGHT: Final = 32
LIMIT: Final = 10  # seconds from SIGTERM to the end of the process
Stored = SqliteFile | Mysql


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stored]:
    if request.param == "sqlite":
        yield SqliteFile(tmp_path)
        return
    need("mysql")
    mysql = Mysql()
    asyncio.run(mysql.make())
    yield mysql
    asyncio.run(mysql.drop())


async def until_stopped(process: Any, url: str, token: str) -> list[str]:
    """Keep creating; send SIGTERM after some answers; return the tasks that were answered."""
    answered: list[str] = []
    headers = {"Authorization": f"Bearer {token}"}

    async def work(http: aiohttp.ClientSession) -> None:
        while True:
            try:
                async with http.post(f"{url}{VIDEOS}/text2video", json=VIDEO) as reply:
                    body = await reply.json()
                    assert reply.status == 200, body
            except aiohttp.ClientError:
                return
            answered.append(body["task_id"])
            if len(answered) == 2 * IN_FLIGHT:
                process.send_signal(signal.SIGTERM)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
        await asyncio.gather(*(work(http) for _ in range(IN_FLIGHT)))
    return answered


def stopped(process: Any, ready: Mapping[str, str], token: str) -> list[str]:
    answered = asyncio.run(until_stopped(process, ready["relay_url"], token))
    started = time.monotonic()
    assert process.wait(timeout=LIMIT) == 0
    assert time.monotonic() - started < LIMIT
    return answered


def test_sigterm_under_load_loses_no_accepted_request(database: Stored) -> None:
    """Every answer has its row, every row its end, in the next process; the books balance."""
    with prepared(database) as environment:
        environment.clean()
        kling, settings = environment.kling, environment.settings
        kling.account.slots = None
        kling.faults.add("latency", "POST /v1/*", seconds=0.05)
        variables = {
            "KLING_ACCESS_KEY": kling.access_key,
            "KLING_SECRET_KEY": kling.secret_key,
            "KLING_MOCK_RELAY_TOKEN": settings.token,
            "KLING_MOCK_ADMIN_TOKEN": settings.admin_token,
        }
        arguments = ["relay", "--upstream", kling.kling_url, "--db", database.url, "--port", "0"]
        arguments += ["--token-rate", "0"]
        with started(*arguments, variables=variables, errors=subprocess.DEVNULL) as (
            process,
            ready,
        ):
            answered = stopped(process, ready, settings.token)
        kling.faults.clear()
        with running(environment) as scenario:
            scenario.replied = dict.fromkeys(answered, "submitted")
            scenario.count_all_tasks()
            scenario.end()
            outcome = scenario.check()
        assert outcome.is_good, outcome.verdict
        assert outcome.verdict.charged >= len(answered) >= 2 * IN_FLIGHT


def test_the_server_with_its_own_kling_stops_as_well(database: Stored) -> None:
    """`kling-mock serve` ends within ten seconds; each answer has its row and its hold."""
    arguments = [*SERVE, "--db", database.url]
    with started(*arguments, errors=subprocess.DEVNULL) as (process, ready):
        answered = stopped(process, ready, ready["relay_token"])
    rows = asyncio.run(database.query("SELECT task_id FROM videos"))
    assert set(answered) <= {row[0] for row in rows}
    reconcile = [sys.executable, "-m", "kling_mock", "reconcile", "--db", database.url]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(reconcile, env=environment, capture_output=True, check=True)
