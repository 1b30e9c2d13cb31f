"""Where a result is to be had, and the `Range` of it that a client wants."""

from __future__ import annotations

import re

from kling_mock.web.facts import assumed, documented

__all__ = [
    "MEDIA",
    "PATHS",
    "RETENTION",
    "RETENTION_SECONDS",
    "UnsatisfiableError",
    "byte_range",
    "image_url",
    "video_id_of",
    "video_url",
]

MEDIA = "/media/videos/"
_IMAGES = "/media/images/"  # nothing is served there yet
PATHS = assumed("the vendor serves results from hosts and paths of its own")
RETENTION = documented("pages-2026-09", "pages-2026-04", as_of="2026-09-20")
RETENTION_SECONDS = 30 * 24 * 3600  # after the task has ended

_NAME = re.compile(r"([0-9]{18})(-watermark)?\.mp4")
_RANGE = re.compile(r"(?i:bytes)=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


class UnsatisfiableError(ValueError):
    """A range that begins behind the end: HTTP 416."""


def video_url(origin: str, video_id: str, *, watermark: bool = False) -> str:
    """Return the URL of a result.

    Args:
        origin: Scheme, host and port, as `http://127.0.0.1:3001`.
        video_id: 18 digits.
        watermark: Whether the file with a watermark is meant.
    """
    return f"{origin}{MEDIA}{video_id}{'-watermark' if watermark else ''}.mp4"


def image_url(origin: str, result_id: str, index: int, *, watermark: bool = False) -> str:
    """Return the URL of one image of a result.

    Args:
        origin: Scheme, host and port, as `http://127.0.0.1:3001`.
        result_id: 18 digits.
        index: Which image, from 0.
        watermark: Whether the file with a watermark is meant.
    """
    return f"{origin}{_IMAGES}{result_id}-{index}{'-watermark' if watermark else ''}.png"


def video_id_of(path: str) -> tuple[str, bool] | None:
    """Return the video id in *path* and whether it is the file with a watermark, or `None`."""
    found = _NAME.fullmatch(path.removeprefix(MEDIA))
    return None if found is None else (found[1], found[2] is not None)


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte and the byte after the last one, or `None` for the whole file.

    A header that cannot be read, or that has several ranges, means the whole file, as
    RFC 9110 (14.2) allows. The name of the unit may be in any case (14.1).

    Args:
        header: The `Range` header, if any.
        size: Length of the file in bytes.

    Raises:
        UnsatisfiableError: The range lies behind the end.
    """
    found = None if header is None else _RANGE.fullmatch(header.strip())
    if found is None:
        return None
    first, last, tail = found.groups()
    if tail is not None:
        if int(tail) == 0:
            raise UnsatisfiableError
        return max(size - int(tail), 0), size
    start = int(first)
    if last and int(last) < start:
        return None  # not a range at all
    if start >= size:
        raise UnsatisfiableError
    return start, min(int(last) + 1, size) if last else size
