"""`omni-image`: images from a prompt and references, single or as a series."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.common_rules import require
from kling_mock.kling.endpoints.example_parts import CALLBACK, ELEMENT_IDS, IMAGE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.models import of_pictures
from kling_mock.kling.endpoints.pictures import (
    BEHAVIOURS,
    no_length,
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
from kling_sdk.facts.products.omni_image import MODELS, REQUEST

MAX_REFERENCES = 10  # images and elements
_SERIES = 4  # pictures of a series of which nothing is said
_LOW, _HIGH = 2, 9  # pictures of a series

_CAPABILITIES = of_pictures(MODELS)

_EXAMPLES: Mapping[str, Any] = {
    "plain": {"prompt": "a brass compass on moss"},
    "references": {
        "model_name": "kling-image-o1",
        "prompt": "<<<image_1>>> in the garden",
        "image_list": [{"image": IMAGE}],
        "element_list": [{"element_id": ELEMENT_IDS[0]}],
        "resolution": "2k",
        "n": 3,
        "aspect_ratio": "21:9",
        "watermark_info": {"enabled": True},
        "callback_url": CALLBACK,
        "external_task_id": "omni-image-1",
    },
    "series": {
        "model_name": "kling-v3-omni",
        "prompt": "<<<image_1>>> as a stamp series",
        "image_list": [{"image": IMAGE}],
        "result_type": "series",
        "series_amount": 6,
        "aspect_ratio": "auto",
    },
}


def _check_series(request: CreateRequest) -> None:
    """Check the fields of a series; without one, series_amount is ignored, as documented."""
    if request.fields.get("result_type") != "series":
        return
    require(request, "series", "result_type series")
    _series_amount(request)


def _series_amount(request: CreateRequest) -> int:
    amount = str(request.fields.get("series_amount", _SERIES))
    if amount == "auto":
        return _SERIES
    if not (re.fullmatch("[0-9]", amount) and _LOW <= int(amount) <= _HIGH):
        text = f"must be a whole number from {_LOW} to {_HIGH}, or auto"
        raise invalid("series_amount", text, amount)
    return int(amount)


def _check_references(request: CreateRequest) -> None:
    fields = request.fields
    images, elements = fields.get("image_list", ()), fields.get("element_list", ())
    for number, row in enumerate(images):
        inspect(row["image"], f"image_list[{number}].image", request.context.reader.noticed)
    if len(images) + len(elements) > MAX_REFERENCES:
        text = f"at most {MAX_REFERENCES} images and elements are possible"
        raise invalid("image_list", text, len(images) + len(elements))
    if fields.get("aspect_ratio") == "auto" and not (images or elements):
        raise invalid("aspect_ratio", "auto is only possible with image_list or element_list")


def _result(request: CreateRequest) -> Resulting:
    images = [row["image"] for row in request.fields.get("image_list", ())]
    ratio = shape_of(request, *images, ratio=1.0)
    if request.fields.get("result_type") != "series":
        single = pictures(request, ratio)
        return single._replace(members=(("result_type", "single"),))
    series = pictures(request, ratio, _series_amount(request), "series_images")
    return series._replace(members=(("result_type", "series"),))


RECORD = EmulatedEndpoint(
    name="omni-image",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Make pictures from words and references",
    fields=fields_of(REQUEST),
    examples=_EXAMPLES,
    rules=(_check_series, _check_references),
    capabilities=_CAPABILITIES,
    default_model="kling-image-o1",
    default_mode="1k",
    mode_field="resolution",
    fixed_seconds=no_length,
    result=_result,
    pack="image",
    slots=slots_of_pictures,
    prices=listed_prices("omni-image", _CAPABILITIES),
    typical_seconds=picture_times(_CAPABILITIES),
    behaviours=(
        *BEHAVIOURS,
        (
            f"A series of `auto` has {_SERIES} pictures.",
            assumed("the model decides; the default number is taken"),
        ),
        (
            "A task has `images` or `series_images`, and not the other list.",
            assumed("the page shows both lists in one sample", "pages-2026-09"),
        ),
        (
            "Without an aspect ratio a picture has the shape of the first image, or is square.",
            assumed("what `auto` does is not documented"),
        ),
    ),
)
