"""`multi-image2image`: pictures from up to four subjects, a scene and a style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.models import of_pictures
from kling_mock.kling.endpoints.pictures import (
    BEHAVIOURS,
    check_images,
    no_length,
    picture_times,
    pictures,
    shape_of,
    slots_of_pictures,
)
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import Resulting
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.multi_image_to_image import MODELS, REQUEST

_CAPABILITIES = of_pictures(MODELS)

_EXAMPLES: Mapping[str, Any] = {
    "plain": {"subject_image_list": [{"subject_image": IMAGE}]},
    "four-subjects": {
        "model_name": "kling-v2-1",
        "prompt": "The girl feeds the cat in the garden.",
        "subject_image_list": [{"subject_image": f"{SITE}/{number}.png"} for number in range(1, 5)],
        "scene_image": f"{SITE}/garden.png",
        "style_image": f"{SITE}/style.png",
        "n": 2,
        "aspect_ratio": "4:3",
        "watermark_info": {"enabled": True},
        "callback_url": CALLBACK,
        "external_task_id": "multi-image2image-1",
    },
}


def _check_subjects(request: CreateRequest) -> None:
    for number, row in enumerate(request.fields["subject_image_list"]):
        path = f"subject_image_list[{number}].subject_image"
        inspect(row["subject_image"], path, request.context.reader.noticed)


def _result(request: CreateRequest) -> Resulting:
    return pictures(request, shape_of(request))


RECORD = EmulatedEndpoint(
    name="multi-image2image",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Make pictures of several subjects",
    fields=fields_of(REQUEST),
    examples=_EXAMPLES,
    rules=(_check_subjects, check_images("scene_image", "style_image")),
    capabilities=_CAPABILITIES,
    default_model="kling-v2-1",
    fixed_seconds=no_length,
    result=_result,
    pack="image",
    slots=slots_of_pictures,
    prices=listed_prices("multi-image2image", _CAPABILITIES),
    typical_seconds=picture_times(_CAPABILITIES),
    behaviours=(
        *BEHAVIOURS,
        (
            "A picture is 1K.",
            assumed("the page has no resolution; the price list has 1K and 2K at one price"),
        ),
    ),
)
