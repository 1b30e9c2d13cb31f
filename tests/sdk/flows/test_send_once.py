"""A create without an external id: it is sent once, and a lost response cannot be looked up."""

from __future__ import annotations

import logging
from typing import Any, ClassVar, Final

import attrs
import pytest

from kling_sdk import (
    EndpointRecord,
    InvalidRequestError,
    KlingError,
    OutcomeUnknownError,
    RateLimitError,
    Request,
    RequestValidationError,
    Task,
    TransportError,
)
from kling_sdk.endpoints.models import ModelLimits
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.flows import Send
from kling_sdk.flows.create import create
from kling_sdk.flows.send_once import call_once
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import answer
from tests.sdk.mode_limits import mode_limits
from tests.sdk.scripted import FakeClock, Played, context, in_turn, play, reply


@attrs.frozen(kw_only=True)
class Silent(Request):
    """An endpoint that makes tasks and takes no id of the caller's."""

    record: ClassVar = EndpointRecord("silent", "/v1/videos/silent", takes_external_id=False)

    prompt: str


POST: Final = "POST /v1/videos/silent"
ACCEPTED: Final = reply(answer(200, 0, "SUCCEED", {"task_id": "1", "task_status": "submitted"}))


def created(
    answered: Reply | Exception, request: Request | RawRequest | None = None
) -> Played[Task]:
    clock = FakeClock()
    flow = create(context(clock), request or Silent(prompt="a kitten"))
    return play(flow, clock, in_turn([answered]))


@pytest.mark.parametrize(
    "request_", [Silent(prompt="a kitten"), RawRequest(Silent.record, {"prompt": "a kitten"})]
)
def test_a_task_without_an_external_id_is_created_once(request_: Any) -> None:
    """It uses a separate connection: a response without an id can only be its own there."""
    played = created(ACCEPTED, request_)

    assert played.result == Task("1", "submitted", endpoint="silent", interface="v1")
    assert played.sent == [POST]
    (send,) = played.sends
    assert send.fresh
    assert send.call.json == {"prompt": "a kitten"}


@pytest.mark.parametrize(
    "lost", [TransportError("reset"), Reply(500, {}, b"oops"), Reply(200, {}, b"<html>")]
)
def test_a_lost_reply_is_not_asked_for(lost: Reply | Exception) -> None:
    """The create is not repeated either: the error says why."""
    played = created(lost)

    assert isinstance(played.error, OutcomeUnknownError)
    assert "does not take an external_task_id" in str(played.error)
    assert played.error.external_task_id == ""
    assert played.sent == [POST]


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (reply(answer(400, 1201, "no")), InvalidRequestError),
        (reply(answer(429, 1302, "no")), RateLimitError),
        (TransportError("refused", maybe_sent=False), TransportError),
    ],
)
def test_a_refusal_is_one(refusal: Reply | Exception, error: type[KlingError]) -> None:
    """Nothing was created; whether to try again is for the caller to say."""
    played = created(refusal)

    assert type(played.error) is error
    assert played.sent == [POST]


@attrs.frozen(kw_only=True)
class Faces(Request):
    """An endpoint that makes no task, of a model with one mode."""

    record: ClassVar = EndpointRecord(
        "faces",
        "/v1/videos/faces",
        returns=list,
        takes_external_id=False,
        models=(ModelLimits("kling-v2-6", {"std": mode_limits((5,), "")}),),
    )

    model_name: str = "kling-v2-6"
    mode: str


@pytest.mark.parametrize(
    ("request_", "is_checked", "sent"),
    [
        (Faces(mode="std"), True, ["POST /v1/videos/faces"]),
        (Faces(mode="4k"), True, []),
        (Faces(mode="4k"), False, ["POST /v1/videos/faces"]),
        (Faces(mode="4k", check=False), True, ["POST /v1/videos/faces"]),
    ],
)
def test_what_the_model_is_known_not_to_do_is_not_sent(
    *, request_: Faces, is_checked: bool, sent: list[str]
) -> None:
    """This includes calls without a task, unless the client or the request is not to be checked."""
    clock = FakeClock()
    faces = reply(answer(200, 0, "SUCCEED", ["a face"]))

    flow = call_once(context(clock, check=is_checked), request_)
    played = play(flow, clock, in_turn([faces]))

    assert played.sent == sent
    if sent:
        assert played.result == ["a face"]
    else:
        assert isinstance(played.error, RequestValidationError)
        assert played.error.field == "mode"


def test_what_interrupts_it_is_told_that_nothing_can_be_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Such a create has no id to name."""
    flow = create(context(FakeClock()), Silent(prompt="a kitten"))
    assert isinstance(next(flow), Send)
    with caplog.at_level(logging.WARNING, "kling_sdk"), pytest.raises(KeyboardInterrupt) as stopped:
        flow.throw(KeyboardInterrupt())

    assert "interrupted during a silent call" in caplog.text
    assert "does not take an external_task_id" in stopped.value.__notes__[0]
