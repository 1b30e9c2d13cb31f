"""Tokens, keys and being called off, over real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import jwt
import pytest

from kling_sdk import (
    AsyncKling,
    AuthenticationError,
    Kling,
    RateLimitError,
    TextToVideo,
    WaitCancelledError,
)
from tests.sdk.clients import CLIENTS, KEY, Calls, over
from tests.sdk.fake_kling import HonestKling
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock, until

clients = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> Iterator[FaultyKling]:
    with FaultyKling(HonestKling(now=clock.time)) as server:
        yield server


def issuers(server: FaultyKling) -> list[str]:
    """Return the access key that signed each request."""
    return [
        jwt.decode(
            request.headers["authorization"].removeprefix("Bearer "),
            options={"verify_signature": False},
        )["iss"]
        for request in server.requests
    ]


@pytest.mark.parametrize("code", [1003, 1004])
@clients
def test_a_token_the_server_finds_too_old_or_too_new_is_signed_again_once(
    server: FaultyKling, clock: FakeClock, client: str, code: int
) -> None:
    """A clock that was a little off costs one more request, not a failed create."""
    server.breaks(Fault.code(401, code))
    over(client, Calls("order-1").create, server.url, clock)
    assert len(server.requests) == 2
    assert len(server.kling.tasks) == 1

    server.breaks(then=Fault.code(401, code))
    with pytest.raises(AuthenticationError) as caught:
        over(client, Calls("order-2").create, server.url, clock)
    assert caught.value.code == code
    assert len(server.requests) == 4
    assert not clock.slept


def test_a_renewed_token_is_minted_at_the_time_of_the_repeat(
    server: FaultyKling, clock: FakeClock
) -> None:
    """After 1004 the next token is a new one, and it stays in use."""
    with Kling(KEY, base_url=server.url, clock=clock) as kling:
        kling.text2video.create(prompt="x")
        clock.now += 60
        server.breaks(Fault.code(401, 1004))
        kling.text2video.create(prompt="x")
        kling.text2video.create(prompt="x")

    old, refused, fresh, later = (request.headers["authorization"] for request in server.requests)
    assert old == refused
    assert fresh == later != old


@pytest.mark.parametrize("code", [1000, 1001, 1002])
def test_a_refused_key_gives_way_to_the_next_for_good(
    server: FaultyKling, clock: FakeClock, code: int
) -> None:
    """Keys are replaced without a restart: the new one is a second line."""
    with Kling("OLD|secret\nNEW|secret", base_url=server.url, clock=clock) as kling:
        server.breaks(Fault.code(401, code))
        kling.text2video.create(prompt="x")
        kling.text2video.create(prompt="x")

    assert issuers(server) == ["OLD", "NEW", "NEW"]
    assert len(server.kling.tasks) == 2


def test_keys_that_are_all_refused_end_in_the_refusal(
    server: FaultyKling, clock: FakeClock
) -> None:
    """Each key is tried once, without a loop."""
    server.breaks(then=Fault.code(401, 1002))

    with (
        Kling("A|s\nB|s\nC|s", base_url=server.url, clock=clock) as kling,
        pytest.raises(AuthenticationError),
    ):
        kling.text2video.create(prompt="x")

    assert issuers(server) == ["A", "B", "C"]


# ---------------------------------------------------------------- the cancel event


def test_a_wait_ends_when_another_thread_says_so(server: FaultyKling) -> None:
    """`cancel` ends a wait in its sleep, in real time; the task continues upstream."""
    cancel = threading.Event()
    server.kling.takes = None

    def call_off() -> None:
        asyncio.run(until(lambda: len(server.requests) == 2))  # created, and polled once
        cancel.set()

    setter = threading.Thread(target=call_off)
    setter.start()
    # The system's own clock: after the first poll comes a sleep of an hour.
    with Kling(KEY, base_url=server.url, cancel=cancel, poll_interval=(3600, 3600)) as kling:
        task = kling.text2video.create(prompt="x")
        with pytest.raises(WaitCancelledError) as caught:
            kling.text2video.wait(task.task_id, timeout=7200)
    setter.join()

    assert caught.value.task_id == task.task_id
    assert len(server.requests) == 2


def test_a_failing_create_does_not_hammer_after_cancel(
    server: FaultyKling, clock: FakeClock
) -> None:
    """With `cancel` set, sleeps return at once: repeats stop with them."""
    cancel = threading.Event()
    clock.on_sleep = lambda _seconds: cancel.set()
    server.breaks(then=Fault.code(429, 1302))

    with (
        Kling(KEY, base_url=server.url, clock=clock, cancel=cancel) as kling,
        pytest.raises(RateLimitError),
    ):
        kling.text2video.create(prompt="x")

    assert len(server.requests) == 1


# ---------------------------------------------------------------- asyncio cancellation


@pytest.mark.parametrize("client", ["async-httpx", "async-httpx2", "async-aiohttp"])
def test_a_cancelled_create_can_be_found_by_the_id_in_the_log(
    server: FaultyKling, clock: FakeClock, client: str, caplog: pytest.LogCaptureFixture
) -> None:
    """`asyncio.wait_for` around a create must not lose a task that was paid for."""
    server.breaks(Fault("silent"))

    async def impatient(kling: AsyncKling) -> None:
        call = asyncio.ensure_future(kling.text2video.create(prompt="x"))
        await until(lambda: bool(server.kling.tasks))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    over(client, impatient, server.url, clock)

    (external_id,) = server.kling.by_external
    assert external_id in caplog.text


async def test_a_cancelled_wait_closes_its_flow_and_frees_its_connection(
    server: FaultyKling, clock: FakeClock
) -> None:
    """After a cancellation the client works on as before."""
    server.kling.takes = None
    async with AsyncKling(KEY, base_url=server.url, clock=clock) as kling:
        task = await kling.text2video.create(prompt="x")
        server.breaks(Fault("silent"))
        call = asyncio.ensure_future(kling.text2video.wait(task, timeout=1e9))
        await until(lambda: len(server.requests) == 2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert (await kling.text2video.get(task.task_id)).task_id == task.task_id


async def test_a_batch_that_is_left_early_closes_its_flow(
    server: FaultyKling, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Cancelling it tells which tasks go on; a create without a response is named by its own id."""
    server.kling.takes = None
    work = [TextToVideo(prompt="x"), TextToVideo(prompt="y", external_task_id="order-1")]
    caplog.set_level("INFO", "kling_sdk")

    async with AsyncKling(KEY, base_url=server.url, clock=clock) as kling:
        items = kling.run_many(work)
        call = asyncio.ensure_future(anext(items))
        await until(lambda: len(server.kling.by_external) == 2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    for external_id in server.kling.by_external:
        assert external_id in caplog.text
