"""Facts of `avatar`: a person in a picture who speaks."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import COMMON, PROMPT, FieldFacts, RequestFacts
from kling_sdk.facts.sources import TWO_COPIES

REQUEST: Final = RequestFacts(
    "/v1/videos/avatar/image2video",
    TWO_COPIES,
    (
        FieldFacts("image", "image", required=True),
        FieldFacts("audio_id", "string"),
        FieldFacts("sound_file", "sound"),
        PROMPT,
        FieldFacts("mode", "string", enum=("std", "pro")),
        *COMMON,
    ),
)
