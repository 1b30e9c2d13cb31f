"""One create on a relay: what its 409s mean, and that they neither buy nor mix up tasks."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_sdk import (
    ConflictError,
    KlingAPIError,
    KlingError,
    OutcomeUnknownError,
    RequestInProgressError,
    Task,
    TextToVideo,
    TransportError,
)
from kling_sdk.flows import Context, Send
from kling_sdk.flows.create import create
from kling_sdk.wire import Reply
from kling_sdk.wire.refusals import api_error
from kling_sdk.wire.relay import RelayWire
from tests.sdk.fake_kling import answer
from tests.sdk.fake_relay import CONFLICT, IN_PROGRESS, FakeRelay, refused
from tests.sdk.scripted import FakeClock, Played, context, play, reply

REQUEST: Final = TextToVideo(prompt="a kitten", external_task_id="order-1")
UNKNOWN_409: Final = refused(409, "conflict")
POST, LOOK = "POST /kling/v1/videos/text2video", "GET /kling/v1/videos/order-1"


#: Possible fates of a request: is it carried out, and what does the client get? None is the
#: relay's own reply. A create that is in progress is accepted in the end, or it is refused.
OUTCOMES: Final[dict[str, tuple[bool, Reply | Exception | None]]] = {
    "ok": (True, None),
    "not sent": (False, TransportError("refused", maybe_sent=False)),
    "lost": (False, TransportError("reset")),
    "lost after": (True, TransportError("reset")),
    "in progress": (True, IN_PROGRESS),
    "in progress, then refused": (False, IN_PROGRESS),
    "503": (False, refused(503, "unavailable", retry_after="1")),
    "402": (False, refused(402, "insufficient_quota")),
    "1301": (False, refused(400, 1301)),
    "unknown 409": (False, UNKNOWN_409),
    "unknown 409 after": (True, UNKNOWN_409),
}
CERTAIN: Final = {"ok", "not sent", "402", "1301"}


def on_relay(clock: FakeClock, **options: Any) -> Context:
    return attrs.evolve(context(clock, **options), wire=RelayWire())


def tried(
    outcomes: Iterable[str], then: str = "ok", relay: FakeRelay | None = None, **options: Any
) -> tuple[Played[Task], FakeRelay, FakeClock]:
    relay, clock, left = relay or FakeRelay(), FakeClock(), iter(outcomes)

    def respond(effect: Send) -> Reply | Exception:
        carried_out, given_back = OUTCOMES[
            "ok" if effect.call.method == "GET" else next(left, then)
        ]
        own = relay.reply_to(effect) if carried_out else UNKNOWN_409
        answered = own if given_back is None else given_back
        if isinstance(answered, Exception):
            return answered
        echo = {"x-request-id": effect.call.headers["x-request-id"]}
        return answered._replace(headers={**answered.headers, **echo})

    return play(create(on_relay(clock, **options), REQUEST), clock, respond), relay, clock


# ---------------------------------------------------------------- in progress


def test_a_request_in_progress_is_repeated_after_the_pause_that_the_relay_asks_for() -> None:
    """It ends in the task of the first create, with one task made."""
    played, relay, _ = tried(["lost after", "in progress", "in progress", "ok"])

    assert played.sent == [POST] * 4
    assert played.result.task_id == relay.tasks["order-1"]
    assert all(pause >= 2 for pause in played.pauses[1:])


def test_a_request_that_stays_in_progress_is_looked_up_at_the_deadline() -> None:
    """The task exists, whatever happens to it: the caller gets it, and no error."""
    played, relay, clock = tried([], "in progress", create_deadline=30.0)

    assert played.result.task_id == relay.tasks["order-1"]
    assert played.sent[-1] == LOOK
    assert played.sent.count(POST) > 5
    assert clock.monotonic() <= 30


@pytest.mark.parametrize("retries", [0, 1])
def test_without_repeats_a_request_in_progress_is_looked_up_at_once(retries: int) -> None:
    """`retries` bounds the repeats; the look-up does not count as one."""
    played, relay, _ = tried([], "in progress", retries=retries)

    assert played.sent == [POST] * (1 + retries) + [LOOK]
    assert played.result.task_id == relay.tasks["order-1"]


def test_a_request_in_progress_that_is_not_found_afterwards_is_unknown() -> None:
    """It is neither a refusal nor a conflict: the caller asks later, and buys nothing else."""
    played, _, _ = tried([], "in progress, then refused", create_deadline=30.0)

    assert isinstance(played.error, OutcomeUnknownError)
    assert played.error.external_task_id == "order-1"
    assert isinstance(played.error.__cause__, RequestInProgressError)


def test_without_look_ups_a_request_that_stays_in_progress_is_unknown() -> None:
    """`look_up=False` still repeats it, and does not look it up."""
    played, _, _ = tried([], "in progress", create_deadline=30.0, look_up=False)

    assert isinstance(played.error, OutcomeUnknownError)
    assert set(played.sent) == {POST}


# ---------------------------------------------------------------- conflicts


@pytest.mark.parametrize("before", [[], ["lost"], ["in progress, then refused"]])
def test_a_conflict_is_one_whatever_was_lost_before(before: list[str]) -> None:
    """The relay says that the id belongs to another request, so this one was not accepted."""
    relay = FakeRelay(tasks={"order-1": "kling_9"}, bodies={"order-1": {"prompt": "a dog"}})
    played, _, _ = tried(before, relay=relay)

    assert isinstance(played.error, ConflictError)
    assert played.error.is_refusal
    assert played.error.external_task_id == "order-1"
    assert set(played.sent) == {POST}


@pytest.mark.parametrize("is_created", [False, True])
def test_a_409_for_an_unknown_reason_proves_nothing(is_created: bool) -> None:  # noqa: FBT001 - a case
    """It may mean that this request is being sent, or that another has the id.

    So it is neither a refusal nor followed by a look-up, which might find another request's task.
    """
    played, _, _ = tried(["unknown 409 after" if is_created else "unknown 409"])

    assert isinstance(played.error, OutcomeUnknownError)
    assert played.sent == [POST]


def test_a_409_of_kling_for_an_unknown_reason_proves_nothing_either() -> None:
    """Kling's own codes decide, where the reply has one."""
    clock = FakeClock()
    replies = iter([reply(answer(409, 1399, "a code of tomorrow"))])
    played = play(create(context(clock), REQUEST), clock, lambda _: next(replies))

    assert isinstance(played.error, OutcomeUnknownError)


