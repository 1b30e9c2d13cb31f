"""The outcome of a create by the server's responses: the calls, and the texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final

import attrs
import pytest

from kling_sdk import (
    ENDPOINTS,
    AlreadyExistsError,
    ConflictError,
    DramaSubtitle,
    InvalidRequestError,
    OutcomeUnknownError,
    Request,
    RequestValidationError,
    Task,
    TextToVideo,
    TransportError,
    UnreachableError,
)
from kling_sdk.auth import AccessKey, ApiKey, Keyring
from kling_sdk.facts.models import EXTERNAL_IDS
from kling_sdk.flows import Send
from kling_sdk.flows.create import create
from kling_sdk.flows.external_ids import external_id_for
from kling_sdk.wire import Reply
from kling_sdk.wire.relay import RelayWire
from tests.endpoints import MAKERS
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import START, FakeClock, Played, context, in_turn, play, reply

ID: Final = "order-1"
POST, LOOK = "POST /v1/videos/text2video", f"GET /v1/videos/text2video/{ID}"
ELSEWHERE = [
    f"GET {ENDPOINTS[name].path}/{ID}"
    for name in MAKERS
    if name != "text2video" and ENDPOINTS[name].solution is None
]
AT_SOLUTIONS: Final = "GET /solutions"
NOT_FOUND: Final = reply(answer(400, 1201, f"Task not found by id/external id: {ID}"))
TAKEN: Final = reply(answer(400, 1201, f"External_task_id {ID} already exists"))
BUSY: Final = reply(answer(429, 1302, "slow down"))
NOBODY: Final = reply(answer(200, 0, "SUCCEED", []))
REFUSED: Final = reply(answer(400, 1200, "no"))
LOST: Final = TransportError("reset")
ASK = (
    f"; do not send it under another id. Look it up with get({ID!r}), or repeat it with "
    f"external_task_id={ID!r}"
)


def task_reply(
    external: str | None = ID, task_id: str = "7", age: float | None = None, date: str = ""
) -> Reply:
    """Return a reply about a task that was made *age* seconds before the first attempt."""
    info = {} if external is None else {"task_info": {"external_task_id": external}}
    times = {} if age is None else {"created_at": round((START - age) * 1000)}
    task = {"task_id": task_id, "task_status": "submitted", **info, **times}
    success = reply(answer(200, 0, "SUCCEED", task))
    return success._replace(headers={**success.headers, "date": date})


def unknown(why: str) -> str:
    return f"the create may have been accepted ({why}){ASK}"


def created(
    answers: Mapping[str, Any],
    *,
    own_id: bool = True,
    model: str = "kling-v2-6",
    with_tasks: bool = False,
    of_solutions: bool = False,
    is_real_time: bool = False,
    **options: Any,
) -> Played[Task]:
    """Create a task; each call gets the answer of its `METHOD path`, several in turn."""
    clock = FakeClock()
    left = {path: iter(replies) for path, replies in answers.items() if isinstance(replies, list)}

    def respond(effect: Send) -> Reply | Exception:
        path = f"{effect.call.method} {effect.call.path}"
        response: Any = next(left[path]) if path in left else answers.get(path, NOT_FOUND)
        return response  # type: ignore[no-any-return]  # an answer

    own = ID if own_id else None
    request: Request = TextToVideo(prompt="a kitten", model_name=model, external_task_id=own)
    if of_solutions:
        video = "https://example.com/a.mp4"
        request = DramaSubtitle(source_video=video, external_task_id=own)
    keys = None if with_tasks else Keyring((AccessKey("ak", "sk"),))
    ctx = context(clock, keys=keys, with_tasks=with_tasks, **options)
    ctx = attrs.evolve(ctx, is_real_time=is_real_time)
    return play(create(ctx, request, external_id=ID), clock, respond)


def text(played: Played[Task]) -> str:
    """Return the error's own words, without the ids behind them."""
    assert played.error is not None
    return str(played.error.args[0])


# ---------------------------------------------------------------- a model without ids

POST_4, TASKS = "POST /text-to-video/kling-4.0", "GET /tasks"


