"""Requests for sounds: the bodies that are sent, what is refused before, and what they cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import (
    Kling,
    Request,
    RequestValidationError,
    Speech,
    TaskFailedError,
    TextToAudio,
    TextToSpeech,
    TransportError,
    VideoToAudio,
)
from kling_sdk.wire import V1Wire
from kling_sdk.wire.relay import RelayWire

SPOKEN: dict[str, Any] = {"text": "Good morning", "voice_id": "AOT", "voice_language": "en"}
URL = "https://example.com/a.mp4"


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (TextToAudio(prompt="rain", duration=3.5), {"prompt": "rain", "duration": 3.5}),
        (TextToAudio(prompt="rain", duration=10), {"prompt": "rain", "duration": 10}),
        (VideoToAudio(video_id="7"), {"video_id": "7"}),
        (
            VideoToAudio(
                video_url=URL, sound_effect_prompt="steps", bgm_prompt="a piano", asmr_mode=False
            ),
            {
                "video_url": URL,
                "sound_effect_prompt": "steps",
                "bgm_prompt": "a piano",
                "asmr_mode": False,
            },
        ),
        (TextToSpeech(**SPOKEN), SPOKEN),
        (TextToSpeech(**SPOKEN, voice_speed=0.8), {**SPOKEN, "voice_speed": 0.8}),
    ],
)
def test_a_request_has_this_body(request_: Request, body: dict[str, Any]) -> None:
    """A duration is a number here; for videos it is text."""
    assert V1Wire().create(request_, "").json == body
    if request_.record.returns is None:
        assert RelayWire().create(request_, "").json == body


@pytest.mark.parametrize(
    ("make", "arguments", "field", "words"),
    [
        (TextToAudio, {"duration": 5}, "prompt", "is missing"),
        (TextToAudio, {"prompt": "", "duration": 5}, "prompt", "is empty"),
        (TextToAudio, {"prompt": "x" * 201, "duration": 5}, "prompt", "at most 200"),
        (TextToAudio, {"prompt": "x"}, "duration", "is missing"),
        (TextToAudio, {"prompt": "x", "duration": 2.9}, "duration", "from 3 to 10"),
        (TextToAudio, {"prompt": "x", "duration": 10.1}, "duration", "from 3 to 10"),
        (TextToAudio, {"prompt": "x", "duration": "5"}, "duration", "is a str"),
        (VideoToAudio, {}, "video_id", "and so is video_url"),
        (VideoToAudio, {"video_id": "1", "video_url": URL}, "video_id", "with video_url"),
        (VideoToAudio, {"video_url": "a.mp4"}, "video_url", "is not a URL"),
        (VideoToAudio, {"video_id": "1", "bgm_prompt": "x" * 201}, "bgm_prompt", "at most 200"),
        (VideoToAudio, {"video_id": "1", "asmr_mode": "on"}, "asmr_mode", "True or False"),
        (
            VideoToAudio,
            {"video_id": "1", "sound_effect_prompt": "x" * 201},
            "sound_effect_prompt",
            "at most 200",
        ),
        (TextToSpeech, SPOKEN | {"text": "x" * 1001}, "text", "at most 1000"),
        (TextToSpeech, SPOKEN | {"text": ""}, "text", "is empty"),
        (TextToSpeech, SPOKEN | {"voice_id": None}, "voice_id", "is missing"),
        (TextToSpeech, SPOKEN | {"voice_language": "fr"}, "voice_language", "zh, en"),
        (TextToSpeech, SPOKEN | {"voice_speed": 2.1}, "voice_speed", "from 0.8 to 2.0"),
    ],
)
def test_what_the_vendor_would_refuse_is_not_sent(
    make: type[Request], arguments: dict[str, Any], field: str, words: str
) -> None:
    """The error names the parameter and what it must be."""
    with pytest.raises(RequestValidationError, match=words) as refused:
        make(**arguments)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("request_", "private"),
    [
        (TextToAudio(prompt="rain on tin", duration=5), ("rain on tin",)),
        (VideoToAudio(video_id="7", bgm_prompt="a", sound_effect_prompt="b"), ("b", "a")),
        (TextToSpeech(**SPOKEN), ("Good morning",)),
    ],
)
def test_a_text_is_private(request_: Request, private: tuple[str, ...]) -> None:
    """No log, error or repr has it."""
    assert request_.prompts() == private
    assert not any(f"={text!r}" in repr(request_) for text in private)


@pytest.mark.parametrize(
    ("request_", "units"),
    [
        (TextToAudio(prompt="x", duration=3), "0.25"),
        (TextToAudio(prompt="x", duration=10), "0.25"),
        (VideoToAudio(video_url=URL), "0.25"),
        (TextToSpeech(**SPOKEN), "0.05"),
    ],
)
def test_each_costs_the_same_however_long(request_: Request, units: str) -> None:
    """A video pack pays for it: that is assumed."""
    estimate = Kling("AK|SK").estimate(request_)
    assert (estimate.units, estimate.pack, estimate.confidence) == (Decimal(units), "video", "high")


ANSWER: dict[str, Any] = {
    "task_id": "8",
    "task_status": "succeed",
    "task_status_msg": "",
    "task_result": {
        "audios": [{"id": "7", "url": "https://a.test/7?sign=s3cret", "duration": "2"}]
    },
    "final_unit_deduction": "0.05",
}


def test_an_answer_is_a_speech() -> None:
    """Fields that the vendor adds later are in `raw`; the repr has no signature."""
    speech = Speech.from_data(ANSWER | {"new": 1})
    assert (speech.task_id, speech.units, speech.raw["new"]) == ("8", Decimal("0.05"), 1)
    assert speech.audio == speech.audios[0]
    assert (speech.audio.id, speech.audio.duration, speech.audio.wav_url) == ("7", Decimal(2), None)
    assert "s3cret" not in repr(speech)


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"task_result": 5}, {"task_result": {"audios": [{"id": "7"}, 5]}}],
)
def test_an_answer_without_a_sound_is_none(data: Any) -> None:
    """The call counts as lost."""
    with pytest.raises(TransportError, match="has no sound"):
        Speech.from_data(data)


def test_an_answer_that_says_that_it_has_failed_is_an_error() -> None:
    """The vendor's reason is in the task, and not in the error's text."""
    failed = ANSWER | {"task_status": "failed", "task_status_msg": "no: Good morning"}
    with pytest.raises(TaskFailedError) as caught:
        Speech.from_data(failed)
    assert caught.value.task.status_msg == "no: Good morning"
    assert "Good morning" not in str(caught.value)
