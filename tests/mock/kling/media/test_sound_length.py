"""The length of a sound is read from any WAV and MP3, and guessed for other formats."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.kling.media.sound_length import GUESSED_RATE, seconds_of
from tests.mock.sounds import mp3, wav


@pytest.mark.parametrize("seconds", [0, 0.5, 2, 11.3])
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_a_wav_states_its_rate(seconds: float, rate: int) -> None:
    """The bytes of its data by those of a second."""
    assert seconds_of(wav(seconds, rate)) == pytest.approx(seconds, abs=1e-3)


def test_other_chunks_of_a_wav_are_passed_over() -> None:
    """This holds for one of an odd length as well, which is followed by a byte of padding."""
    assert seconds_of(wav(3, chunk=b"LIST\x03\x00\x00\x00abc\x00")) == 3.0


def test_a_wav_that_was_written_as_a_stream_is_as_long_as_its_bytes() -> None:
    """Its header states no size that could be true."""
    content = wav(3)
    at = content.index(b"data") + 4
    assert seconds_of(content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :]) == 3.0


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("tag", [-1, 0, 300])
def test_an_mp3_is_the_sum_of_its_frames(version: int, tag: int) -> None:
    """Behind an ID3 tag, and of both versions."""
    assert seconds_of(mp3(11.3, tag=tag, version=version)) == pytest.approx(11.3, abs=0.03)


def test_any_other_file_is_taken_to_have_a_usual_rate() -> None:
    """Such as M4A and AAC, which are not read."""
    assert seconds_of(b"\x00\x00\x00\x20ftypM4A " + bytes(GUESSED_RATE // 8 * 4 - 12)) == 4.0
    assert seconds_of(b"") == 0.0


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"ID3", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEdata", mp3(0.1)[:30]]),
)
def test_any_bytes_have_a_length(content: bytes, head: bytes) -> None:
    """It is 0 or more, and nothing is raised: a client chooses them."""
    assert 0 <= seconds_of(head + content) < 1e6


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.parametrize("kind", ["mp3", "wav"])
def test_a_file_of_another_encoder_is_as_long_as_that_says(kind: str) -> None:
    """Its frames, tags and delays are those of real files."""
    source = ["-f", "lavfi", "-i", "sine=duration=7.5"]
    command = ["ffmpeg", "-v", "error", *source, "-f", kind, "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:  # a build without the encoder
        assert b"encoder" in done.stderr.lower()
        return
    assert seconds_of(done.stdout) == pytest.approx(7.5, abs=0.1)


def test_a_wav_of_countless_empty_chunks_is_given_up() -> None:
    """Such a file cannot keep the server busy."""
    junk = b"junk\x00\x00\x00\x00"
    assert seconds_of(wav(3, chunk=junk * 900)) == 3.0
    assert seconds_of(wav(3, chunk=junk * 1000)) == 0.0
