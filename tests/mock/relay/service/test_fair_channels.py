"""Channels that hang or refuse: they do not delay other tasks, and are skipped for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.domain.breaker import FAILURES, FIRST_PAUSE
from tests.mock.receiver import closed_url
from tests.mock.relay.http_calls import PRICE, Caller, error_of
from tests.mock.relay.metrics.test_prometheus import scraped, value
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    refusal,
    task,
)
from tests.mock.relay.standalone import standalone
from tests.plain_http import NO_TLS

STUCK = 150  # tasks of a channel that hangs
AT_ONCE = 2.0  # seconds; a busy machine takes some, and a channel that hangs takes 30
SECOND = {"name": "second", "key": "AK-2|SK-2"}


class Kling:
    """A scripted Kling: it takes creates and shows each as succeeded, or hangs."""

    def __init__(self) -> None:
        self.hangs_on: set[str] = set()
        self.released = threading.Event()
        self.reads = 0

    def __call__(self, request: ReceivedRequest) -> Reply:
        if request.method in self.hangs_on:
            self.released.wait(30)
        if request.method == "POST":
            return accepted(request, f"k-{request.external_task_id}")
        self.reads += 1
        name = request.external_task_id.removeprefix("k-")
        return envelope(task(f"k-{name}", "succeed", final_unit_deduction="1"))


@contextmanager
def scripted(kling: Kling) -> Iterator[ScriptedKling]:
    """Run it; in the end it lets go of every request."""
    with ScriptedKling(kling) as server:
        try:
            yield server
        finally:
            kling.released.set()


@pytest.mark.slow
def test_a_channel_that_hangs_delays_no_other_reading() -> None:
    """150 tasks of one channel wait for a reply; a task of another is read when it is due."""
    stuck, well = Kling(), Kling()
    stuck.hangs_on = {"GET"}
    # At 60 seconds a second the first poll comes after a third of a second.
    with (
        scripted(stuck) as first,
        scripted(well) as second,
        standalone(first.url, speed=60) as caller,
    ):
        channel = SECOND | {"base_url": second.url, "models": "kling-v2-6", "priority": 9}
        caller.operate("POST", "channels", json=channel)
        for _ in range(STUCK):
            caller.created()
        threading.Event().wait(1)  # now they are due, and before the next one
        start = time.monotonic()
        mine = caller.created(model="kling-v2-6")
        while not ended(caller, mine) and time.monotonic() - start < 20:
            threading.Event().wait(0.02)
        took = time.monotonic() - start
        assert took < 3.0, f"read after {took:.1f} s"


def ended(caller: Caller, task_id: str) -> bool:
    """Return the row without a poll at Kling."""
    return bool(caller.operate("GET", f"tasks/{task_id}")["status"] == "succeed")


class Scene:
    """A relay whose first channel is a scripted Kling, on a clock that a test moves."""

    def __init__(self, caller: Caller, kling: Kling, server: ScriptedKling) -> None:
        self.caller = caller
        self.kling = kling
        self.server = server
        self.channel = next(
            channel["id"]
            for channel in caller.operate("GET", "channels")["data"]
            if channel["name"] == "by hand"
        )

    @property
    def service(self) -> str:
        """The label of the scripted Kling."""
        return self.server.url.removeprefix("http://").rstrip("/")

    def degraded(self) -> Any:
        reply = self.caller.http.get("/health")
        assert reply.status_code == 200  # only the database makes it a 503
        return reply.json().get("degraded", [])

    def make_it_fail(self) -> list[str]:
        """Have it leave as many creates unanswered as open the breaker; return the tasks."""
        self.kling.hangs_on = {"POST", "GET"}
        created = [self.caller.created() for _ in range(FAILURES)]
        self.kling.hangs_on = set()
        return created


@pytest.fixture
def scene() -> Iterator[Scene]:
    kling = Kling()
    settings = RelaySettings(upstream_timeout=0.2)
    with (
        scripted(kling) as server,
        KlingMock(seed=7, relay=settings) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=60, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        server.serve(caller)
        yield Scene(caller, kling, server)


def timed(work: Callable[[], httpx.Response]) -> tuple[float, httpx.Response]:
    start = time.monotonic()
    reply = work()
    return time.monotonic() - start, reply


@pytest.mark.slow
def test_creates_do_not_wait_for_a_channel_that_does_not_answer(scene: Scene) -> None:
    """After five without a reply the next is refused at once, and Kling is not called."""
    caller = scene.caller
    scene.make_it_fail()
    calls = len(scene.server.requests)
    scene.kling.hangs_on = {"POST"}
    took, reply = timed(caller.create)
    assert error_of(reply) == (503, "upstream_error", "upstream_unreachable")
    assert 1 <= int(reply.headers["Retry-After"]) <= FIRST_PAUSE
    assert took < AT_ONCE
    assert len(scene.server.requests) == calls
    # Unknown outcomes stay unknown: none of the five has been refused, and each is held.
    assert caller.mock.ledger.user().held_quota == FAILURES * PRICE
    assert scene.degraded() == [{"channel": scene.channel, "reason": "unreachable"}]
    series = scraped(caller)
    assert value(series, "paused_channels", state="open") == 1
    assert value(series, "channel_breaker_changes_total", state="open") == 1
    assert value(series, "limited_requests_total", limit="channels_paused") == 1


@pytest.mark.slow
def test_a_repeat_gets_its_task_also_while_the_channel_is_left_alone(scene: Scene) -> None:
    """It does not need a channel; another body under its id is still a conflict."""
    first = scene.caller.created(external_task_id="mine")
    scene.make_it_fail()
    assert scene.caller.created(external_task_id="mine") == first
    assert scene.caller.create(external_task_id="mine", prompt="x").status_code == 409


@pytest.mark.slow
def test_a_query_does_not_wait_for_it_either(scene: Scene) -> None:
    """The row is answered as it is."""
    task_id = scene.caller.created()
    scene.make_it_fail()
    scene.kling.hangs_on = {"GET"}
    calls = len(scene.server.requests)
    assert scene.caller.query(task_id)["status"] == "submitted"
    scene.caller.report(task_id)
    assert len(scene.server.requests) == calls


@pytest.mark.slow
def test_another_channel_takes_the_tasks_meanwhile(scene: Scene) -> None:
    """The one that is left alone is skipped, although its priority is higher."""
    scene.make_it_fail()
    with ScriptedKling(Kling()) as second:
        scene.caller.operate("POST", "channels", json=SECOND | {"base_url": second.url})
        took, reply = timed(scene.caller.create)
        assert reply.status_code == 200
        assert took < AT_ONCE
        assert [request.method for request in second.requests] == ["POST"]


@pytest.mark.slow
def test_a_probe_that_is_answered_ends_the_pause(scene: Scene) -> None:
    """A due poll is the probe; then all that were put off are read, and none is lost."""
    caller = scene.caller
    created = scene.make_it_fail()
    caller.mock.clock.advance(FIRST_PAUSE - 1)
    assert scene.kling.reads == 0
    caller.mock.clock.advance(2)
    assert {caller.operate("GET", f"tasks/{task_id}")["status"] for task_id in created} == {
        "succeed"
    }
    assert scene.degraded() == []
    assert value(scraped(caller), "channel_breaker_changes_total", state="closed") == 1
    assert caller.create().status_code == 200
    caller.mock.ledger.assert_balanced()


@pytest.mark.slow
def test_a_probe_that_fails_doubles_the_pause(scene: Scene) -> None:
    """One call per pause: 10 seconds, 20, 40."""
    scene.make_it_fail()
    scene.kling.hangs_on = {"POST", "GET"}
    calls = len(scene.server.requests)
    for pause in (10, 20, 40):
        scene.caller.mock.clock.advance(pause - 1)
        assert len(scene.server.requests) == calls
        scene.caller.mock.clock.advance(1)
        calls += 1
        assert len(scene.server.requests) == calls
    assert scene.degraded() == [{"channel": scene.channel, "reason": "unreachable"}]


@pytest.mark.slow
def test_a_task_ends_at_its_deadline_also_on_a_channel_that_never_answers(scene: Scene) -> None:
    """Its polls are put off again and again; it fails after 48 hours, and the hold is free."""
    created = scene.make_it_fail()
    # Each probe fails at once, so that two days of them take no time.
    away = {"base_url": closed_url(), "service": scene.service, "yes": True}
    scene.caller.operate("PATCH", f"channels/{scene.channel}", json=away)
    scene.caller.mock.clock.advance(47 * 3600)
    assert scene.caller.mock.ledger.user().held_quota == FAILURES * PRICE
    scene.caller.mock.clock.advance(2 * 3600)
    rows = [scene.caller.operate("GET", f"tasks/{task_id}") for task_id in created]
    assert {row["status"] for row in rows} == {"failed"}
    assert scene.caller.mock.ledger.user().held_quota == 0


def test_refusals_do_not_open_it(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """A channel that refuses answers; one whose key is refused is shown, until it is taken."""
    scene.server.answer = lambda request: refusal(1201, 400)
    for _ in range(FAILURES + 1):
        assert scene.caller.create().status_code == 400
    scene.server.answer = lambda request: refusal(1002, 401)
    for _ in range(FAILURES + 1):
        assert scene.caller.create().status_code == 502
    assert scene.degraded() == [{"channel": scene.channel, "reason": "key_refused"}]
    assert caplog.text.count(f"refuses the key of channel {scene.channel}") == 1
    scene.server.answer = scene.kling
    assert scene.caller.create().status_code == 200
    assert scene.degraded() == []


def test_a_channel_that_is_gone_is_no_longer_shown(scene: Scene) -> None:
    """`degraded` is about channels that are in use."""
    scene.server.answer = lambda request: refusal(1002, 401)
    assert scene.caller.create().status_code == 502
    scene.caller.operate("PATCH", f"channels/{scene.channel}", json={"status": "disabled"})
    assert scene.degraded() == []


@pytest.mark.slow
def test_calls_that_wait_for_a_channel_are_limited() -> None:
    """Each takes two connections; beyond the limit a create is refused at once, or goes on."""
    kling, well = Kling(), Kling()
    kling.hangs_on = {"POST", "GET"}
    with (
        scripted(kling) as first,
        scripted(well) as second,
        standalone(first.url, calls_per_channel=3) as caller,
        ThreadPoolExecutor(3) as pool,
    ):
        waiting = [pool.submit(caller.create) for _ in range(3)]
        start = time.monotonic()
        while len(first.requests) < 3 and time.monotonic() - start < 20:
            threading.Event().wait(0.01)
        took, reply = timed(caller.create)
        assert error_of(reply) == (503, "upstream_error", "upstream_unreachable")
        assert reply.headers["Retry-After"] == "1"
        assert took < 2
        channel = caller.operate("POST", "channels", json=SECOND | {"base_url": second.url})
        assert caller.create().status_code == 200
        assert [request.method for request in second.requests] == ["POST"]
        caller.operate("DELETE", f"channels/{channel['id']}")
        kling.released.set()
        assert [future.result().status_code for future in waiting] == [200] * 3
        kling.hangs_on = set()
        assert caller.create().status_code == 200
        assert len(first.requests) == 4
