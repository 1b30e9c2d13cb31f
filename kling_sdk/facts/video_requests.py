"""Requests for videos on /v1: paths and fields."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import (
    ASPECT_RATIO,
    CAMERA,
    CFG_SCALE,
    COMMON,
    DURATION,
    ELEMENTS,
    MODE,
    MODEL_NAME,
    NEGATIVE,
    NUMERIC_TEXT,
    PROMPT,
    SHOTS,
    SOUND,
    FieldFacts,
    RequestFacts,
)
from kling_sdk.facts.sources import NEWER, ONE_COPY, PAGES, Fact

_MOTION_CONTROL: Final = Fact(
    "documented",
    ("pages-2026-04",),
    "2026-04-01",
    "medium",
    "gone from the index of 2026-09, which has the page with the model in the path",
)
_VIDEO_EXTEND: Final = Fact(
    "documented",
    ("digest-2026-01",),
    "2026-01-01",
    "medium",
    "gone from the index of 2026-09; the path still answered on 2026-09-28",
)


#: By endpoint.
REQUESTS: Final[dict[str, RequestFacts]] = {
    "text2video": RequestFacts(
        "/v1/videos/text2video",
        PAGES,
        (
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
        ),
    ),
    "image2video": RequestFacts(
        "/v1/videos/image2video",
        PAGES,
        (
            MODEL_NAME,
            FieldFacts("image", "image"),
            FieldFacts("image_tail", "image"),
            PROMPT,
            NEGATIVE,
            *SHOTS,
            ELEMENTS,
            FieldFacts(
                "voice_list",
                "array",
                low=1,
                high=2,
                members=(FieldFacts("voice_id", "string", required=True),),
            ),
            SOUND,
            CFG_SCALE,
            MODE,
            FieldFacts("static_mask", "image"),
            FieldFacts(
                "dynamic_masks",
                "array",
                low=1,
                high=6,
                members=(
                    FieldFacts("mask", "image", required=True),
                    FieldFacts(
                        "trajectories",
                        "array",
                        required=True,
                        low=2,
                        high=77,
                        members=(
                            FieldFacts("x", "integer", required=True),
                            FieldFacts("y", "integer", required=True),
                        ),
                    ),
                ),
            ),
            CAMERA,
            DURATION,
            *COMMON,
        ),
    ),
    "omni-video": RequestFacts(
        "/v1/videos/omni-video",
        PAGES,
        (
            MODEL_NAME,
            PROMPT,
            *SHOTS,
            FieldFacts(
                "image_list",
                "array",
                low=1,
                members=(
                    FieldFacts("image_url", "image", required=True),
                    FieldFacts("type", "string", enum=("first_frame", "end_frame")),
                ),
            ),
            ELEMENTS,
            FieldFacts(
                "video_list",
                "array",
                low=1,
                high=1,
                members=(
                    FieldFacts("video_url", "url", required=True),
                    FieldFacts("refer_type", "string", enum=("feature", "base")),
                    FieldFacts("keep_original_sound", "string", enum=("yes", "no")),
                ),
            ),
            SOUND,
            MODE,
            ASPECT_RATIO,
            DURATION,
            *COMMON,
        ),
    ),
    "multi-image2video": RequestFacts(
        "/v1/videos/multi-image2video",
        PAGES,
        (
            MODEL_NAME,
            FieldFacts(
                "image_list",
                "array",
                required=True,
                low=1,
                high=4,
                members=(FieldFacts("image", "image", required=True),),
            ),
            FieldFacts("prompt", "string", required=True, high=2500, private=True),
            NEGATIVE,
            FieldFacts("mode", "string", enum=("std", "pro")),
            FieldFacts("duration", "string", enum=("5", "10"), fact=NUMERIC_TEXT),
            ASPECT_RATIO,
            *COMMON,
        ),
    ),
    "motion-control": RequestFacts(
        "/v1/videos/motion-control",
        _MOTION_CONTROL,
        (
            MODEL_NAME,
            PROMPT,
            FieldFacts("image_url", "image", required=True),
            FieldFacts("video_url", "url", required=True),
            FieldFacts(
                "element_list",
                "array",
                low=1,
                high=1,
                members=(FieldFacts("element_id", "integer", required=True, fact=PAGES),),
                fact=NEWER,
            ),
            FieldFacts("keep_original_sound", "string", enum=("yes", "no")),
            FieldFacts("character_orientation", "string", required=True, enum=("image", "video")),
            FieldFacts("mode", "string", required=True, enum=("std", "pro")),
            *COMMON,
        ),
    ),
    "video-extend": RequestFacts(
        "/v1/videos/video-extend",
        _VIDEO_EXTEND,
        (
            FieldFacts("video_id", "string", required=True, fact=PAGES),
            PROMPT,
            NEGATIVE,
            CFG_SCALE,
            *COMMON,
        ),
    ),
    "effects": RequestFacts(
        "/v1/videos/effects",
        ONE_COPY,
        (
            FieldFacts("effect_scene", "string", required=True),
            FieldFacts(
                "input",
                "object",
                required=True,
                members=(
                    FieldFacts("image", "image"),
                    FieldFacts("images", "images"),
                ),
            ),
            FieldFacts("callback_url", "url"),
            FieldFacts("external_task_id", "string"),
        ),
    ),
}
