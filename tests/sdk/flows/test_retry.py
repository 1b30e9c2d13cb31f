"""The repeats of a failed call, and their pauses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_sdk import (
    ConcurrencyLimitError,
    KlingAPIError,
    KlingError,
    Task,
    TextToVideo,
    TransportError,
)
from kling_sdk.flows import Context, Flow, repeat
from kling_sdk.flows.create import create
from kling_sdk.flows.retry import SHORTEST, Policy, is_transient
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.refusals import api_error
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import FakeClock, context, in_turn, play, reply

REPEATED = {1302: 429, 1303: 429, 5000: 500, 5001: 503, 5002: 504}
FINAL = {
    **dict.fromkeys([1000, 1001, 1002, 1003, 1004], 401),
    **dict.fromkeys([1100, 1101, 1102, 1304], 429),
    1103: 403,
    **dict.fromkeys([1200, 1201, 1300, 1301], 400),
    **dict.fromkeys([1202, 1203], 404),
}
LOST = TransportError("reset")


def refused(code: int, http: int, retry_after: float | None = None) -> KlingAPIError:
    return api_error("no", code=code, http_status=http, retry_after=retry_after)


@pytest.mark.parametrize(("code", "http"), REPEATED.items())
def test_what_can_pass_by_waiting_is_repeated(code: int, http: int) -> None:
    """1302, 1303 and server errors are waited out."""
    assert is_transient(refused(code, http))


@pytest.mark.parametrize(("code", "http"), FINAL.items())
def test_what_waiting_does_not_cure_is_reported_at_once(code: int, http: int) -> None:
    """An empty account, a closed door or a refused prompt stays so, even under HTTP 429."""
    assert not is_transient(refused(code, http))
    assert Policy(None, lambda: 0.5).pause(refused(code, http), 1, 100) is None


@pytest.mark.parametrize(
    ("http", "expected"), [(429, True), (500, True), (502, True), (400, False), (418, False)]
)
def test_a_new_code_is_judged_by_its_http_status(http: int, expected: bool) -> None:  # noqa: FBT001
    """A code that this version does not know neither breaks it nor is repeated blindly."""
    assert is_transient(refused(7777, http)) is expected


errors = st.one_of(
    st.just(LOST),
    st.builds(
        lambda code, after: refused(code, REPEATED[code], after),
        st.sampled_from(sorted(REPEATED)),
        st.none() | st.floats(0, 500),
    ),
)


@settings(deadline=None)
@given(errors, st.integers(1, 10_000), st.floats(0, 0.999), st.floats(0, 1000))
def test_a_pause_is_within_its_bounds(
    error: KlingError, attempt: int, dice: float, remaining: float
) -> None:
    """Never longer than 8 s (1303: 15 s) unless asked, never shorter than asked, in good time."""
    retry_after = (error.retry_after or 0.0) if isinstance(error, KlingAPIError) else 0.0
    busy = isinstance(error, KlingAPIError) and error.code == 1303

    pause = Policy(None, lambda: dice).pause(error, attempt, remaining)

    if pause is None:
        assert remaining - SHORTEST <= max(retry_after, 15.0 if busy else 8.0)
    else:
        assert max(retry_after, 1.0 if busy else 0.0) <= pause
        assert pause <= max(
            retry_after, 15.0 if busy else min(8.0, 0.5 * 2.0 ** min(attempt - 1, 9))
        )
        assert pause < remaining - SHORTEST


@settings(deadline=None)
@given(st.integers(0, 20), st.integers(1, 30))
def test_the_number_of_repeats_is_the_callers(retries: int, attempt: int) -> None:
    """`retries` counts repeats: 0 never repeats, 3 makes four attempts at most."""
    assert (Policy(retries, lambda: 0.5).pause(LOST, attempt, 1e9) is None) is (attempt > retries)


def flow_of(ctx: Context) -> Flow[Task]:
    call = HttpCall("GET", "/v1/videos/text2video/1")
    return repeat(ctx, call, lambda got: ctx.wire.task(got, TextToVideo.record))


TASK = reply(answer(200, 0, "SUCCEED", {"task_id": "1", "task_status": "submitted"}))


def test_a_read_is_repeated_until_it_succeeds() -> None:
    """Lost answers, unreadable answers and busy servers in a row end in the result."""
    clock = FakeClock()
    garbage = reply(answer(200, 0, "SUCCEED"))
    busy = reply(answer(503, 5001, "busy", retry_after="9"))

    played = play(flow_of(context(clock)), clock, in_turn([LOST, garbage, busy, TASK]))

    assert played.result.task_id == "1"
    assert len(played.sends) == 4
    assert played.pauses[2] == 9


def test_a_read_ends_with_its_last_error_at_its_deadline() -> None:
    """A server that is down for longer than the deadline is reported as what it said."""
    clock = FakeClock()

    played = play(flow_of(context(clock, deadline=30.0)), clock, lambda _effect: LOST)

    assert played.error is LOST
    assert 20 < clock.monotonic() < 30


def slow(clock: FakeClock, answered: Reply, seconds: float) -> Callable[[Any], Reply | Exception]:
    """Return what gives the same answer to each attempt that has the time to wait for it."""

    def respond(effect: Any) -> Reply | Exception:
        clock.now += min(seconds, effect.timeout)
        late = TransportError("the response took longer than the attempt's timeout")
        return late if effect.timeout < seconds else answered

    return respond


@pytest.mark.parametrize("timeout", [30.0, 2.0])
def test_the_last_error_is_what_the_server_said(timeout: float) -> None:
    """No attempt begins so late that its time-out would stand for the reply."""
    down = reply(answer(500, 5000, "Server internal error"))
    for seed in range(300):
        clock = FakeClock()
        ctx = context(clock, deadline=2 * timeout, timeout=timeout, seed=seed)

        played = play(flow_of(ctx), clock, slow(clock, down, 0.2))

        assert isinstance(played.error, KlingAPIError), (seed, played.error)
        assert len(played.sends) > 1


def test_a_create_that_finds_no_slot_until_its_deadline_is_a_refusal() -> None:
    """Each attempt is refused, and none begins so late that its outcome would be unknown."""
    busy = reply(answer(429, 1303, "parallel task over resource pack limit"))
    for seed in range(300):
        clock = FakeClock()
        ctx = context(clock, create_deadline=60.0, seed=seed)

        played = play(create(ctx, TextToVideo(prompt="a")), clock, slow(clock, busy, 0.2))

        assert isinstance(played.error, ConcurrencyLimitError), (seed, played.error)


def test_no_attempt_is_given_more_time_than_the_deadline_leaves() -> None:
    """The timeout of each attempt shrinks with the time that is left."""
    clock = FakeClock()

    played = play(flow_of(context(clock, deadline=30.0, timeout=20.0)), clock, lambda _effect: LOST)

    left = 30.0
    for send, pause in zip(played.sends, [*played.pauses, 0.0], strict=True):
        assert send.timeout == pytest.approx(min(20.0, left))
        left -= pause


def test_a_cancelled_read_stops_at_its_next_pause() -> None:
    """Once `cancel` is set, a failing call does not hammer the server without pauses."""
    clock, cancel = FakeClock(), threading.Event()
    clock.on_sleep = lambda _seconds: cancel.set()

    played = play(flow_of(context(clock, cancelled=cancel.is_set)), clock, lambda _effect: LOST)

    assert played.error is LOST
    assert len(played.sends) == 1


@pytest.mark.parametrize("value", ["soon", "-1", "1e3", "99999999", "Wed, 99 Oct 2026 07:28:00"])
def test_a_retry_after_that_cannot_be_read_is_left_out(value: str) -> None:
    """Nonsense in `Retry-After` falls back to the client's own pauses."""
    clock = FakeClock()
    busy = reply(answer(503, 5001, "busy", retry_after=value))

    played = play(flow_of(context(clock)), clock, in_turn([busy, TASK]))

    assert played.result.task_id == "1"
    assert played.pauses[0] <= 0.5


def test_every_repeat_is_told_to_the_event_hook() -> None:
    """Metrics see each request, each failure with its pause, and the answer."""
    clock, seen = FakeClock(), list[Any]()

    play(flow_of(context(clock, on_event=seen.append)), clock, in_turn([LOST, TASK]))

    assert [(event.kind, event.attempt) for event in seen] == [
        ("request", 1),
        ("retry", 1),
        ("request", 2),
        ("response", 2),
    ]
    assert seen[1].error is LOST


def test_an_event_hook_that_fails_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in a metrics hook is logged; the call continues."""
    clock = FakeClock()

    def broken(_event: object) -> None:
        raise RuntimeError("no such gauge")

    played = play(flow_of(context(clock, on_event=broken)), clock, in_turn([TASK]))

    assert played.result.task_id == "1"
    assert "on_event failed" in caplog.text
