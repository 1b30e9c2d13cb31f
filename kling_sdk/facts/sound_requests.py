"""Requests for sounds: paths and fields."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import CHECKED_URL, FieldFacts, RequestFacts
from kling_sdk.facts.sources import PAGES, TWO_COPIES, Fact

_VOICE_ID: Final = Fact(
    "observed", ("clients",), "2026-08-01", "medium", "six clients agree; no page has it"
)


#: By endpoint.
REQUESTS: Final[dict[str, RequestFacts]] = {
    "tts": RequestFacts(
        "/v1/audio/tts",
        TWO_COPIES,
        (
            FieldFacts("text", "string", required=True, high=1000, private=True),
            FieldFacts("voice_id", "string", required=True, fact=_VOICE_ID),
            FieldFacts("voice_language", "string", required=True, enum=("zh", "en")),
            FieldFacts("voice_speed", "number", low=0.8, high=2.0),
        ),
    ),
    "text-to-audio": RequestFacts(
        "/v1/audio/text-to-audio",
        TWO_COPIES,
        (
            FieldFacts("prompt", "string", required=True, high=200, private=True),
            FieldFacts("duration", "number", required=True, low=3, high=10),
            FieldFacts("callback_url", "url", fact=CHECKED_URL),
            FieldFacts("external_task_id", "string", fact=PAGES),
        ),
    ),
    "video-to-audio": RequestFacts(
        "/v1/audio/video-to-audio",
        TWO_COPIES,
        (
            FieldFacts("video_id", "string"),
            FieldFacts("video_url", "url"),
            FieldFacts("sound_effect_prompt", "string", high=200, private=True),
            FieldFacts("bgm_prompt", "string", high=200, private=True),
            FieldFacts("asmr_mode", "boolean"),
            FieldFacts("callback_url", "url", fact=CHECKED_URL),
            FieldFacts("external_task_id", "string", fact=PAGES),
        ),
    ),
}
