"""One create, judged by hand: every order of lost answers, refusals and repeats."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_sdk import (
    AccountError,
    AuthenticationError,
    ConcurrencyLimitError,
    ConflictError,
    InvalidRequestError,
    KlingAPIError,
    KlingError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    RequestValidationError,
    Task,
    TextToVideo,
    TransportError,
)
from kling_sdk.auth import ApiKey, Keyring
from kling_sdk.flows import Send
from kling_sdk.flows.create import create
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import HonestKling, answer
from tests.sdk.scripted import FakeClock, Played, context, play, reply, reply_of

REQUEST: Final = TextToVideo(prompt="a kitten", external_task_id="order-1")
Respond = Callable[[Send], Reply | Exception]


def refusal(http: int, code: int) -> Reply:
    return reply(answer(http, code, "no"))


#: Possible fates of a request: is it carried out, and what does the client get?
#: `True` carries it out first; None answers it honestly.
OUTCOMES: Final[dict[str, tuple[bool, Reply | Exception | None]]] = {
    "ok": (True, None),
    "not sent": (False, TransportError("refused", maybe_sent=False)),
    "lost": (False, TransportError("reset")),
    "lost after": (True, TransportError("reset")),
    "garbage": (True, Reply(200, {}, b"<html>")),
    "500": (False, Reply(500, {}, b"oops")),
    "500 after": (True, Reply(500, {}, b"oops")),
    "1302": (False, refusal(429, 1302)),
    "1303": (False, refusal(429, 1303)),
    "1102": (False, refusal(429, 1102)),
    "1200": (False, refusal(400, 1200)),
    "1301": (False, refusal(400, 1301)),
    "bug": (True, UnicodeError("in some library")),
}
MAYBE: Final = {"lost", "lost after", "garbage", "500", "500 after", "bug"}


def network(kling: HonestKling, outcomes: Iterable[str], then: str = "ok") -> Respond:
    """Return a responder: *outcomes* in turn, then *then* forever."""
    left = iter(outcomes)

    def respond(effect: Send) -> Reply | Exception:
        carried_out, given_back = OUTCOMES[next(left, then)]
        honest = reply_of(kling, effect) if carried_out else None
        return given_back if given_back is not None else honest or refusal(500, 5000)

    return respond


def tried(
    outcomes: Iterable[str], then: str = "ok", kling: HonestKling | None = None, **options: Any
) -> tuple[Played[Task], HonestKling, FakeClock]:
    kling, clock = kling or HonestKling(), FakeClock()
    wait_for_slot = options.pop("wait_for_slot", True)
    ctx = context(clock, **options)
    flow = create(ctx, REQUEST, wait_for_slot=wait_for_slot)
    return play(flow, clock, network(kling, outcomes, then)), kling, clock


POST, LOOK = "POST /v1/videos/text2video", "GET /v1/videos/text2video/order-1"


@pytest.mark.parametrize(
    ("outcomes", "calls"),
    [
        (["ok"], [POST]),
        (["not sent", "not sent", "ok"], [POST] * 3),
        (["lost", "ok"], [POST] * 2),
        (["lost after", "ok"], [POST, POST, LOOK]),
        (["garbage", "ok"], [POST, POST, LOOK]),
        (["500 after", "ok"], [POST, POST, LOOK]),
        (["1302", "1303", "500", "ok"], [POST] * 4),
        (["lost after", "lost", "lost", "ok"], [POST] * 4 + [LOOK]),
        (["lost after", "ok", "lost", "500", "ok"], [POST, POST, LOOK, LOOK, LOOK]),
        (["lost after", "1102"], [POST, POST, LOOK]),
        (["lost after", "1301"], [POST, POST, LOOK]),
    ],
)
def test_a_task_that_was_made_is_found(outcomes: list[str], calls: list[str]) -> None:
    """However its answer was lost, one create ends in the one task it made."""
    played, kling, _ = tried(outcomes)

    assert played.sent == calls
    assert [played.result.task_id] == list(kling.tasks)
    assert played.result.external_task_id == "order-1"


@pytest.mark.parametrize(
    ("outcomes", "then", "error"),
    [
        (["1102"], "ok", AccountError),
        (["1200"], "ok", InvalidRequestError),
        (["1302", "1102"], "ok", AccountError),
        (["not sent", "1200"], "ok", InvalidRequestError),
        ([], "not sent", TransportError),
        ([], "1302", RateLimitError),
        ([], "1303", ConcurrencyLimitError),
        (["lost"], "1102", OutcomeUnknownError),
        (["lost", "1200"], "ok", OutcomeUnknownError),
        ([], "lost", OutcomeUnknownError),
        ([], "lost after", OutcomeUnknownError),
        ([], "500", OutcomeUnknownError),
        ([], "bug", OutcomeUnknownError),
    ],
)
def test_a_create_without_a_task_says_what_is_known(
    outcomes: list[str], then: str, error: type[KlingError]
) -> None:
    """A refusal is one when every attempt was refused; else the outcome is unknown."""
    played, _, _ = tried(outcomes, then)

    assert type(played.error) is error
    assert isinstance(played.error, KlingError)
    assert played.error.external_task_id == "order-1"


names = st.sampled_from(sorted(OUTCOMES))


@settings(max_examples=1000, deadline=None)
@given(st.lists(names, max_size=12), names, st.none() | st.integers(0, 6), st.booleans())
@pytest.mark.slow
def test_no_order_of_events_doubles_or_loses_a_create(
    outcomes: list[str],
    then: str,
    retries: int | None,
    wait_for_slot: bool,  # noqa: FBT001 - drawn by the property
) -> None:
    """For any outcomes, the result is the existing task, a refusal without a task, or "unknown"."""
    played, kling, clock = tried(outcomes, then, retries=retries, wait_for_slot=wait_for_slot)
    attempts = played.sent.count(POST)
    befell = [*outcomes, *[then] * attempts][:attempts]

    assert len(kling.tasks) <= 1
    assert {send.call.json["external_task_id"] for send in played.sends if send.call.json} == {
        "order-1"
    }
    assert clock.monotonic() <= 130
    if played.error is None:
        assert [played.result.task_id] == list(kling.tasks)
    elif isinstance(played.error, OutcomeUnknownError):
        assert MAYBE & set(befell)
        assert played.error.external_task_id == "order-1"
    else:
        assert isinstance(played.error, KlingAPIError | TransportError)
        assert not kling.tasks
        assert not MAYBE & set(befell)


def test_an_id_is_made_when_none_is_given_and_kept_over_repeats() -> None:
    """Without an id of the caller's, each create has its own, the same in every attempt."""
    clock, kling = FakeClock(), HonestKling()
    ctx = context(clock)
    request = TextToVideo(prompt="a kitten")

    for _ in range(3):
        played = play(create(ctx, request), clock, network(kling, ["lost", "500", "ok"]))
        ids = {send.call.json["external_task_id"] for send in played.sends}
        assert ids == {played.result.external_task_id}

    assert len(kling.by_external) == 3


