"""Facts of `lip-sync`: the mouth of a person in a video moves to a text or a sound."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.prices import CONDENSED, PriceTable
from kling_sdk.facts.sources import TWO_COPIES, Fact

_FACT: Final = Fact(
    "observed",
    ("clients", "probe-2026-10"),
    "2026-09-28",
    "medium",
    "its page is older; the path was seen alive",
)

REQUEST: Final = RequestFacts(
    "/v1/videos/lip-sync",
    _FACT,
    (
        FieldFacts(
            "input",
            "object",
            required=True,
            members=(
                FieldFacts("mode", "string", enum=("text2video", "audio2video")),
                FieldFacts("video_id", "string"),
                FieldFacts("video_url", "url"),
                FieldFacts("text", "string", high=120, private=True),
                FieldFacts("voice_id", "string"),
                FieldFacts("voice_language", "string", enum=("zh", "en")),
                FieldFacts("voice_speed", "number", low=0.8, high=2.0),
                FieldFacts("audio_type", "string", enum=("file", "url")),
                FieldFacts("audio_file", "sound", fact=TWO_COPIES),
                FieldFacts("audio_url", "url", fact=TWO_COPIES),
            ),
        ),
        FieldFacts("callback_url", "url"),
        FieldFacts("external_task_id", "string"),
    ),
)

PRICES: Final = (PriceTable(("lip-sync",), "5 seconds", CONDENSED, {("", ""): {"silent": "0.5"}}),)
