"""Facts of `elements`: a person or a thing that videos can show again."""

from typing import Final

from kling_sdk.facts.elements import TAGS
from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.prices import PriceList, PriceTable
from kling_sdk.facts.sources import TWO_COPIES, Fact

_WITH_VOICE: Final = Fact(
    "documented",
    ("pages-2026-09",),
    "2026-09-20",
    "high",
    "of elements from pictures since 2026-03-23",
)

REQUEST: Final = RequestFacts(
    "/v1/general/advanced-custom-elements",
    TWO_COPIES,
    (
        FieldFacts("element_name", "string", required=True, high=20),
        FieldFacts("element_description", "string", required=True, high=100, private=True),
        FieldFacts("reference_type", "string", required=True, enum=("image_refer", "video_refer")),
        FieldFacts(
            "element_image_list",
            "object",
            members=(
                FieldFacts("frontal_image", "image", required=True),
                FieldFacts(
                    "refer_images",
                    "array",
                    required=True,
                    low=1,
                    high=3,
                    members=(FieldFacts("image_url", "image", required=True),),
                ),
            ),
        ),
        FieldFacts(
            "element_video_list",
            "object",
            members=(
                FieldFacts(
                    "refer_videos",
                    "array",
                    required=True,
                    low=1,
                    high=1,
                    members=(FieldFacts("video_url", "url", required=True),),
                ),
            ),
        ),
        FieldFacts("element_voice_id", "string", fact=_WITH_VOICE),
        TAGS,
        FieldFacts("callback_url", "url"),
        FieldFacts("external_task_id", "string"),
    ),
)

_CHARGED: Final = PriceList(
    "what one account was charged",
    Fact("observed", ("probe-2026-09",), "2026-09-22", "low", "seen once"),
)

PRICES: Final = (PriceTable(("elements",), "call", _CHARGED, {("", ""): {"silent": "0"}}),)
