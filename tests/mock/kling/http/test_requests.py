"""Create, query and list over real HTTP, and every kind of request that is not one of them."""

from __future__ import annotations

import gzip
import json
import re
import socket
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.endpoints.validation import read_object
from kling_mock.kling.http.exchange import MAX_BODY
from kling_mock.kling.model.accounts import Account, AccountApiKey
from tests.endpoints import body, with_sources
from tests.mock.conftest import path_of
from tests.mock.kling.endpoints.requests import PLAIN, URL

LIST = "/v1/videos/text2video"


@pytest.mark.parametrize("endpoint", PLAIN)
def test_create_and_query(api: Any, mock: Any, endpoint: str) -> None:
    """On each endpoint a task is created, found by both of its ids, and ends with a video."""
    request = with_sources(mock, body(endpoint))
    reply = api.create(endpoint, external_task_id=f"mine/{endpoint} 1", **request)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json;charset=UTF-8"
    envelope = reply.json()
    assert list(envelope) == ["code", "message", "request_id", "data"]
    assert (envelope["code"], envelope["message"]) == (0, "SUCCEED")
    data = envelope["data"]
    assert re.fullmatch(r"\d{18}", data["task_id"])
    assert data == {
        "task_id": data["task_id"],
        "task_status": "submitted",
        "task_info": {"external_task_id": f"mine/{endpoint} 1"},
        "created_at": 1_767_225_600_000,
        "updated_at": 1_767_225_600_000,
    }

    mock.complete(data["task_id"])
    task = api.task(data["task_id"], endpoint)
    assert task == api.task(f"mine%2F{endpoint}%201", endpoint)
    assert task["task_status"] == "succeed"
    assert task["task_status_msg"] == ""
    assert task.get("watermark_info", {"enabled": False}) == {"enabled": False}
    if "videos" not in task["task_result"]:
        return  # pictures have a test of their own
    (video,) = task["task_result"]["videos"]
    assert re.fullmatch(r"\d{18}", video["id"])
    assert video["url"] == f"{mock.kling_url}/media/videos/{video['id']}.mp4"
    if "watermark_info" in task:
        assert video["watermark_url"] == ""
    if endpoint != "effects":
        assert video["duration"] == ("10" if endpoint == "video-extend" else "5")


def test_an_open_task(api: Any) -> None:
    """Before its end a task has no result and no deduction."""
    task = api.task(api.new())
    assert task["task_result"] == {}
    assert "final_unit_deduction" not in task


@pytest.mark.parametrize("name", ["123456789012345678", "no-such", "a%20b", "%C3%A9", "%FF"])
def test_an_unknown_id(api: Any, name: str) -> None:
    """400/1201 with the text that was seen."""
    reply = api.get(f"{LIST}/{name}")
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)
    assert reply.json()["message"].startswith("Task not found by id/external id: ")
    assert "data" not in reply.json()


def test_a_task_is_found_on_its_own_endpoint_only(api: Any) -> None:
    """The id of a text2video task is unknown to image2video."""
    assert api.get(f"/v1/videos/image2video/{api.new()}").status_code == 400


def test_an_external_id_is_taken_once_per_account(api: Any, mock: Any) -> None:
    """A second use is 400/1201 on every endpoint, and makes no task."""
    api.new(external_task_id="mine")
    for endpoint in PLAIN:
        request = with_sources(mock, body(endpoint))
        before = len(api.get(LIST).json()["data"])
        reply = api.create(endpoint, external_task_id="mine", **request)
        assert (reply.status_code, reply.json()["code"]) == (400, 1201)
        assert reply.json()["message"] == "External_task_id mine already exists"
        assert len(api.get(LIST).json()["data"]) == before
    assert api.get("/v1/videos/image2video").json()["data"] == []


def test_accounts_do_not_see_each_other(api: Any, mock: Any) -> None:
    """Another account may use the same external id, and does not find the first one's task."""
    task_id = api.new(external_task_id="mine")
    mock._emulator.world.accounts.add(Account("other", [], [AccountApiKey("other-key")]))
    other = {"Authorization": "Bearer other-key"}
    for name in (task_id, "mine"):
        assert api.http.get(f"{LIST}/{name}", headers=other).status_code == 400
    assert api.http.get(LIST, headers=other).json()["data"] == []
    body = {"prompt": "a", "external_task_id": "mine"}
    assert api.http.post(LIST, json=body, headers=other).status_code == 200
    assert api.task("mine")["task_id"] == task_id


