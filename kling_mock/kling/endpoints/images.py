"""Checks of images, by their first bytes: nothing is ever decoded as a picture."""

from __future__ import annotations

import base64
from typing import NamedTuple

from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.service_codes import invalid
from kling_mock.web.addresses import host_of
from kling_mock.web.facts import documented
from kling_sdk.facts.media import IMAGE_MB, IMAGE_RATIO, IMAGE_SIDE

FACT = documented("pages-2026-04", "digest-2026-01", as_of="2026-04-01")

MAX_BYTES = IMAGE_MB * 1024 * 1024

#: Top-level domains without hosts (RFC 2606), so that nothing can be fetched from them.
UNREACHABLE = ".invalid"

# Characters of an image's base64 that are decoded to find its size: 1.5 MiB of it, which is more
# than any usual header. Decoding eight whole images would hold up other requests.
_HEAD = 2 * 1024 * 1024

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # JPEG, PNG
_WEBP = b"RIFF"


class ImageSize(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


def check_reachable(url: str, noticed: Noticed) -> None:
    """Make the task fail later if *url* cannot be fetched, because its host is in `UNREACHABLE`."""
    if f".{host_of(url)}".endswith(UNREACHABLE):
        noticed.fails_later("unreachable_media")


def inspect(
    value: str,
    path: str,
    noticed: Noticed,
    max_bytes: int = MAX_BYTES,
    max_ratio: float = IMAGE_RATIO,
    *,
    webp: bool = False,
) -> ImageSize | None:
    """Return the size of the image in *value*, or `None` for a URL, which is never fetched.

    An image that is too small, or that cannot be fetched, makes the task fail later.

    Args:
        value: A URL, or valid base64.
        path: The field, for the message.
        noticed: Notes reasons for a later failure of the task.
        max_bytes: The maximum size of an image in bytes.
        max_ratio: The maximum ratio of the longer side to the shorter one.
        webp: Whether WebP is accepted too.

    Raises:
        Refusal: 400/1201 if it is too large, neither JPEG nor PNG, or too narrow.
    """
    if value.startswith(("http://", "https://")):
        check_reachable(value, noticed)
        return None
    check_length(value, path, max_bytes)
    content = base64.b64decode(value[:_HEAD])
    if not content.startswith((*_MAGIC, _WEBP) if webp else _MAGIC):
        raise invalid(path, "must be a jpg, jpeg or png image")
    size = _measure(content)
    if size is None and len(value) > _HEAD:
        size = _measure(base64.b64decode(value))
    if size is None:
        raise invalid(path, "must be a whole jpg, jpeg or png image, got a damaged one")
    if min(size.width, size.height) < IMAGE_SIDE:
        noticed.fails_later("small_image")
    if max(size.width, size.height) > max_ratio * min(size.width, size.height):
        noticed.fails_later("bad_shape")
    return size


def check_length(value: str, path: str, max_bytes: int = MAX_BYTES) -> None:
    """Check that base64 is not larger than an image may be, without decoding it.

    Args:
        value: Base64.
        path: The field, for the message.
        max_bytes: The maximum size in bytes.

    Raises:
        Refusal: 400/1201, it is too large.
    """
    size = len(value) * 3 // 4 - value[-2:].count("=")
    if size > max_bytes:
        raise invalid(path, f"must be an image of at most {max_bytes >> 20} MB, got {size} bytes")


def _measure(content: bytes) -> ImageSize | None:
    """Return the size that the image states, or `None` if it does not state one."""
    from kling_mock.kling.media.picture_size import stated_size  # few servers see base64

    size = stated_size(content)
    return None if size is None else ImageSize(*size)
