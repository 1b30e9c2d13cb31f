"""Facts of `video-extend`: a video made longer."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import CFG_SCALE, COMMON, NEGATIVE, PROMPT, FieldFacts, RequestFacts
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
