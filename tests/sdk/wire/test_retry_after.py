"""`Retry-After` as seconds or as a date, whichever the server sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk.wire import Reply
from kling_sdk.wire.messages import retry_after, seconds_until
from tests.sdk.fake_kling import answer
from tests.sdk.flows.test_retry import TASK, flow_of
from tests.sdk.scripted import START, FakeClock, context, in_turn, play, reply

# START, 60 s later, and 30 s later, in the forms of RFC 9110, 5.6.7.
NOW = "Mon, 21 Sep 2026 14:13:20 GMT"
LATER = "Mon, 21 Sep 2026 14:14:20 GMT"


@pytest.mark.parametrize(
    "date",
    [LATER, "Monday, 21-Sep-26 14:14:20 GMT", "Mon Sep 21 14:14:20 2026"],
    ids=["IMF-fixdate", "RFC 850", "asctime"],
)
def test_a_date_is_so_many_seconds_away(date: str) -> None:
    """It may have any of the three forms that HTTP has had."""
    assert seconds_until(date, START) == 60
    assert seconds_until(date, START + 45.5) == 14.5
    assert seconds_until(date, START + 61) == 0  # it has passed
    assert seconds_until(date, None) is None


def test_a_date_in_another_zone_is_so_many_seconds_away() -> None:
    """HTTP knows only UTC; a server that names another zone means it."""
    assert seconds_until("Mon, 21 Sep 2026 16:14:20 +0200", START) == 60


def test_a_date_has_at_most_40_characters() -> None:
    """The longest form has 33; longer text is not read."""
    padded = LATER.replace("Mon, ", "Mon, " + " " * 11)
    assert len(padded) == 40
    assert seconds_until(padded, START) == 60
    assert seconds_until(" " + padded, START) is None
    assert seconds_until("", START) is None


@given(st.text(max_size=60) | st.from_regex(r"\w{3}, \d+ \w{3} \d+ [0-9:]+ \w+", fullmatch=True))
def test_no_text_breaks_the_reading(text: str) -> None:
    """Any text is a number of seconds, or ignored."""
    seconds = seconds_until(text, START)
    assert seconds is None or seconds >= 0
    reading = retry_after(Reply(503, {"retry-after": text, "date": text}, b"", received_at=START))
    assert reading is None or reading >= 0


@pytest.mark.parametrize(
    ("headers", "received_at", "expected"),
    [
        ({"retry-after": "7"}, None, 7),
        ({"retry-after": " 0 "}, None, 0),
        ({"retry-after": "1.5"}, None, 1.5),
        ({"retry-after-ms": "1500"}, None, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "1"}, None, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, None, 2),
        ({"retry-after": "1.5.5"}, START, None),
        ({"retry-after": "-1"}, START, None),
        ({"retry-after": "999999"}, None, 999_999),
        ({"retry-after": "1000000"}, None, None),
        ({"retry-after": "\u0667"}, START, None),
        ({"retry-after": LATER, "date": NOW}, None, 60),
        # The server's own clock counts, however wrong ours is.
        ({"retry-after": LATER, "date": NOW}, START - 3600, 60),
        ({"retry-after": LATER}, START + 20, 40),
        ({"retry-after": LATER, "date": "now"}, START + 20, 40),
        ({"retry-after": LATER}, None, None),
        ({"date": NOW}, START, None),
        ({"retry-after": ""}, START, None),
    ],
)
def test_the_server_s_clock_counts_before_ours(
    headers: dict[str, str], received_at: float | None, expected: float | None
) -> None:
    """A date is compared with the reply's `Date`, and without one with the time it came."""
    assert retry_after(Reply(503, headers, b"", received_at=received_at)) == expected


def test_a_call_waits_until_the_date() -> None:
    """A date works like a number of seconds."""
    clock = FakeClock()
    busy = reply(answer(503, 5001, "busy", retry_after="Mon, 21 Sep 2026 14:13:35 GMT"))

    played = play(flow_of(context(clock)), clock, in_turn([busy, TASK]))

    assert played.result.task_id == "1"
    assert played.pauses == [15]


def test_a_date_behind_the_deadline_ends_the_call() -> None:
    """A date works like a number of seconds."""
    clock = FakeClock()
    busy = reply(answer(503, 5001, "busy", retry_after="Mon, 21 Sep 2026 15:13:35 GMT"))

    played = play(flow_of(context(clock)), clock, in_turn([busy]))

    assert played.error is not None
    assert played.pauses == []
