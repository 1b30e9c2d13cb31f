"""A shop that orders videos, its tests in six styles as docs/testing.md has them, and its bugs.

The tests pass with the shop as it is. With any bug switched on, one fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
INI: Final = """
[pytest]
addopts = --strict-markers -p no:cacheprovider
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
#: What else is done to each test: its time is frozen, or its first try fails at its end.
CONFTEST: Final = """
import os
from contextlib import contextmanager

import freezegun
import pytest
import time_machine

FROZEN = os.environ.get("APP_FROZEN", "")
TRIED = set()


@contextmanager
def frozen(where):
    if FROZEN == f"freezegun {where}":
        with freezegun.freeze_time("2020-01-01"):
            yield
    elif FROZEN == f"time-machine {where}":
        with time_machine.travel("2020-01-01", tick=False):
            yield
    else:
        yield


@pytest.fixture(autouse=True)
def at_first():
    with frozen("at first"):  # before any server starts
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    with frozen("in the test"):
        result = yield
    if "APP_FLAKY" in os.environ and item.nodeid not in TRIED:
        TRIED.add(item.nodeid)
        raise AssertionError("the first try")
    return result
"""


class Pair(NamedTuple):
    """An app with bugs, and its tests.

    Attributes:
        files: Their texts by name.
        tests: How many tests there are.
        bugs: What the app does wrong, and what the report of a failing test must have.
        message: What is said of a run in which all pass.
    """

    files: dict[str, str]
    tests: int
    bugs: dict[str, str]
    message: str = ""


#: What the shop does wrong, and what the report of a failing test must have.
BUGS: Final = {
    "accepts forgeries": "forged",
    "refuses repeats": "callbacks that were not taken",
    "misspells its hook": "attempts  404",
    "has a broken hook": "callbacks not taken:",
    "raises in its hook": "attempts  500",
    "drops callbacks": "videos",
    "gives no hook": "does it have a callback_url",
    "misspells a path": "nearest is POST /v1/videos/text2video",
    "misspells a query": "page_num",
    "misspells a key": "promt",
    "asks another endpoint": "the task belongs to text2video",
    "asks for None": "stands for a missing value",
    "fetches a wrong file": "no result of this server has this URL",
    "fetches nothing": "expected a call of GET /media/*",
    "buys twice": "expected 1 call of POST /v1/videos/text2video with code=0, there were 3",
    "gives no id of its own": "external_task_id",
    "orders ten seconds": 'expected "5", got "10"',
    "sells what was refused": "refused",
    "sells what has failed": "failed",
    "logs the prompt": "a secret",
}

