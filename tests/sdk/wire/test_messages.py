"""A JSON reply is read in the encodings that `json` knows, and compressed as proxies do it."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from kling_sdk import TransportError
from kling_sdk.wire import Reply
from kling_sdk.wire.messages import MAX_REPLY, no_answer, plain_body, read_json


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


BODY = b'{"code": 0}'


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (None, BODY),
        ("", BODY),
        ("Identity", BODY),
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY, mtime=0)),
        (" deflate ", zlib.compress(BODY)),
    ],
)
def test_a_body_is_read_without_its_compression(encoding: str | None, body: bytes) -> None:
    headers = {} if encoding is None else {"content-encoding": encoding}
    assert plain_body(Reply(200, headers, body)) == BODY


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("br", BODY, "compressed with 'br', which was not requested"),
        ("gzip", b"no gzip at all", "compression is damaged"),
        (
            "gzip",
            gzip.compress(bytes(MAX_REPLY + 1), mtime=0),
            "inflates to more than 16,777,216 bytes",
        ),
    ],
)
def test_a_compression_that_cannot_be_read_is_no_answer(
    encoding: str, body: bytes, words: str
) -> None:
    with pytest.raises(TransportError, match=words):
        plain_body(Reply(200, {"content-encoding": encoding}, body))


def test_a_page_is_told_by_its_type_which_is_cut_at_60_characters() -> None:
    """Who reads the error sees what kind of page came, and no gateway can fill a log."""
    page = Reply(502, {"content-type": "text/html; charset=utf-8"}, b"<html>")
    long = page._replace(headers={"content-type": "x" * 61})
    assert "(6 bytes, text/html): not an answer of the API" in str(no_answer(page, "came"))
    assert f"(6 bytes, {'x' * 60}):" in str(no_answer(long, "came"))
