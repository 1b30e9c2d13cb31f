"""Patterns of calls and the nearest miss, as properties over any entries."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.journal.calls import Call
from kling_mock.kling.journal.entries import Entry, shorten
from kling_mock.kling.journal.reports import nearest_miss, nearest_served

PATHS = ["/v1/videos/text2video", "/v1/videos/image2video", "/v1/videos/text2video/1", "/x"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["5", "a" * 300]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=2)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1, max_size=3)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    body = draw(OBJECTS | st.none())
    return Entry(
        0.0,
        draw(st.sampled_from(["GET", "POST"])),
        draw(st.sampled_from(PATHS)),
        "",
        draw(st.sampled_from([200, 400])),
        draw(st.sampled_from([0, 1201])),
        "",
        draw(st.sampled_from(["", "default"])),
        b"" if body is None else json.dumps(body).encode(),
        b"{}",
        draw(st.sampled_from(["", "latency", "latency+status"])),
    )


@st.composite
def calls(draw: st.DrawFn) -> Call:
    filters: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "method": st.sampled_from(["GET", "POST"]),
                "path": st.sampled_from([*PATHS, "/v1/*"]),
                "status": st.sampled_from([200, 400]),
                "code": st.sampled_from([0, 1201]),
                "account": st.sampled_from(["", "default"]),
                "task_id": st.sampled_from(["1", "2"]),
                "external_task_id": st.sampled_from(["1", "2"]),
                "fault": st.sampled_from(["", "latency"]),
                "body": OBJECTS,
            },
        )
    )
    return Call(**filters)


@given(calls(), st.lists(entries(), max_size=6))
@pytest.mark.slow
def test_the_nearest_miss_never_matches(call: Call, journal: list[Entry]) -> None:
    """What is shown as a miss differs in something; there is one unless all match."""
    miss = nearest_miss(call, journal)
    if miss is None:
        assert all(map(call.accepts, journal))
    else:
        assert miss.differences
        assert not call.accepts(journal[miss.position])


@given(calls(), st.lists(entries(), min_size=1, max_size=6))
@pytest.mark.slow
def test_no_other_call_is_nearer(call: Call, journal: list[Entry]) -> None:
    """No other call differs in a part only of what the nearest miss differs in."""
    miss = nearest_miss(call, journal)
    assume(miss is not None)
    assert miss is not None
    nearest = set(miss.differences)
    for entry in journal:
        differences = set(call.differences(entry))
        assert not differences or not differences < nearest


@given(OBJECTS)
def test_a_body_matches_itself_and_every_part_of_it(body: dict[str, Any]) -> None:
    """Members may be left out of what is asked for, not added."""
    entry = Entry(0.0, "POST", "/", "", 200, 0, "", "", json.dumps(body).encode(), b"")
    assert Call(body=body).accepts(entry)
    for name in body:
        less = {key: value for key, value in body.items() if key != name}
        assert not less or Call(body=less).accepts(entry)
        assert not Call(body=body | {"z": 1}).accepts(entry)


@given(VALUES, VALUES)
def test_shortening_keeps_equal_and_different_apart(value: Any, other: Any) -> None:
    """Two values are equal exactly if they are when their long texts are shortened."""
    assert (value == other) == (shorten(value) == shorten(other))


@pytest.mark.parametrize(
    ("expected", "sent", "verdict"),
    [
        ({"a": ANY}, {"a": 1}, "accepted"),
        ({"a": ANY}, {}, "refused"),
        ({"a": True}, {"a": 1}, "refused"),
        ({"a": 1}, {"a": True}, "refused"),
        ({"a": 1}, {"a": 1.0}, "accepted"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2, "c": 3}]}, "accepted"),
        ({"a": (1, 2)}, {"a": [1, 2]}, "accepted"),
        ({"a": [1]}, {"a": [1, 2]}, "refused"),
        ({"a": {"b": 1}}, {"a": "b"}, "refused"),
        ({"a": None}, {}, "refused"),
        ({"a": None}, {"a": None}, "accepted"),
        ({"a": 10}, {"a": "10"}, "accepted"),
        ({"a": "10"}, {"a": 10}, "accepted"),
        ({"a": 10.0}, {"a": "10"}, "accepted"),
        ({"a": "0.5"}, {"a": 0.5}, "accepted"),
        ({"a": True}, {"a": "true"}, "accepted"),
        ({"a": "false"}, {"a": False}, "accepted"),
        ({"a": [{"b": 5}]}, {"a": [{"b": "5"}]}, "accepted"),
        ({"a": 10}, {"a": "5"}, "refused"),
        ({"a": 1}, {"a": "true"}, "refused"),
        ({"a": True}, {"a": "1"}, "refused"),
        ({"a": 10}, {"a": "ten"}, "refused"),
        ({"a": "10"}, {"a": "10.0"}, "refused"),
        ({"a": 10**400}, {"a": "10"}, "refused"),
    ],
)
def test_how_members_are_compared(expected: Any, sent: Any, verdict: str) -> None:
    """The rules are JSON's and the server's: true is not 1, `ANY` is any value, 10 is "10"."""
    entry = Entry(0.0, "POST", "/", "", 200, 0, "", "", json.dumps(sent).encode(), b"")
    assert Call(body=expected).accepts(entry) is (verdict == "accepted")


def test_a_body_that_is_no_object_matches_no_members() -> None:
    """The message says why nothing could be compared."""
    for body, reason in ((b"", "empty"), (b"[1]", "not a JSON object"), (b"{", "not a JSON")):
        entry = Entry(0.0, "POST", "/", "", 400, 1201, "", "", body, b"")
        [difference] = Call(body={"a": 1}).differences(entry)
        assert str(difference).startswith(f'body: expected {{"a": 1}}, got {reason}')


@pytest.mark.parametrize(("number", "match"), [*enumerate(ENDPOINTS.served)], ids=ENDPOINTS.served)
def test_a_slip_of_the_pen_is_explained_by_the_call_that_was_meant(number: int, match: str) -> None:
    """One letter of a path is lost, except the slash before an id: the right call is nearest.

    Every ninth letter is, and of the next path those beside them: they share most of theirs.
    """
    method, path = match.replace("*", "821000000000000001").split()
    step = min(9, len(path) - 1)
    before_id = {path.rindex("/")} if "*" in match else set[int]()
    slips = set(range(number % step, len(path) - 1, step)) - before_id
    assert slips
    for at in slips:
        entry = Entry(0.0, method, path[:at] + path[at + 1 :], "", 404, 1203, "", "", b"", b"")
        nearest = nearest_served(entry, ENDPOINTS.served)
        assert nearest is not None
        assert nearest[0] == match


def test_nothing_is_nearest_where_nothing_is_served() -> None:
    """A journal without known calls says so in the response's own text."""
    assert nearest_served(Entry(0.0, "GET", "/", "", 404, 1203, "", "", b"", b""), ()) is None
