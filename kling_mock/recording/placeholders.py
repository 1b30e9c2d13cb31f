"""Files that hold nothing: of a type, a number of pixels and a number of bytes."""

from __future__ import annotations

import struct
import zlib
from typing import Final

__all__ = ["MOST_PIXELS", "placeholder"]

MOST_PIXELS: Final = 100_000_000  # of a picture that is drawn; a larger one has only its header
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SEGMENT: Final = 65_533  # bytes of a JPEG's comment
_HEADS: Final = {
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\0\0\0\0WEBPVP8 ",
    "image/bmp": b"BM",
    "audio/mpeg": b"ID3\x04\0\0\0\0\0\0",
    "audio/mp4": b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42",
    "video/mp4": b"\0\0\0\x18ftypisom\0\0\0\0isomiso2",
    "video/quicktime": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
}


def placeholder(kind: str, size: int, pixels: tuple[int, int] | None = None) -> bytes:
    """Return a file.

    Args:
        kind: Its media type. PNG, JPEG and WAV files are whole; others only begin as such.
        size: Its bytes; it has more if the least possible file of the kind has more.
        pixels: Width and height of a picture.
    """
    if kind == "image/png":
        return _png(*(pixels or (1, 1)), size)
    if kind == "image/jpeg":
        return _jpeg(*(pixels or (1, 1)), size)
    if kind == "audio/wav":
        return _wav(size)
    return _HEADS.get(kind, b"").ljust(size, b"\0")[: max(size, 1)]


def _png(width: int, height: int, size: int) -> bytes:
    """Return a black picture of one bit per pixel."""
    head = _PNG + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    drawn = width * height <= MOST_PIXELS
    row = bytes(1 + (width + 7) // 8)
    data = _chunk(b"IDAT", zlib.compress(row * height, 9) if drawn else b"")
    end = _chunk(b"IEND", b"")
    missing = size - len(head) - len(data) - len(end) - 12
    filling = _chunk(b"kmFl", bytes(missing)) if missing >= 0 else b""  # a private, optional one
    return head + filling + data + end


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _jpeg(width: int, height: int, size: int) -> bytes:
    """Return a grey picture: every block is "no difference, end", of a bit each."""
    tables = (
        _segment(0xDB, b"\0" + b"\1" * 64)
        + _segment(0xC0, struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0))
        # One code of one bit per table: 0 stands for the value 0. The other one is of no use.
        + b"".join(_segment(0xC4, bytes([table, 1]) + bytes(15) + b"\0") for table in (0x00, 0x10))
        + _segment(0xDA, b"\1\1\0\0\x3f\0")
    )
    blocks = -(-width // 8) * -(-height // 8) if width * height <= MOST_PIXELS else 0
    bits = 2 * blocks
    scan = bytes(bits // 8) + (bytes([0xFF >> bits % 8]) if bits % 8 else b"")
    missing = size - len(tables) - len(scan) - 4
    filling: list[bytes] = []
    while missing > 4:
        length = min(missing - 4, _SEGMENT)
        filling.append(_segment(0xFE, bytes(length)))
        missing -= length + 4
    return b"".join((b"\xff\xd8", *filling, tables, scan, b"\xff\xd9", bytes(max(missing, 0))))


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _wav(size: int) -> bytes:
    """Return silence: one channel of 8,000 samples of 8 bits per second."""
    length = max(size - 44, 0)
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    head = b"RIFF" + struct.pack("<I", 36 + length) + b"WAVEfmt " + form
    return head + b"data" + struct.pack("<I", length) + b"\x80" * length
