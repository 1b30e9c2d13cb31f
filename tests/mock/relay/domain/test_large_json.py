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
from kling_mock.relay.domain.json_body import LARGE, MAX_MEMBER_NAME, MAX_VALUES, read_object
from kling_mock.relay.domain.large_json import LONG, STEP, loads_in_steps

MIB = 1024 * 1024
MOST = 100
#: The maximum that one step may parse: texts of up to `LONG` bytes, and what is around them.
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
            lambda items: "{" + ",".join(f'"{n}": {text}' for n, text in enumerate(items)) + "}"
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
    """It refuses nothing else, except half of a surrogate pair where a text begins."""
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
    """This holds in a short text and in a long one."""
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
    assert read_object(b'{"%b":1}' % (b"a" * MAX_MEMBER_NAME)) == {"a" * MAX_MEMBER_NAME: 1}
    for length in (MAX_MEMBER_NAME + 1, 2 * LARGE):
        with pytest.raises(
            RelayError, match=f"name that is too long; the limit is {MAX_MEMBER_NAME}"
        ):
            read_object(b'{"b":{"%b":1}}' % (b"a" * length))


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("pair", ["\\ud83d\\ude00", "\\uDBFF\\uDFFF", "\\uD800\\uDC00"])
def test_a_pair_of_escapes_is_one_character_wherever_a_step_ends(steps: int, pair: str) -> None:
    """This holds at the end of each step, not only of the first."""
    for before in range(steps * STEP - 14, steps * STEP + 2):
        raw = f'["{"A" * before}{pair}B"]'
        assert loads_in_steps(raw.encode(), MOST, json.loads) == json.loads(raw)


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\ude00\\ud83d", "\\ud83dx\\ude00"])
def test_halves_that_are_no_pair_stay_halves(half: str) -> None:
    for before in range(STEP - 14, STEP + 2):
        raw = f'["{"A" * before}{half}"]'
        assert loads_in_steps(raw.encode(), MOST, json.loads) == json.loads(raw)


@pytest.mark.parametrize("character", ["é", "猫", "😀"])
def test_a_character_is_not_cut_at_the_end_of_a_step(character: str) -> None:
    """Characters of two, three and four bytes stay whole, wherever they begin."""
    for before in range(STEP - 5, STEP + 1):
        raw = f'["{"A" * before}{character * 3}"]'.encode()
        assert loads_in_steps(raw, MOST, json.loads) == json.loads(raw)


def test_names_are_restored_as_values_are() -> None:
    """A long name of an object, and long texts in lists and objects within each other."""
    long, other = "A" * (LONG + 1), "B" * (LONG + 1)
    value = {long: [other, {"x": long}], "short": other}
    assert loads_in_steps(json.dumps(value).encode(), MOST, json.loads) == value


@pytest.mark.parametrize("unit", ["1,", '"",', "[],", "{},"])
def test_so_many_values_may_pass_and_more_may_not(unit: str) -> None:
    """Up to what is allowed each body is read; twice as many are refused unread."""
    fits = f"[{unit * (MOST - 1)}1]".encode()
    assert len(loads_in_steps(fits, MOST, json.loads)) == MOST
    flood = f"[{unit * (2 * MOST + 1)}1]".encode()
    with pytest.raises(large_json.TooManyValuesError):
        loads_in_steps(flood, MOST, json.loads)
    with pytest.raises(large_json.TooManyValuesError):
        large_json.check_values(flood, MOST)


def test_a_text_of_more_than_a_kibibyte_is_long() -> None:
    """The quotes count; only a shorter text can be taken for the mark of a long one."""
    marked = '"\\udc000' + "A" * 1_015 + '"'
    assert len(marked) == 1_024
    with pytest.raises(large_json.HalfPairError):
        loads_in_steps(f"[{marked}]".encode(), MOST, json.loads)
    longer = f'[{marked[:-1]}A"]'
    assert loads_in_steps(longer.encode(), MOST, json.loads) == json.loads(longer)


def test_values_are_counted_by_commas_brackets_and_texts() -> None:
    """Twice the allowed number passes; a body that is not JSON is refused by its texts alone."""
    passes = f"[{'1,' * 200}1]".encode()
    assert len(loads_in_steps(passes, 100, json.loads)) == 201
    with pytest.raises(large_json.TooManyValuesError):
        loads_in_steps(f"[{'1,' * 201}1]".encode(), 100, json.loads)
    large_json.check_values(b"[" + b'""' * 200, 100)
    with pytest.raises(large_json.TooManyValuesError):
        large_json.check_values(b"[" + b'""' * 201, 100)


def test_values_are_counted_over_all_steps() -> None:
    """Commas that stand far apart count as those that stand together."""
    blanks = " " * STEP
    wide = f"[{f'1,{blanks}' * 201}1]".encode()
    with pytest.raises(large_json.TooManyValuesError):
        large_json.check_values(wide, 100)
    large_json.check_values(f"[{f'1,{blanks}' * 200}1]".encode(), 100)
