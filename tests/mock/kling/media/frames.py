"""The pictures of a video, as ffmpeg decodes them."""

from __future__ import annotations

from typing import NamedTuple

from kling_mock.kling.media.lettering import FULL, Lettering, draw
from tests.ffmpeg import decode

REGULAR, BOLD = 0.62, 0.85  # half the thickness of the two kinds of letters


class Frame(NamedTuple):
    """One decoded picture.

    Attributes:
        width: Pixels.
        height: Pixels.
        samples: Luma, then Cb and Cr with half the width and half the height.
        background: How bright it is around the text; 0 is as in the top right corner.
    """

    width: int
    height: int
    samples: bytes
    background: int = 0

    def on(self, background: int) -> Frame:
        """Return it with another background, on which text is searched."""
        return self._replace(background=background)

    @property
    def rows(self) -> list[bytes]:
        """The luma, row by row."""
        return [
            self.samples[at : at + self.width]
            for at in range(0, self.width * self.height, self.width)
        ]

    def shows(self, text: str, height: int, *, luma: int = 235, pen: float = REGULAR) -> bool:
        """Return whether a line of text is in the picture, exactly as it is drawn.

        Args:
            text: The line.
            height: Its height in a picture whose short side has 720 pixels.
            luma: How bright it is.
            pen: How thick.
        """
        background = self.background or self.samples[self.width - 1]
        line = draw(text, height * min(self.width, self.height) // 720, pen)
        return self._has(line, luma, background)

    def _has(self, line: Lettering, luma: int, background: int) -> bool:
        shades = bytes(
            background + (luma - background) * min(value, FULL) // FULL for value in range(256)
        )
        pattern = [row.translate(shades) for row in line.rows]
        rows, middle = self.rows, len(pattern) // 2
        for number in range(middle, len(rows) - len(pattern) + middle):
            left = rows[number].find(pattern[middle])
            top = number - middle
            if left >= 0 and pattern == [
                row[left : left + line.width] for row in rows[top : top + len(pattern)]
            ]:
                return True
        return False


def decoded(content: bytes, width: int, height: int, *options: str) -> list[Frame]:
    """Return pictures of a video; *options* of ffmpeg say which, all without any.

    A word of warning from ffmpeg is an error.
    """
    arguments = ["-map", "0:v", *options, "-f", "rawvideo", "-pix_fmt", "yuv420p"]
    raw = decode(content, *arguments, level="warning")
    size = width * height * 3 // 2
    assert len(raw) % size == 0
    return [Frame(width, height, raw[at : at + size]) for at in range(0, len(raw), size)]
