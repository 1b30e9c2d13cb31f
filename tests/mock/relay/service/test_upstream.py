"""The relay's knowledge of its upstreams."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import copy
from functools import partial
from pathlib import Path

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.clock import RealClock
from kling_mock.relay.domain.breaker import FAILURES, BreakerState
from kling_mock.relay.domain.credentials import parse_keys
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.upstream import Upstream
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import Channel, NewChannel
from kling_mock.web.tls import ServerCertificate
from kling_sdk import KlingError, RequestValidationError, Task
from tests.mock.receiver import closed_url
from tests.mock.relay.http_calls import Caller, error_of
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    refusal,
    task,
)
from tests.sdk.scripted import until


def test_its_own_kling_is_known_by_its_certificate(certificate: tuple[Path, Path]) -> None:
    """No authority has issued it, and no setting names it: it is trusted at this address alone."""
    cert, key = map(str, certificate)
    trust = ssl.create_default_context(cafile=cert)
    with (
        KlingMock(tls_cert=cert, tls_key=key) as mock,
        httpx.Client(base_url=mock.relay_url, verify=trust, timeout=20) as client,
    ):
        caller = Caller(client, mock)
        assert caller.create().json()["kling_task_id"]
        url = mock.kling_url.replace("127.0.0.1", "localhost")
        caller.operate("PATCH", "channels/1", json={"base_url": url, "yes": True})
        assert error_of(caller.create()) == (503, "upstream_error", "upstream_unreachable")


# ---------------------------------------------------------------- what is learned from a call


class Scene:
    """One channel, and the SDK's client of it."""

    def __init__(self, channel: Channel, max_waiting: int) -> None:
        self.channel = channel
        (self.key,) = parse_keys(channel.api_keys)
        self.breakers = Breakers(time.monotonic, print, max_waiting)
        self.upstream = Upstream(RealClock(), 10.0, Metrics(time.perf_counter), self.breakers)

    async def create(self, **fields: object) -> Task | None:
        body = {"model_name": "kling-v1-6", "prompt": "a kitten", "external_task_id": "kling_1"}
        return await self.upstream.create(self.channel, self.key, "text2video", body | fields)

    async def read(self) -> Task | None:
        return await self.upstream.read(self.channel, self.key, "text2video", "873")

    async def fail(self, call: Callable[[], Awaitable[object]]) -> str:
        """Make a call that fails; return the name of its error."""
        with pytest.raises(KlingError) as caught:
            await call()
        return type(caught.value).__name__


@asynccontextmanager
async def calling(url: str, *, max_waiting: int = 0) -> AsyncIterator[Scene]:
    channel = NewChannel("by hand", url, KEYS)
    scene = Scene(await MemoryStorage().create_channel(channel, now=1), max_waiting)
    try:
        yield scene
    finally:
        await scene.upstream.close()


def always(reply: Reply) -> Callable[[ReceivedRequest], Reply]:
    """Return a Kling that gives the same reply to everything."""
    return lambda _: reply


def has_asked(kling: ScriptedKling, requests: int) -> bool:
    return len(kling.requests) >= requests


LONG = "x" * 300
KEYS = "AK-by-hand-1|SK-by-hand-1"
(OWN,) = (key.fingerprint for key in parse_keys(KEYS))


@pytest.mark.parametrize(
    ("reply", "error", "answered", "closed", "refused"),
    [
        (refusal(1301, 400), "ContentPolicyError", True, True, set()),
        (refusal(1203, 404), "NotFoundError", True, True, set()),
        (refusal(1002, 401), "AuthenticationError", True, True, {(1, OWN)}),
        ((404, b"<html>not found</html>"), "TransportError", False, False, set()),
        ((500, b""), "ServerError", False, False, set()),
        (envelope(task(LONG, "submitted")), "TransportError", True, True, set()),
    ],
    ids=[
        "refused",
        "not found",
        "key",
        "page",
        "server",
        "too long an id",
    ],
)
async def test_what_a_call_shows_of_a_channel(
    reply: Reply,
    error: str,
    answered: bool,  # noqa: FBT001 - a case
    closed: bool,  # noqa: FBT001 - a case
    refused: set[tuple[int, str]],
) -> None:
    """Any refusal shows that Kling responds; silence and a gateway's page do not."""
    with ScriptedKling(lambda _: reply) as kling:
        async with calling(kling.url) as scene:
            before = scene.upstream.answered
            assert before is None
            assert [await scene.fail(scene.read) for _ in range(FAILURES)] == [error] * FAILURES
            assert scene.upstream.answered is answered
            assert scene.breakers.is_closed((1,)) is closed
            assert scene.upstream.refused_keys == refused


async def test_a_key_that_is_taken_again_is_no_longer_refused() -> None:
    """Any response of Kling's shows it; without one, nothing new is known."""
    with ScriptedKling(accepted) as kling:
        async with calling(kling.url) as scene:
            for reply, refused in (
                (refusal(1002, 401), {(1, OWN)}),
                ((500, b""), {(1, OWN)}),
                (refusal(1203, 404), set()),
                (refusal(1002, 401), {(1, OWN)}),
            ):
                kling.answer = always(reply)
                await scene.fail(scene.read)
                assert scene.upstream.refused_keys == refused
            kling.answer = lambda _: envelope(task("873", "submitted"))
            assert await scene.read()
            assert scene.upstream.refused_keys == set()
            assert scene.upstream.answered


