"""Facts of `tts`: a text that is spoken, at once."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.prices import LISTED, PriceTable
from kling_sdk.facts.sources import TWO_COPIES
from kling_sdk.facts.voices import CATALOGUE

REQUEST: Final = RequestFacts(
    "/v1/audio/tts",
    TWO_COPIES,
    (
        FieldFacts("text", "string", required=True, high=1000, private=True),
        FieldFacts("voice_id", "string", required=True, fact=CATALOGUE),
        FieldFacts("voice_language", "string", required=True, enum=("zh", "en")),
        FieldFacts("voice_speed", "number", low=0.8, high=2.0),
    ),
)

PRICES: Final = (
    # That a video pack pays for it is assumed: the list names no pack.
    PriceTable(("tts",), "call", LISTED, {("", ""): {"silent": "0.05"}}),
)
