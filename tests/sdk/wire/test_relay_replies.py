"""A relay's responses, and calls that it does not have."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import (
    AccountError,
    InvalidRequestError,
    KlingAPIError,
    NotFoundError,
    RequestValidationError,
    ServerError,
    TextToVideo,
    TransportError,
    Video,
)
from kling_sdk.wire import Reply
from kling_sdk.wire.relay import RelayWire

RELAY = RelayWire()
RECORD = TextToVideo.record


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, headers, json.dumps(body).encode())


def test_the_limits_of_a_relay_are() -> None:
    """Names and numbers of this project's relay."""
    assert (RELAY.name, RELAY.interface, RELAY.max_ids) == ("relay", "relay", 1)
    assert (RELAY.max_page_size, RELAY.default_base_url) == (100, "http://127.0.0.1:3000")
    assert (RELAY.sends_request_id, RELAY.shares_external_ids) == (True, False)


def test_calls_go_to_one_path_for_all_endpoints() -> None:
    """Each call is compared whole."""
    calls = [
        *RELAY.get(RECORD, "a/b"),
        RELAY.list(RECORD, 1, 100, None),
        RELAY.list(RECORD, 2, 1, "7"),
        RELAY.search({"status": "failed"}, 5),
    ]
    assert [(call.method, call.path, call.params) for call in calls] == [
        ("GET", "/kling/v1/videos/a%2Fb", None),
        ("GET", "/kling/v1/videos", {"limit": 100}),
        ("GET", "/kling/v1/videos", {"limit": 1, "before": "7"}),
        ("GET", "/kling/v1/videos", {"limit": 5, "status": "failed"}),
    ]
    assert not any(call.needs_api_key for call in calls)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: RELAY.list(RECORD, 2, 100, None),
            "page is 2 on a relay; expected page 1, or iter(): a relay's pages have keys",
        ),
        (lambda: RELAY.list(RECORD, 1, 0, None), "page_size is 0; expected 1 to 100"),
        (lambda: RELAY.list(RECORD, 1, 101, None), "page_size is 101; expected 1 to 100"),
        (
            lambda: RELAY.account_costs(1, 2, None),
            "account.costs is not served by a relay; expected a client of Kling",
        ),
        (
            lambda: RELAY.get(RECORD, ""),
            "task_id is empty, too long or not text; expected a task id or external id as text",
        ),
    ],
)
def test_what_cannot_be_asked_of_a_relay_reads(call: Any, words: str) -> None:
    """Nothing is sent."""
    with pytest.raises(RequestValidationError) as refused:
        call()
    assert str(refused.value) == words


ERROR = {"message": "no", "type": "quota", "code": "insufficient_quota"}


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (402, {"error": ERROR}, AccountError, "no"),
        (200, {"error": ERROR}, KlingAPIError, "no"),
        (404, {"error": {**ERROR, "message": ""}}, NotFoundError, "HTTP 404 without a message"),
        (400, {"error": {**ERROR, "code": 1201}}, InvalidRequestError, "no"),
        (300, {}, TransportError, "HTTP 300 without an error's type and code"),
        (400, {"error": {**ERROR, "type": ""}}, TransportError, "HTTP 400 without an error's"),
        (400, {"error": {**ERROR, "code": None}}, TransportError, "HTTP 400 without an error's"),
        (499, {"error": "no"}, TransportError, "HTTP 499 without an error's type and code"),
        (500, {}, ServerError, "HTTP 500 without a message"),
        (500, {"error": {"message": "no"}}, ServerError, "no"),
    ],
)
def test_a_refusal_of_a_relay_has_a_type_and_a_code(
    status: int, body: dict[str, Any], error: type[Exception], words: str
) -> None:
    """A refusal without them says nothing about the request; any HTTP 5xx is a failure."""
    with pytest.raises(error) as caught:
        RELAY.data(reply(body, status))
    assert type(caught.value) is error
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("code", "read"),
    [
        (1303, 1303),
        ("1303", 1303),
        ("other", 0),
        (10**9 - 1, 10**9 - 1),
        (10**9, 0),
        (-(10**9), 0),
    ],
)
def test_a_code_of_kling_s_comes_as_a_number_or_as_text(code: Any, read: int) -> None:
    """Anything else is 0."""
    with pytest.raises(KlingAPIError) as caught:
        RELAY.data(reply({"error": {**ERROR, "code": code}}, 400))
    assert caught.value.code == read


