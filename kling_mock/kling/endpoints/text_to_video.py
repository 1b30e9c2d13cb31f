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
from kling_mock.kling.endpoints.fields import (
    ASPECT_RATIO,
    CAMERA,
    CFG_SCALE,
    COMMON,
    DURATION,
    MODE,
    MODEL_NAME,
    NEGATIVE,
    PROMPT,
    SHOTS,
    SOUND,
    field_shape,
)
from kling_mock.kling.endpoints.models import (
    CLIPS,
    FHD24,
    HD24,
    HD30,
    OLD,
    PAGES,
    SECONDS,
    UHD24,
    V3,
    rows,
)
from kling_mock.kling.endpoints.prices import video_prices
from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.wire.v1 import TASK_CALLS, V1
from kling_mock.web.facts import documented

__all__ = ["RECORD"]

_RULES = documented("pages-2026-04", "digest-2026-01", as_of="2026-04-01")

_FIELDS = field_shape(
    MODEL_NAME,
    PROMPT,
    NEGATIVE,
    *SHOTS,
    SOUND,
    CFG_SCALE,
    MODE,
    CAMERA,
    ASPECT_RATIO,
    DURATION,
    *COMMON,
)

_FEATURES = "negative_prompt aspect_ratio"
# Whether kling-v3 takes cfg_scale is stated nowhere (kling-v2.x: it does not); here it does.
_V3_FEATURES = f"{_FEATURES} sound multi_shot cfg_scale"

_CAPABILITIES = rows(
    (
        ("kling-v1", "std", f"{_FEATURES} cfg_scale", HD30, OLD, CLIPS, "camera_control"),
        ("kling-v1", "pro", f"{_FEATURES} cfg_scale", HD30, OLD, CLIPS, ""),
        ("kling-v1-6", "std", f"{_FEATURES} cfg_scale", HD24, PAGES, CLIPS, ""),
        ("kling-v1-6", "pro", f"{_FEATURES} cfg_scale", FHD24, PAGES, CLIPS, ""),
        ("kling-v2-master", "none", _FEATURES, HD24, OLD, CLIPS, ""),
        ("kling-v2-1-master", "none", _FEATURES, FHD24, OLD, CLIPS, ""),
        ("kling-v2-5-turbo", "std", _FEATURES, HD24, PAGES, CLIPS, ""),
        ("kling-v2-5-turbo", "pro", _FEATURES, FHD24, PAGES, CLIPS, ""),
        ("kling-v2-6", "std", _FEATURES, HD24, PAGES, CLIPS, ""),
        ("kling-v2-6", "pro", f"{_FEATURES} sound", FHD24, PAGES, CLIPS, ""),
        ("kling-v3", "std", _V3_FEATURES, HD24, V3, SECONDS, ""),
        ("kling-v3", "pro", _V3_FEATURES, FHD24, V3, SECONDS, ""),
        ("kling-v3", "4k", _V3_FEATURES, UHD24, V3, SECONDS, ""),
    )
)

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
    path="/v1/videos/text2video",
    fact=TASK_CALLS,
    fields=_FIELDS,
    examples=_EXAMPLES,
    rules=(check_sound, check_cfg_scale, check_prompt_or_shots, _check_camera),
    capabilities=_CAPABILITIES,
    default_model="kling-v1",
    default_mode="std",
    prices=video_prices(_CAPABILITIES),
    behaviours=(("A prompt is required on text2video unless `shot_type` is customize.", _RULES),),
)
