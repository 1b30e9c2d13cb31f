"""A JSON object from outside: how deep, how large, and with which numbers it may be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.json_body import check_size, read_object

NOT_JSON = "body: is not JSON; must be a JSON object"
LARGE = 65_536  # bytes of a body that is still parsed at once


def nested(levels: int, innermost: Any = 1) -> dict[str, Any]:
    """Return an object of so many levels."""
    inner: Any = innermost
    for level in range(levels - 1):
        inner = [inner] if level % 2 else {"b": inner}
    return {"a": inner}


def refusal(raw: bytes) -> str:
    with pytest.raises(RelayError) as caught:
        read_object(raw)
    assert caught.value.http == 400
    return caught.value.message


def test_32_levels_are_read() -> None:
    """Objects and lists alike, the outermost counted."""
    assert read_object(json.dumps(nested(32)).encode()) == nested(32)
    message = "body: is nested too deeply; the limit is 32 levels"
    assert refusal(json.dumps(nested(33)).encode()) == message
    # How deep Python itself reads differs by its version: 3.14 comes to the missing end first.
    assert refusal(b'{"a":' + b"[" * 60_000) in {message, NOT_JSON}


@pytest.mark.parametrize("padding", [0, LARGE])
def test_10000_values_are_read(padding: int) -> None:
    """Over all objects and lists together, in a small body and in a large one."""
    value = {"a": "x" * padding, "b": [{"c": 1}] * 4_999}
    assert read_object(json.dumps(value).encode()) == value
    more = {**value, "d": 1}
    assert refusal(json.dumps(more).encode()) == "body: has too many values; the limit is 10000"


def test_a_flood_of_values_is_refused_roughly_before_it_is_parsed() -> None:
    """A refused body has at least twice the allowed values; a small body is not checked."""
    check_size(b'{"a":[' + b"1," * 10_000 + b"1]}" + b" " * LARGE)
    flood = b'{"a":[' + b"1," * 20_001 + b"1]}" + b" " * LARGE
    with pytest.raises(RelayError, match=r"^body: has too many values; the limit is 10000$"):
        check_size(flood)
    check_size(b"[" * LARGE)
    check_size(b'{"' + b"A" * LARGE)  # the parser says that it is not JSON


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", NOT_JSON),
        (b"{", NOT_JSON),
        (b'{"a": NaN}', NOT_JSON),
        (b'{"a": -Infinity}', NOT_JSON),
        (b"[]", "body: must be a JSON object"),
        (b"null", "body: must be a JSON object"),
        (b'{"a": "\xff"}', "body: is not UTF-8: see byte 7"),
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes, message: str) -> None:
    assert refusal(raw) == message


BOUND = "must be a finite number with at most 30 digits on either side of the point"


@pytest.mark.parametrize("digits", [31, 99, 100, 101, 4_300, 4_301, 10_000])
def test_a_number_that_is_too_long_is_named(digits: int) -> None:
    """Python reads no whole number of more than 4,300 digits; the error is the same."""
    assert refusal(b'{"a": 1, "b": ' + b"9" * digits + b"}") == f"b: {BOUND}"


def test_numbers_beside_one_that_is_too_long_stay_what_they_are() -> None:
    """Only the first number out of bounds is named."""
    raw = b'{"a": [1, 2.5, {"b": %b}]}' % (b"9" * 5_000)
    assert refusal(raw) == f"a[2].b: {BOUND}"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"a": 1e400}', "a"),
        ('{"a": {"b": [[0, 1e400]]}}', "a.b[0][1]"),
        ('{"%s": {"c": -1e31}}' % ("x" * 41), f"{'x' * 40}.c"),
    ],
)
def test_a_number_out_of_bounds_is_named_by_its_place(body: str, name: str) -> None:
    """At most 40 characters of each name are shown."""
    assert refusal(body.encode()) == f"{name}: {BOUND}"


def test_numbers_within_bounds_are_read() -> None:
    """A truth value is not a number, though it counts as one in Python."""
    body = {"a": 10**30 - 1, "b": -1.5, "c": True, "d": None, "e": "1e999"}
    assert read_object(json.dumps(body).encode()) == body


def test_a_name_that_is_too_long_is_refused() -> None:
    message = "body: has a name that is too long; the limit is 1000 characters"
    assert refusal(json.dumps({"x" * 1_001: 1}).encode()) == message
    assert read_object(json.dumps({"x" * 1_000: 1}).encode()) == {"x" * 1_000: 1}


def test_a_large_body_is_counted_before_it_is_parsed() -> None:
    """A byte more than 64 KiB, and what is nested too deeply is a flood of values first."""
    assert "nested too deeply" in refusal(b'{"a":' + b"[" * (LARGE - 5))
    assert "too many values" in refusal(b'{"a":' + b"[" * (LARGE - 4))
    with pytest.raises(RelayError, match="too many values"):
        check_size(b"[" * (LARGE + 1))
