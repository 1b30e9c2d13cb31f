"""`recognize-image`: four parts, each with a mask that can be fetched."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from PIL import Image

from kling_mock import KlingMock
from kling_mock.kling.media.picture import render
from kling_sdk import InvalidRequestError, Kling

DAY = 24 * 3600
URL = "https://example.com/a.png"


@pytest.fixture
def kling(mock: KlingMock) -> Iterator[Kling]:
    with mock.client() as kling:
        yield kling


def picture(width: int, height: int) -> bytes:
    return render(width, height).read()


@pytest.mark.parametrize(
    ("image", "size"), [(picture(400, 300), (400, 300)), (URL, (1024, 1024))], ids=["file", "URL"]
)
def test_each_part_has_a_mask_in_the_size_of_the_picture(
    kling: Kling, image: bytes | str, size: tuple[int, int]
) -> None:
    """Masks are black and white; the size of a picture behind a URL is assumed."""
    recognized = kling.recognize_image.call(image=image)

    assert recognized.units == Decimal("0.1")
    assert [(part.type, part.is_contained) for part in recognized.parts] == [
        ("object_seg", True),
        ("head_seg", True),
        ("face_seg", True),
        ("cloth_seg", True),
    ]
    areas: list[int] = []
    for part in recognized.parts:
        mask: Any = Image.open(io.BytesIO(kling.download(part.url)))
        assert (mask.mode, mask.size) == ("L", size)
        areas.append(mask.tobytes().count(255))
        assert set(mask.tobytes()) == {0, 255}
    assert areas[1] > areas[2], "a head is its face and more"


def test_a_mask_is_kept_for_thirty_days(mock: KlingMock, kling: Kling) -> None:
    """A mask is kept as long as the results of tasks, and needs no key to download."""
    part = kling.recognize_image.call(image=URL).parts[0]

    mock.clock.advance(30 * DAY - 1)
    assert httpx.get(part.url).status_code == 200
    mock.clock.advance(1)
    assert httpx.get(part.url).status_code == 404


def test_only_the_file_that_was_made_is_there(kling: Kling) -> None:
    """It has no second picture, no watermarked copy, and no video."""
    url = kling.recognize_image.call(image=URL).parts[0].url
    others = (
        url.replace("-0.png", "-1.png"),
        url.replace(".png", "-watermark.png"),
        url.replace("images", "videos").replace("-0.png", ".mp4"),
    )
    assert [httpx.get(other).status_code for other in others] == [404] * 3


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("https://media.invalid/a.png", "get the contents of the file"),
        (base64.b64encode(picture(299, 300)).decode(), "Image pixel is invalid"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(kling: Kling, image: str, message: str) -> None:
    """The create is refused, so no task can fail later."""
    body = {"image": image}
    with pytest.raises(InvalidRequestError, match=message):
        kling.request("POST", "/v1/videos/image-recognize", json=body)
