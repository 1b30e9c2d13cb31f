"""Facts of `image-expand`: a picture continued beyond its edges."""

from typing import Final

from kling_sdk.facts.fields import COMMON, COUNT, PROMPT, FieldFacts, RequestFacts
from kling_sdk.facts.prices import LISTED, PriceTable
from kling_sdk.facts.sources import ONE_COPY

REQUEST: Final = RequestFacts(
    "/v1/images/editing/expand",
    ONE_COPY,
    (
        FieldFacts("image", "image", required=True),
        FieldFacts("up_expansion_ratio", "number", required=True, low=0, high=2),
        FieldFacts("down_expansion_ratio", "number", required=True, low=0, high=2),
        FieldFacts("left_expansion_ratio", "number", required=True, low=0, high=2),
        FieldFacts("right_expansion_ratio", "number", required=True, low=0, high=2),
        PROMPT,
        COUNT,
        *COMMON,
    ),
)

PRICES: Final = (
    PriceTable(("image-expand",), "result", LISTED, {("", ""): {"silent": "8"}}, pack="image"),
)
