"""`motion-control`: a video of an image that moves like a person in a video."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.common_rules import require
from kling_mock.kling.endpoints.example_parts import CALLBACK, ELEMENT_IDS, IMAGE, SITE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import MAX_BYTES, check_reachable, inspect
from kling_mock.kling.endpoints.models import of_videos
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.endpoints.source_video import ASSUMED_SECONDS, UNKNOWN_LENGTH
from kling_mock.kling.model.plan import nearest_aspect_ratio
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_sdk.facts.products.motion_control import MODELS, REQUEST

_CAPABILITIES = of_videos(MODELS)

_EXAMPLES: Mapping[str, Any] = {
    "plain": {
        "image_url": IMAGE,
        "video_url": f"{SITE}/dance.mp4",
        "character_orientation": "image",
        "mode": "pro",
    },
    "all-fields": {
        "model_name": "kling-v3",
        "prompt": "<<<element_1>>> dances in the rain.",
        "image_url": IMAGE,
        "video_url": f"{SITE}/dance.mp4",
        "element_list": [{"element_id": ELEMENT_IDS[0]}],
        "character_orientation": "video",
        "keep_original_sound": "no",
        "mode": "std",
        "watermark_info": {"enabled": True},
        "callback_url": CALLBACK,
        "external_task_id": "motion-control-1",
    },
}


def _check_inputs(request: CreateRequest) -> None:
    """Check the video and the element; the picture is looked into for the shape of the result."""
    fields = request.fields
    check_reachable(fields["video_url"], request.context.reader.noticed)
    if "element_list" not in fields:
        return
    require(request, "element_list", "element_list")
    if fields["character_orientation"] != "video":
        text = "must be video with element_list"
        raise invalid("character_orientation", text, fields["character_orientation"])


def _aspect_ratio(request: CreateRequest) -> str:
    noticed = request.context.reader.noticed
    # The page has sides of 300 to 65536 pixels, and no ratio.
    size = inspect(request.fields["image_url"], "image_url", noticed, MAX_BYTES, math.inf)
    return "16:9" if size is None else nearest_aspect_ratio(size.width, size.height)


RECORD = EmulatedEndpoint(
    name="motion-control",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Let a picture move as a video does",
    fields=fields_of(REQUEST),
    examples=_EXAMPLES,
    rules=(_check_inputs,),
    capabilities=_CAPABILITIES,
    default_model="kling-v2-6",
    default_mode="std",
    fixed_seconds=lambda _fields, _context: ASSUMED_SECONDS,
    aspect_ratio=_aspect_ratio,
    sound=lambda request: request.fields.get("keep_original_sound") != "no",
    prices=listed_prices("motion-control", _CAPABILITIES),
    behaviours=(
        (
            "An element needs kling-v3, and the orientation of the video.",
            REQUEST.fact,
        ),
        (f"The result is {ASSUMED_SECONDS} s long, whatever the video.", UNKNOWN_LENGTH),
    ),
)
