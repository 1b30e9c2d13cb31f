"""Facts of `recognize-image`: where a picture has an object, a head, a face, and clothes."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.prices import LISTED, PriceTable
from kling_sdk.facts.sources import TWO_COPIES

REQUEST: Final = RequestFacts(
    "/v1/videos/image-recognize", TWO_COPIES, (FieldFacts("image", "image", required=True),)
)

PRICES: Final = (PriceTable(("recognize-image",), "call", LISTED, {("", ""): {"silent": "0.1"}}),)
