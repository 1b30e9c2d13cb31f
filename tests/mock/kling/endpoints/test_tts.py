"""`tts`: what is refused, how long a text is, and what its sound is good for."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.kling.endpoints.tts import speech_seconds
from kling_sdk import (
    ContentPolicyError,
    InvalidRequestError,
    Kling,
    OutcomeUnknownError,
    PermissionDeniedError,
    Speech,
    Task,
)
from tests.endpoints import URL
from tests.ffmpeg import probe

SPOKEN: dict[str, Any] = {
    "text": "Good morning, and welcome to the show. ",
    "voice_id": "oversea_male1",
    "voice_language": "en",
}
MONTH = 30 * 24 * 3600


@pytest.fixture
def kling(mock: KlingMock) -> Iterator[Kling]:
    with mock.client() as kling:
        yield kling


def speak(kling: Kling, times: int = 1, **change: Any) -> Speech:
    return kling.tts.call(**SPOKEN | {"text": SPOKEN["text"] * times} | change)


def test_a_text_is_spoken_at_once(mock: KlingMock, kling: Kling) -> None:
    """The reply has the sound and what it cost; a repeat makes another sound."""
    mock.account.units = Decimal(1)
    speech, again = speak(kling), speak(kling)

    assert speech.raw["task_status"] == "succeed"
    assert (len(speech.audios), speech.units) == (1, Decimal("0.05"))
    assert speech.audio.raw.keys() == {"id", "url", "duration"}
    assert len({speech.audio.id, speech.task_id, again.audio.id, again.task_id}) == 4
    assert mock.account.units == Decimal("0.9")
    assert mock.account.open_tasks == 0


@pytest.mark.parametrize(
    ("text", "language", "speed", "seconds"),
    [
        ("x" * 140, "en", 1.0, 10.0),
        ("x" * 140, "en", 2.0, 5.0),
        ("好" * 40, "zh", 1.0, 10.0),
        ("好" * 40, "zh", 0.8, 12.5),
        ("x", "en", 1.0, 0.5),
        ("x" * 1000, "en", 0.8, 89.286),
    ],
)
def test_a_sound_is_as_long_as_its_text(
    text: str, language: str, speed: float, seconds: float
) -> None:
    """14 English or 4 Chinese characters a second, faster or slower: an assumption."""
    assert speech_seconds(text, language, speed) == seconds


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voice_id": "nobody"}, "Voice id not found"),
        ({"voice_language": "fr"}, "voice_language value 'fr' is invalid, allowed values: zh, en"),
        ({"voice_speed": 2.1}, "voiceSpeed: must be less than or equal to 2.0"),
        ({"voice_speed": 0.7}, "voiceSpeed: must be greater than or equal to 0.8"),
        ({"text": ""}, "text: required, must be a string of at most 1000 characters"),
        ({"text": "x" * 1001}, "text: must be a string of at most 1000 characters, got 1001"),
        ({"voice_id": None}, "voice_id: required"),
        ({"voice_language": None}, "voice_language: required"),
    ],
)
def test_what_is_refused(mock: KlingMock, change: dict[str, Any], message: str) -> None:
    """A refused call is not charged."""
    mock.account.units = Decimal(1)
    with mock.client(check=False) as kling, pytest.raises(InvalidRequestError, match=message):
        speak(kling, **change) if "text" not in change else kling.tts.call(**SPOKEN | change)
    assert mock.account.units == 1


def test_the_note_of_an_unknown_voice_names_the_field(mock: KlingMock) -> None:
    """Its message does not."""
    with mock.client(check=False) as kling, pytest.raises(InvalidRequestError):
        speak(kling, voice_id="nobody")
    assert [note.field for note in mock.journal[-1].notes] == ["voice_id"]


def test_who_may_not_have_it_is_refused(mock: KlingMock, kling: Kling) -> None:
    """The refusal is that of any other call."""
    mock.account.denied = {"tts"}
    with pytest.raises(PermissionDeniedError):
        speak(kling)


def test_a_lost_answer_says_that_nothing_can_be_asked(mock: KlingMock, kling: Kling) -> None:
    """It was charged, and is not sent again."""
    mock.account.units = Decimal(1)
    mock.faults.add("response-lost", times=1)
    with pytest.raises(OutcomeUnknownError, match="its outcome cannot be looked up"):
        speak(kling)
    assert mock.account.units == Decimal("0.95")
    assert len(mock.journal) == 1


@pytest.mark.parametrize("action", ["refuse", "fail"])
def test_a_text_that_is_not_allowed_is_refused(
    mock: KlingMock, kling: Kling, action: Literal["refuse", "fail"]
) -> None:
    """The create is refused at once and not charged, so no task can fail later."""
    mock.account.units = Decimal(1)
    mock.content.add("welcome", action)
    with pytest.raises(ContentPolicyError):
        speak(kling)
    assert mock.account.units == 1
    assert speak(kling, text="Good night").units == Decimal("0.05")


def avatar(kling: Kling, audio_id: str) -> Task:
    return kling.avatar.submit({"image": URL, "audio_id": audio_id})


def test_an_avatar_is_as_long_as_what_it_says(mock: KlingMock, kling: Kling) -> None:
    """Its price follows the length: 39 characters are 2.8 s, so 117 are 8."""
    task = avatar(kling, speak(kling, 3).audio.id)
    mock.complete(task)
    done = kling.avatar.get(task.task_id)
    assert (done.videos[0].duration, done.units) == (Decimal(8), Decimal("3.2"))


def test_the_sound_of_a_task_can_be_spoken_too(mock: KlingMock, kling: Kling) -> None:
    """That is assumed."""
    sound = kling.text_to_audio.run(prompt="a song", duration=9.6).audios[0]
    task = avatar(kling, sound.id)
    mock.complete(task)
    assert kling.avatar.get(task.task_id).videos[0].duration == 10


def test_a_face_speaks_until_the_sound_ends(kling: Kling) -> None:
    """The end of what is played may not be behind that of the sound."""
    face = {"face_id": "0", "audio_id": speak(kling).audio.id, "sound_insert_time": 0}
    session = kling.identify_face.call(video_url="https://a.test/a.mp4").session_id

    def create(end: int) -> Task:
        times = {"sound_start_time": 0, "sound_end_time": end}
        return kling.advanced_lip_sync.submit(
            {"session_id": session, "face_choose": [face | times]}
        )

    assert create(2786).status == "submitted"
    with pytest.raises(InvalidRequestError, match="must not be behind the end of the sound, 2786"):
        create(2787)


@pytest.mark.parametrize(
    ("times", "speed", "message"),
    [(1, 1.5, "must be a sound of 2 to 300 s, got one of 1.9 s")],
)
def test_a_sound_that_is_too_short_is_refused(
    kling: Kling, times: int, speed: float, message: str
) -> None:
    """The rule is that of a sound sent as a file."""
    spoken = speak(kling, times, voice_speed=speed)
    with pytest.raises(InvalidRequestError, match=f"audio_id: {message}"):
        avatar(kling, spoken.audio.id)


def test_an_id_and_its_file_are_good_for_30_days(mock: KlingMock, kling: Kling) -> None:
    """They expire by the emulator's clock, and belong to one account."""
    audio = speak(kling).audio
    assert httpx.get(audio.url).status_code == 200
    other = mock.accounts.add("other")
    with mock.client(access_key=other.access_key, secret_key=other.secret_key) as stranger:
        assert not takes(stranger, audio.id)
    mock.clock.advance(MONTH - 60)
    assert takes(kling, audio.id)
    assert httpx.get(audio.url).status_code == 200
    mock.clock.advance(60)
    assert httpx.get(audio.url).status_code == 404
    assert not takes(kling, audio.id)


def takes(kling: Kling, audio_id: str) -> bool:
    try:
        return avatar(kling, audio_id).status == "submitted"
    except InvalidRequestError as error:
        assert "must be the id of a sound of this account" in str(error)
        return False


@pytest.mark.parametrize("change", ["-1.mp3", "-0-watermark.mp3", "-0.mp4", ".mp3"])
def test_only_its_own_file_is_there(kling: Kling, change: str) -> None:
    """Any other name is 404."""
    audio = speak(kling).audio
    assert httpx.get(audio.url.replace("-0.mp3", change)).status_code == 404
    assert httpx.get(audio.url.replace("audios", "videos")).status_code == 404


def test_a_fault_can_meet_its_file(mock: KlingMock, kling: Kling) -> None:
    """It works as for the file of a task."""
    audio = speak(kling).audio
    mock.faults.add("status", match="GET /media/audios/*", http=503, times=1)
    assert [httpx.get(audio.url).status_code for _ in range(2)] == [503, 200]


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
def test_its_file_is_an_mp3(kling: Kling) -> None:
    """A decoder that is not ours reads it."""
    media = probe(kling.download(speak(kling).audio))
    assert [stream["codec_name"] for stream in media["streams"]] == ["mp3"]
