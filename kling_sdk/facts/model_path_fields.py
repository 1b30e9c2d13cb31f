"""The fields that several products have on the interface with the model in the path."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.sources import ONE_COPY, Fact

SERVED: Final = Fact(
    "documented", ("pages-2026-09", "probe-2026-09", "probe-2026-10"), "2026-10-07", "high"
)
SEEN: Final = Fact("observed", ("probe-2026-10", "pages-2026-09"), "2026-10-07", "medium")
_ANY_DURATION: Final = Fact(
    "observed",
    ("probe-2026-10",),
    "2026-10-07",
    "low",
    "0, 1, 20 and text are taken at create; the pages have a range for each model",
)
_UNLISTED: Final = Fact(
    "observed", ("probe-2026-10",), "2026-10-07", "low", "on no page; it changes nothing here"
)
_CHECKED_URL: Final = Fact(
    "assumed",
    ("none",),
    "2026-09-20",
    "low",
    "that a callback_url is refused if it is not http or https",
)

PATH_RESOLUTION: Final = FieldFacts(
    "resolution", "string", enum=("480p", "720p", "1080p", "4k"), fact=SEEN, default="720p"
)
PATH_ASPECT_RATIO: Final = FieldFacts(
    "aspect_ratio", "string", enum=("16:9", "9:16", "1:1"), fact=SEEN
)
PATH_DURATION: Final = FieldFacts("duration", "integer", fact=_ANY_DURATION, default=5)
PATH_AUDIO: Final = FieldFacts(
    "audio", "string", enum=("native", "off", "original"), fact=SEEN, default="off"
)
PATH_MULTI_SHOT: Final = FieldFacts("multi_shot", "boolean", fact=ONE_COPY, default=True)
PATH_SEED: Final = FieldFacts("seed", "integer", fact=_UNLISTED)
PATH_OPTIONS: Final = FieldFacts(
    "options",
    "object",
    members=(
        FieldFacts("callback_url", "url", fact=_CHECKED_URL),
        FieldFacts("external_task_id", "string", fact=ONE_COPY),
        FieldFacts(
            "watermark_info",
            "object",
            members=(FieldFacts("enabled", "boolean", fact=ONE_COPY),),
            fact=ONE_COPY,
        ),
    ),
    fact=ONE_COPY,
)
PATH_ITEM: Final = (
    FieldFacts(
        "type",
        "string",
        required=True,
        enum=(
            "prompt",
            "image",
            "video",
            "element",
            "first_frame",
            "last_frame",
            "voice",
            "refer_image",
            "base_video",
            "feature_video",
        ),
        fact=SEEN,
    ),
    FieldFacts("text", "string", fact=SEEN, private=True),
    FieldFacts("url", "string", fact=SEEN),
    FieldFacts("id", "string", fact=ONE_COPY),
    FieldFacts("element_id", "string", fact=SEEN),
)
