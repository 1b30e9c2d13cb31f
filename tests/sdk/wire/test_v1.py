"""The calls of the classic interface, as they go out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import (
    Audio,
    EndpointRecord,
    InvalidRequestError,
    KlingAPIError,
    RequestValidationError,
    ServerError,
    TextToVideo,
    TransportError,
    Video,
)
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.wire import WIRES, Reply, V1Wire
from kling_sdk.wire.relay import RelayWire
from kling_sdk.wire.v1 import task_from

RECORD = TextToVideo.record


def test_the_packs_of_an_account_are_asked_for_by_time_and_name() -> None:
    """Without a name all packs are asked for, and no empty name is sent."""
    times = {"start_time": 1, "end_time": 2}
    call = V1Wire().account_costs(1, 2, None)
    assert (call.method, call.path, call.params) == ("GET", "/account/costs", times)
    assert V1Wire().account_costs(1, 2, "a").params == {**times, "resource_pack_name": "a"}


def test_pages_go_from_1_to_1000_with_1_to_500_tasks() -> None:
    """The vendor's limits; beyond them nothing is sent."""
    wire, record = V1Wire(), TextToVideo.record
    for page, size in ((1, 1), (1000, 500)):
        assert wire.list(record, page, size, None).params == {"pageNum": page, "pageSize": size}
    for page, size, field in ((0, 1, "page"), (1001, 1, "page"), (1, 0, "page_size")):
        with pytest.raises(RequestValidationError) as refused:
            wire.list(record, page, size, None)
        assert refused.value.field == field
    with pytest.raises(RequestValidationError, match="page_size is 501; expected 1 to 500"):
        wire.list(record, 1, 501, None)


@pytest.mark.parametrize(
    ("code", "read"),
    [(10**9 - 1, 10**9 - 1), (-(10**9) + 1, -(10**9) + 1), (10**9, 0), (-(10**9), 0)],
)
def test_a_code_of_more_than_nine_digits_is_none(code: int, read: int) -> None:
    """It is neither computed with nor written into a log in full."""
    body = json.dumps({"code": code, "message": "no", "request_id": "r"}).encode()
    with pytest.raises(KlingAPIError) as refused:
        V1Wire().data(Reply(400, {}, body))
    assert refused.value.code == read


@pytest.mark.parametrize(
    "data", [{"task_id": "1"}, {"task_status": "submitted", "status": "submitted"}, {}]
)
@pytest.mark.parametrize("wire", [V1Wire(), RelayWire()], ids=lambda wire: wire.name)
def test_a_task_without_an_id_or_a_status_is_none(wire: V1Wire, data: dict[str, str]) -> None:
    """It says nothing about any task, so it does not count as a response."""
    body = {"code": 0, "data": data} if wire.name == "kling" else data
    with pytest.raises(TransportError, match="a task without task_id"):
        wire.task(Reply(200, {}, json.dumps(body).encode()), TextToVideo.record)


def test_a_relay_tells_times_in_seconds() -> None:
    """These are the times of a task: when it was made, and when it last changed."""
    body = {"task_id": "kling_1", "status": "submitted", "created_at": 60, "updated_at": 3600}
    task = RelayWire().task(Reply(200, {}, json.dumps(body).encode()), TextToVideo.record)
    assert task.created_at == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    assert task.updated_at == datetime(1970, 1, 1, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "sent"),
    [
        (5, "5"),
        (5.5, "5.5"),
        (10**9 - 1, "999999999"),
        (-(10**9) + 1, "-999999999"),
        (10**9, 10**9),
        (-(10**9), -(10**9)),
        (True, True),
        ("5", "5"),
    ],
)
def test_a_length_is_sent_as_text(duration: Any, sent: Any) -> None:
    """Text that is not a number, or a number without use in arithmetic, is sent unchanged."""
    request = TextToVideo(prompt="a", duration=duration, check=False)
    assert V1Wire().create(request, "").json["duration"] == sent