def over_a_used_connection(replies: Iterable[Reply | Exception], **options: Any) -> Played[Task]:
    """Create over a connection that was used before, to a relay that does not repeat its id."""
    clock, left = FakeClock(), iter(replies)
    ctx = on_relay(clock, reuse_connections=True, **options)
    ctx.server.echoes = True
    return play(create(ctx, REQUEST), clock, lambda _: next(left))


OTHERS: Final = FakeRelay(tasks={"order-1": "kling_of_another_request"})


@pytest.mark.parametrize("retries", [0, None])
def test_a_conflict_over_a_used_connection_is_made_certain(retries: int | None) -> None:
    """The create is sent once more over a new one. A look-up would find the other's task."""
    played = over_a_used_connection(
        [CONFLICT, CONFLICT, OTHERS.task_reply("order-1")], retries=retries
    )

    assert isinstance(played.error, ConflictError)
    assert played.sent == [POST, POST]
    assert [send.fresh for send in played.sends] == [False, True]


def test_a_conflict_that_is_being_made_certain_keeps_to_the_deadline() -> None:
    """The create that is sent once more has what is left of the time, and ten seconds at least."""
    clock = FakeClock()
    ctx = on_relay(clock, create_deadline=120.0)
    ctx.server.echoes = True

    def respond(effect: Send) -> Reply:
        clock.sleep(119.0)
        return CONFLICT

    played = play(create(ctx, REQUEST), clock, respond)

    assert isinstance(played.error, ConflictError)
    assert [send.timeout for send in played.sends] == [30.0, 10.0]


