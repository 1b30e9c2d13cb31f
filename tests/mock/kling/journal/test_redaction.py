"""Passwords and tokens of URLs are not in the journal, a report, a log or the admin API."""

from __future__ import annotations

import json
import logging
import socket
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.kling.journal.entries import BODY_KEPT
from kling_mock.kling.journal.redaction import redact_body, redact_query, redact_value
from kling_mock.testing.report import sections
from tests.mock.admin_client import Admin
from tests.mock.receiver import closed_url
from tests.plain_http import NO_TLS

LIST = "/v1/videos/text2video"
HIDDEN = ("passw0rd", "t0ken", "k3y")


def secret_url() -> str:
    """Return a callback URL with everything in it that must not be shown."""
    scheme, _, rest = closed_url().partition("://")
    return f"{scheme}://user:passw0rd@{rest}hook?token=t0ken#k3y"


def send(mock: KlingMock, content: bytes, query: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {mock.api_key}"}
    url = f"{mock.kling_url}{LIST}{query}"
    return httpx.post(url, content=content, headers=headers, trust_env=False, verify=NO_TLS)


def bodies() -> dict[str, bytes]:
    """Return requests that name the URL, in each way in which JSON and others write it."""
    url = secret_url()
    sent = {"prompt": "a kitten", "callback_url": url}
    text = json.dumps(sent)
    long = sent | {f"unknown_{number}": "x" * 200 for number in range(40)}
    return {
        "plain": text.encode(),
        "slashes": text.replace("/", "\\/").encode(),
        "escaped": text.replace(url, url.replace("/", "\\u002f")).encode(),
        "upper": json.dumps(sent | {"callback_url": url.replace("http", "HTTP", 1)}).encode(),
        "no scheme": json.dumps(sent | {"callback_url": url.partition("://")[2]}).encode(),
        "nested": json.dumps({"prompt": "a", "options": [{"callback_url": url}]}).encode(),
        "image": json.dumps({"prompt": "a", "image": url}).encode(),
        "in the prompt": json.dumps({"prompt": f"see {url} now"}).encode(),
        "long": json.dumps(long).encode(),
        "no JSON": text[:-1].encode(),
        "no JSON, slashes": text[:-1].replace("/", "\\/").encode(),
        "twice": f'{{"callback_url": "{url}", "prompt": "a", "callback_url": "{url}"}}'.encode(),
        "surrogate": f'{{"prompt": "\\ud800", "callback_url": "{url}"}}'.encode(),
    }


@pytest.mark.parametrize("kind", list(bodies()))
def test_nothing_of_a_url_stays_but_its_address(mock: KlingMock, kind: str) -> None:
    """The rest is neither in the entry nor in what the admin API and a report show of it."""
    send(mock, bodies()[kind], "?api_key=k3y&pageNum=1&t0ken")
    mock.clock.advance(700)
    with Admin(mock) as admin:
        admin_text = json.dumps([admin.ask("GET", "/journal"), admin.ask("GET", "/deliveries")])
    entry, reports = mock.journal[0], sections("mock", mock.journal, [*mock.deliveries], 20)
    for text in (repr(tuple(entry)), admin_text, repr(reports)):
        assert not [hidden for hidden in HIDDEN if hidden in text]
    assert b"127.0.0.1" in entry.request  # the control: what is not a secret stays
    assert len(entry.request) <= BODY_KEPT


def test_what_a_receiver_quotes_of_the_url_is_not_shown(mock: KlingMock) -> None:
    """Many servers name the whole path of a request in an error."""

    async def quote(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        quoted = b"no /hook?" + scope["query_string"] + b" for t0ken"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": quoted})

    mock.callbacks.deliver_to(quote, "shop.test")
    url = "http://shop.test/hook?token=t0ken&page=1"
    send(mock, json.dumps({"prompt": "a", "callback_url": url}).encode())
    mock.clock.advance(700)  # waits until it is delivered
    with Admin(mock) as admin:
        response = admin.ask("GET", "/deliveries")["data"][0]["attempts"][0]["response"]
    assert response == "no /hook?<hidden> for <hidden>"
    assert b"t0ken" in mock.deliveries[0].attempts[0].response  # readable where the test runs


def test_the_callback_itself_goes_to_the_whole_url(mock: KlingMock) -> None:
    """The negative control: what is hidden is still used, and readable where the test runs."""
    url = secret_url()
    send(mock, json.dumps({"prompt": "a", "callback_url": url}).encode())
    assert mock.deliveries[0].url == url
    assert "passw0rd" not in repr(mock.deliveries[0])


def test_a_url_can_still_be_asserted(mock: KlingMock) -> None:
    """It is asserted whole, or as a report shows it; a failure shows neither side's secrets."""
    url = secret_url()
    send(mock, json.dumps({"prompt": "a", "callback_url": url, "image_tail": url}).encode())
    mock.journal.assert_called(f"POST {LIST}", body={"callback_url": url})
    mock.journal.assert_called(body={"callback_url": mock.journal[0].sent["callback_url"]})
    other = url.replace("passw0rd", "another")
    assert other != url
    mock.journal.assert_not_called(body={"callback_url": other})
    with pytest.raises(AssertionError) as caught:
        mock.journal.assert_called(body={"callback_url": url.replace("/hook", "/other")})
    assert "/other" in str(caught.value)
    assert not [hidden for hidden in HIDDEN if hidden in str(caught.value)]


def test_a_body_without_urls_is_kept_to_the_byte(mock: KlingMock) -> None:
    """Spaces, order and escapes stay as they were sent."""
    body = b'{ "prompt":"a \\u4e2d // ? kitten",\t"duration" : "5" }'
    send(mock, body)
    assert mock.journal[0].request == body


def test_known_parameters_of_a_query_stay(mock: KlingMock) -> None:
    """Only parameters that the call has are kept: any other value may be a secret."""
    headers = {"Authorization": f"Bearer {mock.api_key}"}
    for path in (f"{LIST}?pageNum=1&pageSize=2&key=k3y", "/nowhere?pageNum=1"):
        httpx.get(mock.kling_url + path, headers=headers, trust_env=False, verify=NO_TLS)
    queries = [entry.query for entry in mock.journal]
    assert queries == ["pageNum=1&pageSize=2&key=<hidden>", "pageNum=<hidden>"]


def test_the_log_does_not_quote_what_is_no_http(
    mock: KlingMock, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that cannot be parsed is named by its kind: its URL may have a key."""
    caplog.set_level(logging.INFO, "kling_mock")
    address = ("127.0.0.1", int(mock.kling_url.rpartition(":")[2]))
    with socket.create_connection(address) as raw:
        raw.sendall(b"GET /v1?api_key=k3y HTTP/9.x\r\nAuthorization: Bearer t0ken\r\n\r\n")
        assert raw.recv(65536).startswith(b"HTTP/1.")
    assert "brought no request" in caplog.text
    assert not [hidden for hidden in HIDDEN if hidden in caplog.text]


# ---------------------------------------------------------------- the decisions alone


@pytest.mark.parametrize(
    ("query", "redacted"),
    [
        ("", ""),
        ("a=1&b=2", "a=1&b=<hidden>"),
        ("%61=1&b=&c", "%61=1&b=&<hidden>"),
        ("a=1&&a=2", "a=1&&a=2"),
    ],
)
def test_how_a_query_is_shown(query: str, redacted: str) -> None:
    """`a` is known here; a word alone may be a token."""
    assert redact_query(query, {"a"}) == redacted


def test_values_that_are_no_text_stay() -> None:
    """Numbers, null and truth values are as they were; so is text without a URL."""
    value: dict[str, Any] = {"a": [1, None, True, 1.5, "x?y"], "callback_url": None}
    assert redact_value(value) == value
    assert redact_body(b"[" * 100_000 + b"http://u:p@h/") == b"[" * 100_000 + b"http://h/?<hidden>"
