"""Facts of `text2video`: a video from a prompt."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import (
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
    FieldFacts,
    RequestFacts,
)
from kling_sdk.facts.model_path_fields import (
    PATH_ASPECT_RATIO,
    PATH_AUDIO,
    PATH_DURATION,
    PATH_MULTI_SHOT,
    PATH_OPTIONS,
    PATH_RESOLUTION,
    PATH_SEED,
    SERVED,
)
from kling_sdk.facts.sources import ONE_COPY, PAGES

REQUEST: Final = RequestFacts(
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
)

PATH_REQUEST: Final = RequestFacts(
    "/text-to-video/{model}",
    SERVED,
    (
        FieldFacts("prompt", "string", high=3072, fact=ONE_COPY, private=True),
        FieldFacts(
            "settings",
            "object",
            members=(
                PATH_RESOLUTION,
                PATH_ASPECT_RATIO,
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
