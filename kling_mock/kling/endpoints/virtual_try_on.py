"""`virtual-try-on`: a person in other clothes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, SITE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.models import of_pictures
from kling_mock.kling.endpoints.pictures import (
    BEHAVIOURS,
    check_images,
    no_length,
    picture_times,
    pictures,
    shape_of,
)
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import Resulting
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.virtual_try_on import MODELS, REQUEST

_CAPABILITIES = of_pictures(MODELS)

_EXAMPLES: Mapping[str, Any] = {
    "plain": {"human_image": f"{SITE}/h.jpg", "cloth_image": f"{SITE}/c.jpg"},
    "everything": {
        "model_name": "kolors-virtual-try-on-v1-5",
        "human_image": f"{SITE}/h.jpg",
        "cloth_image": f"{SITE}/c.jpg",
        "callback_url": CALLBACK,
        "external_task_id": "virtual-try-on-1",
    },
}


def _result(request: CreateRequest) -> Resulting:
    return pictures(request, shape_of(request, request.fields["human_image"], ratio=3 / 4), 1)


RECORD = EmulatedEndpoint(
    name="virtual-try-on",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Show a person in other clothes",
    fields=fields_of(REQUEST),
    examples=_EXAMPLES,
    rules=(check_images("human_image", "cloth_image"),),
    capabilities=_CAPABILITIES,
    default_model="kolors-virtual-try-on-v1",
    fixed_seconds=no_length,
    shows_watermark=False,
    result=_result,
    pack="try_on",
    prices=listed_prices("virtual-try-on", _CAPABILITIES),
    typical_seconds=picture_times(_CAPABILITIES),
    behaviours=(
        BEHAVIOURS[0],
        (
            "The result is 1K, in the shape of the person's image, or 3:4.",
            assumed("no page has the size"),
        ),
        (
            "A picture costs one unit of a try-on pack.",
            assumed("a price of 0.07 USD is documented; that it is one unit is not"),
        ),
    ),
)
