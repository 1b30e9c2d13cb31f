"""Requests for what stays in a library, elements and voices: paths and fields."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.sources import TWO_COPIES, Fact

_WITH_VOICE: Final = Fact(
    "documented",
    ("pages-2026-09",),
    "2026-09-20",
    "high",
    "of elements from pictures since 2026-03-23",
)


#: By endpoint.
REQUESTS: Final[dict[str, RequestFacts]] = {
    "elements": RequestFacts(
        "/v1/general/advanced-custom-elements",
        TWO_COPIES,
        (
            FieldFacts("element_name", "string", required=True, high=20),
            FieldFacts("element_description", "string", required=True, high=100, private=True),
            FieldFacts(
                "reference_type", "string", required=True, enum=("image_refer", "video_refer")
            ),
            FieldFacts(
                "element_image_list",
                "object",
                members=(
                    FieldFacts("frontal_image", "image", required=True),
                    FieldFacts(
                        "refer_images",
                        "array",
                        required=True,
                        low=1,
                        high=3,
                        members=(FieldFacts("image_url", "image", required=True),),
                    ),
                ),
            ),
            FieldFacts(
                "element_video_list",
                "object",
                members=(
                    FieldFacts(
                        "refer_videos",
                        "array",
                        required=True,
                        low=1,
                        high=1,
                        members=(FieldFacts("video_url", "url", required=True),),
                    ),
                ),
            ),
            FieldFacts("element_voice_id", "string", fact=_WITH_VOICE),
            FieldFacts(
                "tag_list",
                "array",
                members=(
                    FieldFacts(
                        "tag_id",
                        "string",
                        required=True,
                        enum=(
                            "o_101",
                            "o_102",
                            "o_103",
                            "o_104",
                            "o_105",
                            "o_106",
                            "o_107",
                            "o_108",
                        ),
                    ),
                ),
            ),
            FieldFacts("callback_url", "url"),
            FieldFacts("external_task_id", "string"),
        ),
    ),
    "voices": RequestFacts(
        "/v1/general/custom-voices",
        TWO_COPIES,
        (
            FieldFacts("voice_name", "string", required=True, high=20),
            FieldFacts("voice_url", "url"),
            FieldFacts("video_id", "string"),
            FieldFacts("callback_url", "url"),
            FieldFacts("external_task_id", "string"),
        ),
    ),
}
