"""`avatar/image2video`: the result is as long as the sound, and costs as much per second."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.service_codes import Refusal
from tests.endpoints import URL
from tests.ffmpeg import probe
from tests.mock.kling.endpoints.requests import plan
from tests.mock.sounds import mp3, wav

PICTURE = {"image": URL}


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("sound", "seconds"),
    [(wav(11.3), 11), (mp3(11.3), 11), (wav(2), 2), (wav(299.6), 300), (bytes(80_000), 5)],
    ids=["wav", "mp3", "shortest", "longest", "unknown format"],
)
@pytest.mark.parametrize(("mode", "units"), [("std", "0.4"), ("pro", "0.8")])
def test_each_second_of_the_sound_is_paid_for(
    sound: bytes, seconds: int, mode: str, units: str
) -> None:
    """11.3 s cost 11 (seen on the wire); the result has a sound track."""
    task_plan = plan("avatar", {**PICTURE, "sound_file": base64_of(sound), "mode": mode})
    assert (task_plan.seconds, task_plan.units, task_plan.sound) == (
        seconds,
        Decimal(units) * seconds,
        True,
    )
    assert task_plan.resolution == {"std": "720p", "pro": "1080p"}[mode]


def test_a_sound_that_is_not_seen_has_5_seconds() -> None:
    """Files are never fetched."""
    assert plan("avatar", {**PICTURE, "sound_file": "https://a.test/a.mp3"}).seconds == 5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "sound_file: required without audio_id"),
        ({"audio_id": "1", "sound_file": URL}, "sound_file: not possible together with audio_id"),
        ({"sound_file": base64_of(wav(1.9))}, "sound_file: must be a sound of 2 to 300 s, got one"),
        ({"sound_file": base64_of(wav(301))}, "got one of 301.0 s"),
        ({"sound_file": base64_of(bytes(5 * 1024 * 1024 + 1))}, "at most 5 MB"),
        ({"sound_file": "data:audio/mp3;base64,AAAA"}, "not in a valid base64 format"),
        ({"audio_id": "1"}, "audio_id: must be the id of a sound of this account, got '1'"),
        ({"audio_id": "1", "mode": "4k"}, "mode value '4k' is invalid"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], message: str) -> None:
    """One sound, of 2 to 300 s and at most 5 MB."""
    with pytest.raises(Refusal, match=message):
        plan("avatar", PICTURE | fields)


def test_it_takes_as_long_as_was_seen() -> None:
    """Once it was 15.7 minutes for a sound of 11.3 s."""
    task_plan = plan("avatar", {**PICTURE, "sound_file": base64_of(wav(11.3))})
    assert task_plan.typical_seconds == 960.0


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.parametrize("seconds", [2, 47])
def test_its_file_is_as_long_as_the_sound(mock: KlingMock, seconds: int) -> None:
    """A decoder that is not ours finds so: a longer file repeats, and picture and sound agree."""
    with mock.client() as kling:
        task = kling.avatar.create(image=URL, sound_file=wav(seconds), prompt="She nods.")
        mock.complete(task)
        done = kling.avatar.get(task.task_id)
        content = kling.download(done.videos[0], None)
    media = probe(content)
    assert done.videos[0].duration == seconds
    assert [stream["codec_name"] for stream in media["streams"]] == ["h264", "aac"]
    for lasting in (media["format"], *media["streams"]):
        assert float(lasting["duration"]) == pytest.approx(seconds, abs=0.05)
