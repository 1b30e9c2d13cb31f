"""Where a file is written: what is refused before a byte is fetched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kling_sdk import Audio, DownloadError, Video
from kling_sdk.files.target import FileTarget, place_for, url_for

NAME = "小" * 79 + ".mp4"  # 241 bytes, of the 255 that a file name may have


def written(place: Path) -> None:
    target = FileTarget(place, 100)
    target.start(200, {})
    target.write(b"a video")
    target.verify()
    target.finish()
    target.discard()


@pytest.mark.parametrize("name", [NAME, f"小{NAME}", "a" * 255, "视频 🎬.mp4"])
def test_any_legal_name_is_written(tmp_path: Path, name: str) -> None:
    """The hidden copy beside it has a name that is short enough."""
    written(tmp_path / name)

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"a video"


@pytest.mark.parametrize(
    ("name", "words"),
    [("a\0b.mp4", "is no path"), ("a\ud800.mp4", "is no path"), ("no/clip.mp4", "No such file")],
)
def test_a_path_that_is_none_is_an_error_of_ours(tmp_path: Path, name: str, words: str) -> None:
    """And no ValueError out of the standard library."""
    with pytest.raises(DownloadError, match=words):
        FileTarget(place_for("https://example.com/a.mp4", str(tmp_path / "x")[:-1] + name), 1)


def test_a_device_of_windows_is_refused_there(tmp_path: Path) -> None:
    """`con.mp4` would be the console."""
    with pytest.raises(DownloadError, match="device"):
        FileTarget(tmp_path / "con.mp4", 1, windows=True)

    FileTarget(tmp_path / "con.mp4", 1, windows=False).discard()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    """Renaming over `/dev/null` would take it from all other programs."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with pytest.raises(DownloadError, match="neither a file nor a folder"):
        FileTarget(pipe, 1)

    assert list(tmp_path.iterdir()) == [pipe]


def test_a_folder_gives_a_name(tmp_path: Path) -> None:
    """By the video's id, or by the URL; what a server suggests stays a plain name."""
    video = Video("con", "https://example.com/clip.mp4")

    assert place_for(video, tmp_path) == tmp_path / "_con.mp4"
    assert place_for("https://example.com/..%2F..%2Fa.mp4?x=1", tmp_path) == tmp_path / "a.mp4"
    assert place_for("https://example.com/", str(tmp_path)) == tmp_path / "video.mp4"


def test_a_sound_is_an_mp3_unless_a_path_says_otherwise(tmp_path: Path) -> None:
    """What has no WAV is none; of a URL without a suffix nothing is known."""
    both = Audio("7", "https://a.test/m.mp3", wav_url="https://a.test/v.wav")
    only, unknown = Audio("7", "https://a.test/m.mp3?x=1"), Audio("", "https://a.test/7")

    assert [url_for(both, to) for to in (None, "a.mp3", tmp_path, "a")] == [both.url] * 4
    assert [url_for(both, to) for to in ("a.wav", Path("A.WAV"))] == [both.wav_url] * 2
    assert url_for(unknown, "a.wav") == unknown.url
    with pytest.raises(DownloadError, match=r"cannot write a\.wav: this sound is an MP3"):
        url_for(only, "a.wav")
    assert place_for(both, tmp_path) == tmp_path / "7.mp3"
    assert place_for(unknown, tmp_path) == tmp_path / "7"
    assert place_for(Audio("", "https://a.test/"), tmp_path) == tmp_path / "audio.mp3"


def test_a_folder_that_is_not_there_is_not_taken_for_a_file(tmp_path: Path) -> None:
    """A slash at the end means a folder."""
    with pytest.raises(DownloadError, match="there is no folder"):
        place_for("https://example.com/a.mp4", f"{tmp_path}/new/")
