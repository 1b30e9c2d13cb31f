"""Base64 files in requests: their descriptions in a session, and empty placeholders for these."""

from __future__ import annotations

import base64
import binascii
import importlib
import io
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

MAX_PIXELS: Final = 100_000_000  # of a picture with content; a larger one has only its header
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
    """Return a placeholder file.

    Args:
        kind: Its media type. PNG, JPEG and WAV are complete; others only have a valid header.
        size: Its size in bytes; a file is larger if the smallest possible one of the kind is.
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
    drawn = width * height <= MAX_PIXELS
    row = bytes(1 + (width + 7) // 8)
    data = _chunk(b"IDAT", zlib.compress(row * height, 9) if drawn else b"")
    end = _chunk(b"IEND", b"")
    missing = size - len(head) - len(data) - len(end) - 12
    filling = _chunk(b"kmFl", bytes(missing)) if missing >= 0 else b""  # a private, ancillary chunk
    return head + filling + data + end


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _jpeg(width: int, height: int, size: int) -> bytes:
    """Return a grey picture: every block is "no difference, end", of a bit each."""
    tables = (
        _segment(0xDB, b"\0" + b"\1" * 64)
        + _segment(0xC0, struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0))
        # One code of one bit per table: 0 stands for the value 0. The code 1 is unused.
        + b"".join(_segment(0xC4, bytes([table, 1]) + bytes(15) + b"\0") for table in (0x00, 0x10))
        + _segment(0xDA, b"\1\1\0\0\x3f\0")
    )
    blocks = -(-width // 8) * -(-height // 8) if width * height <= MAX_PIXELS else 0
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


# ---------------------------------------------------------------- placeholders


MAX_TEXT: Final = 8_000  # characters; only the length of a longer text is kept
_MIN_LENGTH: Final = 24  # characters, enough to show the type of a file
_UNKNOWN: Final = 1_024  # characters; shorter base64 of an unknown type is taken for text
_MAX_PLACEHOLDER: Final = 256 * 1024 * 1024  # bytes of a placeholder
_HEAD: Final = 2 * 1024 * 1024  # characters that are decoded to find the pixels of a picture

_DATA_URI: Final = re.compile(r"data:([A-Za-z0-9.+/-]{0,60})(?:;[A-Za-z0-9=._-]{1,40})*,")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_DESCRIPTION: Final = re.compile(
    r"<(?P<form>base64|data) (?P<kind>[a-z0-9.+/-]{1,60})"
    r"(?: (?P<width>\d{1,6})x(?P<height>\d{1,6}))? (?P<size>\d{1,9}) bytes #[0-9a-f]{16}>"
)
_LONG_TEXT: Final = re.compile(r"<text (?P<size>\d{1,9}) characters #[0-9a-f]{16}>")
_MAGIC: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
)


class _File(NamedTuple):
    kind: str
    size: int
    pixels: tuple[int, int] | None


def describe(text: str, digest: Callable[[str], str]) -> str | None:
    """Return the description of *text* if it is a file or too long; else `None`.

    Args:
        text: Any text of a body.
        digest: Returns 16 hexadecimal digits that distinguish a text from others.
    """
    form, encoded = "base64", text
    uri = _DATA_URI.match(text)
    if uri is not None:
        form, encoded = "data", text[uri.end() :]
    file = _inspect(encoded)
    if file is None:
        long = len(text) > MAX_TEXT
        return f"<text {len(text)} characters #{digest(text)}>" if long else None
    pixels = "" if file.pixels is None else f" {file.pixels[0]}x{file.pixels[1]}"
    return f"<{form} {file.kind}{pixels} {file.size} bytes #{digest(text)}>"


def expand(text: str) -> str | None:
    """Return a placeholder for what *text* describes; `None` if it is not a description."""
    match = _LONG_TEXT.fullmatch(text)
    if match is not None:
        return "x" * min(int(match["size"]), _MAX_PLACEHOLDER)
    match = _DESCRIPTION.fullmatch(text)
    if match is None:
        return None
    pixels = (int(match["width"]), int(match["height"])) if match["width"] else None
    content = placeholder(match["kind"], min(int(match["size"]), _MAX_PLACEHOLDER), pixels)
    encoded = base64.b64encode(content).decode()
    return f"data:{match['kind']};base64,{encoded}" if match["form"] == "data" else encoded


def _inspect(encoded: str) -> _File | None:
    """Return the kind of a file in base64; `None` if *encoded* is not a file."""
    if len(encoded) < _MIN_LENGTH or len(encoded) % 4 or _BASE64.fullmatch(encoded) is None:
        return None
    try:
        head = base64.b64decode(encoded[:_HEAD])
    except binascii.Error:
        return None
    kind = next((kind for at, magic, kind in _MAGIC if head[at:].startswith(magic)), "")
    if not kind and len(encoded) < _UNKNOWN:
        return None
    size = len(encoded) * 3 // 4 - encoded[-2:].count("=")
    pixels = _pixels(head) if kind.startswith("image/") else None
    return _File(kind or "application/octet-stream", size, pixels)


def _pixels(content: bytes) -> tuple[int, int] | None:
    # Imported by name: the library has no type hints.
    imagesize: Any = importlib.import_module("imagesize")
    try:
        width, height = imagesize.get(io.BytesIO(content))
    except (ValueError, TypeError, IndexError, struct.error):
        return None
    in_range = 0 < width < 1_000_000 and 0 < height < 1_000_000
    return (int(width), int(height)) if in_range else None
