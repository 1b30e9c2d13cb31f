"""One call: its headers, its time, which key signs it, and what a reply proves."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kling_sdk import (
    AuthenticationError,
    Event,
    KlingError,
    NotFoundError,
    Task,
    TaskFailedError,
    TransportError,
)
from kling_sdk.auth import ApiKey, Keyring
from kling_sdk.errors import MismatchedReplyError
from kling_sdk.flows import Context
from kling_sdk.flows.core import WRONG_ADDRESS, RepeatedPages, ask, exchange, once, reason
from kling_sdk.wire import HttpCall, Reply, V1Wire
from kling_sdk.wire.refusals import api_error
from kling_sdk.wire.relay import RelayWire
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import FakeClock, Played, context, in_turn, play, reply

CALL = HttpCall("GET", "/v1/a")
OK = reply(answer(200, 0, "SUCCEED", 5))


def read(response: Reply) -> Any:
    return V1Wire().data(response)


def exchanged(
    ctx: Context, clock: FakeClock, answers: Any, *, until: float = 1e9, call: HttpCall = CALL
) -> Played[Any]:
    return play(exchange(ctx, call, read, until), clock, answers)


@pytest.mark.parametrize(
    ("until", "timeout"),
    [
        (1e9, 30.0),
        (30.0, 30.0),
        (29.0, 29.0),
        (0.5, 0.5),
        (0.001, 0.001),
        (0.0, 0.001),
        (-9, 0.001),
    ],
)
def test_a_call_has_the_time_that_is_left(until: float, timeout: float) -> None:
    """It is at most that of the option, and at least a moment."""
    clock = FakeClock()
    played = exchanged(context(clock, timeout=30.0), clock, in_turn([OK]), until=until)
    assert [send.timeout for send in played.sends] == [timeout]
    assert played.result == 5


def test_headers_of_the_call_and_of_the_caller_are_sent() -> None:
    """The authorization is ours; what a trace adds comes last."""
    clock = FakeClock()
    plain = exchanged(context(clock), clock, in_turn([OK])).sends[0].call.headers
    assert plain == {"authorization": "Bearer key-1"}
    ctx = context(clock, extra_headers={"a": "1", "b": "1"})
    ctx = attrs.evolve(ctx, headers={"traceparent": "t"})
    call = HttpCall("GET", "/v1/a", headers={"b": "2"})
    assert exchanged(ctx, clock, in_turn([OK]), call=call).sends[0].call.headers == {
        "a": "1",
        "b": "2",
        "authorization": "Bearer key-1",
        "traceparent": "t",
    }


def test_each_request_and_reply_is_told_to_the_event_hook() -> None:
    """The event has the number of the attempt and the status."""
    clock, events = FakeClock(), list[Event]()
    ctx = context(clock, on_event=events.append)
    play(exchange(ctx, CALL, read, 1e9, 3), clock, in_turn([OK]))
    assert events == [
        Event("request", "GET", "/v1/a", 3),
        Event("response", "GET", "/v1/a", 3, status=200),
    ]


@pytest.mark.parametrize(("status", "has_time"), [(399, False), (400, True), (503, True)])
def test_a_reply_that_may_ask_for_a_pause_has_the_time_it_came(
    *, status: int, has_time: bool
) -> None:
    """A success does not ask for a pause."""
    clock, seen = FakeClock(), list[Reply]()
    flow = exchange(context(clock), CALL, seen.append, 1e9)
    play(flow, clock, in_turn([Reply(status, {}, b"")]))
    assert seen[0].received_at == (clock.now if has_time else None)
    assert seen[0].path == "/v1/a"


def relayed(
    echo: str | None, *, echoes: bool = False, seed: int = 1
) -> tuple[Played[Any], Context]:
    clock = FakeClock()
    ctx = attrs.evolve(context(clock, seed=seed), wire=RelayWire())
    ctx.server.echoes = echoes

    def respond(effect: Any) -> Reply:
        sent = effect.call.headers["x-request-id"]
        headers = {} if echo is None else {"x-request-id": sent if echo == "same" else echo}
        return Reply(200, headers, b"{}")

    def matched(response: Reply) -> bool:
        return response.matched

    return play(exchange(ctx, CALL, matched, 1e9), clock, respond), ctx


def test_a_relay_is_sent_an_id_which_its_reply_repeats() -> None:
    """Until it has shown that it does, each call has a connection of its own."""
    played, ctx = relayed("same")
    (send,) = played.sends
    sent = send.call.headers["x-request-id"]
    assert (len(sent), int(sent, 16) > 0) == (16, True)
    assert (send.fresh, played.value, ctx.server.echoes) == (True, True, True)
    assert relayed("same", echoes=True)[0].sends[0].fresh is False

    played, ctx = relayed(None)
    assert (played.value, ctx.server.echoes) == (False, False)

    played, _ = relayed("other")
    assert isinstance(played.error, MismatchedReplyError)
    assert str(played.error).startswith(
        "the response has a different x-request-id than the request"
    )


def test_the_vendor_is_sent_no_id_of_a_request() -> None:
    """An id that the vendor sends is ignored."""
    clock, seen = FakeClock(), list[Reply]()
    named = OK._replace(headers={"x-request-id": "1"})
    played = play(exchange(context(clock), CALL, seen.append, 1e9), clock, in_turn([named]))
    assert "x-request-id" not in played.sends[0].call.headers
    assert (seen[0].matched, played.sends[0].fresh) == (False, False)


# ---------------------------------------------------------------- keys


def refused(code: int) -> Reply:
    return reply(answer(401, code, "no"))


def keyed(answers: list[Reply], count: int = 3) -> list[str]:
    """Return which keys have signed the calls, and whether each had a connection of its own."""
    clock = FakeClock()
    ring = Keyring(tuple(ApiKey(f"key-{number}") for number in range(count)))
    played = exchanged(context(clock, keys=ring), clock, in_turn(answers))
    assert played.error is None or isinstance(played.error, AuthenticationError)
    names = [send.call.headers["authorization"].removeprefix("Bearer ") for send in played.sends]
    ends = ["ok"] if played.error is None else [f"code {played.error.code}"]
    fresh = ["+" if send.fresh else "" for send in played.sends]
    return [name + mark for name, mark in zip(names, fresh, strict=True)] + ends


def test_the_next_key_signs_when_one_is_refused() -> None:
    """It was refused over a separate connection: before, the response may have been another's."""
    assert keyed([OK]) == ["key-0", "ok"]
    assert keyed([refused(1002)] * 4) == ["key-0", "key-0+", "key-1+", "key-2+", "code 1002"]
    assert keyed([refused(1002), OK]) == ["key-0", "key-0+", "ok"]
    assert keyed([refused(1002), refused(1002), OK]) == ["key-0", "key-0+", "key-1+", "ok"]
    assert keyed([refused(1002)], count=1) == ["key-0", "code 1002"]


