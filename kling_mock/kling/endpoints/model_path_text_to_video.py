"""`POST /text-to-video/{model}`: a video from a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.model_path_fields import TEXTS
from kling_mock.kling.endpoints.model_path_requests import (
    check_audio,
    check_multi_shot,
    check_prompt,
    flattened,
    seconds_of,
)
from kling_mock.kling.endpoints.models import of_path
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.wire.model_path import MODEL_PATH
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.text_to_video import PATH_MODELS, PATH_REQUEST
from kling_sdk.facts.sources import ONE_COPY

_CAPABILITIES = of_path(PATH_MODELS, {"sound": "audio_native", "multi_shot": ""})


_EXAMPLES: Mapping[str, Any] = {
    "plain": {
        "prompt": "A kitten runs over the grass.",
        "settings": {"resolution": "1080p", "duration": 5},
    },
    "all-fields": {
        "prompt": "A kitten runs over the grass.",
        "settings": {
            "resolution": "1080p",
            "aspect_ratio": "9:16",
            "duration": 10,
            "audio": "off",
            "multi_shot": False,
            "seed": 7,
        },
        "options": {
            "callback_url": CALLBACK,
            "external_task_id": "text-to-video-1",
            "watermark_info": {"enabled": True},
        },
    },
}

RECORD = EmulatedEndpoint(
    name="model-path-text-to-video",
    interface=MODEL_PATH,
    path=PATH_REQUEST.path,
    fact=PATH_REQUEST.fact,
    summary="Create a video from a prompt",
    fields=fields_of(PATH_REQUEST, TEXTS),
    examples=_EXAMPLES,
    prepare=flattened(_CAPABILITIES, {}),
    rules=(check_prompt(PATH_MODELS), check_audio, check_multi_shot),
    capabilities=_CAPABILITIES,
    fixed_seconds=seconds_of,
    priced_as="text2video",
    prices=listed_prices("text2video", _CAPABILITIES),
    behaviours=(
        (
            "A prompt may have 3,072 characters with kling-3.0 and kling-3.0-turbo, else 2,500.",
            ONE_COPY,
        ),
        (
            "kling-3.0-turbo ignores `audio`: it always has sound.",
            assumed("its page has no such setting, and its price is that of sound"),
        ),
    ),
)
