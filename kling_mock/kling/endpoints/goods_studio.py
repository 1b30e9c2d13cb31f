"""`POST /solutions/e-commerce/goods_studio`: an advertisement from pictures of goods."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import Field
from kling_mock.kling.endpoints.record import EmulatedEndpoint, UnitPrice
from kling_mock.kling.endpoints.solution_parts import (
    BEHAVIOURS,
    UNPRICED,
    ItemRule,
    check_contents,
    flattened,
    resolution_rows,
    solution_fields,
)
from kling_mock.kling.service_codes import refusal
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.kling.wire.solutions_schemas import PAGE_OF
from kling_mock.web.facts import assumed

__all__ = ["RECORD"]

_SECONDS = (15, 30, 60)

_RULES = (
    ItemRule(
        "ref_image",
        "image",
        most=5,
        missing="no_product_image",
        many="ref_image_count",
        wrong="product_image",
    ),
    ItemRule(
        "goods_title",
        "text",
        longest=200,
        missing="no_goods_title",
        many="goods_title_count",
        long="goods_title_long",
    ),
    ItemRule(
        "goods_description",
        "text",
        longest=2000,
        many="goods_description_count",
        long="goods_description_long",
    ),
)
_SETTINGS = (
    Field(
        "resolution",
        "string",
        required=True,
        enum=("720p", "1080p"),
        fact=PAGE_OF,
        wrong_value="solution_resolution",
        wrong_type="solution_resolution",
    ),
    Field(
        "aspect_ratio",
        "string",
        required=True,
        enum=("9:16", "1:1", "16:9"),
        fact=PAGE_OF,
        wrong_value="goods_ratio",
        wrong_type="goods_ratio",
    ),
    Field("duration", "integer", required=True, fact=PAGE_OF, wrong_type="goods_duration"),
)


def _settle(settings: dict[str, Any]) -> None:
    if settings["duration"] not in _SECONDS:
        note = "must be 15, 30 or 60"
        raise refusal("goods_duration", field="settings.duration", note=note)


RECORD = EmulatedEndpoint(
    name="solutions-goods-studio",
    interface=SOLUTIONS,
    path="/solutions/e-commerce/goods_studio",
    fact=PAGE_OF,
    summary="Make an advertisement from pictures of goods",
    fields=solution_fields(_RULES, _SETTINGS),
    examples={
        "plain": {
            "contents": [
                {"type": "ref_image", "url": IMAGE},
                {"type": "goods_title", "text": "Umbrella"},
            ],
            "settings": {"resolution": "720p", "aspect_ratio": "9:16", "duration": 15},
        },
        "all-fields": {
            "contents": [
                {"type": "ref_image", "url": IMAGE},
                {"type": "ref_image", "url": f"{SITE}/open.jpg"},
                {"type": "goods_title", "text": "Umbrella"},
                {"type": "goods_description", "text": "Light, and red."},
            ],
            "settings": {"resolution": "1080p", "aspect_ratio": "16:9", "duration": 60},
            "options": {
                "callback_url": CALLBACK,
                "external_task_id": "goods-1",
                "watermark": {"enabled": True},
            },
        },
    },
    prepare=flattened(_RULES, settle=_settle),
    rules=(check_contents(*_RULES),),
    capabilities=resolution_rows("720p", "1080p", durations=_SECONDS),
    default_mode="720p",
    sound=lambda _request: True,
    prices={
        ("", mode, "silent"): UnitPrice(Decimal(1), UNPRICED, "call") for mode in ("720p", "1080p")
    },
    typical_seconds={"": 300.0},
    behaviours=(
        *BEHAVIOURS,
        ("The video has a sound.", assumed("no page says whether it has")),
    ),
)
