"""The length of a sound: read from the headers of a WAV or MP3 file, guessed for any other.

Nothing is decoded. WAV states its rate (RIFF WAVE); an MP3 is the sum of its frames (ISO 11172-3,
13818-3), whatever their bit rates.
"""

from __future__ import annotations

import struct
from typing import Final

#: The assumed bit rate of a file of another format, such as M4A or AAC, in bits per second.
GUESSED_RATE: Final = 128_000

# By version (MPEG 2.5, none, 2, 1) of layer III.
_SAMPLE_RATES: Final = (
    (11_025, 12_000, 8_000),
    (),
    (22_050, 24_000, 16_000),
    (44_100, 48_000, 32_000),
)
_KBITS_1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_1: Final = 3
_LAYER_3: Final = 1
_MAX_CHUNKS: Final = 1000  # maximum number of chunks read of a WAV; a usual one has a handful
_MAX_JUNK: Final = 4096  # bytes before the first frame, beside an ID3 tag


def seconds_of(content: bytes) -> float:
    """Return the length of a sound in seconds; 0 for a damaged or empty one."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return _of_wave(content)
    start = _behind_tag(content)
    if content.startswith(b"ID3") or _frame(content, start) is not None:
        return _of_mp3(content, start)
    return len(content) * 8 / GUESSED_RATE


def _of_wave(content: bytes) -> float:
    rate, at = 0, 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(content):
            break
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8
        if name == b"fmt " and at + 16 <= len(content):
            (rate,) = struct.unpack_from("<I", content, at + 8)  # bytes per second
        elif name == b"data":
            # A file that was written as a stream does not state its size, or states one too large.
            return min(size, len(content) - at) / rate if rate else 0.0
        at += size + size % 2
    return 0.0


def _behind_tag(content: bytes) -> int:
    """Return the end of an ID3v2 tag at the beginning."""
    if not content.startswith(b"ID3") or len(content) < 10:
        return 0
    size = 0
    for byte in content[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if content[5] & 0x10 else 0)


def _of_mp3(content: bytes, start: int) -> float:
    first = next(
        (
            at
            for at in range(start, min(start + _MAX_JUNK, len(content)))
            if _frame(content, at) is not None
        ),
        len(content),
    )
    seconds, at = 0.0, first
    while (frame := _frame(content, at)) is not None:
        size, length = frame
        seconds += length
        at += size
    return seconds


def _frame(content: bytes, at: int) -> tuple[int, float] | None:
    """Return bytes and seconds of the frame of layer III at *at*; `None` if there is none."""
    head = content[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rates, kbits = _SAMPLE_RATES[version], _KBITS_1 if version == _MPEG_1 else _KBITS_2
    which_rate, which_kbits = head[2] >> 2 & 3, head[2] >> 4
    if layer != _LAYER_3 or which_rate >= len(rates) or not 0 < which_kbits < len(kbits):
        return None
    rate, samples = rates[which_rate], 1152 if version == _MPEG_1 else 576
    size = samples // 8 * kbits[which_kbits] * 1000 // rate + (head[2] >> 1 & 1)
    return size, samples / rate
