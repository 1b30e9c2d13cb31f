"""Tasks as values: written as JSON, read again, and shown without what is secret."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk import (
    Audio,
    Element,
    Image,
    OmniImage,
    OmniVideoReference,
    Task,
    TextToVideo,
    Video,
    Voice,
)
from kling_sdk.text.scalars import decimal

texts = st.text(max_size=10)
raws = st.dictionaries(texts, st.none() | st.booleans() | st.integers() | texts, max_size=3)
numbers = st.none() | st.decimals("-1e6", "1e6", places=6).filter(
    lambda number: decimal(str(number)) is not None
)
times = st.none() | st.datetimes(timezones=st.just(UTC))
videos = st.builds(Video, texts, texts, numbers, st.none() | texts, raws)
images = st.builds(Image, texts, st.none() | st.integers(), st.none() | texts, raws)
audios = st.builds(Audio, texts, texts, numbers, st.none() | texts, numbers, raws)
voices = st.builds(Voice, texts, texts, texts, texts, raws)
elements = st.builds(Element, texts, texts, texts, texts, st.none() | voices, texts, texts, raws)
tasks = st.builds(
    Task,
    task_id=texts,
    status=texts,
    external_task_id=st.none() | texts,
    status_msg=texts,
    videos=st.lists(videos, max_size=2).map(tuple),
    images=st.lists(images, max_size=2).map(tuple),
    audios=st.lists(audios, max_size=2).map(tuple),
    voices=st.lists(voices, max_size=2).map(tuple),
    elements=st.lists(elements, max_size=2).map(tuple),
    created_at=times,
    updated_at=times,
    units=numbers,
    endpoint=texts,
    kling_task_id=st.none() | texts,
    reused=st.booleans(),
    raw=raws,
)
TASK = Task(
    "800000000000000001",
    "succeed",
    external_task_id="job-7",
    videos=(Video("v", "https://files.test/a.mp4?sign=s3cret", Decimal("5.1"), raw={"id": "v"}),),
    images=(Image("https://files.test/a.png", 0),),
    audios=(Audio("a", "https://files.test/a.mp3", Decimal("3.5")),),
    created_at=datetime(2026, 11, 1, 12, tzinfo=UTC),
    units=Decimal("1.50"),
    endpoint="text2video",
    interface="v1",
    raw={"task_id": "800000000000000001", "new_field": [1]},
)


@given(tasks)
@pytest.mark.slow
def test_a_task_survives_json(task: Task) -> None:
    """Every field, the replies as received included, in any language's JSON."""
    again = Task.from_dict(json.loads(json.dumps(task.to_dict())))

    assert again == task
    assert again.raw == task.raw
    assert [video.raw for video in again.videos] == [video.raw for video in task.videos]
    assert again.to_dict() == task.to_dict()


def test_the_form_is_plain_json() -> None:
    """Times are ISO 8601 text and numbers are text, so nothing is rounded."""
    assert TASK.to_dict() == {
        "task_id": "800000000000000001",
        "status": "succeed",
        "external_task_id": "job-7",
        "status_msg": "",
        "videos": [
            {
                "id": "v",
                "url": "https://files.test/a.mp4?sign=s3cret",
                "duration": "5.1",
                "watermark_url": None,
                "raw": {"id": "v"},
            }
        ],
        "images": [
            {
                "url": "https://files.test/a.png",
                "index": 0,
                "watermark_url": None,
                "raw": {},
                "view": None,
            }
        ],
        "series_images": [],
        "audios": [
            {
                "id": "a",
                "url": "https://files.test/a.mp3",
                "duration": "3.5",
                "wav_url": None,
                "wav_duration": None,
                "raw": {},
            }
        ],
        "voices": [],
        "elements": [],
        "subtitles": [],
        "created_at": "2026-11-01T12:00:00+00:00",
        "updated_at": None,
        "units": "1.50",
        "endpoint": "text2video",
        "interface": "v1",
        "kling_task_id": None,
        "reused": False,
        "raw": {"task_id": "800000000000000001", "new_field": [1]},
        "response": None,
    }
    assert TASK.to_dict().keys() == attrs.fields_dict(Task).keys()


