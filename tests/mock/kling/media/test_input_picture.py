"""The picture of a request is seen in the video that is made of it."""

from __future__ import annotations

import base64
import io
import sys

import pytest
from PIL import Image

from kling_mock.kling.media.card import Card
from kling_mock.kling.media.clip import render
from kling_mock.kling.media.input_picture import see
from tests.mock.kling.media.frames import decoded

SIZES = [(1280, 720), (720, 1280), (720, 720)]


def encoded(image: Image.Image, form: str = "PNG") -> str:
    file = io.BytesIO()
    image.save(file, form)
    return base64.b64encode(file.getvalue()).decode()


RED = encoded(Image.new("RGB", (640, 480), (255, 0, 0)))


def card(picture: str) -> Card:
    return Card("image2video", "kling-v3", "829836802793406551", picture=picture)


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_it_is_shown_in_its_colours(size: tuple[int, int], form: str) -> None:
    """Red is red in BT.709, over some percent of the picture, and text stays beside it."""
    picture = encoded(Image.new("RGB", (640, 480), (255, 0, 0)), form)
    content = render(*size, seconds=1, card=card(picture)).read()
    frame = decoded(content, *size, "-frames:v", "1")[0]
    pixels, cr = size[0] * size[1], frame.samples[-size[0] * size[1] // 4 :]
    red = sum(abs(value - 240) <= 2 for value in cr)
    assert red * 4 > pixels * 0.02
    luma = frame.samples[:pixels]
    assert sum(abs(value - 63) <= 2 for value in luma) >= red * 4 * 0.98
    assert frame.shows("kling-v3", 58)


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.parametrize("size", SIZES[:2], ids=str)
def test_without_pillow_a_frame_has_its_size_and_format(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands where the picture would be."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    view = see(RED)
    assert view is not None
    assert view[:4] == (640, 480, "PNG", None)
    with_frame = render(*size, seconds=1, tag="without Pillow", card=card(RED)).read()
    frame = decoded(with_frame, *size, "-frames:v", "1")[0]
    (plain,) = decoded(render(*size, seconds=1, card=card("")).read(), *size, "-frames:v", "1")
    panel = 76  # how bright the frame is
    more = frame.samples.count(panel) - plain.samples.count(panel)
    assert more > size[0] * size[1] * 0.02
    assert frame.on(panel).shows("640\N{MULTIPLICATION SIGN}480", 38)
    assert frame.on(panel).shows("PNG", 38)


@pytest.mark.parametrize(
    "text",
    ["", "no base64 \N{SNOWMAN}", "abc", base64.b64encode(b"GIF89a").decode()],
    ids=["none", "other characters", "cut off", "another format"],
)
def test_what_is_no_picture_is_not_shown(text: str) -> None:
    """Neither the picture nor a frame is shown."""
    assert see(text) is None


def test_a_damaged_picture_has_a_frame() -> None:
    """Its size is known, but not its pixels."""
    noise = encoded(Image.effect_noise((640, 480), 90))
    view = see(noise[: len(noise) // 8 * 4])
    assert view is not None
    assert (view.width, view.height, view.format) == (640, 480, "PNG")
    assert view.scaled(64, 48) is None
    assert render(360, 360, seconds=1, card=card(noise[: len(noise) // 8 * 4])).size > 0


def test_a_picture_of_too_many_pixels_is_not_decoded() -> None:
    """A small file may state a size that takes very much memory."""
    view = see(encoded(Image.new("1", (6_000, 5_000))))
    assert view is not None
    assert view.size_text == "6000\N{MULTIPLICATION SIGN}5000"
    assert view.image is None


def test_a_picture_of_any_shape_has_a_place() -> None:
    """Even one that is a line."""
    for size in ((1, 2000), (2000, 1)):
        picture = encoded(Image.new("RGB", size))
        for shape in ((640, 360), (360, 640), (360, 360)):
            assert render(*shape, seconds=1, card=card(picture)).size > 0


def test_another_picture_is_another_file() -> None:
    """After a reset, the same task may have been made of another picture."""
    blue = encoded(Image.new("RGB", (640, 480), (0, 0, 255)))
    tags = {render(360, 360, seconds=1, card=card(picture)).etag for picture in (RED, blue, "")}
    assert len(tags) == 3
