"""The interface with the model in the path: calls, and what is read of its replies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import (
    AlreadyExistsError,
    Audio,
    AuthenticationError,
    NotFoundError,
    RequestValidationError,
    Task,
    TextToVideo,
    TransportError,
    Video,
)
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.flows.asking import TASKS
from kling_sdk.wire import Reply
from kling_sdk.wire.model_path import MODEL_PATH, looks_like_task_id

RECORD = TextToVideo.record
DONE: dict[str, Any] = {
    "id": "850000000000000001",
    "status": "succeeded",
    "message": "",
    "create_time": "1790000000000",
    "update_time": 1790000060000,
    "external_id": "job-7",
    "outputs": [
        {
            "type": "video",
            "id": "v1",
            "url": "https://example.com/v.mp4?s=1",
            "watermark_url": "",
            "duration": "5.041",
        },
        {"type": "image", "url": "https://example.com/i.png", "group_id": "g"},
        {"type": "hologram", "url": "https://example.com/h"},
    ],
    "billing": [{"charge_type": "unit", "amount": "3", "package_type": "video"}],
}


def reply(data: Any, status: int = 200, code: int = 0, message: str = "SUCCEED") -> Reply:
    envelope = {"code": code, "message": message, "request_id": "r", "data": data}
    return Reply(status, {"content-type": "application/json"}, json.dumps(envelope).encode())


def test_a_task_is_read_into_the_one_class() -> None:
    """Status, results, units, times and your id are where they are for /v1."""
    task = MODEL_PATH.task(reply([DONE]), RECORD)

    assert (task.task_id, task.status, task.external_task_id) == (DONE["id"], "succeed", "job-7")
    assert task.is_succeed
    assert task.interface == "model-path"
    assert task.endpoint == "text2video"
    assert task.videos == (Video("v1", "https://example.com/v.mp4?s=1", Decimal("5.041"), None),)
    assert [(image.url, image.index) for image in task.images] == [("https://example.com/i.png", 0)]
    assert task.units == 3
    assert task.created_at == datetime.fromtimestamp(1_790_000_000, UTC)
    assert task.updated_at == datetime.fromtimestamp(1_790_000_060, UTC)
    assert task.raw == DONE  # unchanged, with the vendor's own words
    assert Task.from_dict(json.loads(json.dumps(task.to_dict()))) == task


def test_a_failed_task_says_why_and_costs_nothing() -> None:
    """Its reason is in `message`; an unknown word stays text."""
    failed = {"id": "1", "status": "failed", "message": "no", "billing": [{"amount": "0"}]}
    task = MODEL_PATH.created(reply(failed), RECORD)
    assert (task.status, task.status_msg, task.units) == ("failed", "no", None)
    paused = MODEL_PATH.created(reply({"id": "1", "status": "paused"}), RECORD)
    assert (paused.status, paused.is_done) == ("paused", False)


def test_a_list_without_the_task_says_that_it_is_not_known() -> None:
    """Ids that are not known are left out, with HTTP 200."""
    with pytest.raises(NotFoundError) as caught:
        MODEL_PATH.task(reply([]), RECORD)
    assert (caught.value.http_status, caught.value.request_id) == (200, "r")


@pytest.mark.parametrize(
    "read",
    [
        lambda: MODEL_PATH.created(reply([]), RECORD),
        lambda: MODEL_PATH.created(reply([DONE]), RECORD),
        lambda: MODEL_PATH.created(reply({"status": "submitted"}), RECORD),
        lambda: MODEL_PATH.task(reply(DONE), RECORD),
        lambda: MODEL_PATH.tasks(reply(DONE), RECORD),
        lambda: MODEL_PATH.page(reply([DONE]), RECORD, 1, 100),
    ],
)
def test_the_reply_to_another_kind_of_call_is_no_answer(read: Any) -> None:
    """A list where a create's task is expected proves nothing: it must not become a refusal."""
    with pytest.raises(TransportError):
        read()