def test_a_create_of_a_model_that_may_ignore_ids_is_sent_once() -> None:
    """A repeat may be a second purchase; a look-up finds the task if the id was kept after all."""
    existing = reply(
        answer(200, 0, "SUCCEED", [{"id": "7", "status": "submitted", "external_id": ID}])
    )
    played = created({POST_4: LOST, TASKS: existing}, model="kling-4.0", with_tasks=True)
    assert (played.sent.count(POST_4), played.result.task_id) == (1, "7")

    played = created({POST_4: LOST, TASKS: NOBODY}, model="kling-4.0", with_tasks=True)
    assert isinstance(played.error, OutcomeUnknownError)
    assert played.error.external_task_id == ID
    assert "before you repeat it" in text(played)
    assert played.sent.count(POST_4) == 1


@pytest.mark.parametrize("first", [BUSY, TransportError("refused", maybe_sent=False)])
def test_it_is_repeated_while_nothing_can_have_been_bought(first: Reply | Exception) -> None:
    """A refusal for the rate, and a connection that was never made, buy nothing."""
    task = reply(answer(200, 0, "SUCCEED", {"id": "7", "status": "submitted", "external_id": ID}))
    played = created({POST_4: [first, task]}, model="kling-4.0", with_tasks=True)
    assert (played.sent.count(POST_4), played.result.task_id) == (2, "7")


def test_a_refusal_of_the_id_says_what_to_do() -> None:
    """It is not the caller's own parameter: the client always sends one."""
    refusal = reply(answer(400, 1201, "options.external_task_id is not supported"))
    played = created({POST_4: refusal}, model="kling-4.0", with_tasks=True)
    assert isinstance(played.error, InvalidRequestError)
    assert "client.request" in text(played)


def test_a_model_that_refuses_ids_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its create is sent once, and nothing can be looked up."""
    _, fact = EXTERNAL_IDS["kling-4.0"]
    monkeypatch.setitem(EXTERNAL_IDS, "kling-4.0", ("refused", fact))
    played = created({POST_4: LOST}, model="kling-4.0", with_tasks=True)
    assert isinstance(played.error, OutcomeUnknownError)
    assert (played.sent, played.error.external_task_id) == ([POST_4], "")


# ---------------------------------------------------------------- the id is taken


def test_a_task_that_has_the_id_is_returned_and_marked() -> None:
    """It was made by an earlier create; under an id of ours it is our own."""
    played = created({POST: TAKEN, LOOK: task_reply()})
    assert (played.sent, played.result.task_id, played.result.reused) == ([POST, LOOK], "7", True)
    assert created({POST: TAKEN, LOOK: task_reply()}, own_id=False).result.reused is False
    assert created({POST: [LOST, TAKEN], LOOK: task_reply()}).result.reused is False


@pytest.mark.parametrize("last", [TAKEN, REFUSED])
@pytest.mark.parametrize(("age", "reused"), [(86_400, True), (61, True), (59, False), (-1, False)])
def test_a_task_from_before_the_first_attempt_is_an_earlier_one(
    last: Reply, *, age: float, reused: bool
) -> None:
    """However many replies were lost: a task that was there already is not of this create."""
    answers = {POST: [LOST, last], LOOK: task_reply(age=age)}
    assert created(answers).result.reused is reused
    refused = created(answers, if_exists="error")
    assert isinstance(refused.error, AlreadyExistsError) is reused
    # Nobody else can have used an id that the client has made.
    assert created(answers, own_id=False).result.reused is False


@pytest.mark.parametrize(
    ("date", "reused"),
    [
        (formatdate(START, usegmt=True), True),
        (formatdate(START - 1000, usegmt=True), False),  # this computer's clock is ahead
        ("", False),
    ],
)
def test_the_server_s_clock_says_which_came_first(*, date: str, reused: bool) -> None:
    """By this computer's clock, which may be wrong, it would be another task."""
    answers = {POST: [LOST, TAKEN], LOOK: task_reply(age=900, date=date)}
    assert created(answers, is_real_time=True).result.reused is reused


