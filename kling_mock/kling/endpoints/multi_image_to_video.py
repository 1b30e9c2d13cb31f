"""`multi-image2video`: a video from up to four images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import (
    ASPECT_RATIO,
    COMMON,
    MODEL_NAME,
    NEGATIVE,
    NUMERIC_TEXT,
    Field,
    field_shape,
)
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.models import CLIPS, FHD24, HD24, OLD, rows
from kling_mock.kling.endpoints.prices import video_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint, Retirement
from kling_mock.kling.wire.v1 import TASK_CALLS, V1
from kling_mock.web.facts import observed

__all__ = ["RECORD"]

_FIELDS = field_shape(
    MODEL_NAME,
    Field(
        "image_list",
        "array",
        required=True,
        low=1,
        high=4,
        members=field_shape(Field("image", "image", required=True)),
    ),
    Field("prompt", "string", required=True, high=2500),
    NEGATIVE,
    Field("mode", "string", enum=("std", "pro")),
    Field("duration", "string", enum=("5", "10"), fact=NUMERIC_TEXT),
    ASPECT_RATIO,
    *COMMON,
)

_FEATURES = "negative_prompt aspect_ratio image_list"

_CAPABILITIES = rows(
    (
        ("kling-v1-6", "std", _FEATURES, HD24, OLD, CLIPS, ""),
        ("kling-v1-6", "pro", _FEATURES, FHD24, OLD, CLIPS, ""),
    )
)

_EXAMPLES: Mapping[str, Any] = {
    "four-images": {
        "model_name": "kling-v1-6",
        "image_list": [{"image": f"{SITE}/{number}.png"} for number in range(1, 5)],
        "prompt": "The girl feeds the cat in the garden.",
        "negative_prompt": "rain",
        "mode": "pro",
        "duration": "10",
        "aspect_ratio": "16:9",
        "watermark_info": {"enabled": True},
        "callback_url": CALLBACK,
        "external_task_id": "multi-image2video-1",
    },
    "plain": {"image_list": [{"image": IMAGE}], "prompt": "The cat sleeps."},
}


def _check_images(request: CreateRequest) -> None:
    for number, row in enumerate(request.fields["image_list"]):
        inspect(row["image"], f"image_list[{number}].image", request.context.reader.noticed)


RECORD = EmulatedEndpoint(
    name="multi-image2video",
    interface=V1,
    path="/v1/videos/multi-image2video",
    fact=TASK_CALLS,
    fields=_FIELDS,
    examples=_EXAMPLES,
    rules=(_check_images,),
    capabilities=_CAPABILITIES,
    default_model="kling-v1-6",
    default_mode="std",
    retired=Retirement(
        "2026-09-28",
        observed("probe-2026-10", as_of="2026-09-28", confidence="medium", note="one account"),
    ),
    prices=video_prices(_CAPABILITIES),
)
