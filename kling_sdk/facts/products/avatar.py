"""Facts of `avatar`: a person in a picture who speaks."""

from typing import Final

from kling_sdk.facts.fields import COMMON, PROMPT, FieldFacts, RequestFacts
from kling_sdk.facts.prices import LISTED, PriceTable
from kling_sdk.facts.sources import TWO_COPIES

REQUEST: Final = RequestFacts(
    "/v1/videos/avatar/image2video",
    TWO_COPIES,
    (
        FieldFacts("image", "image", required=True),
        FieldFacts("audio_id", "string"),
        FieldFacts("sound_file", "sound"),
        PROMPT,
        FieldFacts("mode", "string", enum=("std", "pro")),
        *COMMON,
    ),
)

PRICES: Final = (
    PriceTable(
        ("avatar",),
        "second",
        LISTED,
        {("", "std"): {"silent": "0.4"}, ("", "pro"): {"silent": "0.8"}},
    ),
)
