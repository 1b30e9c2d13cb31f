"""`POST /motion-control/{model}`: a video of an image that moves like a person in a video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, ELEMENT_IDS, IMAGE, SITE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.model_path_contents import (
    LIMITS,
    ContentLimit,
    check_contents,
    shape_of_image,
)
from kling_mock.kling.endpoints.model_path_fields import TEXTS
from kling_mock.kling.endpoints.model_path_requests import (
    check_audio,
    check_prompt,
    flattened,
    seconds_of,
)
from kling_mock.kling.endpoints.models import of_path
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.wire.model_path import MODEL_PATH
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.motion_control import PATH_MODELS, PATH_REQUEST

_LIMITS = (
    ContentLimit("prompt", "text", everywhere=True),
    ContentLimit("image", "image", required=True),
    ContentLimit("video", "video", required=True),
    ContentLimit("element", "element"),
)

_CAPABILITIES = of_path(
    PATH_MODELS, {"element_list": "element"}, "image", "video", "audio_original"
)

_EXAMPLES: Mapping[str, Any] = {
    "plain": {
        "contents": [
            {"type": "image", "url": IMAGE},
            {"type": "video", "url": f"{SITE}/dance.mp4"},
        ],
        "settings": {"character_orientation": "video"},
    },
    "all-fields": {
        "contents": [
            {"type": "prompt", "text": "@tom dances in the rain."},
            {"type": "image", "url": IMAGE},
            {"type": "video", "url": f"{SITE}/dance.mp4"},
            {"type": "element", "element_id": str(ELEMENT_IDS[0]), "id": "tom"},
        ],
        "settings": {
            "character_orientation": "video",
            "audio": "off",
            "resolution": "1080p",
            "seed": 7,
        },
        "options": {
            "callback_url": CALLBACK,
            "external_task_id": "motion-control-1",
            "watermark_info": {"enabled": True},
        },
    },
}


RECORD = EmulatedEndpoint(
    name="model-path-motion-control",
    interface=MODEL_PATH,
    path=PATH_REQUEST.path,
    fact=PATH_REQUEST.fact,
    summary="Let a picture move as a video does",
    fields=fields_of(PATH_REQUEST, TEXTS),
    examples=_EXAMPLES,
    prepare=flattened(_CAPABILITIES, {}, audio="original"),
    rules=(
        check_contents(_LIMITS),
        check_prompt(PATH_MODELS),
        check_audio,
    ),
    capabilities=_CAPABILITIES,
    fixed_seconds=seconds_of,
    aspect_ratio=shape_of_image("image"),
    priced_as="motion-control",
    prices=listed_prices("motion-control", _CAPABILITIES),
    behaviours=(
        (
            "An image and a video, both required, a prompt, and with kling-3.0 one element.",
            LIMITS,
        ),
        (
            "The result is 5 seconds long, whatever the video.",
            assumed("videos are never fetched, so their length is not known"),
        ),
    ),
)
