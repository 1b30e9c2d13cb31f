"""Facts of `motion-control`: a picture moves as a video."""

from typing import Final

from kling_sdk.facts.fields import COMMON, MODEL_NAME, PROMPT, FieldFacts, RequestFacts
from kling_sdk.facts.limits import SIZES, STD_PRO, ModelFacts
from kling_sdk.facts.model_path_fields import (
    PATH_ITEM,
    PATH_OPTIONS,
    PATH_RESOLUTION,
    PATH_SEED,
    SEEN,
    SERVED,
)
from kling_sdk.facts.prices import LISTED, PriceTable, UseRule
from kling_sdk.facts.sources import NEWER, ONE_COPY, PAGES, Fact

_FACT: Final = Fact(
    "documented",
    ("pages-2026-04",),
    "2026-04-01",
    "medium",
    "gone from the index of 2026-09, which has the page with the model in the path",
)

REQUEST: Final = RequestFacts(
    "/v1/videos/motion-control",
    _FACT,
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
)

_ORIENTATION: Final = FieldFacts(
    "character_orientation", "string", required=True, enum=("image", "video"), fact=ONE_COPY
)

PATH_REQUEST: Final = RequestFacts(
    "/motion-control/{model}",
    SERVED,
    (
        FieldFacts("contents", "array", members=(*PATH_ITEM,), fact=SEEN),
        FieldFacts(
            "settings",
            "object",
            required=True,
            members=(
                _ORIENTATION,
                FieldFacts(
                    "audio",
                    "string",
                    enum=("native", "off", "original"),
                    fact=SEEN,
                    default="original",
                ),
                PATH_RESOLUTION,
                PATH_SEED,
            ),
            fact=ONE_COPY,
        ),
        PATH_OPTIONS,
    ),
)

# The video decides the length.
MODELS: Final = (
    ModelFacts("kling-v2-6", STD_PRO, (), (), _FACT, SIZES),
    ModelFacts("kling-v3", STD_PRO, (), ("element_list",), _FACT, SIZES),
)

PATH_MODELS: Final = (
    ModelFacts("kling-2.6", STD_PRO, (), (), ONE_COPY, SIZES),
    ModelFacts("kling-3.0", STD_PRO, (), ("element_list",), ONE_COPY, SIZES),
)

PRICES: Final = (
    # Its input video decides the length.
    PriceTable(
        ("motion-control",),
        "second",
        LISTED,
        {
            ("kling-v2-6", "std"): {"video": "0.5"},
            ("kling-v2-6", "pro"): {"video": "0.8"},
            ("kling-v3", "std"): {"video": "0.9"},
            ("kling-v3", "pro"): {"video": "1.2"},
        },
    ),
)

USES: Final = {"motion-control": (UseRule("video", "character_orientation"),)}
