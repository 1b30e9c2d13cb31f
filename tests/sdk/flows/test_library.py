"""Deleting an item of a library: repeated until it is answered, and gone once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest

from kling_sdk import (
    ENDPOINTS,
    AlreadyDeletedError,
    AuthenticationError,
    InvalidRequestError,
    KlingError,
    RateLimitError,
    TransportError,
)
from kling_sdk.flows.library import delete
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import FakeClock, Played, context, in_turn, play, reply

RECORD: Final = ENDPOINTS["elements"]
POST: Final = "POST /v1/general/delete-advanced-elements"
DONE: Final = reply(answer(200, 0, "SUCCEED", {"task_id": "1", "task_status": "succeed"}))
BARE: Final = reply(answer(200, 0, "SUCCEED"))
GONE: Final = reply(answer(400, 1201, "Element 7 already be deleted"))
LOST: Final = TransportError("reset")
UNSENT: Final = TransportError("refused", maybe_sent=False)
BUSY: Final = reply(answer(429, 1302, "too fast"))
BROKEN: Final = reply(answer(500, 5000, "oops"))


def deleted(answers: Sequence[Reply | Exception], **options: Any) -> Played[None]:
    clock = FakeClock()
    return play(delete(context(clock, **options), RECORD, "7"), clock, in_turn([*answers]))


@pytest.mark.parametrize("answered", [DONE, BARE])
def test_a_delete_is_one_request_over_a_connection_of_its_own(answered: Reply) -> None:
    """The reply does not name the item, and may have no data at all."""
    played = deleted([answered])

    assert (played.error, played.sent) == (None, [POST])
    (send,) = played.sends
    assert send.fresh
    assert send.call.json == {"element_id": "7"}


@pytest.mark.parametrize(
    "before", [[LOST], [BROKEN], [Reply(200, {}, b"<html>")], [LOST, UNSENT], [LOST, BUSY]]
)
def test_already_deleted_is_the_success_of_a_lost_delete(before: list[Reply | Exception]) -> None:
    """An earlier attempt of this very call may have been carried out."""
    played = deleted([*before, GONE])

    assert (played.error, played.sent) == (None, [POST] * (len(before) + 1))
    assert all(send.fresh for send in played.sends)


@pytest.mark.parametrize("before", [[], [UNSENT], [BUSY], [UNSENT, BUSY]])
def test_what_was_deleted_before_this_call_is_an_error(before: list[Reply | Exception]) -> None:
    """No attempt of this call can have been carried out: another caller deleted it."""
    played = deleted([*before, GONE])

    assert isinstance(played.error, AlreadyDeletedError)
    assert len(played.sent) == len(before) + 1


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (reply(answer(400, 1201, "Element id not found: 7")), InvalidRequestError),
        (reply(answer(401, 1000, "no")), AuthenticationError),
    ],
)
def test_a_refusal_is_not_repeated(refusal: Reply, error: type[KlingError]) -> None:
    """Nothing was deleted."""
    played = deleted([refusal])

    assert type(played.error) is error
    assert played.sent == [POST]


def test_after_a_lost_answer_another_refusal_is_an_error() -> None:
    """An account without this item proves nothing about an earlier attempt."""
    played = deleted([LOST, reply(answer(400, 1201, "Element id not found: 7"))])

    assert type(played.error) is InvalidRequestError


@pytest.mark.parametrize(("answered", "error"), [(LOST, TransportError), (BUSY, RateLimitError)])
def test_it_ends_when_no_repeat_is_left(
    answered: Reply | Exception, error: type[KlingError]
) -> None:
    """The caller may call again: a delete that was carried out then says so."""
    played = deleted([answered] * 3, retries=2)

    assert isinstance(played.error, error)
    assert (len(played.sent), len(played.pauses)) == (3, 2)


def test_the_same_page_from_each_attempt_ends_it() -> None:
    """Another server is at this address."""
    page = Reply(404, {"content-type": "text/html"}, b"<h1>no such site</h1>")
    played = deleted([page] * 3)

    assert isinstance(played.error, TransportError)
    assert "base_url is probably wrong" in "".join(played.error.__notes__)
