"""Facts of `image2video`: a video from a picture."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import (
    CAMERA,
    CFG_SCALE,
    COMMON,
    DURATION,
    ELEMENTS,
    MODE,
    MODEL_NAME,
    NEGATIVE,
    PROMPT,
    SHOTS,
    SOUND,
    FieldFacts,
    RequestFacts,
)
from kling_sdk.facts.model_path_fields import (
    PATH_AUDIO,
    PATH_DURATION,
    PATH_ITEM,
    PATH_MULTI_SHOT,
    PATH_OPTIONS,
    PATH_RESOLUTION,
    PATH_SEED,
    SEEN,
    SERVED,
)
from kling_sdk.facts.sources import ONE_COPY, PAGES

REQUEST: Final = RequestFacts(
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
)

_VOICE_ID: Final = FieldFacts("voice_id", "string", fact=ONE_COPY)

PATH_REQUEST: Final = RequestFacts(
    "/image-to-video/{model}",
    SERVED,
    (
        FieldFacts(
            "contents",
            "array",
            members=(
                *PATH_ITEM,
                _VOICE_ID,
            ),
            fact=SEEN,
        ),
        FieldFacts(
            "settings",
            "object",
            members=(
                PATH_RESOLUTION,
                PATH_DURATION,
                PATH_AUDIO,
                PATH_MULTI_SHOT,
                PATH_SEED,
            ),
            fact=ONE_COPY,
        ),
        PATH_OPTIONS,
    ),
)
