"""Facts of `virtual-try-on`: a person in other clothes."""

from typing import Final

from kling_sdk.facts.fields import CHECKED_URL, MODEL_NAME, OLD_NAME, FieldFacts, RequestFacts
from kling_sdk.facts.limits import ModelFacts
from kling_sdk.facts.prices import LISTED_ONCE, PriceTable
from kling_sdk.facts.sources import PAGES, Fact

_FACT: Final = Fact(
    "documented",
    ("pages-2026-09", "pages-2026-04"),
    "2026-09-20",
    "high",
    "a partner says that it ends on 2026-09-15; it still answered on 2026-09-28",
)

REQUEST: Final = RequestFacts(
    "/v1/images/kolors-virtual-try-on",
    _FACT,
    (
        MODEL_NAME,
        FieldFacts("human_image", "image", required=True),
        FieldFacts("cloth_image", "image", required=True),
        FieldFacts("callback_url", "url", fact=CHECKED_URL),
        FieldFacts("external_task_id", "string", fact=PAGES),
        FieldFacts("model", "string", ignored=True, fact=OLD_NAME),
    ),
)

# They differ in what may be in a picture, which is not checked.
MODELS: Final = (
    ModelFacts("kolors-virtual-try-on-v1", ("",), (), (), _FACT),
    ModelFacts("kolors-virtual-try-on-v1-5", ("",), (), (), _FACT),
)

PRICES: Final = (
    PriceTable(
        ("virtual-try-on",),
        "result",
        LISTED_ONCE,
        {
            ("kolors-virtual-try-on-v1", ""): {"silent": "1"},
            ("kolors-virtual-try-on-v1-5", ""): {"silent": "1"},
        },
        pack="try_on",
    ),
)