SHOP: Final = '''
import logging
import os
import time

import httpx

from kling_sdk import (
    AccountError,
    CallbackVerificationError,
    ContentPolicyError,
    TaskFailedError,
    WaitTimeoutError,
    parse_callback,
)

log = logging.getLogger("shop")
HOOK = "http://app.test/kling/callback"


def has(bug):
    return os.environ.get("APP_BUG") == bug


class Base:
    def __init__(self, kling, url="", key="", hook=HOOK):
        self.kling, self.url, self.key, self.hook = kling, url, key, hook
        self.tasks, self.videos, self.seen = {}, {}, set()
        self.secret, self.now = None, time.time

    def wanted(self, number, product):
        if has("logs the prompt"):
            log.warning("order of %s", product)
        wanted = {"prompt": product, "duration": 10 if has("orders ten seconds") else 5}
        if not has("gives no id of its own"):
            wanted["external_task_id"] = f"order-{number}"
        if not has("gives no hook"):
            wanted["callback_url"] = self.hook + ("s" if has("misspells its hook") else "")
        return wanted

    def stray(self, number):  # what an app does beside, and swallows
        task_id = self.tasks[number].task_id
        posts = {"misspells a path": ("/v1/video/text2video", {}), "misspells a key": (
            "/v1/videos/text2video", {"promt": "x", "prompt": "x", "model_name": "kling-v2-6"})}
        gets = {
            "misspells a query": "/v1/videos/text2video?page_num=2",
            "asks another endpoint": f"/v1/videos/image2video/{task_id}",
            "asks for None": "/v1/videos/text2video/None",
            "fetches a wrong file": "/media/videos/nothing.mp4",
        }
        headers = {"Authorization": f"Bearer {self.key}"}
        bug = os.environ.get("APP_BUG")
        if bug in posts:
            path, body = posts[bug]
            httpx.post(self.url + path, json=body, headers=headers, trust_env=False)
        elif bug in gets:
            httpx.get(self.url + gets[bug], headers=headers, trust_env=False)

    def called_back(self, path, headers, body):
        """Return the HTTP status."""
        if has("raises in its hook"):
            raise RuntimeError("a bug")
        if path != "/kling/callback":
            return 404
        try:
            if has("accepts forgeries"):
                event = parse_callback(body, headers, verify=False)
            else:
                event = parse_callback(body, headers, self.secret, self.now())
        except (CallbackVerificationError, ValueError):
            return 400
        known = (event.task.task_id, event.task.status)
        if has("has a broken hook") or (has("refuses repeats") and known in self.seen):
            return 500
        self.seen.add(known)
        if event.task.is_succeed and not has("drops callbacks"):
            self.videos[event.task.external_task_id] = event.task.videos[0].url
        return 200


class Shop(Base):
    def order(self, number, product):
        if has("does nothing"):
            return ""
        wanted = self.wanted(number, product)
        try:
            self.tasks[number] = self.kling.text2video.create(**wanted)
            if has("buys twice"):
                self.kling.text2video.create(prompt=product, duration=5)
        except ContentPolicyError:
            return "" if has("sells what was refused") else "refused"
        except AccountError:
            return "later"
        self.stray(number)
        return "ordered"

    def wait(self, number):
        if has("does nothing"):
            return ""
        try:
            task = self.kling.text2video.wait(self.tasks[number])
        except TaskFailedError:
            return "" if has("sells what has failed") else "failed"
        except WaitTimeoutError:
            return "late"
        self.videos[f"order-{number}"] = task.videos[0].url
        return task.videos[0].url

    def file(self, number):
        if has("does nothing") or has("fetches nothing"):
            return b"x" * 5000
        return self.kling.download(self.videos[f"order-{number}"])

    def __call__(self, environ, start_response):  # WSGI
        body = environ["wsgi.input"].read()
        names = [name for name in environ if name.startswith("HTTP_WEBHOOK")]
        headers = {name[5:].replace("_", "-").lower(): environ[name] for name in names}
        status = self.called_back(environ["PATH_INFO"], headers, body)
        start_response(f"{status} whatever", [])
        return [b""]


class AsyncShop(Base):
    async def order(self, number, product):
        if has("does nothing"):
            return ""
        wanted = self.wanted(number, product)
        try:
            self.tasks[number] = await self.kling.text2video.create(**wanted)
            if has("buys twice"):
                await self.kling.text2video.create(prompt=product, duration=5)
        except ContentPolicyError:
            return "" if has("sells what was refused") else "refused"
        except AccountError:
            return "later"
        self.stray(number)
        return "ordered"

    async def wait(self, number):
        if has("does nothing"):
            return ""
        try:
            task = await self.kling.text2video.wait(self.tasks[number])
        except TaskFailedError:
            return "" if has("sells what has failed") else "failed"
        except WaitTimeoutError:
            return "late"
        self.videos[f"order-{number}"] = task.videos[0].url
        return task.videos[0].url

    async def file(self, number):
        if has("does nothing") or has("fetches nothing"):
            return b"x" * 5000
        return await self.kling.download(self.videos[f"order-{number}"])

    async def __call__(self, scope, receive, send):  # ASGI
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status = self.called_back(scope["path"], headers, body)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})
'''

