"""`image-expand`: a picture continued beyond its edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.pictures import (
    BEHAVIOURS,
    PAGE,
    check_images,
    no_length,
    picture_rows,
    picture_times,
    pictures,
    shape_of,
    slots_of_pictures,
)
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import Resulting
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.image_expand import REQUEST

MAX_AREA = 3  # times that of the image
_UP, _DOWN, _LEFT, _RIGHT = (f"{side}_expansion_ratio" for side in ("up", "down", "left", "right"))
_CAPABILITIES = picture_rows((("", "none", "", PAGE),))

_EXAMPLES: Mapping[str, Any] = {
    "plain": {"image": IMAGE, _UP: 0, _DOWN: 0, _LEFT: 0.5, _RIGHT: 0.5},
    "guided": {
        "image": IMAGE,
        _UP: 0.1,
        _DOWN: 0.1,
        _LEFT: 0.2,
        _RIGHT: 0.2,
        "prompt": "a garden",
        "n": 2,
        "watermark_info": {"enabled": True},
        "callback_url": CALLBACK,
        "external_task_id": "image-expand-1",
    },
}


def _growth(fields: Mapping[str, Any]) -> tuple[float, float]:
    """Return by how much the image becomes wider and higher."""
    return 1 + fields[_LEFT] + fields[_RIGHT], 1 + fields[_UP] + fields[_DOWN]


def _check_area(request: CreateRequest) -> None:
    wider, higher = _growth(request.fields)
    if wider * higher > MAX_AREA + 1e-9:  # sums of decimal fractions are not exact
        text = f"the result must have at most {MAX_AREA} times the area of the image"
        raise invalid(_UP, text, round(wider * higher, 3))


def _result(request: CreateRequest) -> Resulting:
    wider, higher = _growth(request.fields)
    ratio = shape_of(request, request.fields["image"], ratio=1.0)
    return pictures(request, ratio * wider / higher)


RECORD = EmulatedEndpoint(
    name="image-expand",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Continue a picture beyond its edges",
    fields=fields_of(REQUEST),
    examples=_EXAMPLES,
    rules=(_check_area, check_images("image")),
    capabilities=_CAPABILITIES,
    fixed_seconds=no_length,
    result=_result,
    pack="image",
    slots=slots_of_pictures,
    prices=listed_prices("image-expand", _CAPABILITIES),
    typical_seconds=picture_times(_CAPABILITIES),
    behaviours=(
        *BEHAVIOURS,
        (
            "The result is 1K, in the ratio that it gets; an image behind a URL is square.",
            assumed("the price list has 1K; images behind URLs are never fetched"),
        ),
    ),
)