@pytest.mark.parametrize("first", [BUSY, TransportError("refused", maybe_sent=False)])
def test_a_repeat_after_an_attempt_without_effect_finds_an_earlier_task(
    first: Reply | Exception,
) -> None:
    """The first attempt cannot have made the task that has the id."""
    played = created({POST: [first, TAKEN], LOOK: task_reply()})
    assert (played.sent, played.result.reused) == ([POST, POST, LOOK], True)
    played = created({POST: [first, TAKEN], LOOK: task_reply()}, if_exists="error")
    assert isinstance(played.error, AlreadyExistsError)


def test_a_refusal_over_a_used_connection_may_hide_a_task_of_ours() -> None:
    """It may be the reply to another request, so the task that has the id may be paid for now."""
    played = created(
        {POST: [BUSY, TAKEN], LOOK: task_reply()}, reuse_connections=True, if_exists="error"
    )
    assert (played.result.task_id, played.result.reused) == ("7", False)


def test_a_caller_may_refuse_an_id_that_was_used() -> None:
    """The error has both ids."""
    played = created({POST: TAKEN, LOOK: task_reply()}, if_exists="error")
    assert isinstance(played.error, AlreadyExistsError)
    assert (played.error.task_id, played.error.external_task_id) == ("7", ID)


def test_a_taken_id_that_may_not_be_asked_for_is_unknown() -> None:
    """This includes a missing permission, and a missing response."""
    played = created({POST: TAKEN}, look_up=False)
    assert isinstance(played.error, OutcomeUnknownError)
    assert (played.sent, text(played)) == ([POST], unknown("its id is already in use"))
    assert isinstance(played.error.__cause__, AlreadyExistsError)

    played = created({POST: TAKEN, LOOK: reply(answer(401, 1002, "no"))})
    assert text(played) == unknown("its id is already in use, but the task cannot be read")


def test_a_taken_id_is_looked_for_at_each_other_endpoint() -> None:
    """Each is asked once more over a new connection; a server may show the task later."""
    played = created({POST: TAKEN})
    assert Counter(played.sent) == {POST: 1, **dict.fromkeys([LOOK, *ELSEWHERE], 2)}
    assert text(played) == unknown(
        "its id is already in use, but the server does not show the task"
    )
    assert isinstance(played.error, OutcomeUnknownError)
    assert played.error.external_task_id == ID

    played = created({POST: TAKEN}, with_tasks=True)
    assert Counter(played.sent)["GET /tasks"] == 2
    assert Counter(played.sent)[AT_SOLUTIONS] == 2


@pytest.mark.parametrize("path", ELSEWHERE)
def test_an_id_of_another_endpoint_s_task_is_a_conflict(path: str) -> None:
    """Nothing was created; the error names the endpoint and both ids."""
    played = created({POST: TAKEN, path: task_reply(task_id="9")})
    error = played.error
    assert isinstance(error, ConflictError)
    name = next(record.name for record in ENDPOINTS.values() if path == f"GET {record.path}/{ID}")
    assert error.message == (
        f"external_task_id {ID} belongs to a task of {name}; nothing was created. "
        "Use another id for this text2video request"
    )
    assert (error.task_id, error.external_task_id, error.is_refusal) == ("9", ID, True)
    assert (error.code, error.http_status, error.request_id) == (1201, 400, "req-1")


def test_an_id_of_the_other_interface_s_task_is_that_task() -> None:
    """`/tasks` does not say which product it is of; /v1 does."""
    at_tasks = reply(
        answer(200, 0, "SUCCEED", [{"id": "8", "status": "submitted", "external_id": ID}])
    )
    played = created({POST: TAKEN, "GET /tasks": at_tasks}, with_tasks=True)
    assert (played.result.task_id, played.result.reused) == ("8", True)

    new = "POST /text-to-video/kling-3.0"
    played = created(
        {new: TAKEN, "GET /tasks": NOBODY, LOOK: task_reply()}, model="kling-3.0", with_tasks=True
    )
    assert (played.result.task_id, played.result.reused) == ("7", True)
    nowhere = {new: TAKEN, "GET /tasks": NOBODY, AT_SOLUTIONS: NOBODY}
    played = created(nowhere, model="kling-3.0", with_tasks=True)
    assert Counter(played.sent) == {
        new: 1,
        **dict.fromkeys(["GET /tasks", AT_SOLUTIONS, LOOK, *ELSEWHERE], 2),
    }
    assert text(played) == unknown(
        "its id is already in use, but the server does not show the task"
    )


