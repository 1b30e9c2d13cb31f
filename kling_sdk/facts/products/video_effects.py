"""Facts of `effects`: what happens to the people in one or two pictures."""

from typing import Final

from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.sources import ONE_COPY

REQUEST: Final = RequestFacts(
    "/v1/videos/effects",
    ONE_COPY,
    (
        FieldFacts("effect_scene", "string", required=True),
        FieldFacts(
            "input",
            "object",
            required=True,
            members=(FieldFacts("image", "image"), FieldFacts("images", "images")),
        ),
        FieldFacts("callback_url", "url"),
        FieldFacts("external_task_id", "string"),
    ),
)
