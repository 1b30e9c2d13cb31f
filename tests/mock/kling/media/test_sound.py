"""Sounds of finished tasks: real WAV and MP3 files of the asked length."""

from __future__ import annotations

import io
import tracemalloc
import wave

import pytest

from kling_mock.kling.media.sound import FRAME_SECONDS, SoundType, render
from kling_mock.kling.media.sound_length import seconds_of
from tests.ffmpeg import decode, probe

LENGTHS = (0.5, 3, 3.3, 9.99, 10, 61.234)
_FRAME = 1152 * 2  # bytes of a frame, decoded to 16 bits


@pytest.mark.parametrize("seconds", LENGTHS)
def test_a_wav_is_as_long_as_asked(seconds: float) -> None:
    """It is exact to a sample by Python's own reader; the sound is neither silent nor too loud."""
    with wave.open(io.BytesIO(render("wav", seconds, tag="1").read())) as sound:
        assert (sound.getframerate(), sound.getsampwidth(), sound.getnchannels()) == (24_000, 2, 1)
        assert sound.getnframes() == round(seconds * 24_000)
        samples = memoryview(sound.readframes(240)).cast("h")
    assert 1_000 < max(samples) < 20_000


@pytest.mark.parametrize("seconds", LENGTHS)
def test_an_mp3_is_as_long_as_asked_to_a_frame(seconds: float) -> None:
    """It is measured by the reader that measures what clients send."""
    length = seconds_of(render("mp3", seconds, tag="1").read())
    assert length == pytest.approx(seconds, abs=FRAME_SECONDS / 2 + 1e-6)


@pytest.mark.parametrize("type_", ["mp3", "wav"])
def test_every_sound_is_another_file(type_: SoundType) -> None:
    """It differs by its tag and its length; the same arguments give the same bytes."""
    tags = [f"80000000000000000{task}-{number}" for task in range(9) for number in range(9)]
    files = [render(type_, 3, tag=tag) for tag in tags]
    files.append(render(type_, 4, tag=tags[0]))
    assert len({file.etag for file in files}) == len({file.read() for file in files}) == 82
    assert render(type_, 3, tag=tags[0]).read() == files[0].read()
    assert {file.content_type for file in files} == {f"audio/{'wav' if type_ == 'wav' else 'mpeg'}"}


@pytest.mark.parametrize("type_", ["mp3", "wav"])
def test_any_part_of_a_sound_is_that_of_the_whole(type_: SoundType) -> None:
    """A long sound is one block again and again, which a range may begin and end in."""
    file = render(type_, 12.3, tag="1")
    whole = file.read()
    assert len(whole) == file.size
    for start, stop in ((0, 10), (50, 5_000), (file.size - 7, file.size), (20_000, 45_001)):
        assert file.read(start, stop) == whole[start:stop]


@pytest.mark.parametrize("type_", ["mp3", "wav"])
def test_a_long_sound_takes_little_memory(type_: SoundType) -> None:
    """The sound lasts an hour; its WAV has 172 MB."""
    tracemalloc.start()
    try:
        file = render(type_, 3600, tag="long")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file.size > 14_000_000
    assert most < 4_000_000


@pytest.mark.parametrize(
    ("seconds", "tag", "text"),
    [
        (0, "", "seconds: must be above 0 and up to 3600, got 0"),
        (3601, "", "seconds: must be above 0 and up to 3600, got 3601"),
        (float("nan"), "", "seconds: must be above 0"),
        (3, "x" * 256, "tag: must be at most 255 bytes, got 256"),
    ],
)
@pytest.mark.parametrize("type_", ["mp3", "wav"])
def test_what_a_sound_cannot_be(type_: SoundType, seconds: float, tag: str, text: str) -> None:
    """The text names what it must be."""
    with pytest.raises(ValueError, match=text):
        render(type_, seconds, tag=tag)


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.parametrize("seconds", LENGTHS)
@pytest.mark.parametrize(
    ("type_", "codec", "rate", "exact"),
    [("mp3", "mp3", "48000", FRAME_SECONDS), ("wav", "pcm_s16le", "24000", 0.001)],
)
def test_a_decoder_that_is_not_ours_takes_them(
    type_: SoundType, codec: str, rate: str, exact: float, seconds: float
) -> None:
    """ffprobe knows what it is and its comment, and ffmpeg decodes all of it without an error."""
    content = render(type_, seconds, tag="800000000000000001-0").read()
    media = probe(content)
    (stream,) = media["streams"]
    assert (stream["codec_name"], stream["sample_rate"], stream["channels"]) == (codec, rate, 1)
    assert media["format"]["tags"]["comment"] == "800000000000000001-0"

    samples = memoryview(decode(content, "-f", "s16le")).cast("h")
    assert len(samples) / int(rate) == pytest.approx(seconds, abs=exact)
    assert 1_000 < max(samples) < 20_000
