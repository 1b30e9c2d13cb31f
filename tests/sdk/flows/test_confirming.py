"""A create whose reply does not say whose it is, or is about another: what is asked then."""

from __future__ import annotations

import logging
from typing import Any, Final

import pytest

from kling_sdk import (
    ConflictError,
    InvalidRequestError,
    OutcomeUnknownError,
    Task,
    TextToVideo,
    TransportError,
)
from kling_sdk.flows import Send
from kling_sdk.flows.create import create
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import HonestKling, answer
from tests.sdk.scripted import FakeClock, Played, context, in_turn, play, reply, reply_of

REQUEST: Final = TextToVideo(prompt="a kitten", external_task_id="order-1")
POST, LOOK = "POST /v1/videos/text2video", "GET /v1/videos/text2video/order-1"
NOT_FOUND: Final = reply(answer(400, 1201, "Task not found by id/external id: order-1"))
TAKEN: Final = reply(answer(400, 1201, "External_task_id order-1 already exists"))
PAGE: Final = Reply(404, {}, b"<html>nothing here</html>")


def task_reply(task_id: str, external: str | None = None) -> Reply:
    data: dict[str, Any] = {"task_id": task_id, "task_status": "submitted"}
    if external is not None:
        data["task_info"] = {"external_task_id": external}
    return reply(answer(200, 0, "SUCCEED", data))


def created(*replies: Reply | Exception, **options: Any) -> Played[Task]:
    clock = FakeClock()
    return play(create(context(clock, **options), REQUEST), clock, in_turn(replies))


@pytest.mark.parametrize(
    "look",
    [
        task_reply("1", "order-1"),
        task_reply("1"),  # it has the id that the create's reply had
        task_reply("9", "order-1"),  # it has our own id, so it is ours
        NOT_FOUND,  # only our reply can have come over a new connection
    ],
)
def test_a_reply_without_an_external_id_is_confirmed(look: Reply) -> None:
    """The look-up uses a new connection; the task then has the id that was sent."""
    played = created(task_reply("1"), look)

    assert played.result.task_id == ("9" if look == task_reply("9", "order-1") else "1")
    assert played.result.external_task_id == "order-1"
    assert played.sent == [POST, LOOK]
    assert [send.fresh for send in played.sends] == [True, True]


def test_a_server_without_look_ups_by_external_id_is_believed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without the path, the same page comes three times, and no look-up can ever confirm.

    A log says so: the id will not find the task later.
    """
    with caplog.at_level(logging.INFO, "kling_sdk"):
        played = created(task_reply("1"), *[PAGE] * 3)

    assert played.result.task_id == "1"
    assert played.result.external_task_id == "order-1"
    assert "task 1: the server does not know external_task_id order-1" in caplog.messages


@pytest.mark.parametrize(
    ("replies", "options"),
    [
        ([task_reply("9")], {}),
        ([reply(answer(401, 1002, "no such key"))], {}),
        ([NOT_FOUND], {"reuse_connections": True}),
        ([], {"look_up": False}),
    ],
)
def test_what_cannot_be_confirmed_is_unknown_and_names_both_ids(
    replies: list[Reply], options: dict[str, Any]
) -> None:
    """It may be another task, no response, a used connection, or a missing permission."""
    played = created(task_reply("1"), *replies, **options)

    assert isinstance(played.error, OutcomeUnknownError)
    assert "task 1 without this id" in str(played.error)
    assert (played.error.task_id, played.error.external_task_id) == ("1", "order-1")


def test_a_reply_about_another_id_is_no_answer() -> None:
    """It is out of step: the create is repeated, and the other's task never returned."""
    kling, clock = HonestKling(), FakeClock()
    strange = iter([task_reply("666", "strange")])

    def respond(effect: Send) -> Reply | Exception:
        honest = reply_of(kling, effect)
        return next(strange, honest)

    played = play(create(context(clock), REQUEST), clock, respond)

    assert [played.result.task_id] == list(kling.tasks)
    assert played.sent[:2] == [POST, POST]


def test_an_endpoint_that_cannot_be_asked_hides_no_conflict() -> None:
    """Every endpoint is asked for the id: one that fails does not end the search."""
    clock, kling = FakeClock(), HonestKling()
    kling.answer("POST", "/v1/videos/video-extend", {}, {}, {"external_task_id": "order-1"})

    def respond(effect: Send) -> Reply | Exception:
        if effect.call.path.startswith("/v1/videos/image2video"):
            return reply(answer(401, 1002, "no such key"))
        return reply_of(kling, effect)

    played = play(create(context(clock), REQUEST), clock, respond)

    assert isinstance(played.error, ConflictError)
    assert "belongs to a task of video-extend" in str(played.error)


def test_no_look_up_is_made_for_a_reply_that_names_our_id() -> None:
    """One request for one task."""
    played = created(task_reply("1", "order-1"))

    assert played.result == Task("1", "submitted", "order-1", endpoint="text2video", interface="v1")
    assert played.sent == [POST]


def test_a_lost_look_up_is_repeated() -> None:
    """It is a read: failing once decides nothing."""
    played = created(task_reply("1"), TransportError("reset"), task_reply("1", "order-1"))

    assert played.result.task_id == "1"
    assert played.sent == [POST, LOOK, LOOK]


def test_a_create_that_stays_open_is_unknown_when_it_cannot_be_asked_for() -> None:
    """The first failure is the cause, and what the look-up met is in the text."""
    lost = TransportError("reset")
    refused_key = reply(answer(401, 1002, "no such key"))
    played = created(lost, refused_key, retries=0)

    assert isinstance(played.error, OutcomeUnknownError)
    assert "a query failed with AuthenticationError" in str(played.error)
    assert played.error.__cause__ is lost
    assert played.sent == [POST, LOOK]


def test_a_refusal_over_a_used_connection_is_unknown_when_nobody_can_be_asked() -> None:
    """It may have been the reply to another request, so it proves nothing by itself."""
    refusal = reply(answer(400, 1201, "no"))
    played = created(refusal, reply(answer(401, 1002, "no such key")), reuse_connections=True)

    assert isinstance(played.error, OutcomeUnknownError)
    assert "a query failed with AuthenticationError" in str(played.error)
    assert isinstance(played.error.__cause__, InvalidRequestError)
    assert [send.fresh for send in played.sends] == [False, True]
