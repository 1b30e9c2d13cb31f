"""Repeats of a create that may still be sent: how long they wait, what a conflict names."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError, read_refusal, stored_refusal
from kling_mock.relay.domain.repeats import (
    WAIT_LIMIT,
    conflict,
    in_progress,
    is_being_sent,
    wait_pauses,
    was_refused,
)
from kling_mock.relay.domain.wire import read_create
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import VideoRow
from tests.mock.relay.storage.samples import NOW, Shop

BODY: Final = {
    "model": "kling-v1-6",
    "mode": "std",
    "prompt": "a kitten",
    "duration": 5,
    "callback_url": "https://user.example/hook",
    "external_task_id": "order-1",
}
END: Final = NOW + 120  # end of the attempt's lease


async def being_sent() -> VideoRow:
    shop = await Shop.fill(MemoryStorage())
    return await shop.create(
        external_task_id="order-1",
        type="text2video",
        model=BODY["model"],
        mode=BODY["mode"],
        prompt=BODY["prompt"],
        duration="5",
        callback_url=BODY["callback_url"],
    )


@pytest.fixture
def row() -> VideoRow:
    """The row of a create that is being sent."""
    return asyncio.run(being_sent())


@pytest.mark.parametrize(
    ("changes", "now", "expected"),
    [
        ({}, NOW, True),
        ({}, END - 0.001, True),
        ({}, END, False),  # its lease has ended: the process was killed
        ({"kling_task_id": "873"}, NOW, False),
        ({"status": "processing", "kling_task_id": "873"}, NOW, False),
        ({"status": "failed"}, NOW, False),
        ({"status": "succeed"}, NOW, False),
        ({"attempt_until": NOW}, NOW, False),  # its outcome is unknown
        ({"attempt_until": NOW + 10**9}, NOW, False),  # from a wrong clock
        ({"attempt_until": 0}, NOW, False),
        ({"legacy": True}, NOW, False),
    ],
)
def test_a_row_is_being_sent_until_its_attempt_is_over(
    row: VideoRow, changes: dict[str, Any], now: float, *, expected: bool
) -> None:
    """The row alone shows it, to whichever process reads it."""
    assert is_being_sent(attrs.evolve(row, **changes), now) is expected


def test_a_refusal_is_in_the_failed_row_that_has_lost_its_id(row: VideoRow) -> None:
    """A task that failed at Kling keeps its id; one that never arrived there has no refusal."""
    failed = attrs.evolve(row, status="failed", json_data="{}")
    assert not was_refused(failed)
    assert was_refused(attrs.evolve(failed, external_task_id=None))
    assert not was_refused(attrs.evolve(failed, external_task_id=None, json_data=""))


def test_the_pauses_add_up_to_the_limit() -> None:
    """A repeat polls soon at first, then once a second, and ends at the limit exactly."""
    pauses = list(wait_pauses())
    assert sum(pauses) == WAIT_LIMIT
    assert pauses == sorted(pauses[:-1]) + pauses[-1:]
    assert 0 < pauses[0] < 0.1
    assert max(pauses) == 1
    assert len(pauses) < 30


def test_a_repeat_that_waited_for_too_long_may_be_repeated() -> None:
    """Its error has the code, the status and the pause that clients know it by."""
    error = in_progress()
    assert (error.http, error.kind.type, error.code) == (
        409,
        "conflict_error",
        "request_in_progress",
    )
    assert error.retry_after == 2


# ---------------------------------------------------------------- conflicts


def other(endpoint: str = "text2video", **changes: Any) -> Any:
    body = {name: value for name, value in (BODY | changes).items() if value is not None}
    return read_create(endpoint, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"prompt": "a secret dog"}, "prompt"),
        ({"model": "kling-v2-6"}, "model"),
        ({"mode": "pro"}, "mode"),
        ({"mode": None}, ""),  # a channel's model mapping may have set the first one's
        ({"duration": 10}, "duration"),
        ({"duration": "5"}, ""),
        ({"callback_url": None}, "callback_url"),
        ({"endpoint": "omni-video"}, "endpoint"),
        ({"prompt": "a secret dog", "duration": 10}, "prompt, duration"),
        ({"sound": "on"}, ""),  # which is not stored
    ],
)
def test_a_conflict_names_what_is_known_to_differ(
    row: VideoRow, changes: dict[str, Any], fields: str
) -> None:
    """The conflict shows which of two programs has the wrong id, without any value."""
    error = conflict(row, other(**changes))
    assert (error.http, error.code) == (409, "external_task_id_conflict")
    expected = f"another request, which differs in {fields}; use" if fields else "request; use"
    assert expected in error.message
    for value in ("kitten", "dog", "user.example", "kling-v"):
        assert value not in error.message


def test_the_duration_of_a_result_is_not_compared(row: VideoRow) -> None:
    """At its end a row gets the length of its video, which may not be the requested one."""
    ended = attrs.evolve(row, status="succeed", duration="5.1")
    assert "duration" not in conflict(ended, other(prompt="a dog")).message


def test_a_prompt_that_no_database_stores_unchanged_is_not_named(row: VideoRow) -> None:
    """The row has the replacement of a NUL character; the two requests may be equal."""
    stored = attrs.evolve(row, prompt="a\N{REPLACEMENT CHARACTER}b")
    assert "prompt" not in conflict(stored, other(prompt="a\0b")).message


def test_a_conflict_with_an_unknown_request_names_nothing() -> None:
    """The row may be gone by the time it is read."""
    assert conflict(None, other()).message.startswith(
        "External_task_id order-1 already exists: it has been used for another request; use another"
    )


# ---------------------------------------------------------------- refusals


@given(
    http=st.sampled_from([400, 429, 502, 503]),
    code=st.integers(1000, 5002) | st.just("upstream_unreachable"),
    message=st.text(st.characters(exclude_categories=())),  # half surrogate pairs, too
    retry_after=st.none() | st.integers(1, 86_400),
)
def test_a_stored_refusal_is_the_same_refusal(
    http: int, code: int | str, message: str, retry_after: int | None
) -> None:
    """A repeat in any process replies the bytes that the first create got."""
    error = RelayError(errors.UPSTREAM, message, http=http, retry_after=retry_after)
    error.code = code
    stored = stored_refusal(error)
    assert stored.isascii()
    again = read_refusal(stored)
    assert (again.body("r-1"), again.http, again.retry_after) == (
        error.body("r-1"),
        http,
        retry_after,
    )


@pytest.mark.parametrize("stored", ["", "{}", "[]", "7", '{"refusal": 7}', '{"task_id": "1"}'])
def test_a_refusal_of_an_earlier_version_may_be_repeated(stored: str) -> None:
    """Nothing was stored of it: a 502 proves nothing to a client, which sends the request again."""
    error = read_refusal(stored)
    assert (error.http, error.code) == (502, "upstream_error")


def test_the_pauses_of_a_repeat_double_up_to_a_second() -> None:
    """The last one ends at the limit, 20 seconds."""
    pauses = [0.0625, 0.125, 0.25, 0.5, *[1.0] * 19, 0.0625]
    assert list(wait_pauses()) == pauses
    assert sum(pauses) == 20


def test_a_row_that_has_not_failed_was_not_refused(row: VideoRow) -> None:
    """Most tasks never had an id of the user's."""
    for status in ("submitted", "processing", "succeed"):
        assert not was_refused(attrs.evolve(row, status=status, external_task_id=None))
