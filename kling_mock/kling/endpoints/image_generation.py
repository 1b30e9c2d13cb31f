"""`image-generation`: pictures from words, or from a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.common_rules import require
from kling_mock.kling.endpoints.example_parts import CALLBACK, ELEMENT_IDS, IMAGE
from kling_mock.kling.endpoints.fields import (
    COMMON,
    ELEMENTS,
    MODEL_NAME,
    NEGATIVE,
    Field,
    field_shape,
)
from kling_mock.kling.endpoints.pictures import (
    BEHAVIOURS,
    CONDENSED,
    COUNT,
    IMAGE_RATIO,
    LISTS,
    PAGE,
    PAGES,
    check_images,
    no_length,
    per_picture,
    picture_rows,
    picture_times,
    pictures,
    shape_of,
    slots_of_pictures,
)
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import Resulting
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed

__all__ = ["RECORD"]

MOST_REFERENCES = 10  # an image and elements

_BASE = "negative_prompt aspect_ratio image"
_REFERENCE = f"{_BASE} image_reference image_fidelity human_fidelity"
_CAPABILITIES = picture_rows(
    (
        ("kling-v3", "1k 2k", f"{_BASE} element_list", PAGE),
        ("kling-v2-1", "1k 2k", _REFERENCE, PAGE),
        ("kling-v2", "1k 2k", _BASE, CONDENSED),
        ("kling-v1-5", "1k", _REFERENCE, CONDENSED),
        ("kling-v1", "1k", f"{_BASE} image_fidelity", CONDENSED),
    )
)

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
    """Check what goes with an image, and whether the model uses it."""
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
    if count > MOST_REFERENCES:
        text = f"at most {MOST_REFERENCES} elements and images are possible"
        raise invalid("element_list", text, count)


def _result(request: CreateRequest) -> Resulting:
    return pictures(request, shape_of(request))


def _use(request: CreateRequest) -> str:
    return "image" if "image" in request.fields else "silent"


RECORD = EmulatedEndpoint(
    name="image-generation",
    interface=V1,
    path="/v1/images/generations",
    fact=PAGES,
    summary="Make pictures from words or a picture",
    fields=field_shape(
        MODEL_NAME,
        Field("prompt", "string", required=True, high=2500, fact=PAGES),
        NEGATIVE,
        Field("image", "image", fact=PAGES),
        Field("image_reference", "string", enum=("subject", "face"), fact=PAGES),
        Field("image_fidelity", "number", low=0, high=1, fact=PAGES),
        Field("human_fidelity", "number", low=0, high=1, fact=PAGES),
        ELEMENTS,
        Field("resolution", "string", enum=("1k", "2k"), fact=PAGES),
        COUNT,
        IMAGE_RATIO,
        *COMMON,
    ),
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
    prices=per_picture(
        (
            ("kling-v3", "1k 2k", "silent image", "8", LISTS),
            ("kling-v2-1", "1k 2k", "silent", "4", LISTS),
            ("kling-v2-1", "1k 2k", "image", "8", LISTS),
            ("kling-v2", "1k 2k", "silent", "4", CONDENSED),
            ("kling-v2", "1k 2k", "image", "8", CONDENSED),
            ("kling-v1-5", "1k", "silent", "4", CONDENSED),
            ("kling-v1-5", "1k", "image", "8", CONDENSED),
            ("kling-v1", "1k", "silent image", "1", CONDENSED),
        )
    ),
    use=_use,
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
            assumed("the page names the models; no reply was published"),
        ),
    ),
)
