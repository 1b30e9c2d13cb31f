"""Assertions that could not fail: they are refused, whatever was called, and right ones are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from kling_mock import Call, KlingMock
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_sdk import Kling
from tests.plain_http import NO_TLS

CREATE: Final = "POST /v1/videos/text2video"
Filters = Mapping[str, Any]
#: What no call of this server can be like, and what the refusal names.
IMPOSSIBLE: Final[list[tuple[str, Filters, str]]] = [
    ("POST /v1/video/text2video", {}, "nearest is /v1/videos/text2video"),
    ("POST /videos/text2video", {}, "nearest is /v1/videos/text2video"),
    ("/v1/videos/text2video/", {}, "path: no endpoint matches"),
    (f"{CREATE}?page=1", {}, "a path has no query"),
    ("GET /v1/videos/*/*/*/*", {}, "path: no endpoint matches"),
    ("PSOT /v1/videos/text2video", {}, "must be GET or POST"),
    ("PUT", {}, "must be GET or POST"),
    ("POST /v1/videos/text2video/*", {}, "has the method GET only, not POST"),
    ("*", {"method": "post"}, "must be in capitals"),
    ("*", {"path": "v1/videos/text2video"}, "must begin with a slash"),
    ("POST", {"code": "0"}, "code: must be a whole number"),
    ("POST", {"code": True}, "code: must be a whole number"),
    ("POST", {"code": 1305}, "code: must be one of"),
    ("POST", {"status": "200"}, "status: must be a whole number"),
    ("POST", {"status": 418}, "status: must be one of"),
    ("POST", {"account": "defualt"}, "nearest is default"),
    ("POST", {"account": None}, "account: must be a string"),
    ("POST", {"fault": "response_lost"}, "nearest is response-lost"),
    ("POST", {"fault": "callback-dropped"}, "in mock.deliveries"),
    ("GET", {"task_id": "A TASK"}, "task_id: must be an id, such as task.task_id"),
    ("GET", {"task_id": ""}, "task_id: must be a string that is not empty"),
    (CREATE, {"body": {"durration": "5"}}, "no endpoint has this key; the nearest is duration"),
    (CREATE, {"body": '{"duration": "5"}'}, "body: must be members of a JSON object"),
    (CREATE, {"body": {}}, "body: must have a member"),
    (CREATE, {"body": {"camera_control": {}}}, "body.camera_control: must have a member"),
    (CREATE, {"body": {"multi_prompt": [{"promt": "a"}]}}, "no endpoint has this key"),
    (CREATE, {"body": {"prompt": b"a kitten"}}, "body.prompt: must be a value of JSON"),
    (CREATE, {"body": {"multi_prompt": [{"prompt": {"a"}}]}}, "no request has a set"),
    (CREATE, {"body": {"prompt": object()}}, "body.prompt: must be a value of JSON"),
    (CREATE, {"kind": "download"}, "must be GET or HEAD"),
    ("GET /media/*", {"kind": "api"}, "path: no endpoint matches"),
]
#: What could have been called, and was not.
POSSIBLE: Final[list[tuple[str, Filters]]] = [
    ("POST /v1/videos/image2video", {}),
    ("GET /v1/videos/text2video", {}),
    ("GET /v1/videos/text2video/another", {}),
    ("GET /v1/videos/text2video/заказ 7?", {}),
    ("GET /v1/videos/text2video/job[7]", {}),
    ("GET /v1/videos/*/order-*", {}),
    ("POST", {"external_task_id": "order-?*"}),
    ("*", {"task_id": "*-7"}),
    ("/v1/images/*", {}),
    ("*/image2video", {}),
    ("GET /tasks", {}),
    ("POST /text-to-video/kling-3.0", {}),
    ("HEAD /media/*", {}),
    ("*", {"kind": "download"}),
    ("*", {"kind": "download", "status": 206}),
    ("*", {"code": 1303}),
    ("*", {"code": 404}),
    ("*", {"status": 0}),
    ("POST", {"status": 429}),
    ("*", {"status": 451}),  # of a declared fault that has ended
    ("*", {"account": ""}),
    ("*", {"account": "second"}),
    ("*", {"fault": "response-lost"}),
    ("*", {"fault": "stuck"}),
    ("GET", {"task_id": "831114115449500717"}),
    ("*", {"external_task_id": "заказ-7"}),
    (CREATE, {"body": {"duration": "10"}}),
    (CREATE, {"body": {"duration": 10, "image_tail": None, "watermark_info": {"enabled": True}}}),
    (CREATE, {"body": {"callback_url": "http://app.test/?id=2"}}),
    (CREATE, {"body": {"multi_prompt": [{"prompt": "a"}]}}),
    ("POST /tasks", {"body": {"limit": 20}}),
]


@pytest.fixture
def kling(mock: KlingMock) -> Iterator[Kling]:
    with mock.client() as client:
        yield client


def in_sequence(mock: KlingMock, match: str, filters: Filters) -> None:
    arguments: Any = filters
    mock.journal.assert_sequence([CREATE, Call(match, **arguments)])


def refusal(ask: Callable[[], object]) -> str:
    """Return why an assertion is refused; "" if it is not."""
    try:
        ask()
    except ValueError as error:
        return str(error)
    return ""


@pytest.fixture
def called(mock: KlingMock, kling: Kling) -> KlingMock:
    """A server with one create, and another account."""
    mock.accounts.add("second")
    mock.faults.add("status", http=451)
    mock.faults.clear()
    kling.text2video.create(
        prompt="a kitten", external_task_id="order-7", callback_url="http://app.test/?id=1"
    )
    return mock


def test_an_assertion_that_nothing_could_match_is_refused(called: KlingMock, kling: Kling) -> None:
    """Assertions of absence, presence and a sequence are refused; the text says what is wrong."""
    task = kling.text2video.get("order-7")
    assert len(IMPOSSIBLE) >= 24
    for match, filters, text in IMPOSSIBLE:
        arguments: Any = {
            name: task if expected == "A TASK" else expected for name, expected in filters.items()
        }
        for ask in (called.journal.assert_not_called, called.journal.assert_called):
            assert text in refusal(partial(ask, match, **arguments)), (match, filters)
        assert text in refusal(partial(called.journal.where, match, **arguments))
        assert text in refusal(partial(in_sequence, called, match, arguments))


def test_an_id_may_have_a_star(called: KlingMock, kling: Kling) -> None:
    """As in rules: any text, of a create and of a query, and nothing but `*` is special."""
    kling.text2video.get("order-7")
    assert len(called.journal.where(external_task_id="order-*")) == 2
    (created,) = called.journal.assert_called(CREATE, external_task_id="o*-7", task_id="*")
    assert len(called.journal.where(task_id=f"{created.task_id[:5]}*")) == 2


def test_an_assertion_that_something_could_match_is_answered(called: KlingMock) -> None:
    """It is decided by the calls alone: ids, values of a body and prompts may be anything."""
    assert len(POSSIBLE) >= 24
    for match, filters in POSSIBLE:
        arguments: Any = dict(filters)
        called.journal.assert_not_called(match, **arguments)
        called.journal.assert_called(match, times=0, **arguments)
        assert called.journal.where(match, **arguments) == [], (match, filters)
        with pytest.raises(AssertionError):
            called.journal.assert_called(match, **arguments)


def test_all_that_is_served_can_be_asserted(mock: KlingMock) -> None:
    """Every call, every body of an example, and every pattern of each."""
    for match in ENDPOINTS.served:
        mock.journal.assert_not_called(match)
        mock.journal.assert_not_called(match.replace("*", "a b/c"[:3]))
        mock.journal.assert_not_called(match.rpartition("/")[0] + "/*")
    bodies = [body for record in ENDPOINTS.values() for body in record.examples.values() if body]
    assert len(bodies) > 30
    for body in bodies:
        mock.journal.assert_not_called(body=body)


def test_what_was_called_can_be_asserted_though_nothing_serves_it(mock: KlingMock) -> None:
    """A test may assert the very mistake that it is about."""
    httpx.post(f"{mock.kling_url}/v1/video/text2video", json={}, trust_env=False, verify=NO_TLS)
    mock.journal.assert_called("POST /v1/video/text2video", times=1, status=404)
    with pytest.raises(AssertionError, match="there was 1"):
        mock.journal.assert_not_called("POST /v1/video/text2video")


def test_a_sequence_says_something(called: KlingMock) -> None:
    """An empty one, and one of anything, would be true of every app."""
    wrong: Any
    for wrong in ([], "*", CREATE, ["*"], [Call()], {CREATE: 1}, None, 7):
        with pytest.raises(ValueError, match="calls: must"):
            called.journal.assert_sequence(wrong)
    called.journal.assert_sequence(["*"], exact=True)  # one call only


def test_a_number_of_calls_is_one(called: KlingMock) -> None:
    """`True` is not a number, though Python takes it for 1."""
    wrong: Any
    for wrong in (True, "1", 1.0, -1):
        with pytest.raises(ValueError, match="times: must be a whole number"):
            called.journal.assert_called(CREATE, times=wrong)
    called.journal.assert_called(CREATE, times=1)


def test_queries_and_passwords_of_urls_are_compared(called: KlingMock) -> None:
    """They are compared although the journal does not keep them."""
    called.journal.assert_called(body={"callback_url": "http://app.test/?id=1"})
    for other in ("http://app.test/?id=2", "http://app.test/", "http://a:b@app.test/?id=1"):
        called.journal.assert_not_called(body={"callback_url": other})


@pytest.mark.parametrize("name", ["job[7]", "order 7", "заказ-7", "a+b", "50%", "a%20b"])
def test_an_id_in_a_path_is_matched_as_it_is(mock: KlingMock, kling: Kling, name: str) -> None:
    """Percent-encoded or not; `*` alone stands for anything. Rules take it alike."""
    mock.faults.add("status", external_id=name, code=5001, times=1)
    mock.progress.add("instant", external_id=name)
    kling.text2video.create(prompt="a kitten", external_task_id=name)
    assert kling.text2video.get(name).is_succeed
    assert mock.faults.unused == []
    for spelling in (name, quote(name, safe="")):
        mock.journal.assert_called(f"GET /v1/videos/text2video/{spelling}", times=1)
    mock.journal.assert_called(f"GET /v1/videos/text2video/{name[:2]}*", times=1)
    mock.journal.assert_not_called("GET /v1/videos/text2video/job7")
    mock.journal.assert_not_called("GET /v1/videos/text2video/??????")
