"""The hash of a request with pictures in it is that of its whole canonical text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain import wire
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.json_body import MAX_VALUES, read_object
from kling_mock.relay.domain.long_texts import LONG, hash_in_steps

ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)

LENGTHS = st.sampled_from([1, LONG, LONG + 1, 5 * LONG + 3])
PICTURES = st.builds(lambda piece, length: (piece * length)[:length], st.text(min_size=1), LENGTHS)
PLAIN = st.builds(
    lambda pattern, length: pattern * length, st.sampled_from(["A", "+/", " ", "~"]), LENGTHS
)
ODD = st.sampled_from(['A"' * LONG, "A\\" * LONG, "A\n" * LONG, "A\x7f" * LONG, "ä" * LONG * 2])
VALUES = st.recursive(
    st.none() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])) | PLAIN | ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=6,
)


@given(VALUES)
def test_it_is_the_hash_of_the_whole(value: Any) -> None:
    """This holds with and without long texts, plain or escaped."""
    whole = ENCODER.encode(value).encode()
    assert hash_in_steps(value, ENCODER) == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize(
    "own", ["\ud800", "\ud8000\ud800", "\ud8001\ud800", "\ud80099999999999\ud800", "x\udfff"]
)
@pytest.mark.parametrize("picture", ["A" * (LONG + 1), ""])
def test_half_of_a_surrogate_pair_is_refused(own: str, picture: str) -> None:
    """This covers one that looks like the mark of a long text, before or after it."""
    for value in ([own, picture], [picture, own], {own: picture}):
        with pytest.raises(UnicodeEncodeError):
            hash_in_steps(value, ENCODER)
    body = json.dumps({"prompt": own, "image": "A" * (LONG + 1)}).encode()
    with pytest.raises(RelayError, match="surrogate"):
        wire.read_create("text2video", body)


def test_a_request_has_one_hash_whatever_its_size_in_bytes() -> None:
    """A repeat may be written with other spaces; the first one of an older version counts too."""
    body = {"model": "kling-v1-6", "prompt": "x", "image": "A" * LONG, "duration": 5}
    compact = json.dumps(body, separators=(",", ":")).encode()
    wide = json.dumps(body, indent=9).encode() + b" " * LONG
    requests = [wire.read_create("image2video", raw) for raw in (compact, wide)]
    assert len({request.request_hash for request in requests}) == 1
    whole = ENCODER.encode(["image2video", body]).encode()
    assert {request.older_hash() for request in requests} == {hashlib.sha256(whole).hexdigest()}


def test_a_flood_of_values_is_refused_before_it_is_parsed() -> None:
    """28 MiB of `{}` are not made into nine million objects; a long prompt may have commas."""
    with pytest.raises(RelayError, match=f"the limit is {MAX_VALUES}"):
        read_object(b'{"a":[' + b"{}," * 500_000 + b"{}]}")
    commas = json.dumps({"prompt": "," * 65_535, "image": "A" * 2_000_000}).encode()
    assert len(read_object(commas)) == 2


class Counting(json.JSONEncoder):
    """Notes how much it writes at a time."""

    written = 0

    def encode(self, o: Any) -> str:
        text = super().encode(o)
        self.written = max(self.written, len(text))
        return text


@pytest.mark.parametrize(
    "inside", [lambda text: text, lambda text: {"a": text}, lambda text: [[text]]]
)
def test_no_step_writes_much(inside: Callable[[str], Any]) -> None:
    """Each step writes 64 Ki characters, wherever in the request the picture is."""
    encoder = Counting(ensure_ascii=False)
    value = {"b": inside("A" * 1_000_000)}
    whole = json.dumps(value, ensure_ascii=False).encode()
    assert hash_in_steps(value, encoder) == hashlib.sha256(whole).hexdigest()
    assert encoder.written <= 64 * 1024 + 2
