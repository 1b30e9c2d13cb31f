"""A web app on FastAPI and SQLite that orders videos, fifteen tests of it, and its bugs.

The tests use what docs/testing.md and docs/emulator.md show, in an event loop and without one.
They pass with the app as it is. With any bug switched on, one of each kind fails.
"""

from __future__ import annotations

import re
from typing import Final

from tests.proof.shop_suite import Pair

#: What the app does wrong, and what the report of a failing test must have.
BUGS: Final = {
    "accepts forged callbacks": "a forged callback was answered 200",
    "gives no id of its own": 'external_task_id: expected "order-7", got "',
    "buys a repeated order again": "expected 1 call of POST /v1/videos/text2video, there were 2",
    "gives no callback_url": "does it have a callback_url",
    "misspells its hook": "to http://app.test/kling/callbak: 404",
    "its hook is always 500": "to http://app.test/kling/callback: 500",
    "raises after noting": "RuntimeError: the order is noted",
    "drops callbacks": "AssertionError: assert 'ordered' == 'ready'",
    "believes that orders end as they came": "assert [(1, 'ready')] == [(12, 'ready')]",
    "ignores failures": "AssertionError: assert 'ordered' == 'failed'",
    "logs the prompt": "'a secret' is contained here",
}

APP: Final = '''
import logging
import os
import sqlite3
import time
from contextlib import asynccontextmanager, closing

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from kling_sdk import (
    AccountError,
    AsyncKling,
    CallbackVerificationError,
    ConcurrencyLimitError,
    ContentPolicyError,
    parse_callback,
)

log = logging.getLogger("orders")
TABLE = "create table orders (number integer primary key, status text, result text, tries integer)"


def has(bug):
    return os.environ.get("APP_BUG") == bug


def create_app(file, secret, tell, now=time.time):
    """Make the app; *tell* passes the result of an order on to its customer."""

    def sql(statement, *values):
        with closing(sqlite3.connect(file)) as database, database:
            return database.execute(statement, values).fetchall()

    @asynccontextmanager
    async def lifespan(app):
        sql(TABLE)
        async with AsyncKling() as app.state.kling:
            yield

    app = FastAPI(lifespan=lifespan)

    def state(number):
        rows = sql("select status, result, tries from orders where number = ?", number)
        return rows[0] if rows else ("", "", 0)

    def note(task):
        """Keep how the task of an order has ended, and tell the customer once."""
        if task.is_succeed:
            status, result = "ready", task.videos[0].url
        elif task.status == "failed" and not has("ignores failures"):
            status, result = "failed", task.status_msg
        else:
            return
        number = int(task.external_task_id.split("-")[1])
        if has("believes that orders end as they came"):
            number = sql("select min(number) from orders where status = 'ordered'")[0][0]
        if sql(
            "update orders set status = ?, result = ? where number = ? and status = 'ordered'"
            " returning number", status, result, number,
        ):
            tell(number, status)

    @app.post("/orders/{number}")
    async def order(number: int, product: str, request: Request):
        if has("does nothing"):
            return {"status": "ordered"}
        if has("logs the prompt"):
            log.warning("order of %s", product)
        again = has("buys a repeated order again")
        status, _, tries = state(number)
        if status in {"ordered", "ready", "failed"} and not again:
            return {"status": status}
        sql("insert or replace into orders values (?, 'ordered', '', ?)", number, tries + 1)
        wanted = {"prompt": product, "duration": 5}
        if not has("gives no id of its own"):
            more = f"-{tries}" if tries and again else ""
            wanted["external_task_id"] = f"order-{number}{more}"
        if not has("gives no callback_url"):
            hook = str(request.url_for("callback"))
            wanted["callback_url"] = hook[:-2] + "k" if has("misspells its hook") else hook
        status, code = "ordered", 200
        try:
            await app.state.kling.text2video.create(**wanted)
        except ContentPolicyError:
            status, code = "refused", 422
        except (AccountError, ConcurrencyLimitError):
            status, code = "later", 503
        if code != 200:
            sql("update orders set status = ? where number = ?", status, number)
        return JSONResponse({"status": status}, code)

    @app.get("/orders/{number}")
    async def show(number: int):
        status, result, _ = state(number)
        return {"status": status, "result": result}

    @app.get("/orders/{number}/video")
    async def video(number: int):
        status, url, _ = state(number)
        if status != "ready":
            return Response(status_code=404)
        return Response(await app.state.kling.download(url), media_type="video/mp4")

    @app.post("/catch-up")
    async def catch_up():
        async for task in app.state.kling.text2video.iter():
            note(task)

    @app.post("/kling/callback")
    async def callback(request: Request):
        if has("its hook is always 500"):
            return Response(status_code=500)
        body = await request.body()
        try:
            if has("accepts forged callbacks"):
                event = parse_callback(body, verify=False)
            else:
                event = parse_callback(body, request.headers, secret, now())
        except CallbackVerificationError as error:
            log.warning("callback refused: %s", error)
            return Response(status_code=400)
        if not has("drops callbacks"):
            note(event.task)
        if has("raises after noting"):
            raise RuntimeError("the order is noted")
        return Response()

    return app


create_app("", "", print)  # a first route imports what cannot be imported under freezegun
'''

