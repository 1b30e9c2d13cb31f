"""The subtitles of an emulated video: text in two forms."""

from __future__ import annotations

import pytest

from kling_mock.kling.media.subtitles import render
from tests.ffmpeg import probe


def test_there_is_a_line_for_each_second() -> None:
    """Under the tag of the task, also behind the first hour."""
    file = render("srt", 2, tag="a")
    assert file.read() == (
        b"1\n00:00:00,000 --> 00:00:01,000\nLine 1 of a\n\n"
        b"2\n00:00:01,000 --> 00:00:02,000\nLine 2 of a\n\n"
    )
    assert file.content_type == "application/x-subrip"
    assert b"01:00:00,000 --> 01:00:01,000" in render("srt", 3601).read()
    lines = render("ass", 2, tag="a").read().decode().splitlines()
    assert lines[0] == "[Script Info]"
    assert lines[-1] == "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,Line 2 of a"


def test_each_task_has_its_own_file() -> None:
    """The same task has the same file."""
    tags = {render("srt", 5, tag=tag).etag for tag in ("a", "a", "b")}
    assert len(tags) == 2
    with pytest.raises(ValueError, match="must be srt or ass"):
        render("vtt", 5)


@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "codec"), [("srt", "subrip"), ("ass", "ass")])
def test_ffmpeg_reads_them(suffix: str, codec: str) -> None:
    """They have the form that the name says, and the length of the video."""
    media = probe(render(suffix, 5, tag="a").read())
    (stream,) = media["streams"]
    assert (stream["codec_name"], stream["codec_type"]) == (codec, "subtitle")
