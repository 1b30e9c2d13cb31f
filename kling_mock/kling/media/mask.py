"""Masks: the pixels of a picture that belong to an object, as a PNG and as run lengths.

Pure and deterministic. A mask is made of discs, and a pixel belongs to it if its middle lies in one
of them. Both forms are written by the same rule, so they agree.
"""

from collections.abc import Iterator, Sequence
from math import isqrt
from typing import NamedTuple

from kling_mock.kling.media.file import MediaFile
from kling_mock.kling.media.png import chunk, head, packed, png_file

#: The maximum length of a side of a mask, in pixels.
MAX_SIDE = 8192

_AS_IS = b"\0"  # how a row is coded
_INSIDE = b"\xff"

# A run length in the compressed form: the bits of a character, the bit for more characters, the
# sign bit, and what is added to make it readable.
_BITS, _MORE, _SIGN, _FIRST = 5, 0x20, 0x10, 48


class Disc(NamedTuple):
    """A disc.

    Attributes:
        x: Its middle, in pixels from the left.
        y: Its middle, in pixels from the top.
        radius: Pixels.
    """

    x: int
    y: int
    radius: int


class Mask(NamedTuple):
    """A mask.

    Attributes:
        width: Pixels.
        height: Pixels.
        discs: The discs that belong to it.
    """

    width: int
    height: int
    discs: tuple[Disc, ...]

    def png(self, tag: str = "") -> MediaFile:
        """Return the mask as a grey picture: white pixels belong to it, black ones do not.

        Args:
            tag: Text in Latin-1, kept as the file's comment.
        """
        return png_file(
            head(self.width, self.height, 0),
            chunk(b"tEXt", b"Comment\0" + tag.encode("latin-1")),
            packed(self._rows()),
        )

    def _rows(self) -> Iterator[bytes]:
        empty = bytes(self.width)
        for spans in _lines(self.width, self.height, self.discs):
            row = empty
            if spans:
                line = bytearray(empty)
                for start, stop in spans:
                    line[start:stop] = _INSIDE * (stop - start)
                row = bytes(line)
            yield _AS_IS + row

    def run_lengths(self) -> list[int]:
        """Return the lengths of runs of pixels by columns: outside the mask, inside, and so on."""
        turned = [Disc(disc.y, disc.x, disc.radius) for disc in self.discs]
        runs: list[int] = []
        end = 0  # the end of the last run that belongs to the mask
        for column, spans in enumerate(_lines(self.height, self.width, turned)):
            for start, stop in spans:
                first = column * self.height + start
                if runs and first == end:
                    runs[-1] += stop - start  # it goes on from the bottom of the column before
                else:
                    runs += [first - end, stop - start]
                end = column * self.height + stop
        if end < self.width * self.height:
            runs.append(self.width * self.height - end)
        return runs

    def counts(self) -> str:
        """Return the run lengths as text, in the compressed form of the COCO data set.

        From the fourth on, each is written as its difference from the last but one. A character
        has five bits, the lowest first, and a sixth that says that more characters follow.
        """
        runs = self.run_lengths()
        differences = (
            run - runs[place - 2] if place > 2 else run for place, run in enumerate(runs)
        )
        return "".join(map(_coded, differences))


def _coded(value: int) -> str:
    """Return a number that may be negative as characters."""
    characters: list[str] = []
    more = True
    while more:
        bits = value & (2**_BITS - 1)
        value >>= _BITS
        more = value != (-1 if bits & _SIGN else 0)
        characters.append(chr((bits | _MORE if more else bits) + _FIRST))
    return "".join(characters)


def _lines(length: int, number: int, discs: Sequence[Disc]) -> Iterator[list[tuple[int, int]]]:
    """Yield for each line where the mask begins and ends: spans that are apart, in order."""
    for line in range(number):
        spans: list[tuple[int, int]] = []
        for start, stop in sorted(_cut(disc, line, length) for disc in discs):
            if start >= stop:
                continue
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
            else:
                spans.append((start, stop))
        yield spans


def _cut(disc: Disc, line: int, length: int) -> tuple[int, int]:
    """Return where a line of pixels enters and leaves a disc; twice the same if it does not."""
    # In half pixels, so that the middles are whole numbers.
    away = 2 * line + 1 - 2 * disc.y
    rest = 4 * disc.radius**2 - away**2
    if rest < 0:
        return 0, 0
    half = isqrt(rest)
    start = (2 * disc.x - half) // 2  # the first x with 2x + 1 >= 2 * disc.x - half
    stop = (2 * disc.x - 1 + half) // 2 + 1
    return max(start, 0), min(max(stop, 0), length)