def test_text_from_the_client_comes_back_as_it_was(api: Any) -> None:
    """Quotes, control characters, other scripts and lone surrogates come back unchanged."""
    for text in ['a"b\\c', "\u0001\n", "小猫", "\ud800", "</script>"]:
        raw = json.dumps({"prompt": "a", "external_task_id": text})
        reply = api.http.post(LIST, content=raw, headers=api.headers())
        assert reply.json()["data"]["task_info"] == {"external_task_id": text}


# ---------------------------------------------------------------- lists


def test_pages_newest_first(api: Any) -> None:
    """Pages of the requested size, newest first, and an empty one behind the end."""
    ids = [api.new() for _ in range(5)][::-1]

    def page(query: str) -> list[str]:
        return [task["task_id"] for task in api.get(f"{LIST}{query}").json()["data"]]

    assert page("") == ids
    assert page("?pageNum=1&pageSize=2") == ids[:2]
    assert page("?pageNum=2&pageSize=2") == ids[2:4]
    assert page("?pageNum=3&pageSize=2") == ids[4:]
    assert page("?pageNum=4&pageSize=2") == []
    assert page("?pageNum=1000&pageSize=500") == []
    assert page("?pageSize=500&else=1") == ids


def test_thirty_are_the_default(api: Any) -> None:
    """A page has 30 tasks by default."""
    for _ in range(31):
        api.new()
    assert len(api.get(LIST).json()["data"]) == 30


@pytest.mark.parametrize(
    "query",
    [
        "pageNum=0",
        "pageNum=1001",
        "pageSize=0",
        "pageSize=501",
        "pageNum=x",
        "pageNum=",
        "pageSize=%D9%A3",
    ],
)
def test_pages_out_of_range(api: Any, query: str) -> None:
    """400/1201, naming the parameter and its range."""
    reply = api.get(f"{LIST}?{query}")
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)
    assert query.partition("=")[0] in reply.json()["message"]


# ---------------------------------------------------------------- what is not such a call


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/videos/text2video"),
        ("DELETE", "/v1/videos/text2video/1"),
        ("POST", "/v1/videos/text2video/1"),
        ("PATCH", "/v1/videos/omni-video"),
    ],
)
def test_unknown_methods(api: Any, method: str, path: str) -> None:
    """404 in the envelope, with or without credentials."""
    anonymous: dict[str, str] = {}
    for headers in (anonymous, api.headers()):
        reply = api.http.request(method, path, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (404, 1202)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1/videos"),
        ("GET", "/v1/videos/text2video/"),
        ("GET", "/v1/videos/text2video/a/b"),
        ("POST", "/v1/videos/lip-synch"),
        ("GET", "/media/videos/nothing.mp4"),
        ("GET", "/v1/%22%0a"),
    ],
)
def test_unknown_paths(api: Any, method: str, path: str) -> None:
    """404 without an envelope, as the web framework of the real service replies."""
    reply = api.http.request(method, path, headers=api.headers())
    assert reply.status_code == 404
    assert reply.json() == {
        "timestamp": "2026-01-01T00:00:00.000+0000",
        "status": 404,
        "error": "Not Found",
        "message": "No message available",
        "path": path,
    }
    entry = api.mock.journal[-1]
    assert (entry.status, entry.code, entry.request_id) == (404, 404, "")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"prompt=a", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'{"prompt": "\xc3"}', "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[]", "object"),
        (b'"a"', "object"),
        (b"null", "object"),
        (b'{"cfg_scale": NaN}', "NaN"),
        (b'{"cfg_scale": -Infinity}', "Infinity"),
        (b'{"cfg_scale": ' + b"9" * 5000 + b"}", "digits"),
        (b'{"prompt": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "deep"),
    ],
)
def test_bodies_that_are_no_request(api: Any, content: bytes, text: str) -> None:
    """400/1200 in the envelope, and the connection stays open."""
    reply = api.http.post(LIST, content=content, headers=api.headers())
    assert (reply.status_code, reply.json()["code"]) == (400, 1200)
    assert text in reply.json()["message"]
    assert "connection" not in reply.headers