def test_an_external_id_is_sent_if_there_is_one() -> None:
    """The external id may be of a request, or of a body that the caller wrote."""
    raw = RawRequest(RECORD, {"prompt": "a"})
    for request in (TextToVideo(prompt="a", model_name="kling-v9"), raw):
        sent = V1Wire().create(request, "job-7").json
        assert sent["external_task_id"] == "job-7"
        assert "external_task_id" not in V1Wire().create(request, "").json


def test_a_watermark_is_an_object_of_the_vendor_s() -> None:
    """True and False; what the caller wrote stays."""
    for watermark, sent in ((True, {"enabled": True}), (False, {"enabled": False}), ("x", "x")):
        request = TextToVideo(prompt="a", watermark_info=watermark, check=False)  # type: ignore[arg-type]  # "x" is a mistake
        assert V1Wire().create(request, "").json["watermark_info"] == sent


@pytest.mark.parametrize(
    ("task_id", "is_taken"),
    [
        ("X", True),
        ("x" * 200, True),
        ("x" * 201, False),
        ("", False),
        (" ", False),
        ("..", False),
        (5, False),
    ],
)
def test_an_id_that_is_asked_for_has_1_to_200_characters(*, task_id: Any, is_taken: bool) -> None:
    """It is one part of a path."""
    if is_taken:
        assert V1Wire().get(RECORD, task_id)[0].path == f"/v1/videos/text2video/{task_id}"
        return
    with pytest.raises(RequestValidationError) as refused:
        V1Wire().get(RECORD, task_id)
    assert str(refused.value) == (
        "task_id is empty, too long or not text; expected a task id or external id as text"
    )


def test_a_task_of_an_endpoint_that_is_not_known_cannot_be_asked_for() -> None:
    """There is a path per endpoint."""
    with pytest.raises(RequestValidationError) as refused:
        V1Wire().get(EndpointRecord("dream", path=""), "1")
    assert str(refused.value) == (
        "task.endpoint is 'dream', which is not known here; expected a known endpoint"
    )


@pytest.mark.parametrize(("page", "more"), [(1, True), (999, True), (1000, False)])
def test_a_full_page_may_have_another_behind_it(*, page: int, more: bool) -> None:
    """Up to page 1000; a page that is not full is the last."""
    tasks = [{"task_id": str(n), "task_status": "submitted"} for n in range(2)]
    full = Reply(200, {}, json.dumps({"code": 0, "data": tasks}).encode())
    assert V1Wire().page(full, RECORD, page, 2).has_next is more
    assert V1Wire().page(full, RECORD, page, 3).has_next is False
    assert V1Wire().page(full, RECORD, page, 1).has_next is more


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (299, {"code": 1}, KlingAPIError, "HTTP 299 without a message"),
        (300, {"code": 0}, TransportError, "HTTP 300 without the code of an envelope"),
        (200, {"code": True}, TransportError, "HTTP 200 without the code of an envelope"),
        (200, {"code": "zero"}, TransportError, "HTTP 200 without the code of an envelope"),
        (200, {"code": 0.5}, TransportError, "HTTP 200 without the code of an envelope"),
        (400, {"code": "1201", "message": "no"}, InvalidRequestError, "no"),
        (499, {}, TransportError, "HTTP 499 without the code of an envelope"),
        (500, {}, ServerError, "HTTP 500 without a message"),
        (400, {"code": 1201, "message": "no"}, InvalidRequestError, "no"),
    ],
)
def test_a_reply_without_data_reads(
    status: int, body: dict[str, Any], error: type[Exception], words: str
) -> None:
    """A refusal has a code; any HTTP 5xx is a failure of the server."""
    with pytest.raises(error) as caught:
        V1Wire().data(Reply(status, {}, json.dumps(body).encode()))
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(("status", "code"), [(200, 0), (299, 0), (200, "0")])
def test_any_2xx_with_code_0_has_data(status: int, code: int | str) -> None:
    """The envelope counts."""
    body = json.dumps({"code": code, "data": 5}).encode()
    assert V1Wire().data(Reply(status, {}, body)) == 5