#: Each is a coroutine; with a sync shop it never waits, and needs no loop: see `drive`.
SCENARIOS: Final = '''
import inspect
import logging

CREATE = "POST /v1/videos/text2video"
QUERY = "GET /v1/videos/text2video/*"


async def now(value):
    return await value if inspect.isawaitable(value) else value


def drive(coroutine):
    """Run what never waits, without a loop."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


async def one_video(mock, shop):
    assert await now(shop.order(7, "a red mug")) == "ordered"
    assert (await now(shop.wait(7))).endswith(".mp4")
    sent = {"duration": "5", "external_task_id": "order-7"}
    mock.journal.assert_called(CREATE, times=1, body=sent)


async def lost_reply(mock, shop):
    mock.faults.add("response-lost", CREATE, times=1)
    await now(shop.order(7, "a red mug"))
    mock.faults.assert_used()
    assert mock.account.open_tasks == 1


async def refused(mock, shop):
    mock.content.add("blood")
    assert await now(shop.order(7, "blood")) == "refused"
    mock.journal.assert_called(CREATE, code=1301, times=1)


async def failed(mock, shop):
    mock.content.add("gore", "fail")
    await now(shop.order(7, "gore"))
    assert await now(shop.wait(7)) == "failed"


async def no_units(mock, shop):
    mock.account.units = 0
    assert await now(shop.order(7, "a red mug")) == "later"
    mock.journal.assert_called(CREATE, code=1102)
    mock.journal.assert_not_called(CREATE, code=0)


async def repeated(mock, shop):
    for _ in range(2):
        await now(shop.order(7, "a red mug"))
    mock.journal.assert_called(CREATE, code=0, times=1)
    assert mock.account.open_tasks == 1


async def bad_minute(mock, shop):
    mock.faults.add("status", "GET *", code=5001, times=2)
    await now(shop.order(7, "a red mug"))
    assert (await now(shop.wait(7))).endswith(".mp4")
    assert len(mock.journal.where(fault="status")) == 2


async def file(mock, shop):
    await now(shop.order(7, "a red mug"))
    await now(shop.wait(7))
    assert len(await now(shop.file(7))) > 1000
    mock.journal.assert_called("GET /media/*", status=200)


async def never_done(mock, shop):
    mock.progress.add("stuck")
    await now(shop.order(7, "a red mug"))
    assert await now(shop.wait(7)) == "late"


async def quiet(mock, shop):
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("shop").addHandler(handler)
    try:
        await now(shop.order(7, "a secret"))
        await now(shop.wait(7))
    finally:
        logging.getLogger("shop").removeHandler(handler)
    assert "a secret" not in "".join(lines)
    mock.journal.assert_sequence([CREATE, QUERY])


ALL = [
    one_video, lost_reply, refused, failed, no_units, repeated, bad_minute, file, never_done, quiet
]
'''