def test_empty_segments_of_a_path_count_for_nothing(api: Any) -> None:
    """Also where an id follows; an id with slashes is percent-encoded."""
    task_id = api.new(external_task_id="a//b")
    for path in (f"{LIST}//{task_id}", f"{LIST}/a%2F%2Fb"):
        assert api.get(path).json()["data"]["task_id"] == task_id


def test_huge_numbers_and_repeated_keys(api: Any) -> None:
    """A number beyond any range is named; of a key given twice the last one counts."""
    for number in ("1e999", "9" * 4000):
        body = f'{{"prompt": "a", "cfg_scale": {number}}}'
        reply = api.http.post(LIST, content=body, headers=api.headers())
        assert (reply.status_code, reply.json()["code"]) == (400, 1201)
        assert reply.json()["message"] == "cfgScale: must be less than or equal to 1"
    body = '{"prompt": 5, "prompt": "a"}'
    assert api.http.post(LIST, content=body, headers=api.headers()).status_code == 200


@pytest.mark.parametrize("value", ["x" * 100_000, ["x"] * 1000, {"a": {"b": 1}}, 10**400])
def test_messages_stay_short(api: Any, value: Any) -> None:
    """A large wrong value is not repeated in full."""
    reply = api.create(mode=value)
    assert reply.status_code == 400
    assert len(reply.text) < 500


@pytest.mark.parametrize("size", [1001, 1_000_000])
def test_a_body_that_is_too_large(api: Any, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """413 in the envelope, in one piece or many, and the connection goes on."""
    monkeypatch.setattr("kling_mock.kling.http.exchange.MAX_BODY", 1000)
    assert api.http.post(LIST, content=b"x" * 1000, headers=api.headers()).status_code == 400
    reply = api.http.post(LIST, content=b"x" * size, headers=api.headers())
    assert (reply.status_code, reply.json()["code"]) == (413, 1200)
    assert api.get(LIST).status_code == 200


@pytest.mark.parametrize("depth", [100, 600, 900, 100_000])
def test_a_value_that_is_nested_deeply(api: Any, depth: int) -> None:
    """It is a 400 like any wrong value, not a failure of the emulator."""
    raw = b'{"prompt": ' + b"[" * depth + b"]" * depth + b"}"
    reply = api.http.post(LIST, content=raw, headers=api.headers())
    assert (reply.status_code, reply.json()["code"]) in {(400, 1200), (400, 1201)}


def test_large_images_are_within_the_limit() -> None:
    """Seven inline images of 10 MB fit into a request."""
    assert MAX_BODY > 7 * 10 * 1024 * 1024 * 4 / 3


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_a_body_that_is_not_coded_as_it_says(api: Any, coding: str) -> None:
    """A wrong Content-Encoding is a 4xx in the envelope."""
    headers = api.headers() | {"Content-Encoding": coding}
    reply = api.http.post(LIST, content=b"not compressed at all", headers=headers)
    assert reply.headers["content-type"].startswith("application/json")
    assert (reply.status_code, reply.json()["code"]) == (400, 1200)


def test_a_compressed_body(api: Any) -> None:
    """gzip is read."""
    content = gzip.compress(b'{"prompt": "a cat"}')
    headers = api.headers() | {"Content-Encoding": "gzip"}
    assert api.http.post(LIST, content=content, headers=headers).status_code == 200


def exchange(mock: Any, request: bytes) -> bytes:
    host, port = mock.kling_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(request)
        received = b""
        while chunk := raw.recv(65536):
            received += chunk
        return received


def test_what_only_a_raw_socket_sends(api: Any, mock: Any) -> None:
    """A wrong chunk, HTTP/1.0, a proxy's URL and a broken Host are answered."""
    auth = f"Authorization: Bearer {mock.api_key}\r\n"
    end = "Connection: close\r\n\r\n"
    url = mock.kling_url
    assert b'"code":1200' in exchange(mock, b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    bad_chunk = f"POST {LIST} HTTP/1.1\r\nHost: a\r\n{auth}Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    assert b" 400 " in exchange(mock, bad_chunk.encode())
    old = f"GET {LIST} HTTP/1.0\r\n{auth}\r\n"
    assert exchange(mock, old.encode()).startswith(b"HTTP/1.0 200")
    proxied = f"GET {url}{LIST}?pageSize=1 HTTP/1.1\r\nHost: a\r\n{auth}{end}"
    assert exchange(mock, proxied.encode()).startswith(b"HTTP/1.1 200")
    task_id = api.new()
    mock.complete(task_id)
    broken = f'GET {LIST}/{task_id} HTTP/1.1\r\nHost: "><b>\r\n{auth}{end}'
    assert f"{url}/media/videos/".encode() in exchange(mock, broken.encode())


@pytest.mark.parametrize("waits", [True, False])
def test_a_client_that_asks_before_it_sends(api: Any, mock: Any, *, waits: bool) -> None:
    """`Expect: 100-continue` is answered, unless the body is there already (RFC 9110, 10.1.1)."""
    body = b'{"prompt":"a"}'
    head = (
        f"POST {LIST} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {mock.api_key}\r\n"
        f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    host, port = mock.kling_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(head if waits else head + body)
        first = raw.recv(65536)
        if waits:
            assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
            raw.sendall(body)
            first = raw.recv(65536)
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"Host": "kling.test:8443"}, "http://kling.test:8443"),
        ({"Host": "[::1]:80"}, "http://[::1]:80"),
        (
            {"Host": "a", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "kling.test"},
            "https://kling.test",
        ),
        ({"Host": "a", "X-Forwarded-Proto": "gopher"}, "http://a"),
    ],
)
def test_result_urls_follow_the_client(
    api: Any, mock: Any, headers: dict[str, str], origin: str
) -> None:
    """Scheme, host and port are those by which the client came."""
    task_id = api.new()
    mock.complete(task_id)
    task = api.get(f"{LIST}/{task_id}", headers=headers).json()["data"]
    assert task["task_result"]["videos"][0]["url"].startswith(f"{origin}/media/videos/")