def test_refusals_are_those_of_v1() -> None:
    """The envelope and the codes are the same."""
    with pytest.raises(AlreadyExistsError):
        MODEL_PATH.created(reply(None, 400, 1201, "External_task_id x already exists"), RECORD)
    with pytest.raises(AuthenticationError):
        MODEL_PATH.created(reply(None, 401, 1002, "AK/SK not supported"), RECORD)


def test_a_page_has_a_cursor_while_there_are_more() -> None:
    """A page without tasks has only counts (observed)."""
    page = MODEL_PATH.page(
        reply({"result": [DONE], "count": 1, "next_cursor": "c", "has_more": True}), TASKS, 1, 100
    )
    assert (len(page), page.next_cursor, page.has_next) == (1, "c", True)
    last = {"result": [DONE], "count": 1, "next_cursor": "c", "has_more": False}
    page = MODEL_PATH.page(reply(last), TASKS, 1, 100)
    assert (page.next_cursor, page.has_next) == (None, False)
    empty = MODEL_PATH.page(reply({"count": 0, "has_more": False}), TASKS, 1, 100)
    assert (len(empty), empty.has_next) == (0, False)


def test_a_name_is_asked_for_as_what_it_looks_like_first() -> None:
    """A task id has 18 digits; either may be the other."""
    assert [call.params for call in MODEL_PATH.get(TASKS, "850000000000000001")] == [
        {"task_ids": "850000000000000001"},
        {"external_task_ids": "850000000000000001"},
    ]
    assert [call.params for call in MODEL_PATH.get(TASKS, "job-7")] == [
        {"external_task_ids": "job-7"},
        {"task_ids": "job-7"},
    ]
    known = MODEL_PATH.get(TASKS, "job-7", "external_id")
    assert [call.params for call in known] == [{"external_task_ids": "job-7"}]


def test_an_id_that_could_not_be_asked_for_is_refused() -> None:
    """`/tasks` takes a list with commas, so a lost create could not be found by it."""
    request = TextToVideo(prompt="a cat", model_name="kling-3.0", external_task_id="a,b")
    with pytest.raises(RequestValidationError, match="comma"):
        MODEL_PATH.create(request, "a,b")


def test_a_model_s_name_stays_one_part_of_the_path() -> None:
    """This holds for any name."""
    request = TextToVideo(prompt="a cat", model_name="kling-3.0/../x?y", interface="model-path")
    assert MODEL_PATH.create(request, "").path == "/text-to-video/kling-3.0%2F..%2Fx%3Fy"


@pytest.mark.parametrize(
    ("name", "looks"),
    [
        ("1" * 14, False),
        ("1" * 15, True),
        ("1" * 18, True),
        ("1" * 14 + "a", False),
        ("\u0661" * 15, False),
        ("", False),
    ],
)
def test_an_id_of_the_vendor_s_has_15_digits_or_more(*, name: str, looks: bool) -> None:
    """They are ASCII digits: others are not ids."""
    assert looks_like_task_id(name) is looks