FIXTURES: Final = """
import httpx
import orders
import pytest
from fastapi.testclient import TestClient

CREATE = "POST /v1/videos/text2video"


@pytest.fixture
def told():
    return []


@pytest.fixture
def app(kling_mock, monkeypatch, tmp_path, told):
    monkeypatch.setattr("orders.AsyncKling", kling_mock.async_client)
    secret = kling_mock.account.add_webhook_secret()
    tell = lambda *result: told.append(result)
    return orders.create_app(tmp_path / "orders.db", secret, tell, kling_mock.clock.time)
"""

IN_LOOP: Final = """

@pytest.fixture
async def browser(app, kling_mock):
    kling_mock.callbacks.deliver_to(app)  # in this loop, as the app's client
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://app.test") as browser,
    ):
        yield browser
"""
WITHOUT_LOOP: Final = """

@pytest.fixture
def browser(app, kling_mock):
    kling_mock.callbacks.deliver_to(app)
    with TestClient(app, base_url="http://app.test") as browser:
        yield browser
"""

TESTS: Final = """

async def order(browser, number=7, product="a red mug"):
    reply = await browser.post(f"/orders/{number}", params={"product": product})
    return reply.json()["status"]


async def show(browser, number=7):
    return (await browser.get(f"/orders/{number}")).json()


async def test_an_order_gets_its_video(browser, kling_mock):
    assert await order(browser) == "ordered"
    assert (await show(browser))["status"] == "ordered"
    await kling_mock.clock.aadvance(1800)
    shown = await show(browser)
    assert shown["status"] == "ready"
    assert shown["result"].endswith(".mp4")


async def test_what_kling_is_asked_for(browser, kling_mock):
    await order(browser)
    sent = {"prompt": "a red mug", "duration": "5", "external_task_id": "order-7"}
    kling_mock.journal.assert_called(CREATE, times=1, body=sent)


async def test_callbacks_are_taken(browser, kling_mock):
    await order(browser)
    await kling_mock.clock.aadvance(1800)
    (created,) = kling_mock.journal.where(CREATE)
    statuses = ["submitted", "processing", "succeed"]
    kling_mock.deliveries.assert_delivered(created.task_id, statuses)


async def test_repeated_callbacks(browser, kling_mock, told):
    await order(browser)
    await kling_mock.clock.aadvance(150)
    await kling_mock.deliveries.areplay("order-7")
    assert told == [(7, "ready")]


@pytest.mark.kling_mock(faults=["callback-duplicate", "callback-shuffled"])
async def test_callbacks_in_any_order(browser, kling_mock, told):
    await order(browser)
    await kling_mock.clock.aadvance(3600)
    assert told == [(7, "ready")]


@pytest.mark.kling_mock(faults=["callback-dropped"])
async def test_lost_callbacks(browser, kling_mock, told):
    await order(browser)
    await kling_mock.clock.aadvance(1800)
    assert (await show(browser))["status"] == "ordered"
    await browser.post("/catch-up")
    assert told == [(7, "ready")]


async def test_forged_callbacks(browser, kling_mock):
    await order(browser)
    await kling_mock.clock.aadvance(0)
    first = kling_mock.deliveries[0]
    failed = first.body.replace(b"submitted", b"failed")  # a task, so only the signature is wrong
    forged = await kling_mock.deliveries.asend_changed(first, body=failed)
    status = forged.attempts[0].status
    assert status == 400, f"a forged callback was answered {status}"
    assert (await show(browser))["status"] == "ordered"


async def test_orders_that_come_mixed(browser, kling_mock, told):
    kling_mock.progress.add("after", external_id="order-1", seconds=90)
    kling_mock.progress.add("after", external_id="order-12", seconds=60)
    await order(browser, 1, "a red mug")
    await order(browser, 12, "a blue mug")
    await kling_mock.clock.aadvance(60)
    assert told == [(12, "ready")]
    await kling_mock.clock.aadvance(30)
    assert told == [(12, "ready"), (1, "ready")]
    assert (await show(browser, 1))["result"] != (await show(browser, 12))["result"]


async def test_a_lost_reply(browser, kling_mock):
    kling_mock.faults.add("response-lost", CREATE, times=1)
    assert await order(browser) == "ordered"
    kling_mock.faults.assert_used()
    assert kling_mock.account.open_tasks == 1


async def test_a_repeated_order(browser, kling_mock):
    for _ in range(2):
        assert await order(browser) == "ordered"
    kling_mock.journal.assert_called(CREATE, times=1)


async def test_a_refused_order(browser, kling_mock):
    kling_mock.content.add("blood")
    assert await order(browser, product="blood") == "refused"
    kling_mock.journal.assert_called(CREATE, code=1301, times=1)


async def test_a_failed_order(browser, kling_mock, told):
    kling_mock.content.add("gore", "fail", message="withheld")
    await order(browser, product="gore")
    await kling_mock.clock.aadvance(1800)
    shown = await show(browser)
    assert shown["status"] == "failed"
    assert (shown["result"], told) == ("withheld", [(7, "failed")])


async def test_no_units_and_no_slots(browser, kling_mock):
    kling_mock.account.units = 0
    assert await order(browser) == "later"
    kling_mock.account.units, kling_mock.account.slots = 10, 1
    assert await order(browser) == "ordered"
    assert await order(browser, 8) == "later"
    await kling_mock.clock.aadvance(1800)
    assert await order(browser, 8) == "ordered"


async def test_the_video_is_fetched(browser, kling_mock):
    kling_mock.faults.add("truncated-body", "/media/*", times=1)
    await order(browser)
    await kling_mock.clock.aadvance(1800)
    assert (await browser.get("/orders/7/video")).content[4:8] == b"ftyp"
    kling_mock.faults.assert_used()


async def test_the_log_has_no_prompt(browser, kling_mock, caplog):
    await order(browser, product="a secret")
    kling_mock.journal.assert_called(CREATE, body={"prompt": "a secret"})
    assert "a secret" not in caplog.text
"""


def _without_loop(tests: str) -> str:
    """Return the tests as they are written for a blocking client."""
    return re.sub(r"await |async (?=def)|(?<=\.)a(?=advance|replay|send_changed)", "", tests)


PAIR: Final = Pair(
    files={
        "orders.py": APP,
        "test_async.py": FIXTURES + IN_LOOP + TESTS,
        "test_sync.py": FIXTURES + WITHOUT_LOOP + _without_loop(TESTS),
    },
    tests=30,
    bugs=BUGS,
)