def test_a_failure_of_the_mock_itself(
    api: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect of this server is a 500 in the envelope, and in the log."""
    monkeypatch.setattr("kling_mock.kling.service.get", lambda *_: 1 / 0)
    reply = api.get(f"{LIST}/1")
    assert (reply.status_code, reply.json()["code"]) == (500, 5000)
    assert "ZeroDivisionError" in caplog.text


# ---------------------------------------------------------------- anything at all

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([10**400, -(10**30), "5", "std", "on", URL, "kling-v3"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["mode", "type", "config", "image_url", "index"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(
    sorted({name for record in ENDPOINTS.values() for name in record.fields.fields})
)
ANYTHING = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def never_breaks(reply: Any) -> None:
    assert reply.status_code in {200, 400, 404, 413}
    body = reply.json()
    assert (body["code"] == 0) == (reply.status_code == 200)
    assert body["message"]
    assert "connection" not in reply.headers


@ANYTHING
@given(content=st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode))
@pytest.mark.slow
def test_any_bytes(api: Any, content: bytes) -> None:
    """For any bytes, the response is an envelope and never a 5xx."""
    never_breaks(api.http.post(LIST, content=content, headers=api.headers()))


@ANYTHING
@given(endpoint=st.sampled_from(sorted(PLAIN)), body=st.dictionaries(NAMES | st.text(), JSON))
@pytest.mark.slow
def test_any_values_of_known_fields(api: Any, endpoint: str, body: dict[str, Any]) -> None:
    """For any values of the known fields, the response is an envelope and never a 5xx."""
    content = json.dumps(PLAIN[endpoint] | body)
    never_breaks(api.http.post(path_of(endpoint), content=content, headers=api.headers()))


@ANYTHING
@given(name=st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=30))
@pytest.mark.slow
def test_any_external_id_can_be_asked_for(api: Any, name: str) -> None:
    """An id of any text is not found, or is another path."""
    assume(name not in {".", ".."})  # a client takes these for a path before it sends them
    reply = api.get(f"{LIST}/{quote(name, safe='')}")
    assert reply.status_code in {400, 404}
    assert reply.json().get("code") in {1201, None}  # a path that does not exist has no envelope


def test_reading_a_body_is_pure() -> None:
    """The reader returns the object, and refuses nothing that is one."""
    assert read_object(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
