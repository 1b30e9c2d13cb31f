"""Requests for what stays in a library, elements and voices: paths and fields."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import FieldFacts, RequestFacts
from kling_sdk.facts.sources import TWO_COPIES, Fact

#: The older library of elements: two copies of its page, and clients that call it. No page of
#: 2026-09 has it, and nobody was seen to call it since.
OLDER: Final = Fact(
    "documented",
    ("pages-2026-04", "clients"),
    "2026-04-01",
    "medium",
    "no page of 2026-09 has it",
)
#: The tags of elements: id and name.
ELEMENT_TAGS: Final = {
    "o_101": "热梗",
    "o_102": "人物",
    "o_103": "动物",
    "o_104": "道具",
    "o_105": "服饰",
    "o_106": "场景",
    "o_107": "特效",
    "o_108": "其他",
}

_WITH_VOICE: Final = Fact(
    "documented",
    ("pages-2026-09",),
    "2026-09-20",
    "high",
    "of elements from pictures since 2026-03-23",
)
_TAGS: Final = FieldFacts(
    "tag_list",
    "array",
    members=(FieldFacts("tag_id", "string", required=True, enum=(*ELEMENT_TAGS,)),),
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
            _TAGS,
            FieldFacts("callback_url", "url"),
            FieldFacts("external_task_id", "string"),
        ),
    ),
    "legacy-elements": RequestFacts(
        "/v1/general/custom-elements",
        OLDER,
        (
            FieldFacts("element_name", "string", required=True, high=20),
            FieldFacts("element_description", "string", required=True, high=100, private=True),
            FieldFacts("element_frontal_image", "image", required=True),
            FieldFacts(
                "element_refer_list",
                "array",
                required=True,
                low=1,
                high=3,
                members=(FieldFacts("image_url", "image", required=True),),
            ),
            _TAGS,
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
