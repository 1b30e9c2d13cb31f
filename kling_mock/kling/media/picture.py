"""A finished task's picture: a PNG that Pillow and browsers decode, made without a library.

Pure and deterministic: the same arguments give the same bytes. The picture is a symmetric pattern
of 8 by 8 blocks in two colours that its tag decides, so no two pictures of a test look the same.
It has a palette, and each row is coded as its difference from the row above, which is nearly
always zero: 4096 by 4096 pixels take 90 kilobytes and some hundredths of a second.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from kling_mock.kling.media.file import MediaFile
from kling_mock.kling.media.png import chunk, head, packed, png_file

_BLOCKS = 8  # in each direction
_MAX_PIXELS = 8192  # a side
_MAX_TAG = 255  # bytes
_SAME, _AS_ABOVE = b"\0", b"\2"  # how a row is coded: as it is, or as its difference


def render(width: int, height: int, *, tag: str = "") -> MediaFile:
    """Make a picture; the same arguments give the same bytes.

    Args:
        width: Pixels, 8 to 8192.
        height: Pixels, 8 to 8192.
        tag: Text of at most 255 bytes in Latin-1, kept as the file's comment, that decides the
            pattern. Give each picture its own.

    Raises:
        ValueError: An argument is out of range; the text says what it must be.
    """
    for name, size in (("width", width), ("height", height)):
        if not _BLOCKS <= size <= _MAX_PIXELS:
            raise ValueError(f"{name}: must be {_BLOCKS} to {_MAX_PIXELS} pixels, got {size}")
    if len(tag.encode("latin-1")) > _MAX_TAG:
        raise ValueError(f"tag: must be at most {_MAX_TAG} bytes, got {len(tag)}")
    return _render(width, height, tag)


@lru_cache(maxsize=32)  # 150 kB or less each: a download in many ranges makes its picture once
def _render(width: int, height: int, tag: str) -> MediaFile:
    digest = hashlib.sha256(tag.encode("latin-1")).digest()
    return png_file(
        head(width, height, 3),
        chunk(b"PLTE", _colours(digest)),
        chunk(b"tEXt", b"Comment\0" + tag.encode("latin-1")),
        packed(_rows(width, height, digest)),
    )


def _colours(digest: bytes) -> bytes:
    """Return a dark and a light colour."""
    dark, light = digest[:3], digest[3:6]
    return bytes((*(value // 2 for value in dark), *(128 + value // 2 for value in light)))


def _rows(width: int, height: int, digest: bytes) -> Iterator[bytes]:
    """Yield the rows, those of a block in one piece: one in full, and the others like it."""
    same = _AS_ABOVE + bytes(width)
    edges = _edges(height)
    for block, (top, bottom) in enumerate(pairwise(edges)):
        yield _SAME + _row(width, digest[8 + block])
        yield same * (bottom - top - 1)


def _row(width: int, bits: int) -> bytes:
    """Return one row of pixels: four blocks as *bits* has them, and the same mirrored."""
    edges = _edges(width)
    pixels = bytearray()
    for block, (left, right) in enumerate(pairwise(edges)):
        half = min(block, _BLOCKS - 1 - block)
        pixels += bytes([bits >> half & 1]) * (right - left)
    return bytes(pixels)


def _edges(size: int) -> list[int]:
    return [size * number // _BLOCKS for number in range(_BLOCKS + 1)]