async def test_a_reply_between_failures_keeps_a_channel_in_use() -> None:
    """Failures count in a row only, and a call that ends makes room for another."""
    with ScriptedKling(accepted) as kling:
        async with calling(kling.url, max_waiting=1) as scene:
            for _ in range(2):
                kling.answer = lambda _: (500, b"")
                for _ in range(FAILURES - 1):
                    await scene.fail(scene.read)
                assert scene.breakers.states() == {(1,): BreakerState.CLOSED}
                kling.answer = lambda _: envelope(task("873", "submitted"))
                assert await scene.read()
                assert scene.breakers.states() == {}


async def test_a_channel_that_is_away_is_left_alone() -> None:
    """Neither a create nor a poll is sent, and neither is an error."""
    async with calling(closed_url()) as scene:
        for _ in range(FAILURES):
            await scene.fail(scene.create)
        assert scene.upstream.answered is False
        assert scene.breakers.states() == {(1,): BreakerState.OPEN}
        assert await scene.create() is None
        assert await scene.read() is None


async def test_what_is_never_sent_shows_nothing() -> None:
    """A request that the SDK refuses, or one that is cancelled, is not a failure of the channel,
    and makes room for the next.
    """
    released = threading.Event()

    def kling_that_waits(request: ReceivedRequest) -> Reply:
        released.wait(10)
        return accepted(request)

    with ScriptedKling(kling_that_waits) as kling:
        async with calling(kling.url, max_waiting=1) as scene:
            for _ in range(FAILURES):
                with pytest.raises(RequestValidationError):
                    await scene.create(prompt=None, external_task_id=7)
            for number in range(FAILURES):
                call = asyncio.ensure_future(scene.create())
                await until(partial(has_asked, kling, number + 1))
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            assert scene.upstream.answered is None
            assert scene.breakers.states() == {}
            released.set()


async def test_an_attempt_is_one_request() -> None:
    """Repeating and looking up are the relay's own decisions: either may go to another channel."""
    with ScriptedKling(lambda _: (503, b"")) as kling:
        async with calling(kling.url) as scene:
            assert await scene.fail(scene.create) == "ServerError"
            assert await scene.fail(scene.read) == "ServerError"
            assert [request.method for request in kling.requests] == ["POST", "GET"]


async def test_an_error_of_kling_s_own_is_a_reply_and_a_failure() -> None:
    """It answers, with a number, but takes no tasks: it is left alone for a while."""
    with ScriptedKling(lambda _: refusal(5000, 500)) as kling:
        async with calling(kling.url) as scene:
            for _ in range(FAILURES):
                assert await scene.fail(scene.create) == "ServerError"
            assert scene.upstream.answered is True
            assert not scene.breakers.is_closed((1,))


async def test_calls_do_not_wait_for_each_other() -> None:
    """A pool of any size: how many run at a time is limited by the channels."""
    together = threading.Barrier(3)

    def kling_that_meets(request: ReceivedRequest) -> Reply:
        together.wait(10)
        return accepted(request)

    with ScriptedKling(kling_that_meets) as kling:
        async with calling(kling.url) as scene:
            assert all(await asyncio.gather(*(scene.create() for _ in range(3))))


# ---------------------------------------------------------------- connections


async def test_creates_share_a_connection() -> None:
    """A handshake for each would cost more than the create."""
    with ScriptedKling(accepted) as kling:
        plain, opened = kling._server.get_request, []

        def get_request() -> object:
            opened.append(1)
            return plain()

        kling._server.get_request = get_request  # type: ignore[method-assign,assignment]  # counts
        async with calling(kling.url) as scene:
            for _ in range(3):
                assert await scene.create()
        assert len(opened) == 1


async def test_connections_are_kept_and_are_no_state() -> None:
    """One session for all channels and keys; after a close, and in a copy, there are new ones."""
    with ScriptedKling(lambda _: envelope(task("873", "submitted"))) as kling:
        async with calling(kling.url) as scene:
            assert await scene.read()
            upstream, (other,) = scene.upstream, parse_keys("AK-2|SK-2")
            client = upstream._client(kling.url, scene.key)
            assert upstream._client(kling.url, scene.key) is client
            assert upstream._client(kling.url, other) is not client
            assert len(upstream._sessions) == 1
            assert upstream._session(kling.url) is upstream._session("http://another.test")
            # A snapshot's copy, whose clock is the one that runs.
            first, scene.upstream = upstream, copy(upstream)
            assert (scene.upstream._clients, scene.upstream._sessions) == ({}, {})
            assert scene.upstream.answered is True
            assert await scene.read()
            await first.close()
            scene.upstream, second = first, scene.upstream
            assert await scene.read()
            await second.close()


async def test_a_certificate_is_that_of_a_base_url(certificate: tuple[Path, Path]) -> None:
    """It applies with or without a slash at the end; other servers are verified by an authority."""
    known = {"https://own.test": ServerCertificate(str(certificate[0]))}
    breakers = Breakers(time.monotonic, print)
    upstream = Upstream(RealClock(), 10.0, Metrics(time.perf_counter), breakers, known)
    own = upstream._session("https://own.test")
    assert upstream._session("https://own.test/") is own
    assert upstream._session("https://another.test") is not own
    await upstream.close()
    assert own.closed


async def test_of_two_keys_that_take_turns_the_refused_one_stays_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And it is logged once, although the other key is taken in between."""
    with ScriptedKling(accepted) as kling:
        async with calling(kling.url) as scene:
            (other,) = parse_keys("AK-by-hand-2|SK-by-hand-2")
            for _ in range(3):
                kling.answer = always(refusal(1002, 401))
                await scene.fail(scene.read)
                kling.answer = lambda _: envelope(task("873", "submitted"))
                assert await scene.upstream.read(scene.channel, other, "text2video", "873")
                assert scene.upstream.refused_keys == {(1, OWN)}
    assert len([text for text in caplog.messages if "refuses the key" in text]) == 1