def test_a_refusal_of_something_else_is_no_matter_of_the_key() -> None:
    """It is raised at once."""
    clock = FakeClock()
    played = exchanged(context(clock), clock, in_turn([reply(answer(403, 1103, "no"))]))
    assert len(played.sends) == 1
    assert isinstance(played.error, KlingError)
    assert not isinstance(played.error, AuthenticationError)


# ---------------------------------------------------------------- what is asked again


def test_a_task_that_is_not_known_over_a_used_connection_is_asked_for_once_more() -> None:
    """A caller who believes it may buy it again; over a new one it is believed."""
    missing = reply(answer(400, 1201, "Task not found by id/external id: 7"))
    for fresh, sent in ((False, [False, True]), (True, [True])):
        clock = FakeClock()
        flow = ask(context(clock), CALL, read, 1e9, fresh=fresh)
        played = play(flow, clock, in_turn([missing, missing]))
        assert isinstance(played.error, NotFoundError)
        assert [send.fresh for send in played.sends] == sent


def test_a_call_that_may_change_something_is_sent_once() -> None:
    """It is sent once whatever the result, with the deadline of the options."""
    clock = FakeClock()
    ctx = context(clock, deadline=7.0, timeout=30.0)
    played = play(once(ctx, CALL, read), clock, in_turn([TransportError("reset")]))
    assert isinstance(played.error, TransportError)
    assert [send.timeout for send in played.sends] == [7.0]


def page(text: str | None) -> TransportError:
    error = TransportError("a page")
    error.page = text
    return error


@pytest.mark.parametrize(
    ("pages", "hints"),
    [
        ("aaa", [False, False, True]),
        ("aaaa", [False, False, True, False]),
        ("aab", [False, False, False]),
        ("baa", [False, False, False]),
        ("baaa", [False, False, False, False]),
        ("-aaa", [False, False, False, False]),
        ("a-a", [False, False, False]),
        ("---", [False, False, False]),
    ],
)
def test_the_same_page_three_times_from_the_first_says_that_the_address_is_wrong(
    pages: str, hints: list[bool]
) -> None:
    """`-` is an error without a page."""
    counted = RepeatedPages()
    for name, is_said in zip(pages, hints, strict=True):
        error = page(None if name == "-" else name)
        counted.note(error)
        assert counted.are_all_the_same is is_said
        assert getattr(error, "__notes__", []) == ([WRONG_ADDRESS] if is_said else [])


def test_a_reason_is_told_in_our_own_words() -> None:
    """The server's may quote the prompt."""
    refusal = api_error("secret", code=1301, http_status=400, request_id="r")
    bare = api_error("secret", code=0, http_status=500)
    assert reason(refusal) == "HTTP 400, code 1301, request_id r"
    assert reason(bare) == "HTTP 500, code 0, request_id -"
    assert reason(TaskFailedError("secret", Task("7", "failed"))) == "task 7 failed"
    assert reason(TransportError("reset")) == "reset"
