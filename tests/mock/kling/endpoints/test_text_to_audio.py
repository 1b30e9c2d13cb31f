"""`text-to-audio`: what is refused, and how long the sound is."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.service_codes import Refusal
from kling_sdk import DownloadError, InvalidRequestError
from tests.ffmpeg import probe
from tests.mock.kling.endpoints.requests import plan
from tests.mock.sounds import wav

RAIN: dict[str, Any] = {"prompt": "rain on tin", "duration": 5.0}


@pytest.mark.parametrize(
    ("duration", "text"), [(3, "3"), (3.0, "3"), (3.35, "3.35"), (10.0, "10"), (9.9999, "10")]
)
def test_the_sound_is_as_long_as_asked(mock: KlingMock, duration: float, text: str) -> None:
    """It is exact to the millisecond, as text; the price does not depend on it."""
    with mock.client() as kling:
        task = kling.text_to_audio.submit(RAIN | {"duration": duration})
        mock.complete(task)
        done = kling.text_to_audio.get(task.task_id)
    (audio,) = done.audios
    assert audio.raw == {
        "id": str(int(task.task_id) + 1),
        "url_mp3": f"{mock.kling_url}/media/audios/{audio.id}-0.mp3",
        "duration_mp3": text,
        "url_wav": f"{mock.kling_url}/media/audios/{audio.id}-0.wav",
        "duration_wav": text,
    }
    assert (audio.duration, audio.wav_duration) == (Decimal(text), Decimal(text))
    assert (done.units, done.videos, done.images) == (Decimal("0.25"), (), ())
    assert "watermark_info" not in done.raw


def test_a_path_says_which_file(mock: KlingMock, tmp_path: Path) -> None:
    """`.wav` is the WAV; everything else, a folder and memory included, is the MP3."""
    with mock.client() as kling:
        (audio,) = kling.text_to_audio.run(**RAIN).audios
        mp3, wav, again = (
            kling.download(audio, tmp_path / name) for name in ("a.mp3", "a.WAV", "a")
        )
        named = kling.download(audio, tmp_path)
        assert kling.download(audio) == mp3.path.read_bytes()
        with pytest.raises(DownloadError, match="this sound is an MP3 and has no WAV"):
            kling.download(kling.tts.call(**SPOKEN).audio, tmp_path / "b.wav")
    assert mp3.path.read_bytes().startswith(b"ID3")
    assert wav.path.read_bytes().startswith(b"RIFF")
    assert (again.sha256, named.sha256) == (mp3.sha256, mp3.sha256)
    assert named.path.name == f"{audio.id}.mp3"


SPOKEN: dict[str, Any] = {"text": "Hi", "voice_id": "AOT", "voice_language": "en"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": ""}, "prompt: required, must be a string of at most 200 characters"),
        ({"prompt": "x" * 201}, "prompt: must be a string of at most 200 characters, got 201"),
        ({"duration": None}, "duration: required, must be a number from 3 to 10"),
        ({"duration": 2.9}, "duration: must be a number from 3 to 10, got 2.9"),
        ({"duration": 10.1}, "duration: must be a number from 3 to 10, got 10.1"),
        ({"duration": "long"}, "Failed to resolve the request body"),
    ],
)
def test_what_is_refused(change: dict[str, Any], message: str) -> None:
    """A prompt of 200 characters, and 3 to 10 seconds."""
    with pytest.raises(Refusal, match=message):
        plan("text-to-audio", RAIN | change)


def test_a_video_id_is_no_sound_and_a_sound_is_no_video(mock: KlingMock) -> None:
    """An id is searched among results of its own type."""
    with mock.client() as kling:
        audio = kling.text_to_audio.run(**RAIN).audios[0].id
        video = kling.text2video.run(prompt="a cat").videos[0].id
        with pytest.raises(InvalidRequestError, match="must be the id of a video"):
            kling.video_to_audio.create(video_id=audio)
        with pytest.raises(InvalidRequestError, match="must be the id of a sound"):
            kling.avatar.create(image="https://a.test/a.png", audio_id=video)


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.parametrize("suffix", ["mp3", "wav"])
def test_its_files_are_as_long_as_asked(mock: KlingMock, tmp_path: Path, suffix: str) -> None:
    """A decoder that is not ours measures them."""
    with mock.client() as kling:
        (audio,) = kling.text_to_audio.run(prompt="rain", duration=7.5).audios
        file = kling.download(audio, tmp_path / f"rain.{suffix}")
    media = probe(file.path.read_bytes())
    (stream,) = media["streams"]
    assert stream["codec_name"] == {"mp3": "mp3", "wav": "pcm_s16le"}[suffix]
    assert file.size > len(wav(1))
