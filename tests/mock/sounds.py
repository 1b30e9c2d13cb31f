"""Sound files of any length, whose samples are silence."""

from __future__ import annotations

import struct


def wav(seconds: float, rate: int = 8000, *, chunk: bytes = b"") -> bytes:
    """Return a WAV with 8-bit samples; *chunk* stands before its data."""
    data = b"\x80" * round(seconds * rate)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate, 1, 8)
    body = b"WAVE" + form + chunk + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def mp3(seconds: float, *, tag: int = -1, version: int = 3) -> bytes:
    """Return an MP3 of whole frames, about as long; with an ID3 tag of so many bytes.

    Args:
        seconds: Its length.
        tag: Bytes of the tag; below 0 means without a tag.
        version: 3 is MPEG 1 (44.1 kHz, 128 kbit/s), 2 is MPEG 2 (22.05 kHz, 64 kbit/s).
    """
    rate, samples, head = (44_100, 1152, 0x90) if version == 3 else (22_050, 576, 0x80)
    size = samples // 8 * (128_000 if version == 3 else 64_000) // rate
    frame = bytes([0xFF, 0xE1 | version << 3 | 1 << 1, head, 0]) + bytes(size - 4)
    sizes = bytes(tag >> shift & 0x7F for shift in (21, 14, 7, 0)) if tag >= 0 else b""
    before = b"ID3\x04\x00\x00" + sizes + bytes(tag) if tag >= 0 else b""
    return before + frame * round(seconds * rate / samples)
