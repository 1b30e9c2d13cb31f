"""A relay in front of Kling: the same resources over its flat bodies."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import respx

from kling_sdk import (
    AccountError,
    AuthenticationError,
    ConflictError,
    Kling,
    KlingAPIError,
    NotFoundError,
    PermissionDeniedError,
    RequestInProgressError,
    RequestValidationError,
    Task,
    TransportError,
)

URL = "http://relay.example:3000"
OPEN = {
    "task_id": "kling_" + "0" * 32,
    "kling_task_id": "100000000000000001",
    "status": "processing",
    "video_url": "",
    "duration": "",
    "fail_reason": "",
}
DONE = {**OPEN, "status": "succeed", "video_url": "https://cdn.example/v.mp4", "duration": "5"}


@pytest.fixture
def kling() -> Any:
    with Kling.relay(URL, token="sk-secret", retries=0) as client:
        yield client


@respx.mock(base_url=URL)
def test_a_task_is_created_and_read_with_the_relays_token(
    respx_mock: respx.MockRouter, kling: Kling
) -> None:
    """The relay's own id leads; Kling's id is kept beside it."""
    created = {key: OPEN[key] for key in ("task_id", "kling_task_id")} | {"status": "submitted"}
    route = respx_mock.post("/kling/v1/videos/omni-video").respond(json=created)
    respx_mock.get(f"/kling/v1/videos/{OPEN['task_id']}").respond(json=DONE)

    task = kling.omni_video.create(prompt="a kitten", external_task_id="mine")
    done = kling.omni_video.wait(task)

    assert route.calls.last.request.headers["authorization"] == "Bearer sk-secret"
    assert (task.task_id, task.kling_task_id) == (OPEN["task_id"], OPEN["kling_task_id"])
    assert task.external_task_id == "mine"
    assert done.videos[0].url == DONE["video_url"]
    assert done.videos[0].duration == 5


@respx.mock(base_url=URL)
def test_a_create_whose_outcome_the_relay_does_not_know_is_a_task(
    respx_mock: respx.MockRouter, kling: Kling
) -> None:
    """An empty `kling_task_id` is not an error: the relay finds out."""
    body = {"task_id": OPEN["task_id"], "kling_task_id": "", "status": "submitted"}
    respx_mock.post("/kling/v1/videos/text2video").respond(json=body)

    task = kling.text2video.create(prompt="a kitten")

    assert task.kling_task_id is None
    assert not task.is_done


@respx.mock(base_url=URL)
def test_pages_of_a_relay_go_by_key(respx_mock: respx.MockRouter, kling: Kling) -> None:
    """`iter` follows the keys; a page by number is refused before it is asked for."""
    pages = {
        None: {"data": [{**OPEN, "task_id": "kling_a"}], "next_before": 17},
        "17": {"data": [{**OPEN, "task_id": "kling_b"}], "next_before": None},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["limit"] == "1"
        return httpx.Response(200, json=pages[request.url.params.get("before")])

    respx_mock.get("/kling/v1/videos").mock(side_effect=answer)

    assert [task.task_id for task in kling.text2video.iter(page_size=1)] == ["kling_a", "kling_b"]
    assert len(kling.text2video.list(page_size=1)) == 1
    with pytest.raises(RequestValidationError, match="pages have keys"):
        kling.text2video.list(page=2)
    with pytest.raises(RequestValidationError, match="page_size"):
        kling.text2video.list(page_size=101)


ERRORS: list[tuple[int, Any, type[KlingAPIError], int]] = [
    (400, "invalid_request", KlingAPIError, 0),
    (401, "invalid_token", AuthenticationError, 0),
    (402, "insufficient_quota", AccountError, 0),
    (403, "user_disabled", PermissionDeniedError, 0),
    (404, "not_found", NotFoundError, 0),
    (409, "external_task_id_conflict", ConflictError, 0),
    (409, "request_in_progress", RequestInProgressError, 0),
    (502, 1102, AccountError, 1102),
    (502, "1201", KlingAPIError, 1201),
]


@pytest.mark.parametrize(("status", "code", "expected", "error_code"), ERRORS)
@respx.mock(base_url=URL)
def test_the_relays_refusals_and_klings_own_codes_keep_their_classes(
    respx_mock: respx.MockRouter,
    kling: Kling,
    status: int,
    code: Any,
    expected: type[KlingAPIError],
    error_code: int,
) -> None:
    """An error is caught by the same class, whether Kling or the relay refused."""
    body = {"error": {"message": "no", "type": "kling_error", "code": code}}
    respx_mock.get("/kling/v1/videos/x").respond(status, json=body)

    with pytest.raises(expected) as caught:
        kling.text2video.get("x")
    assert (caught.value.http_status, caught.value.code) == (status, error_code)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"task_id":"a"}', b'{"task_id":5}'])
@respx.mock(base_url=URL)
def test_a_reply_that_is_no_task_says_nothing_about_any_task(
    respx_mock: respx.MockRouter, kling: Kling, body: bytes
) -> None:
    """An unreadable reply is a transport error, never a made-up task."""
    respx_mock.get("/kling/v1/videos/x").respond(200, content=body)

    with pytest.raises(TransportError):
        kling.text2video.get("x")


@respx.mock(base_url=URL)
def test_what_a_relay_adds_is_kept(respx_mock: respx.MockRouter, kling: Kling) -> None:
    """New fields and statuses pass through a relay's task as well."""
    respx_mock.get("/kling/v1/videos/x").respond(json={**OPEN, "status": "queued", "mood": 1})

    task: Task = kling.text2video.get("x")

    assert task.status == "queued"
    assert task.raw["mood"] == 1


def test_a_relay_has_no_account_of_kling(kling: Kling) -> None:
    """Asking a relay for resource packs is refused with the reason."""
    with pytest.raises(RequestValidationError, match="a client of Kling"):
        kling.account.costs(0, 1)


@respx.mock(base_url=URL)
def test_an_id_used_for_another_request_is_a_conflict_not_a_task(
    respx_mock: respx.MockRouter, kling: Kling
) -> None:
    """A reused id never returns the video of another order."""
    error = {"message": "used", "type": "conflict_error", "code": "external_task_id_conflict"}
    body = {"error": error}
    respx_mock.post("/kling/v1/videos/text2video").respond(409, json=body)

    with pytest.raises(ConflictError):
        kling.text2video.create(prompt="a kitten", external_task_id="mine")
