"""Fields of the requests of the model-path interface: `contents`, `settings`, `options`."""

from __future__ import annotations

from typing import Final

from kling_mock.kling.endpoints.fields import Field, field_shape
from kling_mock.web.facts import assumed, documented, observed

__all__ = [
    "ASPECT_RATIO",
    "AUDIO",
    "DURATION",
    "MULTI_SHOT",
    "OPTIONS",
    "ORIENTATION",
    "PAGES",
    "RESOLUTION",
    "SEED",
    "VOICE_ID",
    "contents",
    "settings",
]

PAGES = documented("pages-2026-09", as_of="2026-09-20", confidence="medium")
_SEEN = observed("probe-2026-10", "pages-2026-09", as_of="2026-10-07", confidence="medium")

#: In the order of the validator; each product documents some of them.
_TYPES: Final = (
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
)

RESOLUTION = Field(
    "resolution",
    "string",
    enum=("480p", "720p", "1080p", "4k"),
    fact=_SEEN,
    default="720p",
    wrong_value="choice",
    wrong_type="value",
)
ASPECT_RATIO = Field(
    "aspect_ratio",
    "string",
    enum=("16:9", "9:16", "1:1"),
    fact=_SEEN,
    wrong_value="aspect_ratio",
    wrong_type="value",
)
DURATION = Field(
    "duration",
    "integer",
    fact=observed(
        "probe-2026-10",
        as_of="2026-10-07",
        note="0, 1, 20 and text are taken at create; the pages have a range for each model",
    ),
    default=5,
    wrong_type="value",
)
AUDIO = Field(
    "audio",
    "string",
    enum=("native", "off", "original"),
    fact=_SEEN,
    default="off",
    wrong_value="choice",
    wrong_type="value",
)
MULTI_SHOT = Field("multi_shot", "boolean", fact=PAGES, default=True, wrong_type="value")
ORIENTATION = Field(
    "character_orientation",
    "string",
    required=True,
    enum=("image", "video"),
    fact=PAGES,
    wrong_value="choice",
    wrong_type="value",
)
SEED = Field(
    "seed",
    "integer",
    fact=observed("probe-2026-10", as_of="2026-10-07", note="on no page; it changes nothing here"),
    wrong_type="value",
)


def settings(*fields: Field) -> Field:
    """Return the field `settings` with these members."""
    return Field(
        "settings",
        "object",
        required=any(field.required for field in fields),
        members=field_shape(*fields),
        fact=PAGES,
        wrong_type="wrong_type",
    )


OPTIONS = Field(
    "options",
    "object",
    members=field_shape(
        Field(
            "callback_url",
            "url",
            fact=assumed("that a callback_url is refused if it is not http or https"),
        ),
        Field("external_task_id", "string", fact=PAGES),
        Field(
            "watermark_info",
            "object",
            members=field_shape(Field("enabled", "boolean", fact=PAGES)),
            fact=PAGES,
        ),
    ),
    fact=PAGES,
    wrong_type="wrong_type",
)

VOICE_ID = Field("voice_id", "string", fact=PAGES)


def contents(*fields: Field) -> Field:
    """Return the field `contents`, whose items have these members besides the usual ones.

    What each type of item needs of them is in the module `model_path_contents`.
    """
    members = field_shape(
        Field("type", "string", required=True, enum=_TYPES, fact=_SEEN, wrong_type="value"),
        Field("text", "string", fact=_SEEN),
        Field("url", "string", fact=_SEEN),
        Field("id", "string", fact=PAGES),
        Field("element_id", "string", fact=_SEEN),
        *fields,
    )
    return Field("contents", "array", members=members, fact=_SEEN, wrong_type="wrong_type")
