"""Facts of `multi-image2video`: a video from pictures of up to four subjects."""

from typing import Final

from kling_sdk.facts.fields import (
    ASPECT_RATIO,
    COMMON,
    MODEL_NAME,
    NEGATIVE,
    NUMERIC_TEXT,
    FieldFacts,
    RequestFacts,
)
from kling_sdk.facts.limits import CLIPS, SIZES, STD_PRO, ModelFacts
from kling_sdk.facts.sources import PAGES

REQUEST: Final = RequestFacts(
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
)

_FREE: Final = ("negative_prompt", "aspect_ratio")

MODELS: Final = (ModelFacts("kling-v1-6", STD_PRO, CLIPS, (*_FREE, "image_list"), PAGES, SIZES),)
