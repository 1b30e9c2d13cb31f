"""A database that fails under a running relay: the responses, and the remaining rows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

import attrs
import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from tests.mock.relay.http_calls import PRICE, Caller, error_of
from tests.mock.relay.storage.databases import MYSQL, Mysql, need
from tests.mock.relay.storage.proxy import How, Proxy
from tests.plain_http import NO_TLS

pytestmark = pytest.mark.slow


@attrs.frozen
class Behind:
    """A relay whose MariaDB stands behind a proxy."""

    caller: Caller
    proxy: Proxy


@pytest.fixture(scope="module")
def database() -> Iterator[Mysql]:
    need("mysql")
    database = Mysql()
    asyncio.run(database.make())
    yield database
    asyncio.run(database.drop())


@pytest.fixture
def behind(database: Mysql) -> Iterator[Behind]:
    with Proxy(MYSQL) as proxy:
        url = database.url.replace(f":{MYSQL[1]}/", f":{proxy.port}/")
        with (
            KlingMock(relay=RelaySettings(database=url)) as mock,
            httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http,
        ):
            http.timeout = httpx.Timeout(20)
            yield Behind(Caller(http, mock), proxy)
            mock.ledger.assert_balanced()
    asyncio.run(database.empty())


def tasks_at_kling(mock: KlingMock) -> int:
    return mock._proxy.call(lambda world: len(world.tasks))


def packets_of_a_create(behind: Behind) -> int:
    # Kling's own callbacks would send packets in between.
    behind.caller.mock.faults.add("callback-dropped")
    behind.caller.created()
    before = behind.proxy.sent
    behind.caller.created()
    return behind.proxy.sent - before


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_create_whose_connection_is_cut_anywhere_is_sent_once(behind: Behind, how: How) -> None:
    """A COMMIT that is not answered, or any other packet: the task is created, and only once."""
    for number in range(packets_of_a_create(behind)):
        behind.caller.created()  # so that a connection exists that knows its statements
        had = tasks_at_kling(behind.caller.mock)
        behind.proxy.fail(number, how)
        reply = behind.caller.create()
        assert reply.status_code == 200, (number, reply.text)
        assert reply.json()["kling_task_id"], number
        assert tasks_at_kling(behind.caller.mock) == had + 1, number


@pytest.mark.parametrize("answer", ["in time", "lost"])
def test_a_database_that_stays_away_is_told_only_before_kling_is_asked(
    behind: Behind, answer: str
) -> None:
    """503 means that nothing was sent; once Kling was asked it is 200, and found out later."""
    caller, proxy, mock = behind.caller, behind.proxy, behind.caller.mock
    statuses: list[int] = []
    ids: list[str] = []
    for number in range(packets_of_a_create(behind)):
        mock.faults.clear()
        mock.faults.add("callback-dropped")
        ids.append(caller.created())  # so that a connection exists that knows its statements
        if answer == "lost":
            mock.faults.add("response-lost", "POST /v1/*", times=1)
        had = tasks_at_kling(mock)
        proxy.fail(number, lasting=True)
        reply = caller.create()
        proxy.come_back()
        statuses.append(reply.status_code)
        assert tasks_at_kling(mock) == had + (reply.status_code == 200), number
        if reply.status_code == 200:
            ids.append(reply.json()["task_id"])
            assert bool(reply.json()["kling_task_id"]) is (answer == "in time")
    assert set(statuses) == {200, 503}
    mock.clock.advance(3600)
    assert {caller.query(task_id)["status"] for task_id in ids} == {"succeed"}
    assert mock.ledger.user().held_quota == 0  # also for rows that no caller was told of


def health_once(caller: Caller, status: int) -> httpx.Response:
    """Return what `/health` shows once it has a status, within 3 seconds."""
    until = time.monotonic() + 3.2
    while (reply := caller.http.get("/health")).status_code != status:
        assert time.monotonic() < until, reply.text
        time.sleep(0.05)
    return reply


def test_a_database_that_is_away_is_told_and_nothing_is_lost(
    behind: Behind, caplog: pytest.LogCaptureFixture
) -> None:
    """Create, query, list, callback and health say 503 while it is away, and work again after."""
    caller, proxy, mock = behind.caller, behind.proxy, behind.caller.mock
    caplog.set_level(logging.DEBUG)
    reply = caller.create(prompt="a very private wish").json()
    task_id, kling_id = reply["task_id"], reply["kling_task_id"]
    mock.clock.advance(0)
    assert caller.http.get("/health").status_code == 200

    proxy.go_away()
    had = tasks_at_kling(mock)
    away = (503, "server_error", "unavailable")
    for refused in (
        caller.create(),
        caller.call("GET", f"/kling/v1/videos/{task_id}"),
        caller.call("GET", "/kling/v1/videos"),
        caller.report(task_id),
    ):
        assert error_of(refused) == away
        assert refused.headers["Retry-After"] == "1"
    health = health_once(caller, 503)
    assert (health.json()["status"], health.json()["database"]) == ("unavailable", "unavailable")
    mock.complete(kling_id)  # Kling's own callback is refused too
    mock.clock.advance(60)  # sweeper and outbox find nothing
    assert tasks_at_kling(mock) == had  # what was refused was not sent

    proxy.come_back()
    health_once(caller, 200)
    mock.clock.advance(600)
    assert caller.query(task_id)["status"] == "succeed"
    assert caller.create().status_code == 200
    assert mock.ledger.user().held_quota == PRICE
    text = caplog.text
    assert "the database is away" in text
    for secret in (mock.relay_token, mock.secret_key, mock.admin_token, "private wish"):
        assert secret not in text
