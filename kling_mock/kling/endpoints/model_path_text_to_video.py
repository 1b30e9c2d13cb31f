"""`POST /text-to-video/{model}`: a video from a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK
from kling_mock.kling.endpoints.fields import Field, field_shape
from kling_mock.kling.endpoints.model_path_fields import (
    ASPECT_RATIO,
    AUDIO,
    DURATION,
    MULTI_SHOT,
    OPTIONS,
    PAGES,
    RESOLUTION,
    SEED,
    settings,
)
from kling_mock.kling.endpoints.model_path_requests import (
    audio_use,
    check_audio,
    check_multi_shot,
    check_prompt,
    flattened,
    seconds_of,
)
from kling_mock.kling.endpoints.models import CLIPS, FHD24, HD24, SECONDS, UHD24, rows
from kling_mock.kling.endpoints.prices import path_prices
from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.wire.model_path import CREATES, MODEL_PATH
from kling_mock.web.facts import assumed

__all__ = ["RECORD"]

_FIELDS = field_shape(
    Field("prompt", "string", high=3072, fact=PAGES, wrong_type="wrong_type"),
    settings(RESOLUTION, ASPECT_RATIO, DURATION, AUDIO, MULTI_SHOT, SEED),
    OPTIONS,
)

_PLAIN = "aspect_ratio"
_V3 = f"{_PLAIN} audio_native multi_shot"
_TURBO = f"{_PLAIN} always_sound"

_CAPABILITIES = rows(
    (
        ("kling-3.0-turbo", "720p", _TURBO, HD24, PAGES, SECONDS, ""),
        ("kling-3.0-turbo", "1080p", _TURBO, FHD24, PAGES, SECONDS, ""),
        ("kling-3.0", "720p", _V3, HD24, PAGES, SECONDS, ""),
        ("kling-3.0", "1080p", _V3, FHD24, PAGES, SECONDS, ""),
        ("kling-3.0", "4k", _V3, UHD24, PAGES, SECONDS, ""),
        ("kling-2.6", "720p", _PLAIN, HD24, PAGES, CLIPS, ""),
        ("kling-2.6", "1080p", f"{_PLAIN} audio_native", FHD24, PAGES, CLIPS, ""),
        ("kling-2.5-turbo", "720p", _PLAIN, HD24, PAGES, CLIPS, ""),
        ("kling-2.5-turbo", "1080p", _PLAIN, FHD24, PAGES, CLIPS, ""),
    )
)

# Characters of a prompt.
_PROMPTS: Mapping[str, int] = {
    "kling-3.0-turbo": 3072,
    "kling-3.0": 3072,
    "kling-2.6": 2500,
    "kling-2.5-turbo": 2500,
}

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
    path="/text-to-video/{model}",
    fact=CREATES,
    summary="Create a video from a prompt",
    fields=_FIELDS,
    examples=_EXAMPLES,
    prepare=flattened(_CAPABILITIES, {}),
    rules=(check_prompt(_PROMPTS), check_audio, check_multi_shot),
    capabilities=_CAPABILITIES,
    fixed_seconds=seconds_of,
    prices=path_prices(_CAPABILITIES),
    use=audio_use,
    behaviours=(
        (
            "A prompt may have 3,072 characters with kling-3.0 and kling-3.0-turbo, else 2,500.",
            PAGES,
        ),
        (
            "kling-3.0-turbo ignores `audio`: it has sound always.",
            assumed("its page has no such setting, and its price is that of sound"),
        ),
    ),
)