SUITE: Final = """
import asyncio
import unittest

import pytest
from kling_mock import KlingMock
from scenarios import ALL, drive
from shop import AsyncShop, HOOK, Shop

each = pytest.mark.parametrize("scenario", ALL, ids=lambda one: one.__name__)
PLACEHOLDER = "https://shop.example/kling/callback"
CLOSED = "http://127.0.0.1:9/kling/callback"


def shop_of(mock, kling, kind=Shop, hook=CLOSED):
    return kind(kling, mock.kling_url, mock.api_key, hook)


# ---- fixtures

@each
def test_fixtures(kling_mock, kling, scenario):
    drive(scenario(kling_mock, shop_of(kling_mock, kling)))


# ---- unittest

class TestShop(unittest.TestCase):
    def setUp(self):
        self.mock = self.enterContext(KlingMock())
        self.shop = shop_of(self.mock, self.enterContext(self.mock.client()))


for scenario in ALL:
    def method(self, scenario=scenario):
        drive(scenario(self.mock, self.shop))
    setattr(TestShop, f"test_{scenario.__name__}", method)


# ---- the app's own fixture

@pytest.fixture
def my_kling():
    with KlingMock(seed=7) as mock:
        yield mock


@each
def test_own_fixture(my_kling, scenario):
    with my_kling.client() as kling:
        drive(scenario(my_kling, shop_of(my_kling, kling)))


# ---- placeholders for a receiver

@each
def test_placeholder(kling_mock_server, kling, scenario):
    drive(scenario(kling_mock_server, shop_of(kling_mock_server, kling, hook=PLACEHOLDER)))


# ---- async

@each
async def test_async(kling_mock, async_kling, scenario):
    await scenario(kling_mock, shop_of(kling_mock, async_kling, AsyncShop))


@each
def test_loop_of_its_own(scenario):
    async def main():
        async with KlingMock() as mock, mock.async_client() as kling:
            await scenario(mock, shop_of(mock, kling, AsyncShop))
    asyncio.run(main())


# ---- callbacks into the app

@pytest.fixture
def secret(kling_mock):
    return kling_mock.account.add_webhook_secret()


def ready(mock, shop, secret):
    shop.secret, shop.now = secret, mock.clock.time
    mock.callbacks.deliver_to(shop)
    return shop


STATUSES = ["submitted", "processing", "succeed"]


def test_callbacks(kling_mock, kling, secret):
    shop = ready(kling_mock, shop_of(kling_mock, kling, hook=HOOK), secret)
    shop.order(7, "a red mug")
    kling_mock.clock.advance(1800)
    assert shop.videos["order-7"].endswith(".mp4")
    kling_mock.deliveries.assert_delivered(shop.tasks[7], STATUSES)


def test_repeated_callbacks(kling_mock, kling, secret):
    shop = ready(kling_mock, shop_of(kling_mock, kling, hook=HOOK), secret)
    shop.order(7, "a red mug")
    kling_mock.clock.advance(150)
    kling_mock.deliveries.replay(shop.tasks[7])
    kling_mock.deliveries.assert_delivered(shop.tasks[7])


def test_forged_callbacks(kling_mock, kling, secret):
    shop = ready(kling_mock, shop_of(kling_mock, kling, hook=HOOK), secret)
    shop.order(7, "a red mug")
    kling_mock.clock.advance(1800)
    first = kling_mock.deliveries[0]
    failed = first.body.replace(b"submitted", b"failed")
    forged = kling_mock.deliveries.send_changed(first, body=failed)
    assert forged.attempts[0].status == 400, "it took what was forged"


async def test_async_callbacks(kling_mock, async_kling, secret):
    shop = ready(kling_mock, shop_of(kling_mock, async_kling, AsyncShop, HOOK), secret)
    await shop.order(7, "a red mug")
    await kling_mock.clock.aadvance(1800)
    assert shop.videos["order-7"].endswith(".mp4")
    kling_mock.deliveries.assert_delivered(shop.tasks[7], STATUSES)


async def test_async_repeated_callbacks(kling_mock, async_kling, secret):
    shop = ready(kling_mock, shop_of(kling_mock, async_kling, AsyncShop, HOOK), secret)
    await shop.order(7, "a red mug")
    await kling_mock.clock.aadvance(150)
    await kling_mock.deliveries.areplay(shop.tasks[7])
    kling_mock.deliveries.assert_delivered(shop.tasks[7])


async def test_async_forged_callbacks(kling_mock, async_kling, secret):
    shop = ready(kling_mock, shop_of(kling_mock, async_kling, AsyncShop, HOOK), secret)
    await shop.order(7, "a red mug")
    await kling_mock.clock.aadvance(1800)
    first = kling_mock.deliveries[0]
    failed = first.body.replace(b"submitted", b"failed")
    changed = kling_mock.deliveries.asend_changed(first, body=failed)
    assert (await changed).attempts[0].status == 400, "it took what was forged"
"""
PAIR: Final = Pair(
    files={"shop.py": SHOP, "scenarios.py": SCENARIOS, "test_shop.py": SUITE},
    tests=66,
    bugs=BUGS,
    message="what did not happen in tests that passed",  # placeholders, named
)


def write_suite(folder: Path, pair: Pair) -> None:
    """Write the app and its tests into *folder*."""
    for name, text in {"pytest.ini": INI, "conftest.py": CONFTEST, **pair.files}.items():
        (folder / name).write_text(text)


def run_suite(folder: Path, *options: str, bug: str = "", **more: str) -> tuple[int, str]:
    """Run the suite that is in *folder*; return pytest's exit status, and what it has printed.

    Args:
        folder: Where it is.
        options: Options of pytest.
        bug: What the app does wrong, or "".
        more: Other variables of the environment; see `CONFTEST`.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYT")},
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
        "PYTHONPYCACHEPREFIX": str(folder / "pycache"),  # written once for all runs
        "APP_BUG": bug,
        **more,
    }
    plugins = [word for name in ("kling_mock", "asyncio") for word in ("-p", name)]
    command = [sys.executable, "-m", "pytest", *plugins, *options]
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout + run.stderr
