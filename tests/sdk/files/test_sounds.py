"""Sounds going out: a path, bytes, a file, a URL or a data-URI becomes what a field wants."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest

from kling_sdk import Avatar, FaceChoice, LipSyncInput, RequestValidationError
from kling_sdk.files import sound_problem, to_sound

SOUND = b"ID3 sound"
TEXT = base64.b64encode(SOUND).decode()
URL = "https://example.com/a.png"


@pytest.mark.parametrize(
    "source",
    [SOUND, io.BytesIO(SOUND), TEXT, f"data:audio/mpeg;base64,{TEXT}"],
    ids=["bytes", "file", "base64", "data-URI"],
)
def test_a_sound_becomes_base64(source: Any) -> None:
    """This holds for each kind of source."""
    assert to_sound(source) == TEXT


def test_a_sound_is_read_from_a_path(tmp_path: Path) -> None:
    """It is read as the fields of the requests take it; its content is not in a repr."""
    place = tmp_path / "speech.mp3"
    place.write_bytes(SOUND)
    avatar = Avatar(image=URL, sound_file=place)
    face = FaceChoice("0", 0, 3000, 0, sound_file=place)
    lip_sync = LipSyncInput("audio2video", audio_type="file", audio_file=place)
    assert avatar.sound_file == face.sound_file == lip_sync.audio_file == TEXT
    assert all(TEXT not in repr(holder) for holder in (avatar, face, lip_sync))


def test_a_url_is_sent_as_it_is_and_its_signature_is_not_shown() -> None:
    """It is not fetched."""
    url = "https://example.com/a.mp3?sign=SECRET"
    assert to_sound(url) == url
    assert "SECRET" not in repr(Avatar(image=URL, sound_file=url))
    assert sound_problem(url) is None


def test_a_sound_has_at_most_5_mb() -> None:
    """5 MB are binary."""
    most = 5 * 1024 * 1024
    assert sound_problem(base64.b64encode(bytes(most)).decode()) is None
    assert sound_problem(base64.b64encode(bytes(most + 1)).decode()) == (
        f"is {most + 1:,} bytes",
        f"at most {most:,} bytes (5 MB)",
    )


@pytest.mark.parametrize(
    ("make", "fields", "field"),
    [
        (Avatar, {"image": URL, "sound_file": "no base64!"}, "sound_file"),
        (
            FaceChoice,
            {
                "face_id": "0",
                "sound_start_time": 0,
                "sound_end_time": 3000,
                "sound_insert_time": 0,
                "sound_file": 5,
            },
            "face_choose.sound_file",
        ),
        (
            LipSyncInput,
            {"mode": "audio2video", "audio_file": Path("/no/such/file")},
            "input.audio_file",
        ),
    ],
)
def test_what_is_no_sound_is_refused_by_its_parameter(
    make: Any, fields: dict[str, Any], field: str
) -> None:
    """This includes a sound within an object."""
    with pytest.raises(RequestValidationError) as refused:
        make(**fields)
    assert refused.value.field == field
