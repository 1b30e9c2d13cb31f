"""Draw text: letters of lines and arcs, with smooth edges, at any size.

The letters are this project's own. A letter is made of strokes in units: capitals are 10 high, from
0 down to the baseline at 10; small letters begin at 3, and descenders end at 13. A stroke is a list
of points `x,y` and arcs `x,y,rx,ry,from,to` (center, radii, degrees; 0 is right, 90 is down), and
is drawn with a round pen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

FULL = 32
"""The value of a pixel that is covered entirely."""

HEIGHT = 15.5
"""Units that a line of text takes, from above the capitals to below the descenders."""

_TOP = -1.2  # units above the capitals' middle line
_FINE = 4  # lines that a row of pixels is sampled by
_SPACE = 3.4  # units
_GAP = 1.1  # units between two letters, between their pens' edges
_POPULATION = bytes(value.bit_count() for value in range(256))

_ROUND = "2.6,6.5,2.6,3.5,0,360"
_STROKES = {
    "a": f"{_ROUND};5.2,3 5.2,10",
    "b": f"0,0 0,10;{_ROUND}",
    "c": "2.6,6.5,2.6,3.5,-50,-310",
    "d": f"{_ROUND};5.2,0 5.2,10",
    "e": "0.2,6.4 5.2,6.4 2.6,6.5,2.6,3.5,0,-310",
    "f": "4,0.1 3.3,1.9,1.9,1.9,-90,-180 1.4,10;0,3.2 3.8,3.2",
    "g": f"{_ROUND};5.2,3 5.2,10.5 2.7,10.5,2.5,2.5,0,145",
    "h": "0,0 0,10;0,5.6 2.5,5.5,2.5,2.5,-180,0 5,10",
    "i": "0,3.2 0,10;0,0.3 0,0.3",
    "j": "1.7,3.2 1.7,11.1 0,11.1,1.7,1.9,0,90;1.7,0.3 1.7,0.3",
    "k": "0,0 0,10;4.4,3.2 0,7.2;1.6,5.8 4.7,10",
    "l": "0,0 0,8.3 1.7,8.3,1.7,1.7,180,90",
    "m": "0,3 0,10;0,5.2 2.1,5.1,2.1,2.1,-180,0 4.2,10;4.2,5.2 6.3,5.1,2.1,2.1,-180,0 8.4,10",
    "n": "0,3 0,10;0,5.6 2.5,5.5,2.5,2.5,-180,0 5,10",
    "o": _ROUND,
    "p": f"0,3 0,13;{_ROUND}",
    "q": f"5.2,3 5.2,13;{_ROUND}",
    "r": "0,3 0,10;0,5.8 2.6,5.6,2.6,2.6,-180,-75",
    "s": "2.1,4.75,2.1,1.75,-25,-270 2.1,8.25,2.1,1.75,-90,155",
    "t": "1.4,0.8 1.4,8.2 3.2,8.2,1.8,1.8,180,90 3.8,10;0,3.2 3.8,3.2",
    "u": "0,3 0,7.5 2.5,7.5,2.5,2.5,180,0 5,3;5,3 5,10",
    "v": "0,3 2.5,10 5,3",
    "w": "0,3 1.9,10 3.8,3.6 5.7,10 7.6,3",
    "x": "0,3 4.6,10;4.6,3 0,10",
    "y": "0,3 2.6,9.8;5.2,3 2.2,11.2 0.6,11.2,1.8,1.8,0,90",
    "z": "0,3 4.4,3 0,10 4.4,10",
    "A": "0,10 3,0 6,10;1.1,6.6 4.9,6.6",
    "B": "0,4.8 0,0 2.6,2.4,2.4,2.4,-90,90 0,4.8 0,10 2.8,7.4,2.6,2.6,90,-90",
    "C": "3.2,5,3.2,5,-50,-310",
    "D": "0,10 0,0 2,0 2,5,3.6,5,-90,90 0,10",
    "E": "5,0 0,0 0,10 5,10;0,4.9 4.2,4.9",
    "F": "5,0 0,0 0,10;0,4.9 4.2,4.9",
    "G": "3.2,5,3.2,5,-50,-360 3.6,5",
    "H": "0,0 0,10;6,0 6,10;0,4.9 6,4.9",
    "I": "0,0 0,10",
    "J": "3.6,0 3.6,7.6 1.5,7.6,2.1,2.4,0,150",
    "K": "0,0 0,10;5.4,0 0,6;1.9,4.2 5.6,10",
    "L": "0,0 0,10 4.6,10",
    "M": "0,10 0,0 3.6,6.4 7.2,0 7.2,10",
    "N": "0,10 0,0 6,10 6,0",
    "O": "3.3,5,3.3,5,0,360",
    "P": "0,10 0,0 2.8,0 2.8,2.8,2.6,2.8,-90,90 0,5.6",
    "Q": "3.3,5,3.3,5,0,360;3.8,7.4 6.6,10.6",
    "R": "0,10 0,0 2.8,0 2.8,2.8,2.6,2.8,-90,90 0,5.6;2.6,5.6 5.4,10",
    "S": "2.7,2.5,2.5,2.5,-25,-270 2.7,7.5,2.7,2.5,-90,155",
    "T": "0,0 6,0;3,0 3,10",
    "U": "0,0 0,7 3,7,3,3,180,0 6,0",
    "V": "0,0 3,10 6,0",
    "W": "0,0 2.2,10 4.5,1.5 6.8,10 9,0",
    "X": "0,0 5.6,10;5.6,0 0,10",
    "Y": "0,0 3,5 6,0;3,5 3,10",
    "Z": "0,0 5.4,0 0,10 5.4,10",
    "0": "2.7,5,2.7,5,0,360",
    "1": "1,2.2 3.2,0 3.2,10",
    "2": "2.7,2.7,2.6,2.7,-165,35 0.1,10 5.4,10",
    "3": "2.6,2.4,2.3,2.4,-155,90 2.6,7.4,2.7,2.6,-90,155",
    "4": "4,10 4,0 0,7.2 5.4,7.2",
    "5": "4.9,0 0.9,0 0.5,4.6 2.6,6.8,2.8,3.2,-140,145",
    "6": "4.1,0 0.4,5.4;2.7,6.9,2.7,3.1,0,360",
    "7": "0,0 5.4,0 2,10",
    "8": "2.7,2.4,2.2,2.4,0,360;2.7,7.4,2.7,2.6,0,360",
    "9": "1.3,10 5,4.6;2.7,3.1,2.7,3.1,0,360",
    "-": "0,6.4 3,6.4",
    ".": "0,9.7 0,9.7",
    ",": "0.3,9.6 0,11.4",
    ":": "0,4.2 0,4.2;0,9.7 0,9.7",
    "/": "3.8,-0.4 0,10.8",
    "_": "0,11.5 5,11.5",
    "+": "0,6.4 4.6,6.4;2.3,4.1 2.3,8.7",
    "\N{MULTIPLICATION SIGN}": "0,4.4 4.2,8.6;4.2,4.4 0,8.6",
    "\N{MIDDLE DOT}": "0,6.4 0,6.4",
}
_UNKNOWN = "0,0 4.6,0 4.6,10 0,10 0,0"  # a box
_DIGIT = 5.4  # units that each digit takes, so that a counter does not move

_Capsule = tuple[float, float, float, float]  # a straight stroke: x, y, x, y, not upwards


class Lettering(NamedTuple):
    """A line of text as pixels.

    Attributes:
        width: Pixels of each row.
        rows: How far each pixel is covered, 0 to `FULL`.
    """

    width: int
    rows: Sequence[bytes]


def width_of(text: str, height: float, pen: float) -> float:
    """Return the width of a line of text in pixels.

    Args:
        text: One line. What has no letter here is shown as a box.
        height: Pixels of the line.
        pen: Half the thickness of the strokes, in units.
    """
    return _places(text, height / HEIGHT, pen)[1]


@lru_cache(maxsize=32)  # some 10 kB each: the files of an endpoint have most lines in common
def draw(text: str, height: int, pen: float) -> Lettering:
    """Draw a line of text; the arguments are those of `width_of`, the height a whole number."""
    unit = height / HEIGHT
    places, total = _places(text, unit, pen)
    width = math.ceil(total)
    lines = [0] * (height * _FINE)
    for letter, place in places:
        shift = round(place * 8)
        for number, mask in enumerate(_letter(letter, height, pen)):
            if mask:
                lines[number] |= mask << shift
    starts = range(0, len(lines), _FINE)
    return Lettering(width, [_row(lines[at : at + _FINE], width) for at in starts])


def _row(lines: Sequence[int], width: int) -> bytes:
    """Return the pixels of some lines with eight bits to a pixel: the sum of those that are set."""
    total = 0
    for line in lines:
        if line:
            total += int.from_bytes(line.to_bytes(width, "little").translate(_POPULATION), "little")
    return total.to_bytes(width, "little")


def _places(text: str, unit: float, pen: float) -> tuple[list[tuple[str, float]], float]:
    """Return each letter with where it begins, in pixels, and the width of all."""
    at = 0.0
    places: list[tuple[str, float]] = []
    for letter in text:
        if letter == " ":
            at += _SPACE
            continue
        places.append((letter, at * unit))
        at += _advance(letter) + 2 * pen + _GAP
    return places, max(at - _GAP, 0) * unit + 1


@lru_cache(maxsize=256)
def _advance(letter: str) -> float:
    if letter.isdecimal():
        return _DIGIT
    return max(max(x0, x1) for x0, _, x1, _ in _capsules(letter))


@lru_cache(maxsize=512)  # of one letter at one size, less than 10 kB
def _letter(letter: str, height: int, pen: float) -> tuple[int, ...]:
    """Return the lines of a letter: bit 0 is the left end, eight bits are a pixel."""
    unit = height / HEIGHT
    lines = [0] * (height * _FINE)
    step = 1 / (unit * _FINE)  # units from line to line
    across = 8 * unit
    for capsule in _capsules(letter):
        first = max(int((capsule[1] - pen - _TOP) / step), 0)
        last = min(int((capsule[3] + pen - _TOP) / step) + 1, len(lines))
        for number, left, right in _spans(capsule, pen, first, last, step):
            start = max(int((left + pen) * across + 0.5), 0)
            stop = int((right + pen) * across + 0.5)
            if stop > start:
                lines[number] |= ((1 << (stop - start)) - 1) << start
    return tuple(lines)


def _spans(
    capsule: _Capsule, pen: float, first: int, last: int, step: float
) -> Iterator[tuple[int, float, float]]:
    """Yield the lines that a stroke covers, each with the left and the right end, in units."""
    x0, y0, x1, y1 = capsule
    dx, dy = x1 - x0, y1 - y0
    length = math.hypot(dx, dy) or 1.0
    aside, along = pen * dy / length, pen * dx / length  # from the middle to the edge of the pen
    slope = dx / dy if dy else 0.0
    square = pen * pen
    for number in range(first, last):
        y = _TOP + (number + 0.5) * step
        from_first, from_last = y - y0, y - y1
        left, right = math.inf, -math.inf
        if (rest := square - from_first * from_first) > 0:
            half = math.sqrt(rest)
            left, right = x0 - half, x0 + half
        if (rest := square - from_last * from_last) > 0:
            half = math.sqrt(rest)
            left, right = min(left, x1 - half), max(right, x1 + half)
        if dy:
            if from_first >= along and from_last <= along:
                left = min(left, x0 + (from_first - along) * slope - aside)
            if from_first >= -along and from_last <= -along:
                right = max(right, x0 + (from_first + along) * slope + aside)
        if right > left:
            yield number, left, right


@lru_cache(maxsize=256)
def _capsules(letter: str) -> tuple[_Capsule, ...]:
    """Return a letter as straight strokes."""
    capsules: list[_Capsule] = []
    for stroke in _STROKES.get(letter, _UNKNOWN).split(";"):
        points = [point for part in stroke.split() for point in _points(part)]
        for (x0, y0), (x1, y1) in pairwise(points):
            capsules.append((x0, y0, x1, y1) if y0 <= y1 else (x1, y1, x0, y0))
    return tuple(capsules)


def _points(part: str) -> Iterator[tuple[float, float]]:
    """Yield the points of a part of a stroke: one, or those of an arc."""
    x, y, *arc = map(float, part.split(","))
    if not arc:
        yield x, y
        return
    across, down, start, stop = arc
    pieces = math.ceil(abs(stop - start) / 20)
    for number in range(pieces + 1):
        angle = math.radians(start + (stop - start) * number / pieces)
        yield x + across * math.cos(angle), y + down * math.sin(angle)
