"""`advanced-lip-sync`: the session, the face, the sound, and when it is heard."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.endpoints.identify_face import SESSION_SECONDS
from kling_sdk import FaceSession, InvalidRequestError, Kling, Task
from tests.endpoints import source_video
from tests.mock.sounds import wav

URL = "https://example.com/a.mp3"
VIDEO = "https://example.com/talk.mp4"
WAV = base64.b64encode(wav(4)).decode()
FACE: dict[str, Any] = {
    "face_id": "0",
    "sound_file": URL,
    "sound_start_time": 0,
    "sound_end_time": 3000,
    "sound_insert_time": 500,
}


@pytest.fixture
def kling(mock: KlingMock) -> Iterator[Kling]:
    with mock.client() as kling:
        yield kling


@pytest.fixture
def session(kling: Kling) -> FaceSession:
    return kling.identify_face.call(video_url=VIDEO)


def create(kling: Kling, session: FaceSession | str, **change: Any) -> Task:
    name = session if isinstance(session, str) else session.session_id
    face = {key: value for key, value in {**FACE, **change}.items() if value is not None}
    return kling.advanced_lip_sync.submit({"session_id": name, "face_choose": [face]})


def test_a_face_of_a_session_speaks(mock: KlingMock, kling: Kling) -> None:
    """The result is the video again, named as its parent; each started 5 s cost half a unit."""
    video = source_video(mock)
    task = create(kling, kling.identify_face.call(video_id=video))
    mock.complete(task)
    done = kling.advanced_lip_sync.get(task.task_id)

    assert (done.videos[0].duration, done.units) == (Decimal(5), Decimal("0.5"))
    parent = done.raw["task_info"]["parent_video"]
    assert (parent["id"], parent["duration"]) == (video, "5")


def test_a_video_from_a_url_is_the_parent_by_that_url(
    mock: KlingMock, kling: Kling, session: FaceSession
) -> None:
    """Its id is one that no task has."""
    task = create(kling, session)
    mock.complete(task)
    parent = kling.advanced_lip_sync.get(task.task_id).raw["task_info"]["parent_video"]
    assert parent["url"] == VIDEO
    assert len(parent["id"]) == 18


def test_a_session_may_be_used_until_it_ends(
    mock: KlingMock, kling: Kling, session: FaceSession
) -> None:
    """It ends by the emulator's clock; sessions of other accounts are not found."""
    assert create(kling, session).task_id != create(kling, session).task_id
    mock.clock.advance(SESSION_SECONDS - 60)
    assert create(kling, session).status == "submitted"
    mock.clock.advance(60)
    for name in (session, "1"):
        with pytest.raises(InvalidRequestError, match="session_id: must be the id of a session"):
            create(kling, name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"face_id": "7"}, "face_id: must be a face of the session, got '7'"),
        ({"sound_file": None}, "sound_file: required without audio_id"),
        ({"sound_file": None, "audio_id": "1"}, "audio_id: must be the id of a sound of this"),
        ({"audio_id": "1"}, "sound_file: not possible together with audio_id"),
        ({"sound_end_time": 5001}, "sound_end_time: must not be behind the end of the sound, 5000"),
        (
            {"sound_file": WAV, "sound_end_time": 4001},
            "sound_end_time: must not be behind the end of the sound, 4000",
        ),
        ({"sound_start_time": 1001}, "sound_end_time: must be at least 2000 ms after"),
        ({"sound_insert_time": 3001}, "sound_insert_time: must leave at least 2000 ms of the face"),
        ({"sound_insert_time": -1}, "sound_insert_time: must be a whole number 0 or more"),
        ({"sound_volume": 2.1}, "sound_volume: must be a number from 0 to 2"),
    ],
)
def test_what_is_refused_names_its_field(
    kling: Kling, session: FaceSession, change: dict[str, Any], message: str
) -> None:
    """The part that is played has two seconds, and two beside the face."""
    with pytest.raises(InvalidRequestError, match=rf"face_choose\[0\].{message}"):
        create(kling, session, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"sound_start_time": 1000},
        {"sound_insert_time": 3000},
        {"sound_file": WAV, "sound_end_time": 4000},
    ],
)
def test_what_is_just_enough_is_taken(
    kling: Kling, session: FaceSession, change: dict[str, Any]
) -> None:
    """Two seconds, at either end."""
    assert create(kling, session, **change).status == "submitted"
