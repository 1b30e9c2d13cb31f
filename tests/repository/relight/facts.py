"""Facts of `relight`: a picture in another light."""

from typing import Final

from kling_sdk.facts.fields import COMMON, DURATION, MODEL_NAME, FieldFacts, RequestFacts
from kling_sdk.facts.limits import CLIPS, SIZES, STD_PRO, ModelFacts
from kling_sdk.facts.model_path_fields import PATH_DURATION, PATH_OPTIONS, PATH_RESOLUTION
from kling_sdk.facts.prices import LISTED_ONCE, PriceTable, UseRule
from kling_sdk.facts.sources import ONE_COPY

REQUEST: Final = RequestFacts(
    "/v1/videos/relight",
    ONE_COPY,
    (
        MODEL_NAME,
        FieldFacts("lamp_picture", "image", required=True),
        FieldFacts("lamp_mood", "string", required=True, high=200, private=True),
        FieldFacts("backdrop_video", "url"),
        FieldFacts("mode", "string", enum=("std", "pro")),
        DURATION,
        *COMMON,
    ),
)

PATH_REQUEST: Final = RequestFacts(
    "/relight/{model}",
    ONE_COPY,
    (
        FieldFacts(
            "contents",
            "array",
            required=True,
            members=(
                FieldFacts("type", "string", required=True, enum=("lamp_picture", "backdrop")),
                FieldFacts("url", "string"),
            ),
        ),
        FieldFacts(
            "settings",
            "object",
            members=(
                FieldFacts("lamp_mood", "string", required=True, high=200, private=True),
                PATH_RESOLUTION,
                PATH_DURATION,
            ),
        ),
        PATH_OPTIONS,
    ),
)

MODELS: Final = (ModelFacts("kling-v2-6", STD_PRO, CLIPS, (), ONE_COPY, SIZES),)

PATH_MODELS: Final = (ModelFacts("kling-2.6", STD_PRO, CLIPS, (), ONE_COPY, SIZES),)

PRICES: Final = (
    PriceTable(
        ("relight",),
        "second",
        LISTED_ONCE,
        {
            ("kling-v2-6", "std"): {"silent": "0.4", "video": "0.6"},
            ("kling-v2-6", "pro"): {"silent": "0.7", "video": "0.9"},
        },
        CLIPS,
    ),
)

USES: Final = {"relight": (UseRule("video", "backdrop_video"),)}