def test_an_id_between_solutions_and_the_rest_is_a_conflict_in_both_directions() -> None:
    """`/solutions` has products of its own, so its task is never a video's, and the reverse."""
    there = reply(answer(200, 0, "SUCCEED", [{"id": "8", "status": "x", "external_id": ID}]))
    drama = "POST /solutions/drama_subtitle"
    played = created({drama: TAKEN, AT_SOLUTIONS: there}, of_solutions=True, with_tasks=True)
    assert (played.result.task_id, played.result.reused) == ("8", True)
    assert (played.result.interface, played.sent) == ("solutions", [drama, AT_SOLUTIONS])

    for at, name in (("GET /tasks", "/tasks"), (LOOK, "text2video")):
        existing = {at: there if name == "/tasks" else task_reply(task_id="8")}
        nobody = {"GET /tasks": NOBODY, AT_SOLUTIONS: NOBODY}
        played = created({drama: TAKEN} | nobody | existing, of_solutions=True, with_tasks=True)
        assert isinstance(played.error, ConflictError)
        assert played.error.message == (
            f"external_task_id {ID} belongs to a task of {name}; nothing was created. "
            "Use another id for this solutions-drama-subtitle request"
        )
    played = created({POST: TAKEN, AT_SOLUTIONS: there}, with_tasks=True)
    assert isinstance(played.error, ConflictError)
    assert "belongs to a task of /solutions; nothing was created" in played.error.message


def test_a_relay_finds_an_id_whatever_the_endpoint() -> None:
    """So one look-up is enough."""
    clock = FakeClock()
    ctx = attrs.evolve(context(clock), wire=RelayWire())

    def respond(effect: Send) -> Reply:
        sent = effect.call.headers["x-request-id"]
        words = "External_task_id x already exists" if effect.call.json else "not found by id"
        body = b'{"error": {"message": "%s", "type": "t", "code": "1201"}}' % words.encode()
        return Reply(400, {"x-request-id": sent}, body)

    request = TextToVideo(prompt="a kitten", external_task_id=ID)
    played = play(create(ctx, request), clock, respond)
    assert played.sent == ["POST /kling/v1/videos/text2video", f"GET /kling/v1/videos/{ID}"]
    assert text(played) == unknown(
        "its id is already in use, but the server does not show the task"
    )


# ---------------------------------------------------------------- it may have been accepted


def test_a_lost_create_is_asked_for_at_last() -> None:
    """Found, not shown yet, not to be asked for: each in its words."""
    answers = {POST: [LOST, REFUSED]}
    assert created({**answers, LOOK: task_reply()}).result.task_id == "7"
    played = created(answers)
    assert text(played) == unknown("the server does not show the task yet")
    assert isinstance(played.error, OutcomeUnknownError)
    assert isinstance(played.error.__cause__, InvalidRequestError)
    played = created(answers, look_up=False)
    assert (text(played), played.sent) == (
        unknown("it failed with InvalidRequestError"),
        [POST, POST],
    )
    played = created({**answers, LOOK: reply(answer(401, 1002, "no"))})
    assert text(played) == unknown("a query failed with AuthenticationError")


def test_a_409_without_a_known_code_may_be_about_another_request() -> None:
    """A task that has the id proves nothing then."""
    played = created({POST: [LOST, reply(answer(409, 7777, "conflict"))], LOOK: task_reply()})
    assert text(played) == unknown("the response is a 409 without a known code")
    assert played.sent == [POST, POST]


def test_an_address_that_is_probably_wrong_is_not_asked() -> None:
    """Another server may have received the request."""
    wrong = UnreachableError("HTTP 302 redirects", maybe_sent=True)
    played = created({POST: [wrong] * 9})
    assert text(played) == unknown("the address is probably wrong: HTTP 302 redirects")
    assert played.sent == [POST] * 3


