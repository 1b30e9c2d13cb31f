"""Facts of `ai-multi-shot`: further views of an element, from its picture."""

from typing import Final

from kling_sdk.facts.fields import CHECKED_URL, OLD_NAME, FieldFacts, RequestFacts
from kling_sdk.facts.prices import LISTED, PriceTable
from kling_sdk.facts.sources import ONE_COPY, PAGES

REQUEST: Final = RequestFacts(
    "/v1/general/ai-multi-shot",
    ONE_COPY,
    (
        FieldFacts("element_frontal_image", "image", required=True),
        FieldFacts("callback_url", "url", fact=CHECKED_URL),
        FieldFacts("external_task_id", "string", fact=PAGES),
        FieldFacts("model", "string", ignored=True, fact=OLD_NAME),
    ),
)

PRICES: Final = (
    # Nine pictures for one price.
    PriceTable(("ai-multi-shot",), "call", LISTED, {("", ""): {"silent": "20"}}, pack="image"),
)
