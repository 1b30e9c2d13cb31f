"""A large body is parsed in steps, to the same result as at once, and never for long in one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain import json_body, large_json
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.json_body import LARGE, LONGEST_NAME, MAX_VALUES, read_object
from kling_mock.relay.domain.large_json import LONG, STEP, loads_in_steps

MIB = 1024 * 1024
MOST = 100
#: The most that one step may parse: texts of up to `LONG` bytes, and what is around them.
IN_ONE_STEP = 2 * STEP

PIECES = st.sampled_from(["A", "+/", "\\/", '\\"', "\\\\", "\\u00e4", "ä", "\\ud83d\\ude00", "😀"])
LENGTHS = st.sampled_from([0, 1, LONG - 3, LONG + 1, STEP - 1, STEP, STEP + 1, 2 * STEP + 5])
TEXTS = st.builds(
    lambda first, piece, length: f'"{first}{piece * (length // len(piece))}"',
    st.sampled_from(["", "x", "xx", "xxx", "xxxx", "xxxxx"]),  # moves the ends of the steps
    PIECES,
    LENGTHS,
)
VALUES = st.recursive(
    TEXTS | st.sampled_from(["null", "true", "-1.5e3", "[]", "{}", " [ ] "]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{' , '.join(items)}]")
        | st.lists(inner, max_size=3).map(
            lambda items: "{" + ",".join(f'"{n}": {one}' for n, one in enumerate(items)) + "}"
        )
    ),
    max_leaves=4,
)


@pytest.mark.slow
@given(VALUES)
def test_it_finds_what_the_parser_finds(text: str) -> None:
    """Long texts and short ones, escaped or not, wherever a step ends."""
    assert loads_in_steps(text.encode(), MOST, json.loads) == json.loads(text)


@given(st.text(st.sampled_from('{}[],:"\\udc001A\n\x00 ä'), max_size=30), st.integers(1, 2))
def test_it_refuses_what_the_parser_refuses(text: str, length: int) -> None:
    """And nothing else, but for half of a surrogate pair where a text begins."""
    text = f'["{text.replace("A", "A" * length * LONG)}"]'
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - whichever
            loads_in_steps(text.encode(), MOST, json.loads)
        return
    try:
        assert loads_in_steps(text.encode(), MOST, json.loads) == expected
    except large_json.HalfPairError:
        assert "\\udc00" in text


@pytest.mark.parametrize("bad", [b"\xff", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\x80" * STEP])
@pytest.mark.parametrize("before", [b"", b"A" * 10, b"A" * (LONG + 1), b"A" * (STEP - 1)])
def test_what_is_not_utf_8_is_named_by_its_byte(bad: bytes, before: bytes) -> None:
    """In a short text and in a long one."""
    raw = b'{"a": "' + before + bad + b"A" * LARGE + b'"}'
    with pytest.raises(UnicodeDecodeError) as expected:
        raw.decode()
    with pytest.raises(RelayError, match=f"see byte {expected.value.start}$"):
        read_object(raw)


def test_a_text_cannot_be_put_in_the_place_of_another() -> None:
    """A short text that looks like the mark of a long one is refused; a long one is itself."""
    long = "A" * LARGE
    with pytest.raises(RelayError, match="surrogate"):
        read_object(json.dumps({"a": long, "b": "\udc000"}).encode())
    with pytest.raises(RelayError, match="surrogate"):
        read_object(b'{"a": "%b", "\\uDC000": 1}' % long.encode())
    twice = read_object(json.dumps({"a": long, "b": "\udc000" + long}).encode())
    assert twice == {"a": long, "b": "\udc000" + long}


def hostile() -> Iterator[tuple[str, bytes]]:
    """Bodies that take long to parse at once."""
    yield "picture", b'{"image":"' + b"A" * (16 * MIB) + b'"}'
    yield "escaped", b'{"image":"' + b"\\/" * MIB + b'"}'
    yield "texts", json.dumps({"image_list": ["A" * 60_000] * 200}).encode()
    yield "empty objects", b'{"a":[' + b"{}," * (4 * MIB) + b"{}]}"
    yield "just below a large body", b'{"a":[' + b"{}," * (LARGE // 2) + b"{}]}"
    yield "quotes", b'{"a":[' + b'""' * (4 * MIB) + b"]}"
    yield "names", b"{" + b'"a":1,' * MIB + b'"a":1}'
    yield "deep", b'{"a":[' + b",".join([b"[" * 900 + b"]" * 900] * 500) + b"]}"


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in hostile()])
def test_no_step_parses_much(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a text is parsed, the whole process stands still: so each is a short one."""
    parsed: list[int] = []
    plain = json.loads

    def counting(text: str, **options: Any) -> Any:
        parsed.append(len(text))
        return plain(text, **options)

    monkeypatch.setattr(json, "loads", counting)
    try:
        read_object(raw)
    except RelayError as error:
        assert f"the limit is {MAX_VALUES}" in error.message
    assert max(parsed, default=0) <= IN_ONE_STEP


def test_the_check_catches_a_body_that_is_parsed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without steps, one call parses the whole body."""
    monkeypatch.setattr(json_body, "LARGE", 10**9)
    with pytest.raises(AssertionError):
        test_no_step_parses_much(dict(hostile())["picture"], monkeypatch)


def test_a_name_has_so_many_characters() -> None:
    """Kling's own have 30; one of 80 MB would be written out in one step."""
    assert read_object(b'{"%b":1}' % (b"a" * LONGEST_NAME)) == {"a" * LONGEST_NAME: 1}
    for length in (LONGEST_NAME + 1, 2 * LARGE):
        with pytest.raises(RelayError, match=f"name that is too long; the limit is {LONGEST_NAME}"):
            read_object(b'{"b":{"%b":1}}' % (b"a" * length))