def test_a_second_create_under_the_same_id_returns_the_first_task(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A program that was restarted can repeat its create: it gets the task it has paid for."""
    kling = HonestKling()
    first, _, _ = tried(["ok"], kling=kling)

    with caplog.at_level(logging.INFO, "kling_sdk"):
        second, _, _ = tried(["ok"], kling=kling)

    assert second.result.task_id == first.result.task_id
    assert "order-1 had a task already" in caplog.text


def test_an_id_that_another_endpoint_has_used_is_a_conflict() -> None:
    """The task is found where it is, so it is certain that this create made no task."""
    kling = HonestKling()
    body = {"external_task_id": "order-1"}
    kling.answer("POST", "/v1/videos/image2video", {}, {}, body)

    played, _, _ = tried(["ok"], kling=kling)

    assert isinstance(played.error, ConflictError)
    assert "belongs to a task of image2video" in str(played.error)
    assert played.error.task_id == next(iter(kling.tasks))


def test_an_id_that_is_taken_but_shows_no_task_is_not_a_refusal() -> None:
    """The task is not visible yet at any endpoint: the error says to ask later."""
    conflict = reply(answer(400, 1201, "External_task_id order-1 already exists"))
    hidden = reply(answer(400, 1201, "Task not found by id/external id: order-1"))

    def respond(effect: Send) -> Reply:
        return conflict if effect.call.method == "POST" else hidden

    clock = FakeClock()
    played = play(create(context(clock), REQUEST), clock, respond)

    assert isinstance(played.error, OutcomeUnknownError)
    assert "its id is already in use" in str(played.error)


def test_a_task_that_exists_is_asked_for_until_the_creates_deadline() -> None:
    """Knowing that the task is there, the client does not give up after a few seconds."""
    played, kling, clock = tried(["lost after", "ok", *["500"] * 9])

    assert [played.result.task_id] == list(kling.tasks)
    assert 10 < clock.monotonic() < 130


def test_nothing_is_sent_that_the_model_cannot_do() -> None:
    """A known impossibility costs neither a call nor money."""
    clock = FakeClock()
    request = TextToVideo(prompt="a kitten", model_name="kling-v1-5")

    played = play(create(context(clock), request), clock, network(HonestKling(), []))

    assert isinstance(played.error, RequestValidationError)
    assert not played.effects


# ---------------------------------------------------------------- keys


def keyed(refuse: dict[str, list[int]]) -> tuple[Played[Task], list[str]]:
    """Create with two keys; *refuse* gives the codes each key is answered with, in turn."""
    clock, kling, used = FakeClock(), HonestKling(), list[str]()

    def respond(effect: Send) -> Reply:
        key = effect.call.headers["authorization"].removeprefix("Bearer ")
        used.append(key)
        codes = refuse.get(key, [])
        return refusal(401, codes.pop(0)) if codes else reply_of(kling, effect)

    ctx = context(clock, keys=Keyring((ApiKey("k1"), ApiKey("k2"))))
    return play(create(ctx, REQUEST), clock, respond), used


@pytest.mark.parametrize(
    ("refuse", "used", "passes"),
    [
        ({"k1": [1004]}, ["k1", "k1"], True),
        ({"k1": [1003]}, ["k1", "k1"], True),
        ({"k1": [1004, 1004]}, ["k1", "k1"], False),
        ({"k1": [1003, 1004, 1003]}, ["k1"] * 3, False),
        ({"k1": [1000]}, ["k1", "k2"], True),
        ({"k1": [1001]}, ["k1", "k2"], True),
        ({"k1": [1002]}, ["k1", "k2"], True),
        ({"k1": [1002], "k2": [1002]}, ["k1", "k2"], False),
        ({"k1": [1004, 1002], "k2": [1004]}, ["k1", "k1", "k2"], False),
        ({"k1": [1103]}, ["k1"], False),
    ],
)
def test_a_token_is_renewed_once_and_a_refused_key_gives_way(
    refuse: dict[str, list[int]], used: list[str], *, passes: bool
) -> None:
    """1003 and 1004 sign again once, 1000 to 1002 try the next key once; then it is refused."""
    played, seen = keyed(refuse)

    assert seen == used
    assert (played.error is None) is passes
    assert not played.pauses
    expected = PermissionDeniedError if used == ["k1"] else AuthenticationError
    assert passes or type(played.error) is expected


class TwoAccounts:
    """Key `k1` is of one account, `k2` of another: what no client can rule out."""

    def __init__(self, outcomes: Iterable[tuple[str, str]]) -> None:
        self.accounts = {"k1": HonestKling(), "k2": HonestKling()}
        self.left = {key: [what for who, what in outcomes if who == key] for key in self.accounts}
        self.used: list[str] = []

    def respond(self, effect: Send) -> Reply | Exception:
        key = effect.call.headers["authorization"].removeprefix("Bearer ")
        self.used.append(key)
        left = self.left[key]
        what = left.pop(0) if left else "ok"
        if what in {"1000", "1001", "1002"}:
            return refusal(401, int(what))
        carried_out, given_back = OUTCOMES[what]
        honest = reply_of(self.accounts[key], effect) if carried_out else None
        return given_back if given_back is not None else honest or refusal(500, 5000)

    @property
    def bought(self) -> int:
        return sum(len(kling.tasks) for kling in self.accounts.values())


REFUSALS: Final = ("1000", "1001", "1002")


def across(
    outcomes: list[tuple[str, str]], turn_at: int | None = None
) -> tuple[Played[Task], TwoAccounts]:
    """Create with keys of two accounts; *turn_at* is the call before which others turn the ring."""
    two, ring = TwoAccounts(outcomes), Keyring((ApiKey("k1"), ApiKey("k2")))

    def respond(effect: Send) -> Reply | Exception:
        if len(two.used) == turn_at:
            ring.turn("Bearer k1")  # another call of this client has met a refusal
        return two.respond(effect)

    clock = FakeClock()
    return play(create(context(clock, keys=ring), REQUEST), clock, respond), two


@settings(max_examples=500)
@given(
    st.lists(
        st.tuples(st.sampled_from(["k1", "k2"]), st.sampled_from([*OUTCOMES, *REFUSALS])),
        max_size=8,
    ),
    st.none() | st.integers(0, 6),
)
@pytest.mark.slow
def test_keys_of_two_accounts_never_buy_twice(
    outcomes: list[tuple[str, str]], turn_at: int | None
) -> None:
    """Once a create may have been accepted, no key but the one that sent it is used for it."""
    played, two = across(outcomes, turn_at)
    assert two.bought <= 1
    if two.bought and played.error is not None:
        assert isinstance(played.error, OutcomeUnknownError)
    if two.bought and played.error is None:
        assert any(played.result.task_id in kling.tasks for kling in two.accounts.values())


def test_a_key_that_is_refused_after_a_lost_answer_does_not_give_way() -> None:
    """The answer is lost, then the key is refused: unknown, and the other account buys nothing."""
    played, two = across([("k1", "lost after"), *[("k1", "1002")] * 9])
    assert isinstance(played.error, OutcomeUnknownError)
    assert played.error.external_task_id == "order-1"
    assert set(two.used) == {"k1"}
    assert two.bought == 1

    played, two = across([("k1", "lost after"), ("k1", "1002")])
    assert [played.result.task_id] == list(two.accounts["k1"].tasks)
    assert set(two.used) == {"k1"}


def test_keys_that_turn_after_a_lost_answer_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canary: without holding on to the key, the same refusal buys a second task."""
    monkeypatch.setattr("kling_sdk.auth.CallKeys.hold", lambda _self: None)
    _, two = across([("k1", "lost after"), ("k1", "1002")])
    assert two.bought == 2


# ---------------------------------------------------------------- being called off


def test_a_cancelled_create_stops_repeating_and_says_what_is_known() -> None:
    """Once `cancel` is set, one look-up asks for the outcome, without more repeats."""
    clock, cancel, kling = FakeClock(), threading.Event(), HonestKling()
    clock.on_sleep = lambda _seconds: cancel.set()
    ctx = context(clock, cancelled=cancel.is_set)

    played = play(create(ctx, REQUEST), clock, network(kling, ["lost after", "ok"]))
    assert [played.result.task_id] == list(kling.tasks)
    assert played.sent == [POST, LOOK]

    cancel.clear()
    played = play(create(ctx, REQUEST), clock, network(HonestKling(), [], "1302"))
    assert isinstance(played.error, RateLimitError)
    assert played.sent == [POST]


def test_a_create_that_is_torn_down_leaves_its_id_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After Ctrl-C or an asyncio cancellation, there is no error to carry the id."""
    flow = create(context(FakeClock()), TextToVideo(prompt="a kitten"))
    effect = next(flow)
    assert isinstance(effect, Send)

    flow.close()

    assert effect.call.json["external_task_id"] in caplog.text