def test_a_refusal_over_a_used_connection_is_believed_if_no_task_is_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may have been the reply to another request; then there is a task of ours."""
    options: dict[str, Any] = {"reuse_connections": True}
    played = created({POST: REFUSED}, **options)
    assert isinstance(played.error, InvalidRequestError)
    assert [send.fresh for send in played.sends] == [False, True]
    assert played.error.external_task_id == ID
    played = created({POST: REFUSED, LOOK: task_reply(None)}, **options)
    assert (played.result.task_id, played.result.external_task_id) == ("7", ID)
    assert played.result.endpoint == "text2video"
    assert caplog.messages == [f"a refusal belonged to another request: {ID} is 7"]


def test_a_refusal_over_a_new_connection_is_one() -> None:
    """No other reply can have come over it."""
    played = created({POST: REFUSED, LOOK: task_reply()})
    assert isinstance(played.error, InvalidRequestError)
    assert played.sent == [POST]


# ---------------------------------------------------------------- ids that change with requests


@pytest.mark.parametrize("name", ["", "x" * 181, 5, None])
def test_a_name_has_1_to_180_characters(name: Any) -> None:
    """Its own name stands in the refusal."""
    with pytest.raises(RequestValidationError) as refused:
        external_id_for(TextToVideo(prompt="a"), name)
    assert str(refused.value) == "name is empty, too long or not text; expected 1 to 180 characters"


def test_the_longest_name_makes_an_id_that_is_taken() -> None:
    """180 characters, a hyphen and 16 of the digest."""
    external_id = external_id_for(TextToVideo(prompt="a"), "x" * 180)
    assert (len(external_id), external_id[:181]) == (197, "x" * 180 + "-")
    assert TextToVideo(prompt="a", external_task_id=external_id).external_task_id == external_id
    assert external_id_for(TextToVideo(prompt="a", external_task_id="b"), "x") == (
        external_id_for(TextToVideo(prompt="a"), "x")
    )


def test_a_look_up_is_signed_by_the_key_of_the_create_alone() -> None:
    """A key of another account, which cannot be ruled out, would not show the task."""
    clock = FakeClock()
    ring = Keyring((ApiKey("one"), ApiKey("two")))

    def respond(effect: Send) -> Reply:
        return TAKEN if effect.call.method == "POST" else reply(answer(401, 1002, "no"))

    request = TextToVideo(prompt="a kitten", external_task_id=ID)
    played = play(create(context(clock, keys=ring), request), clock, respond)
    assert text(played) == unknown("its id is already in use, but the task cannot be read")
    assert {send.call.headers["authorization"] for send in played.sends} == {"Bearer one"}


CONFLICT = Reply(
    409, {}, b'{"error": {"message": "no", "type": "t", "code": "external_task_id_conflict"}}'
)


def after_a_conflict(*then: Reply | Exception) -> Played[Task]:
    """Create on a relay whose conflict comes over a used connection."""
    clock = FakeClock()
    ctx = attrs.evolve(context(clock), wire=RelayWire())
    ctx.server.echoes = True
    request = TextToVideo(prompt="a kitten", external_task_id=ID)
    return play(create(ctx, request), clock, in_turn([CONFLICT, *then]))


def test_a_conflict_over_a_used_connection_is_asked_for_once_more() -> None:
    """It may have been the reply to another request; a look-up would find that one's task."""
    again = after_a_conflict(CONFLICT)
    assert isinstance(again.error, ConflictError)
    assert (again.error.external_task_id, [send.fresh for send in again.sends]) == (
        ID,
        [False, True],
    )
    assert [send.call.method for send in again.sends] == ["POST", "POST"]
    lost = after_a_conflict(LOST)
    assert isinstance(lost.error, OutcomeUnknownError)
    assert text(lost) == unknown("repeating it failed with TransportError")
    assert isinstance(lost.error.__cause__, ConflictError)
    accepted = Reply(200, {}, b'{"task_id": "kling_1", "status": "submitted"}')
    task = after_a_conflict(accepted, accepted).result
    assert (task.task_id, task.external_task_id) == ("kling_1", ID)
