"""`text2video`: a video from a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from kling_mock.kling.endpoints.common_rules import (
    check_camera,
    check_cfg_scale,
    check_prompt_or_shots,
    check_sound,
)
from kling_mock.kling.endpoints.example_parts import CALLBACK, shots, zoom
from kling_mock.kling.endpoints.fields import FieldTexts, fields_of
from kling_mock.kling.endpoints.models import of_videos
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.wire.v1 import V1
from kling_sdk.facts.products.text_to_video import MODELS, REQUEST

# Whether kling-v3 takes cfg_scale is stated nowhere (kling-v2.x: it does not); here it does.

_CAPABILITIES = of_videos(MODELS, also={"kling-v3": "cfg_scale"})

_EXAMPLES: Mapping[str, Any] = {
    "plain": {
        "model_name": "kling-v2-6",
        "prompt": "A kitten runs over the grass.",
        "negative_prompt": "",
        "duration": "10",
        "mode": "pro",
        "sound": "on",
        "aspect_ratio": "1:1",
        "callback_url": "",
        "external_task_id": "",
    },
    "all-common-fields": {
        "model_name": "kling-v1-6",
        "prompt": "A kitten runs over the grass.",
        "negative_prompt": "blurred",
        "cfg_scale": 0.5,
        "mode": "std",
        "aspect_ratio": "16:9",
        "duration": "5",
        "watermark_info": {"enabled": True},
        "callback_url": CALLBACK,
        "external_task_id": "text2video-1",
    },
    "camera": {
        "model_name": "kling-v1",
        "prompt": "A street at night.",
        "mode": "std",
        "duration": "5",
        "camera_control": zoom(5),
    },
    "camera-move": {
        "model_name": "kling-v1",
        "prompt": "A street at night.",
        "camera_control": {"type": "down_back"},
    },
    "own-shots": {
        "model_name": "kling-v3",
        **shots(("Two friends at a table.", "2"), ("A forest.", "3"), ("The friends laugh.", "3")),
        "negative_prompt": "",
        "duration": "8",
        "mode": "pro",
        "sound": "on",
        "aspect_ratio": "16:9",
        "external_task_id": "",
        "callback_url": "",
    },
    "shots-by-the-model": {
        "model_name": "kling-v3",
        "multi_shot": True,
        "shot_type": "intelligence",
        "prompt": "A day at the sea, from morning to night.",
        "duration": "15",
        "mode": "4k",
    },
}


_check_camera = partial(check_camera, situation="camera")

RECORD = EmulatedEndpoint(
    name="text2video",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    fields=fields_of(REQUEST, {"cfg_scale": FieldTexts(validated=True)}),
    examples=_EXAMPLES,
    rules=(check_sound, check_cfg_scale, check_prompt_or_shots, _check_camera),
    capabilities=_CAPABILITIES,
    default_model="kling-v1",
    default_mode="std",
    prices=listed_prices("text2video", _CAPABILITIES),
    behaviours=(
        ("A prompt is required on text2video unless `shot_type` is customize.", REQUEST.fact),
    ),
)
