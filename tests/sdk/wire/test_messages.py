"""A JSON reply is read in the encodings that `json` knows, and compressed as proxies do it."""

from __future__ import annotations

import gzip
import json
import zlib
from hashlib import sha256
from typing import Any

import pytest

from kling_sdk import TransportError
from kling_sdk.wire import HttpCall, Reply
from kling_sdk.wire.messages import (
    MAX_REPLY,
    is_redirect,
    json_object,
    names_asked_path,
    no_answer,
    plain_body,
    read_json,
    redirected,
)


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
    """The error shows what kind of page came, and a gateway cannot fill a log."""
    page = Reply(502, {"content-type": "text/html; charset=utf-8"}, b"<html>")
    long = page._replace(headers={"content-type": "x" * 61})
    assert "(6 bytes, text/html): not a response of the API" in str(no_answer(page, "came"))
    assert f"(6 bytes, {'x' * 60}):" in str(no_answer(long, "came"))


def test_a_call_and_a_reply_show_no_secret() -> None:
    """The body may hold a prompt, the headers a key."""
    call = HttpCall("GET", "/tasks", {"task_ids": "1"}, {"prompt": "secret"}, {"a": "secret"})
    assert repr(call) == "HttpCall(method='GET', path='/tasks', params={'task_ids': '1'})"
    reply = Reply(200, {"a": "secret"}, b"secret")
    assert repr(reply) == "Reply(status=200, body=<6 bytes>)"
    assert (call.needs_api_key, HttpCall("GET", "/").headers) == (False, {})
    assert (reply.path, reply.fresh, reply.matched, reply.received_at) == ("", False, False, None)


@pytest.mark.parametrize(
    ("status", "page"),
    [(200, True), (404, True), (499, True), (408, False), (425, False), (429, False), (500, False)],
)
def test_a_page_that_stays_the_same_is_recognized(*, status: int, page: bool) -> None:
    """A page that may change in a moment is not."""
    error = no_answer(Reply(status, {}, b"<html>"), "came")
    digest = sha256(b"<html>").hexdigest()
    assert error.page == (f"HTTP {status} {digest}" if page else None)
    assert str(error) == (
        f"HTTP {status} came (6 bytes, no content type): not a response of the API"
    )


@pytest.mark.parametrize("body", [b"[]", b"5", b"", b"{", b"[" * 100_000])
def test_what_is_no_object_is_no_answer(body: bytes) -> None:
    """A list, a number, no JSON, and what is nested too deeply."""
    with pytest.raises(TransportError, match="HTTP 200 without a JSON object"):
        json_object(Reply(200, {}, body))


def test_a_reply_may_have_16_mib() -> None:
    """Before and after decompression."""
    assert MAX_REPLY == 16_777_216


def test_a_whole_number_of_a_hundred_digits_is_text_where_another_is_too_long() -> None:
    """99 digits are read as a number, whatever stands beside them."""
    digits = "9" * 5000
    text = f'{{"a": {digits}, "b": {"1" * 99}, "c": {"1" * 100}}}'
    assert read_json(text.encode()) == {"a": digits, "b": int("1" * 99), "c": "1" * 100}


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 309, 200])
def test_a_redirect_is_one_of_five(status: int) -> None:
    """304 says that nothing has changed; 300 leaves a choice."""
    assert is_redirect(status) is (status in {301, 302, 303, 307, 308})


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("https://api.example/v1?key=secret", "https://api.example"),
        ("//api.example/v1", "https://api.example"),
        ("http://user:secret@api.example:8080/", "http://api.example:8080"),
        ("http://[::1]:80/", "http://[::1]:80"),
    ],
)
def test_a_redirect_to_another_host_names_the_address_to_use(location: str, address: str) -> None:
    """The message has scheme, host and port, without path, name and password."""
    assert str(redirected(302, {"location": location})) == (
        f"HTTP 302 redirects to {address}; if that is the API, use base_url={address!r}"
    )


@pytest.mark.parametrize("location", ["/v2", "", "https://[", "http://a:port/"])
def test_a_redirect_that_names_no_host_says_what_to_check(location: str) -> None:
    """This covers a path of the same host, and what is not a URL."""
    assert str(redirected(308, {"location": location} if location else {})) == (
        "HTTP 308 redirects to another path of the same host; check base_url"
    )


@pytest.mark.parametrize(
    ("status", "body", "path", "named"),
    [
        (404, {"status": 404, "path": "/v1/x"}, "/v1/x", True),
        (404, {"status": 404, "path": "/proxy/v1/x"}, "/v1/x", True),
        (404, {"status": 404, "path": "/v1/%78"}, "/v1/x", True),
        (404, {"status": 404, "path": "/v1/x"}, "/v1/%78", True),
        (400, {"status": 404, "path": "/v1/x"}, "/v1/x", False),
        (404, {"status": 400, "path": "/v1/x"}, "/v1/x", False),
        (404, {"path": "/v1/x"}, "/v1/x", False),
        (404, {"status": 404, "path": "/v1/y"}, "/v1/x", False),
        (404, {"status": 404, "path": 5}, "/v1/x", False),
        (404, {"status": 404, "path": "/v1/x"}, "", False),
    ],
)
def test_the_vendor_s_own_404_repeats_the_path(
    *, status: int, body: dict[str, Any], path: str, named: bool
) -> None:
    """It has status and path of the call; a proxy's does not."""
    assert names_asked_path(Reply(status, {}, b"", path), body) is named
