"""The place of a file, and its refusals before a byte is fetched."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kling_sdk import Audio, DownloadError, Image, Subtitles, Video
from kling_sdk.files import target
from kling_sdk.files.target import FileTarget, place_for, url_for

NAME = "小" * 79 + ".mp4"  # 241 bytes, of the 255 that a file name may have


def written(place: Path) -> None:
    download = FileTarget(place, 100)
    download.start(200, {"content-length": "7"})
    download.write(b"a video")
    download.verify()
    download.finish()
    download.discard()


@pytest.mark.parametrize("name", [NAME, f"小{NAME}", "a" * 255, "视频 🎬.mp4"])
def test_any_legal_name_is_written(tmp_path: Path, name: str) -> None:
    """The hidden copy beside it has a name that is short enough."""
    written(tmp_path / name)

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"a video"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\0b.mp4", "is not a valid path"),
        ("a\ud800.mp4", "is not a valid path"),
        ("no/clip.mp4", "No such file"),
    ],
)
def test_a_path_that_is_none_is_an_error_of_ours(tmp_path: Path, name: str, words: str) -> None:
    """It is not a ValueError of the standard library."""
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
    """The name is the video's id, or that of the URL; a name that a server suggests stays plain."""
    video = Video("con", "https://example.com/clip.mp4")

    assert place_for(video, tmp_path) == tmp_path / "_con.mp4"
    named = place_for("https://example.com/..%2F..%2Fa.mp4?x=1", tmp_path)
    unnamed = place_for("https://example.com/", str(tmp_path))
    assert [named.parent, unnamed.parent] == [tmp_path] * 2
    assert re.fullmatch(r"a-[0-9a-f]{8}\.mp4", named.name)
    assert re.fullmatch(r"video-[0-9a-f]{8}\.mp4", unnamed.name)


@pytest.mark.parametrize(
    "make",
    [Image, Subtitles, partial(Video, ""), partial(Audio, ""), str],
    ids=["picture", "subtitles", "video without id", "sound without id", "URL"],
)
def test_two_results_never_have_one_name(make: Callable[[str], Any], tmp_path: Path) -> None:
    """The vendor's URLs end alike; a new signature of the same file changes nothing."""
    urls = [f"https://a.test/{part}/output.png?sign={part}" for part in ("x1", "x2")]
    first, second = (place_for(make(url), tmp_path) for url in urls)
    assert first != second
    assert place_for(make(urls[0] + "new"), tmp_path) == first
    long = [place_for(make(f"https://a.test/{part}{'a' * 900}.png"), tmp_path) for part in "xy"]
    assert long[0] != long[1]
    assert max(len(path.name) for path in long) < 255


def test_a_sound_is_an_mp3_unless_a_path_says_otherwise(tmp_path: Path) -> None:
    """A sound without a WAV is not saved as one; a URL without a suffix says nothing."""
    both = Audio("7", "https://a.test/m.mp3", wav_url="https://a.test/v.wav")
    only, unknown = Audio("7", "https://a.test/m.mp3?x=1"), Audio("", "https://a.test/7")

    assert [url_for(both, to) for to in (None, "a.mp3", tmp_path, "a")] == [both.url] * 4
    assert [url_for(both, to) for to in ("a.wav", Path("A.WAV"))] == [both.wav_url] * 2
    assert url_for(unknown, "a.wav") == unknown.url
    with pytest.raises(DownloadError, match=r"cannot write a\.wav: this sound is an MP3"):
        url_for(only, "a.wav")
    assert place_for(both, tmp_path) == tmp_path / "7.mp3"
    assert re.fullmatch("7-[0-9a-f]{8}", place_for(unknown, tmp_path).name)
    nameless = place_for(Audio("", "https://a.test/"), tmp_path)
    assert re.fullmatch(r"audio-[0-9a-f]{8}\.mp3", nameless.name)


def test_a_folder_that_is_not_there_is_not_taken_for_a_file(tmp_path: Path) -> None:
    """A slash at the end means a folder."""
    with pytest.raises(DownloadError, match="does not exist; create it first"):
        place_for("https://example.com/a.mp4", f"{tmp_path}/new/")


# ------------------------------------------------------------ what is there already


def test_a_file_that_is_replaced_leaves_its_permissions(tmp_path: Path) -> None:
    """A private file stays private."""
    place = tmp_path / "clip.mp4"
    place.write_bytes(b"older")
    place.chmod(0o600)
    written(place)
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"a video", 0o600)


def test_a_file_system_without_permissions_takes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network and phone storage refuses them; the file is what counts."""

    def refuse(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    place = tmp_path / "clip.mp4"
    place.write_bytes(b"old")
    monkeypatch.setattr(os, "fchmod", refuse)
    written(place)

    assert place.read_bytes() == b"a video"
    assert list(tmp_path.iterdir()) == [place]


def test_a_symbolic_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    """Nothing is written outside the folder that was named."""
    other = tmp_path / "elsewhere"
    other.write_bytes(b"other")
    other.chmod(0o600)
    place = tmp_path / "clip.mp4"
    place.symlink_to(other)
    written(place)
    assert (other.read_bytes(), place.read_bytes()) == (b"other", b"a video")
    assert not place.is_symlink()
    assert place.stat().st_mode & 0o777 != 0o600


def test_what_a_killed_process_left_behind_is_removed(tmp_path: Path) -> None:
    """Files that are still being written, and files of the caller's, stay."""
    left = tmp_path / f".clip.mp4.{'0' * 16}.part"
    own = tmp_path / ".own.part"
    for path in (left, own):
        path.write_bytes(b"half")
    other = FileTarget(tmp_path / "other.mp4", 10**9)  # removes what is left, and is being written
    target._clear.cache_clear()  # as in another process
    written(tmp_path / "clip.mp4")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {".own.part", "clip.mp4", other._part.name}
    other.discard()


def test_a_path_that_cannot_be_looked_at_is_an_error_of_ours(tmp_path: Path) -> None:
    """A name that is too long, as a folder that may not be entered."""
    with pytest.raises(DownloadError, match="File name too long"):
        place_for("https://example.com/a.mp4", tmp_path / ("a" * 300))
