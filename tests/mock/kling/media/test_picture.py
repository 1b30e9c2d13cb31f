"""Pictures of finished tasks: real PNG files of the asked size."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from PIL import Image

from kling_mock.kling.media.picture import render


def decoded(width: int, height: int, tag: str) -> Image.Image:
    picture = Image.open(io.BytesIO(render(width, height, tag=tag).read()))
    picture.load()  # every pixel, and every checksum
    return picture


@pytest.mark.parametrize(("width", "height"), [(8, 8), (1024, 1024), (1360, 768), (333, 1001)])
def test_a_picture_has_its_size(width: int, height: int) -> None:
    """Pillow decodes every pixel, and finds the size that was asked for."""
    picture = decoded(width, height, "1")
    assert (picture.format, picture.size, picture.info["Comment"]) == ("PNG", (width, height), "1")


def test_every_picture_is_another_one() -> None:
    """Two pictures differ in what they show and in their bytes; a picture stays as it is."""
    tags = [f"80000000000000000{task}-{number}" for task in range(9) for number in range(9)]
    pixels = {decoded(64, 64, tag).convert("RGB").tobytes() for tag in tags}
    files = [render(64, 64, tag=tag) for tag in tags]
    assert len(pixels) == len({file.etag for file in files}) == len(tags)
    assert render(64, 64, tag="a").read() == render(64, 64, tag="a").read()


def test_a_picture_takes_little_memory() -> None:
    """A picture of 4K is made without ever holding all of its pixels."""
    tracemalloc.start()
    try:
        file = render(4096, 4096, tag="large")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file.size < 100_000
    assert most < 8_000_000
    assert file.content_type == "image/png"


@pytest.mark.parametrize(
    ("width", "height", "tag", "text"),
    [
        (7, 64, "", "width: must be 8 to 8192 pixels, got 7"),
        (64, 8193, "", "height: must be 8 to 8192 pixels, got 8193"),
        (64, 64, "x" * 256, "tag: must be at most 255 bytes, got 256"),
    ],
)
def test_what_a_picture_cannot_be(width: int, height: int, tag: str, text: str) -> None:
    """The text names what it must be."""
    with pytest.raises(ValueError, match=text):
        render(width, height, tag=tag)
