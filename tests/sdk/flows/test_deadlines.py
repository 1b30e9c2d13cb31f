"""The total time of a call: all its repeats, and all the places that it asks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import pytest

from kling_mock import KlingMock
from kling_sdk import KlingError, OutcomeUnknownError, TextToVideo, TransportError
from kling_sdk.flows import Flow, Send
from kling_sdk.flows.any_task import wait_any
from kling_sdk.flows.create import create
from kling_sdk.flows.get import get, get_any
from kling_sdk.wire import Reply
from tests.sdk.clients import CLIENTS, Calls, over
from tests.sdk.fake_kling import answer
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock, context, play, reply

RECORD: Final = TextToVideo.record
ANOTHERS: Final = answer(
    200,
    0,
    "SUCCEED",
    {"task_id": "666", "task_status": "submitted", "task_info": {"external_task_id": "another"}},
)
NOT_FOUND: Final = reply(answer(400, 1201, "Task not found by id/external id: order-1"))
EXISTS: Final = reply(answer(400, 1201, "External_task_id order-1 already exists"))


def spent(flow: Flow[Any], respond: Callable[[Send], Reply | Exception], clock: FakeClock) -> float:
    """Return the seconds that a flow takes whose every call takes as long as it may, up to 3 s."""
    started = clock.now

    def slowly(effect: Send) -> Reply | Exception:
        clock.now += min(3.0, effect.timeout)
        return respond(effect)

    played = play(flow, clock, slowly)
    assert isinstance(played.error, KlingError)
    return clock.now - started


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("call", ["get", "list"])
def test_a_timeout_given_to_a_call_bounds_all_its_repeats(client: str, call: str) -> None:
    """Replies that are all about another task, or cut short, are repeated within it."""
    clock = FakeClock()
    fault = Fault("mangled", reply=ANOTHERS) if call == "get" else Fault("accepted")
    calls: dict[str, Callable[[Any], Any]] = {
        "get": lambda kling: kling.text2video.get("order-1", timeout=4),
        "list": lambda kling: kling.text2video.list(timeout=4),
    }
    with FaultyKling() as server:
        server.breaks(then=fault)
        with pytest.raises(TransportError):
            over(client, calls[call], server.url, clock)
        assert len(server.requests) >= 2
    assert 0 < sum(clock.slept) <= 4


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("call", ["list", "create", "download"])
def test_a_call_may_take_for_ever(client: str, call: str) -> None:
    """No socket takes infinity, so an attempt has an end."""
    calls: dict[str, Callable[[Any], Any]] = {
        "list": lambda kling: kling.text2video.list(timeout=math.inf),
        "create": lambda kling: kling.text2video.create(prompt="x", timeout=math.inf),
        "download": lambda kling: kling.download(url),
    }
    with KlingMock() as mock, mock.client() as kling:
        url = kling.text2video.run(prompt="x").videos[0].url
        limits = dict.fromkeys(("timeout", "create_deadline", "download_timeout"), math.inf)
        assert over(client, calls[call], mock.kling_url, FakeClock(), key=mock.api_key, **limits)


def test_without_one_the_deadline_bounds_them() -> None:
    """Negative control: the client's own `timeout` is for one attempt."""
    clock = FakeClock()
    with FaultyKling() as server:
        server.breaks(then=Fault("mangled", reply=ANOTHERS))
        with pytest.raises(TransportError):
            over("httpx", Calls("order-1").get, server.url, clock, timeout=4.0)
    assert 20 < sum(clock.slept) <= 60


@pytest.mark.parametrize("find", [get, get_any, wait_any])
def test_all_places_that_are_asked_share_one_deadline(find: Callable[..., Any]) -> None:
    """An id that no place knows is asked for at two, or at some twenty."""
    clock = FakeClock()
    ctx = context(clock, with_tasks=True, deadline=10.0, wait_timeout=10.0)
    flow = get(ctx, RECORD, "order-1") if find is get else find(ctx, "order-1")
    assert 9 <= spent(flow, lambda _: NOT_FOUND, clock) <= 11


def test_the_search_for_a_wait_is_bounded_by_the_wait() -> None:
    """The limit applies where the wait is shorter than the deadline of a call."""
    clock = FakeClock()
    ctx = context(clock, wait_timeout=6.0)
    assert spent(wait_any(ctx, "order-1"), lambda _: TransportError("reset"), clock) <= 7


@pytest.mark.parametrize("seconds", [3.0, 60.0])
def test_look_ups_of_a_create_share_what_is_left_of_it_or_ten_seconds(seconds: float) -> None:
    """A taken id is looked for at each endpoint, and the create still ends."""
    clock = FakeClock()
    ctx = context(clock, create_deadline=seconds, with_tasks=True)
    flow = create(ctx, TextToVideo(prompt="a kitten", external_task_id="order-1"))
    answers: dict[str, Reply] = {"POST": EXISTS, "GET": NOT_FOUND}
    started = clock.now

    def slowly(effect: Send) -> Reply:
        clock.now += min(3.0, effect.timeout)
        return answers[effect.call.method]

    played = play(flow, clock, slowly)
    assert isinstance(played.error, OutcomeUnknownError)
    assert clock.now - started <= max(seconds, 13.0) + 1
