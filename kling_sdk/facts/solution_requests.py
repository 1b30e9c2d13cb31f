"""Requests under `/solutions`: paths, what `contents` may have, and `settings`."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.limits import MAX_PROMPT
from kling_sdk.facts.sources import Fact

PAGE: Final = Fact("documented", ("solutions-2026-09",), "2026-09-15", "medium")


class ContentFacts(NamedTuple):
    """One type of the items of `contents`.

    Attributes:
        type: The type.
        kind: What an item has: the user's own `text`, which is private, a `url`, an `image`
            (a URL or base64), a `voice` (the id of one), a `word` (another id, under the key
            `text`) or a `glossary` (a word and its translation; private).
        max_items: How many of them there may be.
        max_length: Maximum characters of a text; 0 for no limit.
    """

    type: str
    kind: Literal["text", "url", "image", "voice", "word", "glossary"]
    max_items: int = 1
    max_length: int = 0


class SolutionFacts(NamedTuple):
    """One call that makes a task under `/solutions`; all that is known of it is of `PAGE`.

    Attributes:
        path: Under the base URL.
        contents: The types of the items of `contents`.
        settings: The members of `settings`.
        watermark: What `options` calls the watermark; "" if it has none.
    """

    path: str
    contents: tuple[ContentFacts, ...]
    settings: tuple[FieldFacts, ...]
    watermark: str = "watermark"


#: By endpoint.
REQUESTS: Final[dict[str, SolutionFacts]] = {
    "solutions-clothing-dupe": SolutionFacts(
        "/solutions/e-commerce/clothing_dupe",
        (
            ContentFacts("source_video", "url"),
            ContentFacts("product_image", "image", max_items=5),
            ContentFacts("product_info", "text", max_length=2500),
            ContentFacts("model_image", "image", max_items=5),
            ContentFacts("bgm", "url"),
            ContentFacts("voice", "voice"),
        ),
        (
            FieldFacts("resolution", "string", enum=("720p", "1080p"), default="720p"),
            FieldFacts(
                "aspect_ratio",
                "string",
                enum=("9:16", "2:3", "3:4", "1:1", "4:3", "3:2", "16:9", "21:9"),
            ),
        ),
        watermark="watermark_info",
    ),
    "solutions-drama-subtitle": SolutionFacts(
        "/solutions/drama_subtitle",
        (
            ContentFacts("source_video", "url"),
            ContentFacts("glossary", "glossary", max_items=200, max_length=100),
        ),
        (
            FieldFacts("target_cps", "integer", low=10, high=20, default=17),
            FieldFacts("target_language", "string", enum=("en",), default="en"),
            FieldFacts("margin_v", "integer", low=1, high=4096),
            FieldFacts("font_size", "integer", low=1, high=512),
        ),
        watermark="",
    ),
    "solutions-goods-studio": SolutionFacts(
        "/solutions/e-commerce/goods_studio",
        (
            ContentFacts("ref_image", "image", max_items=5),
            ContentFacts("goods_title", "text", max_length=200),
            ContentFacts("goods_description", "text", max_length=2000),
        ),
        (
            FieldFacts("resolution", "string", required=True, enum=("720p", "1080p")),
            FieldFacts("aspect_ratio", "string", required=True, enum=("9:16", "1:1", "16:9")),
            FieldFacts("duration", "integer", required=True, numbers=(15, 30, 60)),
        ),
    ),
    "solutions-virtual-try-on": SolutionFacts(
        "/solutions/virtual_try_on",
        (ContentFacts("product_image", "url"), ContentFacts("person_image", "url")),
        (
            FieldFacts("keep_face", "boolean", default=True),
            FieldFacts("keep_pose", "boolean", default=True),
            FieldFacts("keep_background", "boolean", default=True),
        ),
    ),
    "solutions-talking-agent": SolutionFacts(
        "/solutions/talking_agent",
        (
            ContentFacts("avatar_image", "image"),
            ContentFacts("avatar_id", "word", max_length=128),
            ContentFacts("speech_script", "text", max_length=2000),
            ContentFacts("ref_image", "image", max_items=5),
            ContentFacts("goods_title", "text", max_length=500),
            ContentFacts("goods_price", "text", max_length=256),
            ContentFacts("goods_target_audience", "text", max_items=20, max_length=200),
            ContentFacts("goods_selling_point", "text", max_items=20, max_length=500),
        ),
        (
            FieldFacts("resolution", "string", enum=("720p", "1080p"), default="720p"),
            FieldFacts("aspect_ratio", "string", enum=("9:16", "16:9"), default="9:16"),
            FieldFacts("allow_polish", "boolean", default=False),
            FieldFacts("voice_id", "string"),
            FieldFacts("speech_rate", "number", numbers=(0.8, 1.0, 1.2)),
            FieldFacts("action_prompt", "string", high=MAX_PROMPT, private=True),
            FieldFacts("bgm_enabled", "boolean", default=False),
        ),
    ),
}
