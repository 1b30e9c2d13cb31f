"""Facts of `advanced-lip-sync`: a face of a session speaks."""

from typing import Final

from kling_sdk.facts.fields import COMMON, FieldFacts, RequestFacts
from kling_sdk.facts.prices import LISTED, PriceTable
from kling_sdk.facts.sources import TWO_COPIES

REQUEST: Final = RequestFacts(
    "/v1/videos/advanced-lip-sync",
    TWO_COPIES,
    (
        FieldFacts("session_id", "string", required=True),
        FieldFacts(
            "face_choose",
            "array",
            required=True,
            low=1,
            high=1,
            members=(
                FieldFacts("face_id", "string", required=True),
                FieldFacts("audio_id", "string"),
                FieldFacts("sound_file", "sound"),
                FieldFacts("sound_start_time", "integer", required=True, low=0),
                FieldFacts("sound_end_time", "integer", required=True, low=0),
                FieldFacts("sound_insert_time", "integer", required=True, low=0),
                FieldFacts("sound_volume", "number", low=0, high=2),
                FieldFacts("original_audio_volume", "number", low=0, high=2),
            ),
        ),
        *COMMON,
    ),
)

PRICES: Final = (
    PriceTable(("advanced-lip-sync",), "5 seconds", LISTED, {("", ""): {"silent": "0.5"}}),
)