def test_calls_have_an_api_key_a_path_and_a_body() -> None:
    """Each call of the interface is compared whole."""
    known = [
        MODEL_PATH.get_many(["1", "2"], "task_id"),
        MODEL_PATH.get_many(["a", "b"], "external_id"),
        MODEL_PATH.list(TASKS, 1, 500, None),
        MODEL_PATH.list(TASKS, 2, 1, "c"),
        MODEL_PATH.search({"filters": []}, 7),
    ]
    assert [(call.method, call.path, call.params, call.json) for call in known] == [
        ("GET", "/tasks", {"task_ids": "1,2"}, None),
        ("GET", "/tasks", {"external_task_ids": "a,b"}, None),
        ("POST", "/tasks", None, {"limit": 500}),
        ("POST", "/tasks", None, {"cursor": "c", "limit": 1}),
        ("POST", "/tasks", None, {"filters": [], "limit": 7}),
    ]
    assert all(call.needs_api_key for call in known)
    assert (MODEL_PATH.max_ids, MODEL_PATH.interface, MODEL_PATH.name) == (
        20,
        "model-path",
        "kling",
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: MODEL_PATH.list(TASKS, 2, 100, None),
            "page is 2 at /tasks; expected page 1, or iter(): its pages have cursors",
        ),
        (lambda: MODEL_PATH.list(TASKS, 1, 0, None), "page_size is 0; expected 1 to 500"),
        (lambda: MODEL_PATH.search({}, 501), "page_size is 501; expected 1 to 500"),
        (
            lambda: MODEL_PATH.create(TextToVideo(prompt="a", model_name="kling-3.0"), "a,b"),
            "external_task_id has a comma; expected an id without one: /tasks takes lists of ids",
        ),
        (
            lambda: MODEL_PATH.create(RawRequest(RECORD, {}, "model-path"), ""),
            "model_name is missing; expected the model, which the path contains",
        ),
        (
            lambda: MODEL_PATH.create(RawRequest(RECORD, {"model_name": "."}, "model-path"), ""),
            "model_name is empty, too long or not text; expected its name",
        ),
        (
            lambda: MODEL_PATH.create(
                RawRequest(RECORD, {"model_name": "kling-3.0", "seed": object()}), ""
            ),
            (
                "seed is a object; expected JSON values: text, finite numbers, True, "
                "False, None, lists, dicts"
            ),
        ),
        (
            lambda: MODEL_PATH.get(TASKS, "."),
            ("task_id is empty, too long or not text; expected a task id or external id as text"),
        ),
    ],
)
def test_what_cannot_be_asked_for_reads(call: Any, words: str) -> None:
    """Nothing is sent, and the text says what to do."""
    with pytest.raises(RequestValidationError) as refused:
        call()
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: MODEL_PATH.task(reply({}), RECORD), "HTTP 200 without a list of tasks"),
        (lambda: MODEL_PATH.tasks(reply(None), RECORD), "HTTP 200 without a list of tasks"),
        (
            lambda: MODEL_PATH.page(reply([]), RECORD, 1, 1),
            "HTTP 200: a page without a list of tasks",
        ),
        (
            lambda: MODEL_PATH.page(reply({"result": {}, "count": 1}), RECORD, 1, 1),
            None,
        ),
        (
            lambda: MODEL_PATH.page(reply({"result": {"id": "1"}}), RECORD, 1, 1),
            "HTTP 200: a page without a list of tasks",
        ),
        (lambda: MODEL_PATH.created(reply(5), RECORD), "a task that is a int, not an object"),
        (lambda: MODEL_PATH.created(reply({"id": "1"}), RECORD), "a task without id or status"),
        (
            lambda: MODEL_PATH.created(reply({"status": "submitted"}), RECORD),
            "a task without id or status",
        ),
    ],
)
def test_a_reply_of_another_shape_reads(read: Any, words: str | None) -> None:
    """It says nothing about the task; a page with an empty result is one without tasks."""
    if words is None:
        assert len(read()) == 0
        return
    with pytest.raises(TransportError) as caught:
        read()
    assert str(caught.value) == words


def test_a_task_that_is_not_known_is_refused_whole() -> None:
    """It is an answer: the server knows no such task."""
    with pytest.raises(NotFoundError) as caught:
        MODEL_PATH.task(reply([]), RECORD)
    error = caught.value
    assert str(error).startswith("the server does not know a task with this id")
    assert (error.code, error.retryable, error.is_refusal) == (0, False, True)


@pytest.mark.parametrize(
    ("page", "cursor", "more"),
    [
        ({"next_cursor": "c"}, "c", True),
        ({"next_cursor": "c", "has_more": True}, "c", True),
        ({"next_cursor": "c", "has_more": False}, None, False),
        ({"next_cursor": "", "has_more": True}, None, False),
        ({"has_more": True}, None, False),
        ({"result": None}, None, False),
    ],
)
def test_there_are_more_while_there_is_a_cursor(
    *, page: dict[str, Any], cursor: str | None, more: bool
) -> None:
    """A page that says that there are no more ends the list."""
    tasks_page = MODEL_PATH.page(reply(page), TASKS, 3, 7)
    assert (tasks_page.next_cursor, tasks_page.has_next) == (cursor, more)
    assert (tasks_page.page, tasks_page.page_size) == (3, 7)


