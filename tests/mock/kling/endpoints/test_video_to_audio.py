"""`video-to-audio`: which videos it takes, and what it makes of them."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.endpoints.validation import make_plan
from kling_mock.kling.model.plan import Plan
from kling_mock.kling.service_codes import Refusal
from kling_sdk import Kling, Task
from tests.endpoints import SOURCE_VIDEO, source_video
from tests.ffmpeg import probe
from tests.mock.kling.endpoints.requests import context, plan

URL: dict[str, Any] = {"video_url": "https://a.test/a.mp4"}


def done(mock: KlingMock, kling: Kling, **request: Any) -> Task:
    task = kling.video_to_audio.submit(request)
    mock.complete(task)
    return kling.video_to_audio.get(task.task_id)


def test_the_video_is_its_parent_and_comes_back_with_a_sound(mock: KlingMock) -> None:
    """Each result has an id of its own; there is never a watermark."""
    video = source_video(mock)
    with mock.client() as kling:
        task = done(mock, kling, video_id=video, bgm_prompt="a slow piano", asmr_mode=True)
    (new_video,), (audio,) = task.videos, task.audios

    assert task.outputs == (new_video, audio)
    assert len({task.task_id, new_video.id, audio.id, video}) == 4
    assert {new_video.duration, audio.duration, audio.wav_duration} == {Decimal(5)}
    assert new_video.raw.keys() == {"id", "url", "duration"}
    parent = task.raw["task_info"]["parent_video"]
    assert (parent["id"], parent["duration"]) == (video, "5")
    assert task.units == Decimal("0.25")


def test_a_video_from_a_url_has_5_seconds_and_no_parent() -> None:
    """Files are never fetched."""
    task_plan = plan("video-to-audio", dict(URL))
    assert (task_plan.seconds, task_plan.parent_video, task_plan.sound) == (5, None, True)
    assert [(result_list.key, result_list.seconds) for result_list in task_plan.result.lists] == [
        ("videos", 0),
        ("audios", 5),
    ]


def of(seconds: int, resolution: str = "720p") -> Plan:
    source = plan("text2video", {"prompt": "a cat", "model_name": "kling-v3", "duration": "5"})
    return source._replace(seconds=seconds, resolution=resolution)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "video_id or video_url is required"),
        (URL | {"video_id": SOURCE_VIDEO}, "video_id: not possible together with video_url"),
        ({"video_id": "1"}, "video_id: must be the id of a video of this account, got '1'"),
        (URL | {"bgm_prompt": "x" * 201}, "bgm_prompt: must be a string of at most 200 char"),
        (URL | {"sound_effect_prompt": "x" * 201}, "sound_effect_prompt: must be a string of at"),
        (URL | {"asmr_mode": "loud"}, "Failed to resolve the request body"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], message: str) -> None:
    """One video, and short texts."""
    with pytest.raises(Refusal, match=message):
        plan("video-to-audio", fields)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (of(2), "must be a video of at least 3 s, got one of 2 s"),
        (of(21), "must be a video of at most 20 s, got one of 21 s"),
        (of(3), ""),
        (of(20, "4k"), ""),
    ],
)
def test_a_video_has_3_to_20_seconds(source: Plan, message: str) -> None:
    """Any size is accepted: the pages have no limit for it."""
    judged = context(find_video=lambda _: source)
    expected = pytest.raises(Refusal, match=message) if message else contextlib.nullcontext()
    with expected:
        task_plan = make_plan(ENDPOINTS["video-to-audio"], {"video_id": "1"}, judged)
        assert task_plan.seconds == source.seconds


def test_what_is_heard_is_a_prompt(mock: KlingMock) -> None:
    """Rules that look at prompts, and the content review, apply to it."""
    task_plan = plan(
        "video-to-audio", URL | {"sound_effect_prompt": "steps", "bgm_prompt": "a piano"}
    )
    assert task_plan.prompt == "steps\na piano"


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
def test_its_video_has_a_sound_track(mock: KlingMock) -> None:
    """A decoder that is not ours finds it."""
    with mock.client() as kling:
        task = done(mock, kling, **URL)
        media = probe(kling.download(task.videos[0]))
    assert [stream["codec_name"] for stream in media["streams"]] == ["h264", "aac"]