def test_the_id_of_a_request_stands_in_the_error_or_in_a_header() -> None:
    """The error's own counts first; a pause comes along."""
    headers = {"x-request-id": "h", "retry-after": "7"}
    for fields, request_id in (({}, "h"), ({"request_id": "r"}, "r")):
        with pytest.raises(KlingAPIError) as caught:
            RELAY.data(Reply(429, headers, json.dumps({"error": {**ERROR, **fields}}).encode()))
        assert (caught.value.request_id, caught.value.retry_after) == (request_id, 7)
    with pytest.raises(KlingAPIError) as caught:
        RELAY.data(reply({"error": ERROR}, 429))
    assert (caught.value.request_id, caught.value.is_refusal) == ("", True)


@pytest.mark.parametrize("status", [200, 299])
def test_an_object_without_an_error_is_the_reply(status: int) -> None:
    """This holds for any 2xx."""
    assert RELAY.data(reply({"a": 1}, status)) == {"a": 1}


def test_a_page_of_a_gateway_is_a_failure_with_5xx_and_else_no_answer() -> None:
    """The page is not JSON."""
    with pytest.raises(ServerError):
        RELAY.data(Reply(500, {}, b"<html>"))
    with pytest.raises(TransportError, match="HTTP 499 without a JSON object"):
        RELAY.data(Reply(499, {}, b"<html>"))


def test_a_task_of_a_relay_has_both_ids() -> None:
    """The relay's leads, Kling's is kept."""
    body = {
        "task_id": "kling_1",
        "kling_task_id": "7",
        "external_task_id": "job-7",
        "status": "failed",
        "fail_reason": "no",
        "video_url": "https://v",
        "duration": "5.1",
    }
    task = RELAY.task(reply(body), RECORD)
    assert (task.task_id, task.kling_task_id, task.external_task_id) == ("kling_1", "7", "job-7")
    assert (task.status, task.status_msg, task.endpoint) == ("failed", "no", "text2video")
    assert task.videos == (Video("", "https://v", Decimal("5.1")),)
    assert (task.interface, task.raw, task.videos[0].raw) == ("relay", body, body)
    bare = RELAY.created(reply({"task_id": "kling_1", "status": "submitted"}), RECORD)
    assert (bare.kling_task_id, bare.external_task_id, bare.videos) == (None, None, ())


@pytest.mark.parametrize(
    ("before", "key", "cursor"), [(7, 7, "7"), (0, 0, "0"), (None, None, None), ("7", None, None)]
)
def test_a_page_has_the_key_of_the_next(before: Any, key: int | None, cursor: str | None) -> None:
    """None means that the page is the last one."""
    body = {"data": [{"task_id": "kling_1", "status": "submitted"}], "next_before": before}
    page = RELAY.page(reply(body), RECORD, 3, 5)
    assert (page.next_before, page.next_cursor, page.has_next) == (key, cursor, key is not None)
    assert (len(page), page.page, page.page_size) == (1, 3, 5)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "HTTP 200: a page without a list of tasks"),
        ({"data": {}}, "HTTP 200: a page without a list of tasks"),
        ({"data": [5]}, "a task that is a int, not an object"),
        ({"data": [{"task_id": "1"}]}, "a task without task_id or status"),
        ({"data": [{"status": "submitted"}]}, "a task without task_id or status"),
    ],
)
def test_a_page_of_another_shape_is_no_answer(body: Any, words: str) -> None:
    """It says nothing about any task."""
    with pytest.raises(TransportError) as caught:
        RELAY.page(reply(body), RECORD, 1, 5)
    assert str(caught.value) == words
