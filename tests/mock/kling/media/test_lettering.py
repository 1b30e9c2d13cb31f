"""Letters: every name of the emulator can be written at any size, and all letters differ."""

from __future__ import annotations

import itertools

import pytest

from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.media.lettering import FULL, draw, width_of

BOX = "\N{SNOWMAN}"  # what has no letter is shown as a box
PEN = 0.62


def test_every_name_can_be_written() -> None:
    """All names of endpoints and models, numbers and sizes have letters of their own."""
    names = [*ENDPOINTS, *(model for record in ENDPOINTS.values() for model in record.models)]
    signs = "0123456789:/ \N{MULTIPLICATION SIGN}\N{MIDDLE DOT}"
    used = set("".join([*names, signs, "kling-mock watermark task input PNG JPEG WEBP"])) - {" "}
    box = draw(BOX, 40, PEN).rows
    assert [letter for letter in sorted(used) if draw(letter, 40, PEN).rows == box] == []


def test_no_two_letters_look_the_same() -> None:
    """A reader of a picture can tell what it says."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.,:/_+"
    drawn = {letter: tuple(draw(letter, 31, PEN).rows) for letter in letters}
    for letter, other in itertools.combinations(letters, 2):
        assert drawn[letter] != drawn[other], (letter, other)


@pytest.mark.parametrize("height", [5, 31, 112])
def test_a_line_has_the_size_that_is_announced(height: int) -> None:
    """It fills its height and width, has smooth edges, and covers no pixel twice."""
    line = draw("kling-v2-6 (Q)", height, PEN)
    assert len(line.rows) == height
    assert {len(row) for row in line.rows} == {line.width}
    assert line.width - 1 < width_of("kling-v2-6 (Q)", height, PEN) <= line.width
    values = set(b"".join(line.rows))
    assert max(values) <= FULL
    assert len(values) > 8
    inked = [any(row) for row in line.rows]
    assert inked.index(True) <= height * 0.1
    assert inked[::-1].index(True) <= height * 0.15


def test_a_thick_stroke_is_full_inside_and_nothing_outside() -> None:
    """A minus is a bar with round ends: covered in the middle, empty above and below."""
    line = draw("-", 124, 1.0)  # 8 pixels are a unit
    middle = line.rows[round((6.4 + 1.2) * 8)]
    assert set(middle[8:-8]) == {FULL}
    assert not any(line.rows[0])
    assert not any(line.rows[-1])


def test_digits_have_one_width() -> None:
    """So a counter does not move."""
    assert len({width_of(digit, 40, PEN) for digit in "0123456789"}) == 1


def test_nothing_is_nothing() -> None:
    """An empty line has no ink."""
    assert not any(map(any, draw("", 20, PEN).rows))