def test_releases_read_each_other_s_tasks() -> None:
    """A key of tomorrow is ignored, and one that yesterday did not write takes its default."""
    assert Task.from_dict({**TASK.to_dict(), "songs": [], "videos": None}) == attrs.evolve(
        TASK, videos=()
    )
    assert Task.from_dict({"task_id": "1", "status": "new"}) == Task("1", "new")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([], "task is a list; it must be a mapping"),
        ({}, "task.task_id is missing; it must be text"),
        ({"task_id": 8, "status": "x"}, "task.task_id is not text"),
        ({"units": "NaN"}, "task.units is not a number as text"),
        ({"units": []}, "task.units is not a number as text"),
        ({"created_at": "yesterday"}, "task.created_at is not a time as ISO 8601 text"),
        ({"created_at": 5}, "task.created_at is not a time as ISO 8601 text"),
        ({"reused": "no"}, "task.reused is not True or False"),
        ({"raw": "s3cret"}, "task.raw is not a mapping"),
        ({"videos": "s3cret"}, "task.videos is not a list"),
        ({"videos": ["s3cret"]}, "task.videos[0] is a str; it must be a mapping"),
        ({"videos": [{"id": "v"}]}, "task.videos[0].url is missing; it must be text"),
        (
            {"images": [{"url": "s3cret", "index": "0"}]},
            "task.images[0].index is not a whole number",
        ),
    ],
)
def test_what_is_no_task_is_named_and_not_quoted(data: Any, text: str) -> None:
    """The place, and what it must be."""
    if isinstance(data, dict) and data and "task_id" not in data:
        data = {"task_id": "1", "status": "x", **data}
    with pytest.raises(ValueError, match=r"must be|is not") as caught:
        Task.from_dict(data)
    assert str(caught.value) == text


SIGNED = "https://me:pass@files.test/a.mp4?sign=s3cret#x"
SHOWN = "https://files.test/a.mp4?<hidden>"


@pytest.mark.parametrize(
    "value",
    [
        Video("v", SIGNED),
        Image(SIGNED),
        OmniImage(SIGNED),
        OmniVideoReference(SIGNED),
        TextToVideo(prompt="x", callback_url=SIGNED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_url_without_its_signature_is_marked(value: Any) -> None:
    """A URL copied from a log shows that it is not whole."""
    assert SHOWN in repr(value)
    assert "s3cret" not in repr(value)
    assert "pass" not in repr(value)


def test_a_url_that_is_whole_is_not_marked() -> None:
    """Nothing was left out."""
    assert "'https://files.test/a.mp4'" in repr(Video("v", "https://files.test/a.mp4"))


@pytest.mark.slow
def test_a_handler_of_fastapi_takes_and_returns_a_task() -> None:
    """Alone and in a list; what cannot be read is the caller's 422, and the schema has a shape."""
    from fastapi import Body, FastAPI
    from fastapi.testclient import TestClient

    app = FastAPI()
    body = Body()

    def double(task: Task = body) -> list[Task]:
        assert type(task) is Task
        return [task, task]

    app.post("/tasks")(double)
    http = TestClient(app)
    reply = http.post("/tasks", json=TASK.to_dict())
    assert reply.json() == [TASK.to_dict()] * 2
    for name, wrong in (("task_id", None), ("created_at", "soon")):
        reply = http.post("/tasks", json=TASK.to_dict() | {name: wrong})
        assert reply.status_code == 422
        assert name in reply.text
    content = http.get("/openapi.json").json()["paths"]["/tasks"]["post"]["requestBody"]["content"]
    schema = content["application/json"]["schema"]
    assert schema["required"] == ["task_id", "status"]
    assert schema["properties"]["status"] == {"type": "string", "title": "Status"}


@pytest.mark.slow
def test_a_model_of_pydantic_has_a_task() -> None:
    """It keeps the very object, and reads what it has written."""
    from pydantic import BaseModel

    class Order(BaseModel):
        task: Task

    order = Order(task=TASK)
    assert order.task is TASK
    assert Order.model_validate_json(order.model_dump_json()).task == TASK
