"""A picture in YCbCr 4:2:0 to draw on, in macroblocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kling_mock.kling.media.h264 import BLOCK, Blocks, FrameShape
from kling_mock.kling.media.lettering import FULL, Lettering

_HALF = BLOCK // 2


class Colour(NamedTuple):
    """A colour, in the limited range of BT.709: 16 to 235, and 16 to 240 around 128."""

    luma: int
    cb: int
    cr: int


class Region(NamedTuple):
    """A part of a picture, in pixels; `y` and `height` are even.

    The edges of chroma, which has a sample for two pixels, are at the next even `x` to the left.
    """

    x: int
    y: int
    width: int
    height: int


class Planes(NamedTuple):
    """The samples of a picture; those of chroma have half the width and half the height."""

    luma: bytes
    cb: bytes
    cr: bytes


class Canvas:
    """A picture.

    Args:
        shape: Its size.
        background: Its colour.

    Attributes:
        shape: Its size.
        background: Its colour.
    """

    def __init__(self, shape: FrameShape, background: Colour) -> None:
        self.shape = shape
        self.background = background
        self._across = shape.across * BLOCK
        size = self._across * shape.down * BLOCK
        self._luma = bytearray([background.luma]) * size
        self._cb = bytearray([background.cb]) * (size // 4)
        self._cr = bytearray([background.cr]) * (size // 4)
        luma, cb, cr = (bytes([value]) for value in background)
        self._common = luma * (BLOCK * BLOCK) + cb * (_HALF * _HALF) + cr * (_HALF * _HALF)
        self._drawn: set[int] = set()

    def rectangle(self, region: Region, colour: Colour) -> None:
        """Fill a part."""
        luma, cb, cr = (bytes([value]) for value in colour)
        half, high = _half_width(region), region.height // 2
        self._fill(region, [luma * region.width] * region.height)
        self._fill_chroma(region, [cb * half] * high, [cr * half] * high)

    def picture(self, region: Region, planes: Planes) -> None:
        """Draw a picture into a region of its size; all four numbers of the region are even."""
        width, half = region.width, region.width // 2
        self._fill(region, _rows(planes.luma, width))
        self._fill_chroma(region, _rows(planes.cb, half), _rows(planes.cr, half))

    def text(self, x: int, y: int, line: Lettering, luma: int, on: int) -> Region:
        """Write a line, and return the region that it covers. The chroma below it stays.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.
            line: The text.
            luma: The luma of the text.
            on: The luma of the background, which must be uniform.
        """
        shades = bytes(on + (luma - on) * min(value, FULL) // FULL for value in range(256))
        region = Region(x, y, line.width, len(line.rows))
        self._fill(region, [row.translate(shades) for row in line.rows])
        return region

    def blocks(self, rows: range) -> Blocks:
        """Return the macroblocks of these rows."""
        numbers = range(rows.start * self.shape.across, rows.stop * self.shape.across)
        drawn = {number: self.block(number) for number in self._drawn if number in numbers}
        return Blocks(self._common, drawn)

    def block(self, number: int) -> bytes:
        """Return a macroblock by its number."""
        row, column = divmod(number, self.shape.across)
        across, half = self._across, self._across // 2
        start = row * BLOCK * across + column * BLOCK
        other = row * _HALF * half + column * _HALF
        luma, cb, cr = self._luma, self._cb, self._cr
        # Written out: this is most of the time that a picture takes.
        others = range(other, other + _HALF * half, half)
        return b"".join(
            [
                *[luma[at : at + 16] for at in range(start, start + BLOCK * across, across)],
                *[cb[at : at + 8] for at in others],
                *[cr[at : at + 8] for at in others],
            ]
        )

    def numbers(self, region: Region) -> Iterable[int]:
        """Yield the numbers of the macroblocks that a part touches, in order."""
        left, right = region.x // BLOCK, (region.x + region.width - 1) // BLOCK
        for row in range(region.y // BLOCK, (region.y + region.height - 1) // BLOCK + 1):
            start = row * self.shape.across
            yield from range(start + left, start + right + 1)

    def _fill(self, region: Region, rows: Sequence[bytes]) -> None:
        across, luma = self._across, self._luma
        at = region.y * across + region.x
        for row in rows:
            luma[at : at + region.width] = row
            at += across
        self._drawn.update(self.numbers(region))

    def _fill_chroma(self, region: Region, cbs: Sequence[bytes], crs: Sequence[bytes]) -> None:
        half, width = self._across // 2, _half_width(region)
        at = region.y // 2 * half + region.x // 2
        for cb, cr in zip(cbs, crs, strict=True):
            self._cb[at : at + width] = cb
            self._cr[at : at + width] = cr
            at += half


def _half_width(region: Region) -> int:
    """Return the number of samples of chroma in a row."""
    return (region.x + region.width) // 2 - region.x // 2


def _rows(plane: bytes, width: int) -> list[bytes]:
    return [plane[at : at + width] for at in range(0, len(plane), width)]
