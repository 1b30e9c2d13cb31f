"""Facts of `video-extend`: a video made longer."""

from typing import Final

from kling_sdk.facts.fields import CFG_SCALE, COMMON, NEGATIVE, PROMPT, FieldFacts, RequestFacts
from kling_sdk.facts.prices import CONDENSED, PriceTable
from kling_sdk.facts.sources import PAGES, Fact

_FACT: Final = Fact(
    "documented",
    ("digest-2026-01",),
    "2026-01-01",
    "medium",
    "gone from the index of 2026-09; the path still answered on 2026-09-28",
)

REQUEST: Final = RequestFacts(
    "/v1/videos/video-extend",
    _FACT,
    (
        FieldFacts("video_id", "string", required=True, fact=PAGES),
        PROMPT,
        NEGATIVE,
        CFG_SCALE,
        *COMMON,
    ),
)

PRICES: Final = (
    PriceTable(
        ("video-extend",),
        "call",
        CONDENSED,
        {
            ("kling-v1", "std"): {"silent": "1"},
            ("kling-v1", "pro"): {"silent": "3.5"},
            ("kling-v1-5", "std"): {"silent": "2"},
            ("kling-v1-5", "pro"): {"silent": "3.5"},
            ("kling-v1-6", "std"): {"silent": "2"},
            ("kling-v1-6", "pro"): {"silent": "3.5"},
        },
    ),
)
