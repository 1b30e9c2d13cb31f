"""`POST /omni-video/{model}`: a video from text, frames, pictures, elements and a video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kling_mock.kling.endpoints.example_parts import CALLBACK, ELEMENT_IDS, IMAGE, SITE
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
    VIDEO_SECONDS,
    check_audio,
    check_multi_shot,
    check_prompt,
    flattened,
    seconds_of,
)
from kling_mock.kling.endpoints.models import of_path
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import (
    CallContext,
    CreateRequest,
    EmulatedEndpoint,
    listed_use,
)
from kling_mock.kling.service_codes import refusal
from kling_mock.kling.wire.model_path import MODEL_PATH
from kling_mock.web.facts import assumed, observed
from kling_sdk.facts.products.omni_video import (
    OMNI_CHARACTERS,
    OMNI_ELEMENTS_WITH_FRAMES,
    OMNI_REFERENCES,
    OMNI_REFERENCES_WITH_VIDEO,
    PATH_MODELS,
    PATH_REQUEST,
    TAKEN_FOR,
)

_O1_PLAIN_SECONDS: Final = (5, 10)
_FRAMES: Final = ("first_frame", "last_frame")
_VIDEOS: Final = ("feature_video", "base_video")

_LIMITS = (
    ContentLimit("prompt", "text", everywhere=True),
    ContentLimit("first_frame", "image"),
    ContentLimit("last_frame", "image"),
    ContentLimit("refer_image", "image", OMNI_REFERENCES),
    ContentLimit("feature_video", "video"),
    ContentLimit("base_video", "video"),
    ContentLimit("element", "element", OMNI_REFERENCES),
)


_NAMES = {
    "sound": "audio_native",
    "multi_shot": "",
    "first_last_frame": "last_frame",
    "image_list": "refer_image",
    "element_list": "element",
    "video_feature": "feature_video",
    "video_base": "base_video",
    "keep_original_sound": "audio_original",
}
_CAPABILITIES = of_path(PATH_MODELS, _NAMES, also={"kling-3.0-omni": "character_element"})

_EXAMPLES: Mapping[str, Any] = {
    "text": {
        "contents": [{"type": "prompt", "text": "A boat on a lake."}],
        "settings": {"aspect_ratio": "16:9", "duration": 5},
    },
    "pictures-and-an-element": {
        "contents": [
            {"type": "prompt", "text": "@anna walks along @pier with @tom."},
            {"type": "refer_image", "url": IMAGE, "id": "anna"},
            {"type": "refer_image", "url": f"{SITE}/pier.png", "id": "pier"},
            {"type": "element", "element_id": str(ELEMENT_IDS[0]), "id": "tom"},
        ],
        "settings": {
            "resolution": "1080p",
            "aspect_ratio": "1:1",
            "duration": 10,
            "seed": 7,
        },
        "options": {
            "callback_url": CALLBACK,
            "external_task_id": "omni-video-2",
            "watermark_info": {"enabled": True},
        },
    },
    "both-frames": {
        "contents": [
            {"type": "prompt", "text": "The flower opens."},
            {"type": "first_frame", "url": IMAGE},
            {"type": "last_frame", "url": IMAGE},
        ],
        "settings": {"resolution": "720p"},
    },
    "a-video-as-reference": {
        "contents": [
            {"type": "prompt", "text": "Make the shot that follows @shot."},
            {"type": "feature_video", "url": f"{SITE}/girl.mp4", "id": "shot"},
        ],
        "settings": {"aspect_ratio": "16:9", "audio": "off", "multi_shot": True},
    },
    "an-edited-video": {
        "contents": [
            {"type": "prompt", "text": "Put the crown of @crown on the girl."},
            {"type": "refer_image", "url": IMAGE, "id": "crown"},
            {"type": "base_video", "url": f"{SITE}/girl.mp4"},
        ],
        "settings": {"resolution": "1080p", "audio": "original"},
    },
}


def _check_frames(request: CreateRequest, contents: Contents) -> None:
    if "last_frame" in contents and "first_frame" not in contents:
        raise refusal("content_required", "first_frame", field="contents")
    if "first_frame" not in contents:
        return
    for name in _FRAMES:
        if name in contents and "base_video" in contents:
            raise refusal("content_conflict", name, "base_video", field="contents")
    if contents.count("element") > OMNI_ELEMENTS_WITH_FRAMES:
        raise refusal("content_count", "'element'", OMNI_ELEMENTS_WITH_FRAMES, field="contents")
    if request.capability.model == "kling-o1" and "last_frame" in contents:
        for name in ("refer_image", "element", "feature_video"):
            if name in contents:
                raise refusal("content_conflict", name, "last_frame", field="contents")


def _check_video(request: CreateRequest, contents: Contents) -> None:
    """Check what a video excludes."""
    if contents.count(*_VIDEOS) > 1:
        raise refusal("content_conflict", "feature_video", "base_video", field="contents")
    audio, multi_shot = request.fields.get("audio"), request.fields.get("multi_shot")
    if audio == "original" and "base_video" not in contents:
        raise refusal("audio", audio, field="settings.audio", note="it needs a base_video")
    if audio == "native" and contents.count(*_VIDEOS):
        raise refusal("audio", audio, field="settings.audio", note="not beside a video")
    # True is the default of the setting, and not possible with a base video: so only a value that
    # is given is judged.
    wrong = {"feature_video": False, "base_video": True}
    for name, value in wrong.items():
        if name in contents and multi_shot is value and "multi_shot" in request.capability.features:
            path = "settings.multi_shot"
            note = f"it must be {str(not value).lower()} beside {name}"
            raise refusal("value", path=path, value=str(value).lower(), field=path, note=note)


def _check_counts(request: CreateRequest, contents: Contents) -> None:
    ids = [contents.items[place]["element_id"] for place in contents.places.get("element", ())]
    characters = sum(map(request.context.is_character, ids))
    with_video = contents.count(*_VIDEOS) > 0
    images = contents.count("first_frame", "last_frame", "refer_image")
    if characters and "character_element" not in request.capability.features:
        raise refusal("content_unsupported", "element", field="contents", note="a video character")
    if characters > (1 if with_video else OMNI_CHARACTERS):
        maximum = 1 if with_video else OMNI_CHARACTERS
        raise refusal("content_count", "'element'", maximum, field="contents")
    if characters and with_video and images:
        raise refusal("content_conflict", "element", "refer_image", field="contents")
    maximum = OMNI_REFERENCES_WITH_VIDEO if with_video or characters else OMNI_REFERENCES
    if images + len(ids) - characters > maximum:
        text = "of images and elements"
        raise refusal("content_count", text, maximum, field="contents")


def _check_shape(request: CreateRequest, contents: Contents) -> None:
    if "aspect_ratio" in request.fields or "first_frame" in contents or "base_video" in contents:
        return
    raise refusal("aspect_ratio_required", field="settings.aspect_ratio")


def _check_o1_seconds(request: CreateRequest, contents: Contents) -> None:
    """Check that kling-o1 makes 5 or 10 seconds of a first frame alone."""
    seconds, is_o1 = request.fields["seconds"], request.capability.model == "kling-o1"
    others = contents.count("last_frame", "refer_image", "element", *_VIDEOS)
    if is_o1 and "first_frame" in contents and not others and seconds not in _O1_PLAIN_SECONDS:
        raise refusal("o1_seconds", field="settings.duration")


def _seconds(fields: Mapping[str, Any], context: CallContext) -> int:
    """Return the length; with a base video `duration` is ignored, and the video's length counts."""
    is_edited = any(item["type"] == "base_video" for item in fields["contents"])
    return VIDEO_SECONDS if is_edited else seconds_of(fields, context)


