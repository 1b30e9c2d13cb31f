"""Tasks of sounds on the relay: what they cost, and what its replies and webhooks show."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.relay.domain.other_results import other_results
from kling_sdk import RequestValidationError, parse_callback
from tests.endpoints import body
from tests.mock.receiver import Receiver, receiver
from tests.mock.relay.http_calls import VIDEOS, Caller, guide_members

__all__ = ["receiver"]

UNIT = 70_000  # quota
QUARTER = UNIT // 4
URL: dict[str, Any] = {"video_url": "https://example.com/a.mp4"}
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("text-to-audio", body("text-to-audio")),
    ("text-to-audio", {"prompt": "rain", "duration": 9.5}),
    ("video-to-audio", URL),
]


@pytest.mark.parametrize(("endpoint", "request_"), REQUESTS)
def test_what_is_held_is_what_is_charged(
    caller: Caller, endpoint: str, request_: dict[str, Any]
) -> None:
    """A quarter of a unit, however long; Kling gets the number as a number."""
    before = caller.mock.ledger.user()
    reply = caller.call("POST", f"{VIDEOS}/{endpoint}", json=request_)
    assert reply.status_code == 200, reply.text
    assert caller.mock.ledger.user().held_quota == QUARTER
    assert not [entry for entry in caller.mock.journal if entry.notes]

    caller.mock.clock.advance(3600)
    assert caller.query(reply.json()["task_id"])["status"] == "succeed"
    after = caller.mock.ledger.user()
    assert (after.quota, after.held_quota) == (before.quota - QUARTER, 0)
    caller.mock.ledger.assert_balanced()


@pytest.mark.parametrize(("endpoint", "request_"), REQUESTS)
def test_replies_and_webhooks_have_the_sound(
    caller: Caller, receiver: Receiver, endpoint: str, request_: dict[str, Any]
) -> None:
    """Beside the keys that a video has; `video_url` is the video, or the MP3 without one."""
    name = caller.call(
        "POST", f"{VIDEOS}/{endpoint}", json=request_ | {"callback_url": receiver.url}
    ).json()["task_id"]
    assert "audios" not in caller.query(name)
    caller.mock.clock.advance(3600)
    reply = caller.query(name)
    seconds = f"{request_.get('duration', 5):g}"

    (audio,) = reply["audios"]
    assert audio.keys() == {"id", "url_mp3", "url_wav", "duration_mp3", "duration_wav"}
    assert (audio["duration_mp3"], reply["duration"]) == (seconds, seconds)
    is_video = endpoint == "video-to-audio"
    assert (reply["video_url"] == audio["url_mp3"]) is not is_video
    assert caller.call("GET", VIDEOS).json()["data"][0] == guide_members(reply)
    task = parse_callback(receiver.received[-1].body, verify=False).task
    assert [sound.raw for sound in task.audios] == [audio]
    assert [video.url for video in task.videos] == [reply["video_url"]] * is_video


def test_the_client_of_a_relay_sees_sounds(mock: KlingMock) -> None:
    """They are those of Kling itself; the MP3 is not taken for a video."""
    with mock.relay_client() as relay:
        rain = relay.text_to_audio.run(prompt="rain", duration=3.5)
        assert (rain.videos, len(rain.outputs)) == ((), 1)
        assert rain.audios[0].duration == Decimal("3.5")
        assert relay.download(rain.audios[0]).startswith(b"ID3")
        steps = relay.video_to_audio.run(**URL, sound_effect_prompt="steps")
        assert (len(steps.videos), len(steps.audios)) == (1, 1)
        assert relay.download(steps.videos[0])[4:8] == b"ftyp"


def test_a_call_that_answers_at_once_is_not_served(mock: KlingMock) -> None:
    """It is not sent either."""
    message = "does not make a task"
    with mock.relay_client() as relay, pytest.raises(RequestValidationError, match=message):
        relay.tts.call(text="x", voice_id="AOT", voice_language="en")


def test_what_is_heard_is_stored_as_the_prompt(caller: Caller) -> None:
    """Both texts of a video's sound are stored."""
    request = URL | {"sound_effect_prompt": "steps", "bgm_prompt": "a piano"}
    caller.call("POST", f"{VIDEOS}/video-to-audio", json=request)
    refused = caller.call("POST", f"{VIDEOS}/video-to-audio", json=URL | {"bgm_prompt": 5})
    assert refused.status_code == 400
    assert "bgm_prompt: must be text" in refused.json()["error"]["message"]


def test_a_value_of_another_type_is_left_out() -> None:
    """The rest of the sound is shown."""
    odd = {"id": 5, "url_mp3": "https://x.test/0.mp3", "url_wav": None, "duration_mp3": 5}
    report = json.dumps({"task_result": {"audios": [odd], "images": [{"url": "https://x.test"}]}})
    assert other_results("text-to-audio", report) == {
        "audios": [{"url_mp3": "https://x.test/0.mp3", "duration_mp3": "5"}]
    }
