"""Facts of `voices`: a voice of your own, for videos that speak."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.sources import TWO_COPIES

REQUEST: Final = RequestFacts(
    "/v1/general/custom-voices",
    TWO_COPIES,
    (
        FieldFacts("voice_name", "string", required=True, high=20),
        FieldFacts("voice_url", "url"),
        FieldFacts("video_id", "string"),
        FieldFacts("callback_url", "url"),
        FieldFacts("external_task_id", "string"),
    ),
)
