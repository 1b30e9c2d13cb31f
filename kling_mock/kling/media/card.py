"""The picture of a video, which shows what the video is and how far it has played.

Pure and deterministic. The task decides the colours, so the videos of two tasks look different in
a list. The parts that change while it plays are at the bottom: the seconds, and a bar.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import NamedTuple

from kling_mock.kling.media.canvas import Canvas, Colour, Region
from kling_mock.kling.media.h264 import BLOCK, FrameShape
from kling_mock.kling.media.input_picture import InputView, see
from kling_mock.kling.media.lettering import Lettering, draw, width_of

_REGULAR, _BOLD = 0.62, 0.85  # half the thickness of the strokes
_WHITE, _GREY, _DARK = 235, 170, 24  # luma
_UNIT = 720  # pixels of the short side for which the numbers below are meant
_MIN_LINE = 5  # pixels of a line


class Card(NamedTuple):
    """The description of a video, for its picture.

    Attributes:
        endpoint: The endpoint's name.
        model: The model; "" if there is none.
        task_id: The task; "" for a file of a call without one.
        is_marked: Whether it is the file with a watermark.
        picture: The first image of the request, in base64; "" if there is none.
    """

    endpoint: str
    model: str = ""
    task_id: str = ""
    is_marked: bool = False
    picture: str = ""


class _Palette(NamedTuple):
    background: Colour
    panel: Colour
    accent: Colour


class Drawing:
    """The pictures of a video, one after the other.

    Args:
        shape: Their size.
        card: The contents of the pictures.
        fps: Pictures per second.
        seconds: Length of the video.
        sound: Whether the video has sound.

    Attributes:
        canvas: The current picture: at first, the one at 0 seconds.
        first_moving_row: The first row of macroblocks that changes during the video.
    """

    def __init__(
        self, shape: FrameShape, card: Card, *, fps: int, seconds: int, sound: bool
    ) -> None:
        self._fps, self._seconds = fps, seconds
        self._unit = min(shape) / _UNIT
        self._palette = _palette(card)
        self.canvas = Canvas(shape, self._palette.background)
        self._left, self._right = self._px(72), shape.width - self._px(64)
        self._counter_top = shape.height - self._px(226)
        self.first_moving_row = self._counter_top // BLOCK
        thickness = max(round(min(shape) / 1080), 1) * BLOCK
        self._bar = Region(
            self._left,
            (shape.height - self._px(72)) // BLOCK * BLOCK - thickness,
            (self._right - self._left) // 2 * 2,
            thickness,
        )
        self._filled = 0
        self._draw_frame(card, sound=sound)

    def show(self, number: int) -> Iterator[Region]:
        """Draw what has changed in picture *number*, from 0, and yield where."""
        second, between = divmod(number, self._fps)
        if not between:
            yield self._draw_counter(second)
        filled = self._bar.width * (number + 1) // (self._seconds * self._fps)
        if filled > self._filled:
            grown = self._bar._replace(x=self._bar.x + self._filled, width=filled - self._filled)
            self._filled = filled
            self.canvas.rectangle(grown, self._palette.accent)
            yield grown

    def _px(self, units: float) -> int:
        """Return *units* in pixels, as an even number."""
        return round(units * self._unit / 2) * 2

    def _draw_frame(self, card: Card, *, sound: bool) -> None:
        shape, canvas, palette = self.canvas.shape, self.canvas, self._palette
        strip = max(self._px(16) // BLOCK, 1) * BLOCK
        canvas.rectangle(Region(0, 0, strip, shape.height // 2 * 2), palette.accent)
        canvas.rectangle(self._bar, palette.panel)
        right = self._right
        view = see(card.picture)
        if view is not None:
            region = self._room_for(view)
            self._draw_input(region, view)
            if region.y < self._px(430):
                right = region.x - self._px(32)
        self._write_head(card, right)
        facts = [f"{shape.width}\N{MULTIPLICATION SIGN}{shape.height}", f"{self._seconds} s"]
        facts += [f"{self._fps} fps", "sound" if sound else "silent"]
        lines = [
            (112, 96, _BOLD, _WHITE, card.endpoint),
            (222, 58, _REGULAR, _WHITE, card.model),
            (302, 44, _REGULAR, _GREY, " \N{MIDDLE DOT} ".join(facts)),
            (360, 44, _REGULAR, _GREY, card.task_id and f"task {card.task_id}"),
        ]
        for top, height, pen, luma, text in lines:
            self._write(self._left, self._px(top), text, height, pen, luma, right)

    def _write_head(self, card: Card, right: int) -> None:
        luma = self._palette.accent.luma
        self._write(self._left, self._px(54), "kling-mock", 36, _BOLD, luma, right)
        if card.is_marked:
            line = self._line("watermark", 36, _BOLD, right - self._left)
            edge = self._px(16)
            left = (right - line.width - 2 * edge) // 2 * 2
            across = (right - left) // 2 * 2
            badge = Region(left, self._px(46), across, len(line.rows) // 2 * 2 + self._px(18))
            self.canvas.rectangle(badge, self._palette.accent)
            self.canvas.text(left + edge, badge.y + self._px(10), line, _DARK, luma)

    def _write(
        self, x: int, y: int, text: str, height: int, pen: float, luma: int, right: int
    ) -> None:
        line = self._line(text, height, pen, right - x)
        self.canvas.text(x, y, line, luma, self._palette.background.luma)

    def _line(self, text: str, height: float, pen: float, room: int) -> Lettering:
        """Draw a line, in smaller letters if there is not enough room."""
        size = float(height * self._unit)
        width = width_of(text, size, pen)
        if width > room:
            size *= room / width * 0.99
        return draw(text, max(int(size), _MIN_LINE), pen)

    def _draw_counter(self, second: int) -> Region:
        """Write the seconds that have been shown and, the first time, also the total."""
        x, y = self._left, self._counter_top
        now, total = _clock(second), _clock(self._seconds)
        height = 112
        line = self._line(now, height, _BOLD, self._right - x)
        if not second:
            digits = len(total)
            left = x + self._line("0" * digits, height, _BOLD, self._right - x).width
            below = y + self._px(46)
            self._write(left, below, f"/ {total}", 58, _REGULAR, _GREY, self._right)
        return self.canvas.text(x, y, line, _WHITE, self._palette.background.luma)

    def _room_for(self, view: InputView) -> Region:
        """Return the region of the request's image: beside the text, below it, or small."""
        width, height = self.canvas.shape
        if width > height * 1.2:
            left, top, bottom = self._px(64) + width * 6 // 10, self._px(64), self._counter_top
        elif height > width * 1.2:
            left, top, bottom = self._left, self._px(440), self._counter_top - self._px(16)
        else:
            left, top, bottom = width * 66 // 100, self._px(430), self._bar.y - self._px(16)
        across, down = self._right - left, bottom - top
        scale = min(across / view.width, down / view.height)
        wide = min(max(round(view.width * scale / 2) * 2, 2), across // 2 * 2)
        high = min(max(round(view.height * scale / 2) * 2, 2), down // 2 * 2)
        x = self._right - wide if width * 1.2 > height else left
        return Region(x // 2 * 2, top, wide, high)

    def _draw_input(self, region: Region, view: InputView) -> None:
        planes = view.scaled(region.width, region.height)
        if planes is not None:
            self.canvas.picture(region, planes)
            return
        panel = self._palette.panel
        self.canvas.rectangle(region, panel)
        room = max(region.width - self._px(24), 1)
        height = min(38, region.height / self._unit / 4)  # there are three lines
        step = self._unit * height * 1.15
        middle = region.y + region.height / 2
        for number, text in enumerate(("input", view.size_text, view.format)):
            line = self._line(text, height, _REGULAR, room)
            top = int(middle + (number - 1) * step - len(line.rows) / 2)
            left = region.x + max(region.width - line.width, 0) // 2
            if top >= region.y and line.width <= region.width:
                self.canvas.text(left, top, line, _WHITE, panel.luma)


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02}"


def _palette(card: Card) -> _Palette:
    digest = hashlib.sha256(f"{card.task_id} {card.endpoint}".encode()).digest()
    turn = 2 * math.pi * digest[0] / 256

    def colour(luma: int, strength: int) -> Colour:
        shares = (math.cos(turn), math.sin(turn))
        return Colour(luma, *(128 + round(strength * share) for share in shares))

    return _Palette(colour(48, 24), colour(76, 24), colour(172, 50))
