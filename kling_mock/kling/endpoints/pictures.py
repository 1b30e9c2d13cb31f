"""Parts shared by the image endpoints: fields, sizes, numbers of images, prices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.record import CallContext, Capability, CreateRequest
from kling_mock.kling.endpoints.typical_times import PICTURE_SECONDS
from kling_mock.kling.model.plan import Resulting, ResultKey, ResultList
from kling_mock.web.facts import Fact, assumed, documented

#: The page of an endpoint: two copies, one copy, and a condensed copy of an older one.
PAGES = documented("pages-2026-09", "digest-2026-01", as_of="2026-09-20")
PAGE = documented("pages-2026-09", as_of="2026-09-20", confidence="medium")

_SIDES = {"none": 1024, "1k": 1024, "2k": 2048, "4k": 4096}  # pixels, of a square
_STEP = 16  # each side is a multiple of it
_MAX_SIDE = 8192  # maximum pixels of a side
SIZES = assumed(
    "no page has pixels: a picture has as many as a square of 1024, 2048 or 4096 pixels a side, "
    "and sides that are multiples of 16; 16:9 at 1K is 1360x768"
)
BEHAVIOURS: tuple[tuple[str, Fact], ...] = (
    ("A picture is a PNG of the area of 1024, 2048 or 4096 pixels squared (1K, 2K, 4K).", SIZES),
    (
        "A task of n pictures holds n slots of its type of pack.",
        documented("pages-2026-09", "pages-2026-04", as_of="2026-09-20"),
    ),
)


def pixels(resolution: str, ratio: float) -> tuple[int, int]:
    """Return width and height of a picture.

    Args:
        resolution: `1k`, `2k`, `4k`, or `none` for an endpoint without: 1K (assumed).
        ratio: Width divided by height.
    """
    side = _SIDES[resolution]
    width, height = side * math.sqrt(ratio), side / math.sqrt(ratio)
    return _rounded(width), _rounded(height)


def _rounded(length: float) -> int:
    return min(max(round(length / _STEP), 1) * _STEP, _MAX_SIDE)


def shape_of(request: CreateRequest, *images: str, ratio: float = 16 / 9) -> float:
    """Return the shape of the result, as width divided by height.

    It is that of the field `aspect_ratio`. Without one, or with `auto`, it is that of the first
    of *images* whose size is known; a URL is never fetched. Else it is *ratio*.
    """
    stated = request.fields.get("aspect_ratio", "auto")
    if stated != "auto":
        across, down = map(int, str(stated).split(":"))
        return across / down
    for image in images:
        size = inspect(image, "image", request.context.reader.noticed)
        if size is not None and min(size) > 0:  # an image may state any size
            return size.width / size.height
    return ratio


def pictures(
    request: CreateRequest, ratio: float, count: int | None = None, key: ResultKey = "images"
) -> Resulting:
    """Return a result of pictures of one size.

    Args:
        request: The request for them.
        ratio: Width divided by height.
        count: How many; `None` is the field `n`, or one.
        key: The list that they are in.
    """
    size = pixels(request.capability.mode, ratio)
    number = int(request.fields.get("n", 1)) if count is None else count
    return Resulting((ResultList(key, number, size),))


def slots_of_pictures(request: CreateRequest) -> int:
    """Return the slots of a task: as many as it makes pictures."""
    return request.record.result(request).total


def no_length(_fields: Mapping[str, Any], _context: CallContext) -> int:
    """Return the length of a picture in seconds."""
    return 0


def picture_rows(table: Iterable[tuple[str, str, str, Fact]]) -> tuple[Capability, ...]:
    """Return the capabilities of a table of model, resolutions (or `none`), features and fact."""
    return tuple(
        Capability(model, mode, (), frozenset(features.split()), mode, 0, fact)
        for model, modes, features, fact in table
        for mode in modes.split()
    )


def picture_times(capabilities: Iterable[Capability]) -> Mapping[str, float]:
    """Return how long the models take."""
    return {row.model: PICTURE_SECONDS for row in capabilities}


def check_images(*fields: str) -> Callable[[CreateRequest], None]:
    """Return a rule that judges the images of these fields."""

    def check(request: CreateRequest) -> None:
        for name in fields:
            if name in request.fields:
                inspect(request.fields[name], name, request.context.reader.noticed)

    return check
