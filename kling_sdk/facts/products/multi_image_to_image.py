"""Facts of `multi-image2image`: pictures from those of up to four subjects."""

from typing import Final

from kling_sdk.facts.fields import (
    COMMON,
    COUNT,
    MODEL_NAME,
    PICTURE_RATIO,
    PROMPT,
    FieldFacts,
    RequestFacts,
)
from kling_sdk.facts.limits import ModelFacts
from kling_sdk.facts.prices import CONDENSED, LISTED, PriceTable
from kling_sdk.facts.sources import DIGEST, ONE_COPY

REQUEST: Final = RequestFacts(
    "/v1/images/multi-image2image",
    ONE_COPY,
    (
        MODEL_NAME,
        PROMPT,
        FieldFacts(
            "subject_image_list",
            "array",
            required=True,
            low=1,
            high=4,
            members=(FieldFacts("subject_image", "image", required=True),),
        ),
        FieldFacts("scene_image", "image"),
        FieldFacts("style_image", "image"),
        COUNT,
        PICTURE_RATIO,
        *COMMON,
    ),
)

_SUBJECTS: Final = ("aspect_ratio", "subject_image_list", "scene_image", "style_image")

MODELS: Final = (
    ModelFacts("kling-v2-1", ("",), (), _SUBJECTS, ONE_COPY),
    ModelFacts("kling-v2", ("",), (), _SUBJECTS, DIGEST),
)

PRICES: Final = (
    PriceTable(
        ("multi-image2image",),
        "result",
        LISTED,
        {("kling-v2-1", ""): {"silent": "16"}},
        pack="image",
    ),
    PriceTable(
        ("multi-image2image",),
        "result",
        CONDENSED,
        {("kling-v2", ""): {"silent": "16"}},
        pack="image",
    ),
)
