"""`POST /solutions/e-commerce/clothing_dupe`: a video again, with other clothes in it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, get_args

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import FieldTexts
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
    ItemTexts,
    SolutionBody,
    check_contents,
    flattened,
    resolution_rows,
)
from kling_mock.kling.model.plan import Resulting, ResultList, nearest_aspect_ratio
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.clothing_dupe import REQUEST
from kling_sdk.facts.solutions import PAGE
from kling_sdk.facts.voices import DupeVoice

_BODY: Final = SolutionBody(
    REQUEST,
    {
        "source_video": ItemTexts(missing="no_reference_video"),
        "product_image": ItemTexts(missing="no_product_image", wrong="product_image"),
        "product_info": ItemTexts(missing="no_product_info"),
        "model_image": ItemTexts(wrong="product_image"),
        "bgm": ItemTexts(many="bgm_count", wrong="bgm_url"),
        "voice": ItemTexts(many="voice_count", wrong="dupe_voice"),
    },
    {
        "resolution": FieldTexts("dupe_resolution", "dupe_resolution"),
        "aspect_ratio": FieldTexts("dupe_ratio", "dupe_ratio"),
    },
    words=get_args(DupeVoice),
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
    path=REQUEST.path,
    fact=PAGE,
    summary="Make a video again, with other clothes",
    fields=_BODY.fields(),
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
    prepare=flattened(_BODY),
    rules=(check_contents(_BODY),),
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