@pytest.mark.parametrize(
    ("billing", "units"),
    [
        ([{"amount": "3", "package_type": "video"}], Decimal(3)),
        ([{"amount": "3", "package_type": "a"}, {"amount": 0.5, "package_type": "b"}], "3.5"),
        ([{"amount": "3", "package_type": "a"}, {"amount": "0"}], Decimal(3)),
        ([{"amount": "3", "package_type": "a"}, {"amount": "1"}], None),
        ([{"amount": "1"}, {"amount": "3", "package_type": "a"}], None),
        ([{"amount": "3", "package_type": "a"}, {"amount": "x"}], None),
        ([{"amount": "3", "package_type": "a"}, {"charge_type": "x"}], Decimal(3)),
        ([{"amount": "3", "package_type": "a"}, {"package_type": "b"}], None),
        ([{"amount": "3", "package_type": "a"}, 5], Decimal(3)),
        ([5, {"amount": "3", "package_type": "a"}], Decimal(3)),
        ([{"amount": "0", "package_type": "a"}], Decimal(0)),
        ([{"amount": "0"}], None),
        ([], None),
        ({}, None),
        (None, None),
        (
            [
                {"amount": "1234567890123456789012345678", "package_type": "a"},
                {"amount": "0.000001", "package_type": "a"},
            ],
            "1234567890123456789012345678.000001",
        ),
    ],
)
def test_units_are_what_packages_paid_if_they_paid_all(
    billing: Any, units: Decimal | str | None
) -> None:
    """Units are summed exactly; an amount of money is not a number of units."""
    task = MODEL_PATH.created(reply({"id": "1", "status": "x", "billing": billing}), RECORD)
    assert task.units == (None if units is None else Decimal(units))


@pytest.mark.parametrize(
    ("outputs", "videos", "images"),
    [
        ([{"url": "https://a"}], ["https://a"], []),
        ([{"url": "https://a", "type": "image"}], [], ["https://a"]),
        ([{"url": "", "type": "video"}, 5, None, {"type": "video"}], [], []),
        ({"url": "https://a"}, [], []),
        (
            [{"type": "image", "url": "https://a"}, {"type": "image", "url": "https://b"}],
            [],
            ["https://a", "https://b"],
        ),
    ],
)
def test_an_output_is_what_its_type_says(
    outputs: Any, videos: list[str], images: list[str]
) -> None:
    """An output without a type is a video; one without a URL is left out."""
    data = {"id": "1", "status": "succeeded", "outputs": outputs}
    task = MODEL_PATH.created(reply(data), RECORD)
    assert [video.url for video in task.videos] == videos
    assert [image.url for image in task.images] == images
    assert [image.index for image in task.images] == list(range(len(images)))


def test_a_sound_has_both_files() -> None:
    """The vendor turns their names round here."""
    sound = {"type": "audio", "id": "7", "mp3_url": "https://m", "wav_url": "https://v"}
    sound |= {"mp3_duration": "3.5", "wav_duration": "3.504"}
    data = {"id": "1", "status": "succeeded", "outputs": [sound, {"type": "audio", "id": "8"}]}
    task = MODEL_PATH.created(reply(data), RECORD)
    assert task.audios == (Audio("7", "https://m", Decimal("3.5"), "https://v", Decimal("3.504")),)
    assert task.outputs == task.audios


def test_an_output_with_a_watermark_has_both_urls() -> None:
    """Videos and pictures alike."""
    both = {"url": "https://a", "watermark_url": "https://w", "id": "7", "duration": "5"}
    data = {"id": "1", "status": "x", "outputs": [both, {**both, "type": "image"}]}
    task = MODEL_PATH.created(reply(data), RECORD)
    assert [video.watermark_url for video in task.videos] == ["https://w"]
    assert [image.watermark_url for image in task.images] == ["https://w"]
    assert task.videos == (Video("7", "https://a", Decimal(5), "https://w"),)
    assert task.videos[0].raw == both
    assert task.images[0].raw == {**both, "type": "image"}
    assert (task.external_task_id, task.status_msg) == (None, "")
