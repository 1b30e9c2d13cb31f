"""`POST /solutions/e-commerce/clothing_dupe`: a video again, with other clothes in it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import Field
from kling_mock.kling.endpoints.model_path_requests import VIDEO_SECONDS
from kling_mock.kling.endpoints.pictures import pixels
from kling_mock.kling.endpoints.record import (
    CallContext,
    CreateRequest,
    EmulatedEndpoint,
    UnitPrice,
)
from kling_mock.kling.endpoints.solution_parts import (
    BEHAVIOURS,
    UNPRICED,
    ItemRule,
    check_contents,
    flattened,
    resolution_rows,
    solution_fields,
)
from kling_mock.kling.model.plan import Resulting, ResultList, nearest_aspect_ratio
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.kling.wire.solutions_schemas import PAGE_OF
from kling_mock.web.facts import assumed

__all__ = ["RECORD"]

_VOICES = (
    "energetic_sales_girl",
    "gentle_sales_woman",
    "crisp_sales_girl",
    "mature_sales_woman",
    "calm_sales_woman",
    "soft_sales_woman",
    "energetic_sales_boy",
    "enthusiastic_sales_man",
    "steady_sales_man",
    "calm_sales_man",
)
_RATIOS = ("9:16", "2:3", "3:4", "1:1", "4:3", "3:2", "16:9", "21:9")

_RULES = (
    ItemRule("source_video", "url", missing="no_reference_video"),
    ItemRule("product_image", "image", most=5, missing="no_product_image", wrong="product_image"),
    ItemRule("product_info", "text", longest=2500, missing="no_product_info"),
    ItemRule("model_image", "image", most=5, wrong="product_image"),
    ItemRule("bgm", "url", many="bgm_count", wrong="bgm_url"),
    ItemRule("voice", "voice", many="voice_count", wrong="dupe_voice", words=_VOICES),
)
_SETTINGS = (
    Field(
        "resolution",
        "string",
        enum=("720p", "1080p"),
        fact=PAGE_OF,
        default="720p",
        wrong_value="dupe_resolution",
        wrong_type="dupe_resolution",
    ),
    Field(
        "aspect_ratio",
        "string",
        enum=_RATIOS,
        fact=PAGE_OF,
        wrong_value="dupe_ratio",
        wrong_type="dupe_ratio",
    ),
)


def _seconds(_fields: Mapping[str, Any], _context: CallContext) -> int:
    return VIDEO_SECONDS


def _aspect_ratio(request: CreateRequest) -> str:
    across, down = map(int, str(request.fields.get("aspect_ratio", "16:9")).split(":"))
    return nearest_aspect_ratio(across, down)


def _result(request: CreateRequest) -> Resulting:
    has_model = any(item["type"] == "model_image" for item in request.fields["contents"])
    words = ("product_image", "model_images") if has_model else ("product_image",)
    pictures = ResultList("images", len(words), pixels("1k", 1.0), words=words)
    return Resulting((pictures, ResultList("videos", words=("product_video",))))


RECORD = EmulatedEndpoint(
    name="solutions-clothing-dupe",
    interface=SOLUTIONS,
    path="/solutions/e-commerce/clothing_dupe",
    fact=PAGE_OF,
    summary="Make a video again, with other clothes",
    fields=solution_fields(_RULES, _SETTINGS, "watermark_info"),
    examples={
        "plain": {
            "contents": [
                {"type": "product_info", "text": "A light shirt."},
                {"type": "source_video", "url": f"{SITE}/walk.mp4"},
                {"type": "product_image", "url": IMAGE},
            ]
        },
        "all-fields": {
            "contents": [
                {"type": "product_info", "text": "A light shirt."},
                {"type": "source_video", "url": f"{SITE}/walk.mp4"},
                {"type": "product_image", "url": IMAGE},
                {"type": "product_image", "url": f"{SITE}/back.jpg"},
                {"type": "model_image", "url": f"{SITE}/person.jpg"},
                {"type": "bgm", "url": f"{SITE}/song.mp3"},
                {"type": "voice", "voice_id": "calm_sales_woman"},
            ],
            "settings": {"resolution": "1080p", "aspect_ratio": "3:4"},
            "options": {
                "callback_url": CALLBACK,
                "external_task_id": "dupe-1",
                "watermark_info": {"enabled": True},
            },
        },
    },
    prepare=flattened(_RULES, "watermark_info"),
    rules=(check_contents(*_RULES),),
    capabilities=resolution_rows("720p", "1080p"),
    default_mode="720p",
    sound=lambda _request: True,
    shows_duration=False,
    fixed_seconds=_seconds,
    aspect_ratio=_aspect_ratio,
    result=_result,
    prices={
        ("", mode, "silent"): UnitPrice(Decimal(1), UNPRICED, "call") for mode in ("720p", "1080p")
    },
    typical_seconds={"": 300.0},
    behaviours=(
        *BEHAVIOURS,
        (
            "The video is 5 seconds long and 16:9, 9:16 or 1:1, whichever is nearest.",
            assumed("videos are never fetched; clips come in three shapes"),
        ),
        (
            "There is one picture of the product, and one of the person if one was given.",
            assumed("the page names both and does not say how many there are"),
        ),
    ),
)
