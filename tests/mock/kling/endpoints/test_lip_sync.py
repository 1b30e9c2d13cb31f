"""`lip-sync`: what is refused in which words, and how long the result is."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest

from kling_mock.kling.model.plan import ParentVideo
from kling_mock.kling.service_codes import Refusal
from tests.endpoints import SOURCE_VIDEO
from tests.mock.kling.endpoints.requests import plan
from tests.mock.sounds import wav

VIDEO = {"video_url": "https://a.test/a.mp4"}
TEXT = {"mode": "text2video", "text": "Hi", "voice_id": "ai_kaiya", "voice_language": "zh"}
SOUND = {"mode": "audio2video", "audio_type": "url", "audio_url": "https://a.test/a.mp3"}
WAV = base64.b64encode(wav(1)).decode()


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


# These are verbatim, since clients compare them.
SEEN = [
    (without(TEXT, "mode") | VIDEO, "input.mode: must not be null"),
    (
        TEXT | VIDEO | {"mode": "x"},
        "input.mode value 'x' is invalid, allowed values: text2video, audio2video",
    ),
    (TEXT, "video_id or video_url is required"),
    (without(TEXT, "text") | VIDEO, "text is required"),
    (without(TEXT, "voice_language") | VIDEO, "Voice language not found"),
    (
        TEXT | VIDEO | {"voice_language": "x"},
        "input.voice_language value 'x' is invalid, allowed values: zh, en",
    ),
    (without(TEXT, "voice_id") | VIDEO, "Voice id not found"),
    (TEXT | VIDEO | {"voice_id": "nobody"}, "Voice id not found"),
    (
        TEXT | VIDEO | {"voice_speed": 2.1},
        "input.voiceSpeed: must be less than or equal to 2.0",
    ),
    (without(SOUND, "audio_type") | VIDEO, "Audio type is null"),
    (
        SOUND | VIDEO | {"audio_type": "x"},
        "input.audio_type value 'x' is invalid, allowed values: file, url",
    ),
]


@pytest.mark.parametrize(("fields", "message"), SEEN)
def test_a_refusal_has_the_words_that_were_seen(fields: dict[str, Any], message: str) -> None:
    """All are HTTP 400 with 1201."""
    with pytest.raises(Refusal) as refused:
        plan("lip-sync", {"input": fields})
    assert (refused.value.http, refused.value.code) == (400, 1201)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (TEXT | VIDEO | {"voice_speed": 0.7}, "voiceSpeed: must be greater than or equal to 0.8"),
        (TEXT | VIDEO | {"text": "x" * 121}, "input.text: must be a string of at most 120"),
        (TEXT | VIDEO | {"video_id": "1"}, "input.video_id: not possible together"),
        (TEXT | {"video_id": "1"}, "input.video_id: must be the id of a video of this account"),
        (without(SOUND, "audio_url") | VIDEO, "input.audio_url: required with audio_type url"),
        (SOUND | VIDEO | {"audio_type": "file"}, "input.audio_file: required with audio_type file"),
        (
            SOUND | VIDEO | {"audio_type": "file", "audio_file": WAV},
            "input.audio_file: must be a sound of 2 to 60 s, got one of 1.0 s",
        ),
    ],
)
def test_what_else_is_refused_names_its_field(fields: dict[str, Any], message: str) -> None:
    """The text is the emulator's own."""
    with pytest.raises(Refusal, match=message):
        plan("lip-sync", {"input": fields})


@pytest.mark.parametrize("speech", [TEXT, SOUND])
def test_the_result_is_the_video_with_a_sound(speech: dict[str, Any]) -> None:
    """The result has the video's length and size; each started 5 s cost half a unit."""
    task_plan = plan("lip-sync", {"input": speech | {"video_id": SOURCE_VIDEO}})
    assert (task_plan.seconds, task_plan.resolution, task_plan.sound) == (5, "720p", True)
    assert task_plan.units == Decimal("0.5")
    assert task_plan.parent_video == ParentVideo(SOURCE_VIDEO, 5)
    assert plan("lip-sync", {"input": speech | VIDEO}).parent_video is None


def test_what_is_said_is_what_the_content_review_reads() -> None:
    """It is the only text of such a request."""
    assert plan("lip-sync", {"input": TEXT | VIDEO}).prompt == "Hi"


@pytest.mark.parametrize("name", ["video_url", "audio_url"])
def test_a_file_that_cannot_be_had_fails_later(name: str) -> None:
    """No file is fetched at once."""
    fields = SOUND | VIDEO | {name: "https://media.invalid/a"}
    assert plan("lip-sync", {"input": fields}).failure is not None
