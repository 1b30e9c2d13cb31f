"""Facts of `text-to-audio`: sounds from a prompt."""

from typing import Final

from kling_sdk.facts.fields import CHECKED_URL, FieldFacts, RequestFacts
from kling_sdk.facts.sources import PAGES, TWO_COPIES

REQUEST: Final = RequestFacts(
    "/v1/audio/text-to-audio",
    TWO_COPIES,
    (
        FieldFacts("prompt", "string", required=True, high=200, private=True),
        FieldFacts("duration", "number", required=True, low=3, high=10),
        FieldFacts("callback_url", "url", fact=CHECKED_URL),
        FieldFacts("external_task_id", "string", fact=PAGES),
    ),
)
