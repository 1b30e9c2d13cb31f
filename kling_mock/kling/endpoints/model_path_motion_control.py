"""`POST /motion-control/{model}`: a picture that moves as somebody in a video does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, ELEMENT_IDS, IMAGE, SITE
from kling_mock.kling.endpoints.fields import field_shape
from kling_mock.kling.endpoints.model_path_contents import (
    LIMITS,
    ContentLimit,
    check_contents,
    shape_of_image,
)
from kling_mock.kling.endpoints.model_path_fields import (
    AUDIO,
    OPTIONS,
    ORIENTATION,
    PAGES,
    RESOLUTION,
    SEED,
    contents,
    settings,
)
from kling_mock.kling.endpoints.model_path_requests import (
    check_audio,
    check_prompt,
    flattened,
    seconds_of,
)
from kling_mock.kling.endpoints.models import FHD24, HD24, rows
from kling_mock.kling.endpoints.prices import path_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.wire.model_path import CREATES, MODEL_PATH
from kling_mock.web.facts import assumed

__all__ = ["RECORD"]

_FIELDS = field_shape(
    contents(),
    settings(ORIENTATION, AUDIO._replace(default="original"), RESOLUTION, SEED),
    OPTIONS,
)
_LIMITS = (
    ContentLimit("prompt", everywhere=True),
    ContentLimit("image", required=True),
    ContentLimit("video", required=True),
    ContentLimit("element"),
)
_FEATURES = "image video audio_original"

_CAPABILITIES = rows(
    (
        ("kling-3.0", "720p", f"{_FEATURES} element", HD24, PAGES, (), ""),
        ("kling-3.0", "1080p", f"{_FEATURES} element", FHD24, PAGES, (), ""),
        ("kling-2.6", "720p", _FEATURES, HD24, PAGES, (), ""),
        ("kling-2.6", "1080p", _FEATURES, FHD24, PAGES, (), ""),
    )
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


def _use(_request: CreateRequest) -> str:
    return "motion"


RECORD = EmulatedEndpoint(
    name="model-path-motion-control",
    interface=MODEL_PATH,
    path="/motion-control/{model}",
    fact=CREATES,
    summary="Let a picture move as a video does",
    fields=_FIELDS,
    examples=_EXAMPLES,
    prepare=flattened(_CAPABILITIES, {}, audio="original"),
    rules=(
        check_contents(_LIMITS),
        check_prompt(dict.fromkeys(("kling-3.0", "kling-2.6"), 2500)),
        check_audio,
    ),
    capabilities=_CAPABILITIES,
    fixed_seconds=seconds_of,
    aspect_ratio=shape_of_image("image"),
    prices=path_prices(_CAPABILITIES, ("motion",)),
    use=_use,
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
