"""Facts of `identify-face`: the faces of a video, and a session to let one speak."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.sources import TWO_COPIES

REQUEST: Final = RequestFacts(
    "/v1/videos/identify-face",
    TWO_COPIES,
    (FieldFacts("video_id", "string"), FieldFacts("video_url", "url")),
)
