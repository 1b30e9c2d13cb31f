"""Files in requests, in base64: how a session describes them, and files that fit a description."""

from __future__ import annotations

import base64
import binascii
import importlib
import io
import re
import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from kling_mock.recording.placeholders import placeholder

__all__ = ["LONGEST_TEXT", "describe", "expand"]

LONGEST_TEXT: Final = 8_000  # characters; of a longer text only the number is kept
_LEAST: Final = 24  # characters, in which the type of a file can be seen
_UNKNOWN: Final = 1_024  # characters; shorter base64 of an unknown type is taken for text
_LARGEST: Final = 256 * 1024 * 1024  # bytes of a placeholder
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
    """Return what stands for *text* if it is a file, or too long; else `None`.

    Args:
        text: Any text of a body.
        digest: Returns 16 hexadecimal digits that tell a text from others.
    """
    form, encoded = "base64", text
    uri = _DATA_URI.match(text)
    if uri is not None:
        form, encoded = "data", text[uri.end() :]
    file = _inspect(encoded)
    if file is None:
        long = len(text) > LONGEST_TEXT
        return f"<text {len(text)} characters #{digest(text)}>" if long else None
    pixels = "" if file.pixels is None else f" {file.pixels[0]}x{file.pixels[1]}"
    return f"<{form} {file.kind}{pixels} {file.size} bytes #{digest(text)}>"


def expand(text: str) -> str | None:
    """Return a placeholder for what *text* describes; `None` if it describes nothing."""
    found = _LONG_TEXT.fullmatch(text)
    if found is not None:
        return "x" * min(int(found["size"]), _LARGEST)
    found = _DESCRIPTION.fullmatch(text)
    if found is None:
        return None
    pixels = (int(found["width"]), int(found["height"])) if found["width"] else None
    content = placeholder(found["kind"], min(int(found["size"]), _LARGEST), pixels)
    encoded = base64.b64encode(content).decode()
    return f"data:{found['kind']};base64,{encoded}" if found["form"] == "data" else encoded


def _inspect(encoded: str) -> _File | None:
    """Return what kind of file this is in base64, or `None` if it is none."""
    if len(encoded) < _LEAST or len(encoded) % 4 or _BASE64.fullmatch(encoded) is None:
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
    # By name: the library has no types.
    imagesize: Any = importlib.import_module("imagesize")
    try:
        width, height = imagesize.get(io.BytesIO(content))
    except (ValueError, TypeError, IndexError, struct.error):
        return None
    in_range = 0 < width < 1_000_000 and 0 < height < 1_000_000
    return (int(width), int(height)) if in_range else None
