"""Masks: the picture and the run lengths of one mask say the same, by decoders of their own."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from kling_mock.kling.media.mask import Disc, Mask


def decoded(counts: str) -> list[int]:
    """Return the run lengths in the compressed form of the COCO data set."""
    runs: list[int] = []
    at = 0
    while at < len(counts):
        value = shift = 0
        while True:
            bits = ord(counts[at]) - 48
            at += 1
            value |= (bits & 0x1F) << shift
            shift += 5
            if not bits & 0x20:
                break
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return runs


def from_runs(runs: list[int], width: int, height: int) -> set[tuple[int, int]]:
    """Return the pixels that belong to a mask, by its run lengths."""
    pixels: set[tuple[int, int]] = set()
    at = 0
    for number, run in enumerate(runs):
        if number % 2:
            pixels.update(divmod(place, height) for place in range(at, at + run))
        at += run
    assert at == width * height
    return pixels


def from_png(content: bytes) -> set[tuple[int, int]]:
    """Return the pixels that are white."""
    image: Any = Image.open(io.BytesIO(content))
    image.load()
    assert image.mode == "L"
    assert set(image.tobytes()) <= {0, 255}
    return {
        (x, y) for x in range(image.width) for y in range(image.height) if image.getpixel((x, y))
    }


MASKS = {
    "nothing": Mask(7, 5, ()),
    "one": Mask(40, 30, (Disc(20, 15, 6),)),
    "cut off at a corner": Mask(40, 30, (Disc(0, 0, 9),)),
    "outside": Mask(40, 30, (Disc(200, 15, 6),)),
    "two that touch": Mask(40, 30, (Disc(12, 15, 6), Disc(20, 15, 6))),
    "two apart": Mask(40, 30, (Disc(5, 5, 3), Disc(30, 20, 4))),
    "everything": Mask(20, 10, (Disc(10, 5, 40),)),
    "whole columns": Mask(30, 6, (Disc(15, 3, 8),)),
    "no radius": Mask(8, 8, (Disc(4, 4, 0),)),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_both_forms_are_the_same_mask(mask: Mask) -> None:
    """The mask follows its rule: a pixel belongs to it if its middle is in a disc."""
    runs = decoded(mask.counts())
    ruled = {
        (x, y)
        for x in range(mask.width)
        for y in range(mask.height)
        if any(
            (2 * x + 1 - 2 * disc.x) ** 2 + (2 * y + 1 - 2 * disc.y) ** 2 <= 4 * disc.radius**2
            for disc in mask.discs
        )
    }

    assert runs == mask.run_lengths()
    assert all(runs[1:]), "no run but the first is empty"
    assert from_runs(runs, mask.width, mask.height) == ruled
    assert from_png(mask.png().read()) == ruled


@pytest.mark.parametrize(
    ("runs", "text"),
    [([6, 1, 40, 4, 5, 4, 5, 4, 21], "61X13mN000`0"), ([100], "T3"), ([0, 200], "0X6")],
)
def test_the_decoder_of_this_test_reads_the_published_form(runs: list[int], text: str) -> None:
    """The first is the example of the data set's own code."""
    assert decoded(text) == runs


def test_each_has_a_tag_of_its_own() -> None:
    """Two equal masks are two files, and the same one is the same file again."""
    mask = MASKS["one"]
    assert mask.png("a").read() != mask.png("b").read()
    assert mask.png("a").etag == mask.png("a").etag
