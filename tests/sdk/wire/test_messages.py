"""A JSON reply is read in the encodings that `json` knows."""

from __future__ import annotations

import json

import pytest

from kling_sdk.wire.messages import read_json


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
def test_json_is_read_in_every_encoding_of_unicode(encoding: str) -> None:
    assert read_json('{"名": "猫"}'.encode(encoding)) == {"名": "猫"}


def test_a_lone_surrogate_in_the_bytes_is_kept() -> None:
    assert read_json(b'{"a": "\xed\xa0\x80"}') == {"a": "\ud800"}


def test_a_number_with_too_many_digits_becomes_text() -> None:
    digits = "9" * 5000
    assert read_json(f'{{"a": {digits}, "b": 1}}'.encode()) == {"a": digits, "b": 1}


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff\xfe{", b'{"a": \xff}'])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_json(body)
    assert isinstance(caught.value, json.JSONDecodeError | UnicodeDecodeError)