def _use(request: CreateRequest) -> str:
    videos = [item for item in request.fields["contents"] if item["type"] in _VIDEOS]
    return listed_use(request, video_list=videos)


RECORD = EmulatedEndpoint(
    name="model-path-omni-video",
    interface=MODEL_PATH,
    path=PATH_REQUEST.path,
    fact=PATH_REQUEST.fact,
    summary="Create a video from text, pictures, elements and a video",
    fields=fields_of(PATH_REQUEST, TEXTS),
    examples=_EXAMPLES,
    prepare=flattened(_CAPABILITIES, TAKEN_FOR),
    rules=(
        check_contents(
            _LIMITS, _check_frames, _check_video, _check_counts, _check_shape, _check_o1_seconds
        ),
        check_prompt(PATH_MODELS),
        check_audio,
        check_multi_shot,
    ),
    capabilities=_CAPABILITIES,
    aliases=TAKEN_FOR,
    fixed_seconds=_seconds,
    aspect_ratio=shape_of_image("first_frame", "last_frame", "refer_image"),
    priced_as="omni-video",
    prices=listed_prices("omni-video", _CAPABILITIES),
    use=_use,
    behaviours=(
        (
            "7 pictures and elements, 4 beside a video or video character, 3 elements by a frame.",
            LIMITS,
        ),
        (
            "3 video characters; beside a video one, and then no picture.",
            LIMITS,
        ),
        (
            "A last frame needs a first one.",
            LIMITS,
        ),
        (
            "A base video excludes frames, `multi_shot: true` and native audio.",
            LIMITS,
        ),
        (
            "A feature video excludes audio and `multi_shot: false`.",
            LIMITS,
        ),
        (
            "With kling-o1 both frames exclude pictures, elements and a video.",
            LIMITS,
        ),
        (
            "`aspect_ratio` is required without a first frame and a base video.",
            observed("probe-2026-10", as_of="2026-10-07"),
        ),
        (
            "`audio: original` is refused without a base video.",
            observed(
                "probe-2026-10",
                as_of="2026-10-07",
                note="seen without any video; that a feature video does not suffice is documented",
            ),
        ),
        (
            "The name kling-v3-omni of /v1 is taken for kling-3.0-omni.",
            observed("probe-2026-10", as_of="2026-10-07"),
        ),
        (
            "Items of the types image and video are ignored.",
            observed("probe-2026-10", as_of="2026-10-07"),
        ),
        (
            "kling-o1 makes 5 or 10 seconds of a first frame alone; another length fails later.",
            assumed("the pages have the rule; when it is checked is not known", "pages-2026-09"),
        ),
        (
            "A base video counts as 5 seconds long, and so does its result.",
            assumed("videos are never fetched, so their length is not known"),
        ),
    ),
)
