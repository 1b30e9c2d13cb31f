"""A finished task's sound: a WAV or an MP3 with a tone, made without a library.

Pure and deterministic: the same arguments give the same bytes. The tag decides the pitch of the
tone, so most sounds of a test sound different, and its text makes all of them differ in bytes.

The WAV (RIFF WAVE, PCM) has 24 000 samples of 16 bits a second, and has the requested length to
the sample. The MP3 (MPEG-1 layer III, ISO 11172-3) has constant frames of 24 ms, 48 kHz, mono, at
32 kbit/s: its length is the nearest number of frames. Each frame is independent: one of the 576
frequencies of each half is 1, all others are 0, which takes a few bits of the simplest code table.
"""

from __future__ import annotations

import array
import hashlib
import math
import struct
import sys
from functools import lru_cache
from itertools import accumulate
from typing import Final, Literal

from kling_mock.kling.media.file import MediaFile

SoundType = Literal["mp3", "wav"]

#: The length of one frame of an MP3, in seconds.
FRAME_SECONDS: Final = 0.024
#: The maximum length of a sound, in seconds.
MAX_SECONDS: Final = 3600.0

_MAX_TAG: Final = 255  # bytes
_WAV_RATE: Final = 24_000  # samples per second
_LOUDNESS: Final = 6_000  # of 32 767
_HERTZ_PER_LINE: Final = 48_000 / 2 / 576
_LINES: Final = range(6, 22, 2)  # 270 to 850 Hz; even ones, since a code stands for two lines
_FRAME_BYTES: Final = 96  # 1152 samples at 48 kHz and 32 kbit/s
# Sync word, MPEG-1, layer III, no checksum; 32 kbit/s, 48 kHz; mono.
_FRAME_HEAD: Final = bytes([0xFF, 0xFB, 1 << 4 | 1 << 2, 3 << 6])
_GAIN: Final = 202  # 210 is full scale; 4 less is half of it
_BLOCK_FRAMES: Final = 125  # 3 s: a long sound is the same block again and again


def render(type_: SoundType, seconds: float, *, tag: str = "") -> MediaFile:
    """Make a sound; the same arguments give the same bytes.

    Args:
        type_: `mp3` or `wav`.
        seconds: Its length, above 0 and up to an hour.
        tag: Text of at most 255 bytes in Latin-1, kept as the file's comment, that decides the
            tone. Give each sound its own.

    Raises:
        ValueError: An argument is out of range; the text says what it must be.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"seconds: must be above 0 and up to {MAX_SECONDS:g}, got {seconds}")
    if len(tag.encode("latin-1")) > _MAX_TAG:
        raise ValueError(f"tag: must be at most {_MAX_TAG} bytes, got {len(tag)}")
    return _mp3(seconds, tag) if type_ == "mp3" else _wav(seconds, tag)


def _line(tag: str) -> int:
    """Return which of the 576 frequencies is heard."""
    return _LINES[hashlib.sha256(tag.encode("latin-1")).digest()[0] % len(_LINES)]


@lru_cache(maxsize=64)  # a few kilobytes each: a download in many ranges makes its sound once
def _mp3(seconds: float, tag: str) -> MediaFile:
    line, count = _line(tag), max(round(seconds / FRAME_SECONDS), 1)
    block = memoryview(_frame(line) * _BLOCK_FRAMES)
    blocks, frames = divmod(count, _BLOCK_FRAMES)
    parts = [memoryview(_id3(tag)), *([block] * blocks), block[: frames * _FRAME_BYTES]]
    return _file("audio/mpeg", parts, f"mp3 {line} {count} {tag}")


def _id3(tag: str) -> bytes:
    """Return an ID3v2.3 tag with a comment: Latin-1, no language, no description."""
    text = b"\0und\0" + tag.encode("latin-1")
    frame = struct.pack(">4sIH", b"COMM", len(text), 0) + text
    # Seven bits of each byte count.
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame


def _frame(line: int) -> bytes:
    """Return the frame in which one frequency is heard.

    Each half codes the pairs of lines up to *line* with table 1: `1` is (0, 0), and `01` with a
    sign is (1, 0). What is behind the last pair is 0.
    """
    pairs = line // 2
    code = "1" * pairs + "010"
    half = (
        f"{len(code):012b}"  # bits of its code
        f"{pairs + 1:09b}"  # pairs
        f"{_GAIN:08b}"
        "0000"  # no scale factors
        "0"  # the usual window
        f"{1:05b}{1:05b}{1:05b}"  # table 1 in all three regions,
        f"{0:04b}{0:03b}"  # so that their bounds do not matter
        "000"  # no emphasis of high ones, fine steps, the first table of small values
    )
    # The code of a frame begins in it; nothing private; no scale factors are shared.
    side = f"{0:09b}{0:05b}{0:04b}{half}{half}"
    bits = side + code + code
    data = int(bits.ljust((_FRAME_BYTES - 4) * 8, "0"), 2)
    return _FRAME_HEAD + data.to_bytes(_FRAME_BYTES - 4, "big")


@lru_cache(maxsize=64)  # 50 kB each
def _wav(seconds: float, tag: str) -> MediaFile:
    hertz, samples = round((_line(tag) + 0.5) * _HERTZ_PER_LINE), round(seconds * _WAV_RATE)
    # A whole number of waves a second: each second is the same.
    turn = 2 * math.pi * hertz / _WAV_RATE
    wave = array.array("h", (round(_LOUDNESS * math.sin(turn * at)) for at in range(_WAV_RATE)))
    if sys.byteorder == "big":
        wave.byteswap()
    block = memoryview(wave.tobytes())
    whole, rest = divmod(samples, _WAV_RATE)
    comment = tag.encode("latin-1") + b"\0"
    comment += b"\0" * (len(comment) % 2)
    info = b"INFO" + struct.pack("<4sI", b"ICMT", len(comment)) + comment
    body = (
        b"WAVE"
        + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _WAV_RATE, _WAV_RATE * 2, 2, 16)
        + struct.pack("<4sI", b"LIST", len(info))
        + info
        + struct.pack("<4sI", b"data", samples * 2)
    )
    head = struct.pack("<4sI", b"RIFF", len(body) + samples * 2) + body
    parts = [memoryview(head), *([block] * whole), block[: rest * 2]]
    return _file("audio/wav", parts, f"wav {hertz} {samples} {tag}")


def _file(content_type: str, parts: list[memoryview], identity: str) -> MediaFile:
    """Return a file; *identity* decides every byte, and is quicker to hash than the file."""
    *starts, end = accumulate((len(part) for part in parts), initial=0)
    etag = f'"{hashlib.sha256(identity.encode()).hexdigest()[:32]}"'
    return MediaFile(end, etag, content_type, parts, starts)
