"""`POST /solutions/e-commerce/goods_studio`: an advertisement from pictures of goods."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import FieldTexts
from kling_mock.kling.endpoints.record import EmulatedEndpoint, UnitPrice
from kling_mock.kling.endpoints.solution_parts import (
    BEHAVIOURS,
    UNPRICED,
    ItemTexts,
    SolutionBody,
    check_contents,
    flattened,
    resolution_rows,
)
from kling_mock.kling.service_codes import refusal
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.goods_studio import REQUEST
from kling_sdk.facts.solutions import PAGE

_BODY: Final = SolutionBody(
    REQUEST,
    {
        "ref_image": ItemTexts("no_product_image", "ref_image_count", "product_image"),
        "goods_title": ItemTexts("no_goods_title", "goods_title_count", long="goods_title_long"),
        "goods_description": ItemTexts(
            many="goods_description_count", long="goods_description_long"
        ),
    },
    {
        "resolution": FieldTexts("solution_resolution", "solution_resolution"),
        "aspect_ratio": FieldTexts("goods_ratio", "goods_ratio"),
        "duration": FieldTexts(wrong_type="goods_duration"),
    },
)

_SECONDS: Final = tuple(
    int(number) for row in REQUEST.settings if row.name == "duration" for number in row.numbers
)


def _settle(settings: dict[str, Any]) -> None:
    if settings["duration"] not in _SECONDS:
        note = "must be 15, 30 or 60"
        raise refusal("goods_duration", field="settings.duration", note=note)


RECORD = EmulatedEndpoint(
    name="solutions-goods-studio",
    interface=SOLUTIONS,
    path=REQUEST.path,
    fact=PAGE,
    summary="Make an advertisement from pictures of goods",
    fields=_BODY.fields(),
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
    prepare=flattened(_BODY, settle=_settle),
    rules=(check_contents(_BODY),),
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
