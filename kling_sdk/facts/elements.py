"""What both libraries of elements have."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import FieldFacts

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
TAGS: Final = FieldFacts(
    "tag_list",
    "array",
    members=(FieldFacts("tag_id", "string", required=True, enum=(*ELEMENT_TAGS,)),),
)