def test_a_conflict_that_is_being_made_certain_is_named_when_it_is_interrupted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The repeated create may make a task."""
    ctx = on_relay(FakeClock())
    ctx.server.echoes = True
    flow = create(ctx, REQUEST)
    first = next(flow)
    assert isinstance(first, Send)
    with pytest.raises(ConflictError) as refused_first:
        first.read(CONFLICT)

    assert isinstance(flow.throw(refused_first.value), Send)
    with caplog.at_level(logging.WARNING, "kling_sdk"):
        flow.close()
    assert "order-1" in caplog.text


def test_a_conflict_that_was_the_reply_to_another_request_hides_no_task() -> None:
    """The repeated create is accepted: it is the caller's task."""
    ours = FakeRelay(tasks={"order-1": "kling_0"}).task_reply("order-1")
    played = over_a_used_connection([CONFLICT, ours, ours])

    assert played.result.task_id == "kling_0"


@pytest.mark.parametrize("then", [TransportError("reset"), UNKNOWN_409, IN_PROGRESS])
def test_a_conflict_that_cannot_be_made_certain_is_unknown(then: Reply | Exception) -> None:
    """It is neither a conflict nor another caller's task."""
    played = over_a_used_connection([CONFLICT, then, OTHERS.task_reply("order-1")])

    assert isinstance(played.error, OutcomeUnknownError)
    assert played.sent == [POST, POST]


# ---------------------------------------------------------------- any order

names = st.sampled_from(sorted(OUTCOMES))


@settings(max_examples=500)
@given(st.lists(names, max_size=10), names, st.none() | st.integers(0, 6), st.booleans())
@pytest.mark.slow
def test_no_order_of_events_doubles_loses_or_mixes_up_a_create(
    outcomes: list[str],
    then: str,
    retries: int | None,
    another_has_the_id: bool,  # noqa: FBT001 - drawn by the property
) -> None:
    """The result is its own task, a refusal without a task, "unknown", or a true conflict."""
    relay = FakeRelay()
    if another_has_the_id:
        relay = FakeRelay(tasks={"order-1": "kling_9"}, bodies={"order-1": {"prompt": "a dog"}})
        outcomes = [outcome for outcome in outcomes if "in progress" not in outcome]
        then = "ok" if "in progress" in then else then
    played, relay, clock = tried(outcomes, then, relay, retries=retries)
    befell = [*outcomes, *[then] * 1000][: played.sent.count(POST)]

    assert len(relay.tasks) <= 1
    assert clock.monotonic() <= 130
    if another_has_the_id and set(befell) <= CERTAIN:
        assert played.error is not None  # a look-up compares no requests, and a repeat does
    if isinstance(played.error, ConflictError):
        assert another_has_the_id
    elif played.error is None:
        assert played.result.task_id == relay.tasks["order-1"]
    elif isinstance(played.error, OutcomeUnknownError):
        assert not set(befell) <= CERTAIN
    else:
        assert isinstance(played.error, KlingAPIError | TransportError)
        assert not isinstance(played.error, RequestInProgressError)
        assert another_has_the_id or not relay.tasks
        assert set(befell) <= CERTAIN


@pytest.mark.parametrize(
    ("relay_code", "http", "kind", "proof"),
    [
        ("external_task_id_conflict", 409, ConflictError, True),
        ("request_in_progress", 409, RequestInProgressError, False),
        ("conflict", 409, KlingAPIError, False),
        ("", 409, KlingAPIError, False),
        ("external_task_id_conflict", 502, KlingError, False),
    ],
)
def test_what_a_relay_s_409_is(
    relay_code: str,
    http: int,
    kind: type[KlingError],
    proof: bool,  # noqa: FBT001 - a case
) -> None:
    """Only the conflict of ids proves that nothing was created."""
    error = api_error("no", code=0, http_status=http, relay_code=relay_code, complete=True)
    assert isinstance(error, kind)
    assert error.is_refusal is proof
    assert isinstance(error, ConflictError) is (kind is ConflictError)
