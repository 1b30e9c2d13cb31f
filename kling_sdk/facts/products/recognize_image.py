"""Facts of `recognize-image`: where a picture has an object, a head, a face, and clothes."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.sources import TWO_COPIES

REQUEST: Final = RequestFacts(
    "/v1/videos/image-recognize", TWO_COPIES, (FieldFacts("image", "image", required=True),)
)
