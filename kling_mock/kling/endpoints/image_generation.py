"""`image-generation`: images from a prompt, or from an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.common_rules import require
from kling_mock.kling.endpoints.example_parts import CALLBACK, ELEMENT_IDS, IMAGE
from kling_mock.kling.endpoints.fields import fields_of
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
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.image_generation import MODELS, REQUEST

MAX_REFERENCES = 10  # an image and elements

_CAPABILITIES = of_pictures(MODELS)

_EXAMPLES: Mapping[str, Any] = {
    "plain": {"prompt": "a brass compass on moss"},
    "from-text": {
        "model_name": "kling-v3",
        "prompt": "a brass compass on moss",
        "negative_prompt": "rain",
        "element_list": [{"element_id": ELEMENT_IDS[0]}],
        "resolution": "2k",
        "n": 2,
        "aspect_ratio": "3:2",
        "watermark_info": {"enabled": True},
        "callback_url": CALLBACK,
        "external_task_id": "image-generation-1",
    },
    "from-a-picture": {
        "model_name": "kling-v2-1",
        "prompt": "the cat as a captain",
        "image": IMAGE,
        "image_reference": "subject",
        "image_fidelity": 0.6,
        "human_fidelity": 0.5,
        "aspect_ratio": "1:1",
    },
}


def _check_references(request: CreateRequest) -> None:
    """Check the fields that belong to an image, and whether the model uses them."""
    fields = request.fields
    for name in ("image_reference", "image_fidelity", "human_fidelity", "element_list"):
        if name in fields:
            require(request, name, name)
    if "image" in fields and "negative_prompt" in fields:
        raise invalid("negative_prompt", "not possible with image")
    for name in ("image_reference", "image_fidelity"):
        if name in fields and "image" not in fields:
            raise invalid("image", f"required with {name}")
    if "human_fidelity" in fields and fields.get("image_reference") != "subject":
        raise invalid("human_fidelity", "only possible when image_reference is subject")
    count = len(fields.get("element_list", ())) + ("image" in fields)
    if count > MAX_REFERENCES:
        text = f"at most {MAX_REFERENCES} elements and images are possible"
        raise invalid("element_list", text, count)


def _result(request: CreateRequest) -> Resulting:
    return pictures(request, shape_of(request))


RECORD = EmulatedEndpoint(
    name="image-generation",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Make pictures from words or a picture",
    fields=fields_of(REQUEST),
    examples=_EXAMPLES,
    rules=(_check_references, check_images("image")),
    capabilities=_CAPABILITIES,
    default_model="kling-v3",
    default_mode="1k",
    mode_field="resolution",
    fixed_seconds=no_length,
    result=_result,
    pack="image",
    slots=slots_of_pictures,
    prices=listed_prices("image-generation", _CAPABILITIES),
    typical_seconds=picture_times(_CAPABILITIES),
    behaviours=(
        *BEHAVIOURS,
        (
            "A request without a model means kling-v3.",
            assumed(
                "the page names kling-v3 as the default, and says that such a request acts as V1",
                "pages-2026-09",
            ),
        ),
        (
            "A reference, a fidelity or elements are refused where the model has none.",
            assumed("the page names the models; no response was published"),
        ),
    ),
)
