"""`POST /image-to-video/{model}`: a video from its first frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, ELEMENT_IDS, IMAGE, VOICE_IDS
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.model_path_contents import (
    LIMITS,
    ContentLimit,
    Contents,
    check_contents,
    shape_of_image,
)
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
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint, listed_use
from kling_mock.kling.service_codes import refusal
from kling_mock.kling.wire.model_path import MODEL_PATH
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.image_to_video import PATH_MODELS, PATH_REQUEST
from kling_sdk.facts.sources import ONE_COPY

_LIMITS = (
    ContentLimit("prompt", "text", everywhere=True),
    ContentLimit("first_frame", "image", required=True),
    ContentLimit("last_frame", "image"),
    ContentLimit("element", "element", 3),
    ContentLimit("voice", "voice", 2),
)


_NAMES = {
    "sound": "audio_native",
    "multi_shot": "",
    "first_last_frame": "last_frame",
    "element_list": "element",
    "voice_list": "voice",
}
_CAPABILITIES = of_path(PATH_MODELS, _NAMES, "first_frame")


_EXAMPLES: Mapping[str, Any] = {
    "first-frame": {
        "contents": [
            {"type": "prompt", "text": "The cat yawns."},
            {"type": "first_frame", "url": IMAGE},
        ],
        "settings": {"resolution": "1080p", "duration": 5},
    },
    "both-frames-and-an-element": {
        "contents": [
            {"type": "prompt", "text": "@tom wakes up."},
            {"type": "first_frame", "url": IMAGE},
            {"type": "last_frame", "url": IMAGE},
            {"type": "element", "element_id": str(ELEMENT_IDS[0]), "id": "tom"},
        ],
        "settings": {
            "resolution": "720p",
            "duration": 10,
            "audio": "native",
            "multi_shot": False,
            "seed": 7,
        },
        "options": {
            "callback_url": CALLBACK,
            "external_task_id": "image-to-video-1",
            "watermark_info": {"enabled": True},
        },
    },
    "a-voice": {
        "contents": [
            {"type": "prompt", "text": "The cat says in @v: good morning."},
            {"type": "first_frame", "url": IMAGE},
            {"type": "voice", "voice_id": VOICE_IDS[0], "id": "v"},
        ],
        "settings": {"resolution": "1080p", "audio": "native"},
    },
}


def _check_silent_and_spoken(request: CreateRequest, contents: Contents) -> None:
    """Check that with kling-2.6 a last frame is silent, and a voice has sound."""
    sounds = request.fields["sound"] == "on"
    if request.capability.model != "kling-2.6":
        return
    if "last_frame" in contents and sounds:
        raise refusal("content_conflict", "last_frame", "audio mode 'native'", field="contents")
    if "voice" in contents and not sounds:
        raise refusal("content_conflict", "voice", "audio mode 'off'", field="contents")


def _use(request: CreateRequest) -> str:
    is_sold = "voice" in request.capability.features
    voices = [item for item in request.fields["contents"] if item["type"] == "voice"]
    return listed_use(request, voice_list=voices if is_sold else [])


RECORD = EmulatedEndpoint(
    name="model-path-image-to-video",
    interface=MODEL_PATH,
    path=PATH_REQUEST.path,
    fact=PATH_REQUEST.fact,
    summary="Create a video from its first frame",
    fields=fields_of(PATH_REQUEST, TEXTS),
    examples=_EXAMPLES,
    prepare=flattened(_CAPABILITIES, {}),
    rules=(
        check_contents(_LIMITS, _check_silent_and_spoken),
        check_prompt(PATH_MODELS),
        check_audio,
        check_multi_shot,
    ),
    capabilities=_CAPABILITIES,
    fixed_seconds=seconds_of,
    aspect_ratio=shape_of_image("first_frame", "last_frame"),
    priced_as="image2video",
    prices=listed_prices("image2video", _CAPABILITIES),
    use=_use,
    behaviours=(
        (
            "A first frame is required; some models take a last one, 3 elements or 2 voices.",
            LIMITS,
        ),
        (
            "A first frame is required with kling-3.0-turbo too.",
            assumed("its page does not mark it as required"),
        ),
        (
            "With kling-2.6 a last frame needs 1080p and silence, a voice 1080p and native audio.",
            LIMITS,
        ),
        (
            "A prompt may have 3,072 characters with kling-3.0, else 2,500.",
            ONE_COPY,
        ),
    ),
)
