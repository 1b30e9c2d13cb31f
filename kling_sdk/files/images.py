"""Pictures in requests: the values that a field accepts, and the vendor's limits."""

from __future__ import annotations

import base64

from kling_sdk.facts.media import IMAGE_MB, IMAGE_RATIO, IMAGE_SIDE
from kling_sdk.files.encoding import HEAD, MediaSource, encoded

#: The values of an image field: see `MediaSource`; the bytes are those of a JPEG or PNG.
ImageSource = MediaSource

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


def to_image(source: ImageSource, *, field: str = "image") -> str:
    """Return a picture as a URL or as raw base64; see `encoded`."""
    return encoded(source, field, "JPEG or PNG")


def image_problem(
    value: str, max_mb: int = IMAGE_MB, *, webp: bool = False
) -> tuple[str, str] | None:
    """Return the vendor's limit that a picture breaks, as (limit, accepted), or None.

    Only the header is read; no pixel is decoded, so a picture of a billion pixels costs
    nothing. A URL is not fetched and has no known problem.

    Args:
        value: A URL or raw base64, as `to_image` returns it.
        max_mb: Maximum size in binary megabytes.
        webp: Whether a WebP is taken too.
    """
    if value.startswith(("http://", "https://")):
        return None
    length = len(value) * 3 // 4 - value[-2:].count("=")
    if length > (max_bytes := max_mb * 1024 * 1024):
        return f"is {length:,} bytes", f"at most {max_bytes:,} bytes ({max_mb} MB)"
    head = base64.b64decode(value[:HEAD])
    size = (_webp_size(head) if webp else None) or _size_of(head)
    if size is None and len(value) > HEAD:
        size = _size_of(base64.b64decode(value))
    if size is None:
        kinds = "JPEG, PNG or WebP" if webp else "JPEG or PNG"
        return f"is not a {kinds}" if webp else "is neither a JPEG nor a PNG", kinds
    width, height = size
    if min(width, height) < IMAGE_SIDE:
        return f"is {width} x {height} px", f"at least {IMAGE_SIDE} px on each side"
    if max(width, height) > IMAGE_RATIO * min(width, height):
        return f"is {width} x {height} px", "an aspect ratio from 1:2.5 to 2.5:1"
    return None


def _size_of(content: bytes) -> tuple[int, int] | None:
    if content.startswith(_PNG) and content[12:16] == b"IHDR":
        return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    if content.startswith(_JPEG):
        return _jpeg_size(content)
    return None


def _webp_size(content: bytes) -> tuple[int, int] | None:
    """Read the first chunk of a WebP (RFC 9649, 2.5 to 2.7)."""
    if len(content) < 30 or content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return None
    kind = content[12:16]
    if kind == b"VP8X":
        sizes = content[24:27], content[27:30]
        return int.from_bytes(sizes[0], "little") + 1, int.from_bytes(sizes[1], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        sizes = content[26:28], content[28:30]
        return int.from_bytes(sizes[0], "little") & 0x3FFF, int.from_bytes(
            sizes[1], "little"
        ) & 0x3FFF
    return None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Walk the JPEG's segments up to its frame header (ITU T.81, B.1 and B.2)."""
    at = 2
    while at + 9 <= len(content):
        if content[at] != 0xFF:
            return None
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte before the marker
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = content[at + 5 : at + 7], content[at + 7 : at + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these carry no length
            at += 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return None
