"""`multi-image2video`: a video from up to four images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.models import of_videos
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.wire.v1 import V1
from kling_sdk.facts.products.multi_image_to_video import MODELS, REQUEST

_CAPABILITIES = of_videos(MODELS)

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
    path=REQUEST.path,
    fact=REQUEST.fact,
    fields=fields_of(REQUEST),
    examples=_EXAMPLES,
    rules=(_check_images,),
    capabilities=_CAPABILITIES,
    default_model="kling-v1-6",
    default_mode="std",
    prices=listed_prices("multi-image2video", _CAPABILITIES),
)
