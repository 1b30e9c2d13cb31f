"""Pictures going out: a path, bytes, a file, a URL or a data-URI becomes what a field wants.

The vendor takes a public URL or raw base64 without a `data:` prefix (vendor page, several
copies agree). A source is read once, when the request is made; from then on the request
holds text, so it pickles and can be sent again.

A plain `str` is never opened as a file: in a server it may come from a stranger, and a
stranger must not choose which local file is read. Pass `pathlib.Path("cat.png")` for that.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from kling_sdk.errors import RequestValidationError

__all__ = ["ImageSource", "image_problem", "takes_long", "to_image"]

#: What an image field takes: a URL, a data-URI or raw base64 as text; a path object; the
#: bytes of a JPEG or PNG; or a binary file object, read from its current position.
ImageSource = str | bytes | os.PathLike[str] | BinaryIO

# Limits of /v1 (vendor page, several copies agree).
MAX_MB: Final = 10
MIN_PIXELS: Final = 300
MAX_RATIO: Final = 2.5

_ACCEPTED = (
    "an http(s) URL, a data-URI, raw base64 of a JPEG or PNG, bytes, a binary file, "
    "or a path as pathlib.Path"
)
#: Bytes that are encoded in one step. Other threads stand still for the time of a step; a
#: multiple of 3, so that the steps' texts can be joined.
_STEP: Final = 3 * 64 * 1024
#: Characters or bytes of a picture that take no noticeable time.
_SMALL: Final = 256 * 1024
#: Characters of base64 in which a picture's size is looked for first: JPEG may have metadata
#: before it.
_HEAD: Final = 4 * 64 * 1024

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


def to_image(source: ImageSource, *, field: str = "image") -> str:
    """Return *source* as a URL or as raw base64.

    Args:
        source: See `ImageSource`.
        field: Name of the parameter, for the error's text.

    Raises:
        RequestValidationError: *source* is of another kind, is text that is neither a URL
            nor base64, or names a file that cannot be read.
    """
    if isinstance(source, str):
        return _from_text(source, field)
    if isinstance(source, bytes | bytearray | memoryview):
        return _encoded(memoryview(source).cast("B"))
    if isinstance(source, os.PathLike):
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise RequestValidationError(
                field,
                f"names a file that cannot be read ({error.strerror})",
                "a readable JPEG or PNG file",
            ) from error
        return _encoded(memoryview(content))
    read = getattr(source, "read", None)
    data: object = read() if callable(read) else None
    if isinstance(data, bytes):
        return _encoded(memoryview(data))
    raise RequestValidationError(field, f"is a {type(source).__name__}", _ACCEPTED)


def takes_long(value: object) -> bool:
    """Return whether a request with this parameter takes long to make.

    A file is read, and a picture is encoded. An async client does that beside its event loop.
    """
    if isinstance(value, str | bytes | bytearray | memoryview):
        return len(value) > _SMALL
    if isinstance(value, Mapping):
        return any(map(takes_long, value.values()))
    if isinstance(value, list | tuple):
        return any(map(takes_long, value))
    return isinstance(value, os.PathLike) or hasattr(value, "read")


def _encoded(content: memoryview) -> str:
    steps = range(0, len(content), _STEP)
    return "".join(base64.b64encode(content[at : at + _STEP]).decode("ascii") for at in steps)


def _from_text(source: str, field: str) -> str:
    head = source[:8].lower()
    if head.startswith(("http://", "https://")):
        return source
    if head.startswith("data:"):
        header, comma, payload = source.partition(",")
        if not comma or not header.lower().endswith(";base64"):
            raise RequestValidationError(field, "is a data-URI without base64", _ACCEPTED)
        source = payload
    compact = "".join(source.split())
    try:
        for at in range(0, len(compact), _HEAD):
            _check_base64(compact[at : at + _HEAD], is_last=at + _HEAD >= len(compact))
    except (binascii.Error, ValueError):
        raise RequestValidationError(field, "is text of an unknown kind", _ACCEPTED) from None
    if not compact:
        raise RequestValidationError(field, "is empty", _ACCEPTED)
    return compact


def _check_base64(text: str, *, is_last: bool) -> None:
    base64.b64decode(text, validate=True)
    if not is_last and text.endswith("="):
        raise ValueError("padding in the middle")


def image_problem(value: str, max_mb: int = MAX_MB) -> tuple[str, str] | None:
    """Return what the vendor would refuse about a picture, as (limit, accepted), or None.

    Only the header is read; no pixel is decoded, so a picture of a billion pixels costs
    nothing. A URL is not fetched and has no known problem.

    Args:
        value: A URL or raw base64, as `to_image` returns it.
        max_mb: Most binary megabytes.
    """
    if value.startswith(("http://", "https://")):
        return None
    length = len(value) * 3 // 4 - value[-2:].count("=")
    if length > (most := max_mb * 1024 * 1024):
        return f"is {length:,} bytes", f"at most {most:,} bytes ({max_mb} MB)"
    size = _size_of(base64.b64decode(value[:_HEAD]))
    if size is None and len(value) > _HEAD:
        size = _size_of(base64.b64decode(value))
    if size is None:
        return "is neither a JPEG nor a PNG", "JPEG or PNG"
    width, height = size
    if min(width, height) < MIN_PIXELS:
        return f"is {width} x {height} px", f"at least {MIN_PIXELS} px on each side"
    if max(width, height) > MAX_RATIO * min(width, height):
        return f"is {width} x {height} px", "an aspect ratio from 1:2.5 to 2.5:1"
    return None


def _size_of(content: bytes) -> tuple[int, int] | None:
    if content.startswith(_PNG) and content[12:16] == b"IHDR":
        return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    if content.startswith(_JPEG):
        return _jpeg_size(content)
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