def test_a_page_of_a_gateway_with_5xx_is_a_failure_and_with_4xx_no_answer() -> None:
    """The page is not JSON, so only the status says something."""
    with pytest.raises(ServerError):
        V1Wire().data(Reply(500, {}, b"<html>"))
    with pytest.raises(TransportError, match="HTTP 499 without a JSON object"):
        V1Wire().data(Reply(499, {}, b"<html>"))


def test_a_task_has_its_times_its_reason_and_its_cost() -> None:
    """Under the vendor's names."""
    data = {
        "task_id": "1",
        "task_status": "failed",
        "task_status_msg": "no",
        "created_at": 1_790_000_000_000,
        "updated_at": 1_790_000_060_000,
        "final_unit_deduction": "1.5",
    }
    task = task_from(data, "text2video")
    assert task.created_at == datetime.fromtimestamp(1_790_000_000, UTC)
    assert task.updated_at == datetime.fromtimestamp(1_790_000_060, UTC)
    assert (task.status, task.status_msg, task.units) == ("failed", "no", Decimal("1.5"))
    assert (task.endpoint, task.interface, task.raw) == ("text2video", "v1", data)


def test_the_results_of_a_task_are_those_with_a_url() -> None:
    """Videos, pictures and sounds, each as the vendor shows it."""
    video = {"id": "7", "url": "https://a", "duration": "5.1", "watermark_url": "https://w"}
    image = {"index": 3, "url": "https://b", "watermark_url": "https://w"}
    sound = {"id": "9", "url_mp3": "https://m", "url_wav": "https://v", "duration_wav": "3.2"}
    result = {
        "videos": [video, {"id": "8"}, 5],
        "images": [image, {"url": "https://c"}, 5],
        "audios": [sound, {"id": "8"}, 5, {"url_wav": "https://v", "duration_wav": 4}],
    }
    data = {"task_id": "1", "task_status": "succeed", "task_result": result}
    task = task_from(data)
    assert task.videos == (Video("7", "https://a", Decimal("5.1"), "https://w"),)
    assert [(picture.url, picture.index) for picture in task.images] == [
        ("https://b", 3),
        ("https://c", None),
    ]
    assert [picture.watermark_url for picture in task.images] == ["https://w", None]
    assert task.audios == (
        Audio("9", "https://m", None, "https://v", Decimal("3.2")),
        Audio("", "https://v", Decimal(4), "https://v", Decimal(4)),
    )
    assert len(task.outputs) == 5
    for nothing in (None, 5, {"videos": 5, "images": 5, "audios": 5}, {}):
        empty = task_from({**data, "task_result": nothing})
        assert empty.outputs == ()


@pytest.mark.parametrize(
    ("fields", "external_id"),
    [
        ({"task_info": {"external_task_id": "a"}, "external_task_id": "b"}, "a"),
        ({"task_info": {}, "external_task_id": "b"}, "b"),
        ({"task_info": "x", "external_task_id": "b"}, "b"),
        ({"task_info": {"external_task_id": "a"}}, "a"),
        ({}, None),
    ],
)
def test_an_external_id_stands_inside_task_info_or_at_the_top(
    fields: dict[str, Any], external_id: str | None
) -> None:
    """The documents have it inside."""
    assert task_from({"task_id": "1", "task_status": "x", **fields}).external_task_id == external_id


def test_each_interface_has_a_wire_and_no_other_name_has_one() -> None:
    """The names are those of the records."""
    assert [WIRES[name].interface for name in ("v1", "model-path")] == ["v1", "model-path"]
    assert WIRES["model-path"] is WIRES["model-path"]
    with pytest.raises(KeyError, match="'v2'"):
        WIRES["v2"]


def test_the_limits_of_the_classic_interface_are() -> None:
    """Names and numbers that the vendor's pages state."""
    wire = V1Wire()
    assert (wire.name, wire.interface, wire.max_ids) == ("kling", "v1", 1)
    assert (wire.max_page, wire.max_page_size) == (1000, 500)
    assert (wire.sends_request_id, wire.shares_external_ids) == (False, True)
    assert wire.default_base_url == "https://api-singapore.klingai.com"
