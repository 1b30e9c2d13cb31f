"""Requests like those that the vendor's pages show, one for each way to use an endpoint.

They are the examples of the OpenAPI document, and a test sends each of them, whole and with
every field broken in turn. Fields, nesting and combinations are those of the pages; texts and
URLs are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.web.facts import documented

__all__ = ["EXAMPLES", "FACT"]

FACT = documented("pages-2026-04", as_of="2026-04-01", confidence="medium")

_SITE = "https://example.com"
_IMAGE = f"{_SITE}/cat.png"
_MASK = f"{_SITE}/mask.png"
_CALLBACK = f"{_SITE}/callback"


def _shots(*shots: tuple[str, str]) -> dict[str, Any]:
    """Return the fields of a video in shots, each given by its text and its seconds."""
    rows = [
        {"index": number, "prompt": prompt, "duration": seconds}
        for number, (prompt, seconds) in enumerate(shots, 1)
    ]
    return {"multi_shot": True, "shot_type": "customize", "prompt": "", "multi_prompt": rows}


def _zoom(value: float) -> dict[str, Any]:
    config = {"horizontal": 0, "vertical": 0, "pan": 0, "tilt": 0, "roll": 0, "zoom": value}
    return {"type": "simple", "config": config}


def _trajectory(*points: tuple[int, int]) -> list[dict[str, int]]:
    return [{"x": x, "y": y} for x, y in points]


_TEXT2VIDEO: Mapping[str, Any] = {
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
        "callback_url": _CALLBACK,
        "external_task_id": "text2video-1",
    },
    "camera": {
        "model_name": "kling-v1",
        "prompt": "A street at night.",
        "mode": "std",
        "duration": "5",
        "camera_control": _zoom(5),
    },
    "camera-move": {
        "model_name": "kling-v1",
        "prompt": "A street at night.",
        "camera_control": {"type": "down_back"},
    },
    "own-shots": {
        "model_name": "kling-v3",
        **_shots(("Two friends at a table.", "2"), ("A forest.", "3"), ("The friends laugh.", "3")),
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

_IMAGE2VIDEO: Mapping[str, Any] = {
    "plain": {
        "model_name": "kling-v2-6",
        "mode": "pro",
        "duration": "5",
        "image": _IMAGE,
        "prompt": "The cat says: hello.",
        "negative_prompt": "",
        "sound": "on",
        "callback_url": "",
        "external_task_id": "",
    },
    "masks": {
        "model_name": "kling-v1",
        "mode": "pro",
        "duration": "5",
        "image": _IMAGE,
        "prompt": "The astronaut stands up.",
        "cfg_scale": 0.5,
        "static_mask": _MASK,
        "dynamic_masks": [
            {"mask": _MASK, "trajectories": _trajectory((279, 219), (417, 65))},
            {"mask": _MASK, "trajectories": _trajectory((10, 10), (20, 30), (40, 50))},
        ],
    },
    "end-frame": {
        "model_name": "kling-v1-6",
        "mode": "pro",
        "duration": "10",
        "image": _IMAGE,
        "image_tail": _IMAGE,
        "prompt": "It turns around.",
        "cfg_scale": 0.5,
    },
    "end-frame-alone": {"model_name": "kling-v1-5", "mode": "pro", "image_tail": _IMAGE},
    "camera": {
        "model_name": "kling-v1-5",
        "mode": "pro",
        "duration": "5",
        "image": _IMAGE,
        "camera_control": _zoom(-3.5),
    },
    "voices": {
        "model_name": "kling-v2-6",
        "mode": "pro",
        "duration": "5",
        "image": _IMAGE,
        "prompt": "<<<voice_1>>> says: hello. <<<voice_2>>> says: good morning.",
        "voice_list": [{"voice_id": "voice-1"}, {"voice_id": "voice-2"}],
        "sound": "on",
    },
    "own-shots-with-elements": {
        "model_name": "kling-v3",
        **_shots(("<<<element_1>>> enters.", "4"), ("She sits down.", "6")),
        "image": _IMAGE,
        "element_list": [{"element_id": 829836802793406551}],
        "duration": "10",
        "mode": "std",
        "sound": "on",
        "watermark_info": {"enabled": False},
    },
}

_OMNI_VIDEO: Mapping[str, Any] = {
    "text": {
        "model_name": "kling-video-o1",
        "prompt": "A boat on a lake.",
        "aspect_ratio": "16:9",
        "duration": "5",
        "mode": "pro",
    },
    "images-and-elements": {
        "model_name": "kling-video-o1",
        "prompt": "<<<image_1>>> meets <<<element_1>>> and <<<element_2>>>.",
        "image_list": [{"image_url": _IMAGE}, {"image_url": _IMAGE}],
        "element_list": [
            {"element_id": 829836802793406551},
            {"element_id": 829836802793406552},
        ],
        "mode": "pro",
        "aspect_ratio": "1:1",
        "duration": "7",
    },
    "edited-video": {
        "model_name": "kling-video-o1",
        "prompt": "Put the crown of <<<image_1>>> on the girl in <<<video_1>>>.",
        "image_list": [{"image_url": _IMAGE}],
        "video_list": [
            {
                "video_url": f"{_SITE}/girl.mp4",
                "refer_type": "base",
                "keep_original_sound": "yes",
            }
        ],
        "mode": "pro",
    },
    "video-as-reference": {
        "model_name": "kling-v3-omni",
        "prompt": "Make the shot that follows <<<video_1>>>.",
        "video_list": [
            {
                "video_url": f"{_SITE}/girl.mp4",
                "refer_type": "feature",
                "keep_original_sound": "no",
            }
        ],
        "mode": "pro",
        "aspect_ratio": "1:1",
        "duration": "10",
    },
    "first-and-last-frame": {
        "model_name": "kling-v3-omni",
        "prompt": "The flower opens.",
        "image_list": [
            {"image_url": _IMAGE, "type": "first_frame"},
            {"image_url": _IMAGE, "type": "end_frame"},
        ],
        "mode": "pro",
        "duration": "5",
        "sound": "on",
    },
    "own-shots": {
        "model_name": "kling-v3-omni",
        **_shots(("<<<image_1>>> walks.", "2"), ("It rains.", "3")),
        "image_list": [{"image_url": _IMAGE}],
        "sound": "on",
        "mode": "std",
        "aspect_ratio": "9:16",
        "duration": "5",
        "watermark_info": {"enabled": True},
        "callback_url": _CALLBACK,
        "external_task_id": "omni-video-1",
    },
}

_MULTI_IMAGE: Mapping[str, Any] = {
    "four-images": {
        "model_name": "kling-v1-6",
        "image_list": [{"image": f"{_SITE}/{number}.png"} for number in range(1, 5)],
        "prompt": "The girl feeds the cat in the garden.",
        "negative_prompt": "rain",
        "mode": "pro",
        "duration": "10",
        "aspect_ratio": "16:9",
        "watermark_info": {"enabled": True},
        "callback_url": _CALLBACK,
        "external_task_id": "multi-image2video-1",
    },
    "plain": {"image_list": [{"image": _IMAGE}], "prompt": "The cat sleeps."},
}

# endpoint -> name -> body
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "text2video": _TEXT2VIDEO,
    "image2video": _IMAGE2VIDEO,
    "omni-video": _OMNI_VIDEO,
    "multi-image2video": _MULTI_IMAGE,
}
