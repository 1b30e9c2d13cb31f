"""Facts of `omni-video`: a video from words and references."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import (
    ASPECT_RATIO,
    COMMON,
    DURATION,
    ELEMENTS,
    MODE,
    MODEL_NAME,
    PROMPT,
    SHOTS,
    SOUND,
    FieldFacts,
    RequestFacts,
)
from kling_sdk.facts.model_path_fields import (
    PATH_ASPECT_RATIO,
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
)

PATH_REQUEST: Final = RequestFacts(
    "/omni-video/{model}",
    SERVED,
    (
        FieldFacts("contents", "array", members=(*PATH_ITEM,), fact=SEEN),
        FieldFacts(
            "settings",
            "object",
            members=(
                PATH_RESOLUTION,
                PATH_DURATION,
                PATH_AUDIO,
                PATH_MULTI_SHOT,
                PATH_ASPECT_RATIO,
                PATH_SEED,
            ),
            fact=ONE_COPY,
        ),
        PATH_OPTIONS,
    ),
)
