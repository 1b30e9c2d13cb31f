"""Facts of `video-to-audio`: sounds for a video, and the video with them."""

from typing import Final

from kling_sdk.facts.fields import CHECKED_URL, FieldFacts, RequestFacts
from kling_sdk.facts.sources import PAGES, TWO_COPIES

REQUEST: Final = RequestFacts(
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
)
