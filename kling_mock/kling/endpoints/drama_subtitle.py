"""`POST /solutions/drama_subtitle`: a Chinese video with English subtitles."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from kling_mock.kling.endpoints.example_parts import CALLBACK, SITE
from kling_mock.kling.endpoints.fields import FieldTexts
from kling_mock.kling.endpoints.model_path_requests import VIDEO_SECONDS
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
    one_row,
)
from kling_mock.kling.model.plan import Resulting, ResultList
from kling_mock.kling.service_codes import refusal
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.drama_subtitle import REQUEST
from kling_sdk.facts.solutions import PAGE

_BODY: Final = SolutionBody(
    REQUEST,
    {
        "source_video": ItemTexts("no_source_video", "source_video_count", "source_video_url"),
        "glossary": ItemTexts(many="glossary_count", wrong="glossary_entry"),
    },
    {
        name: FieldTexts(wrong_type="subtitle_integers")
        for name in ("target_cps", "margin_v", "font_size")
    },
)


def _settle(settings: dict[str, Any]) -> None:
    for row in REQUEST.settings:
        number = settings.get(row.name)
        if number is None or row.low is None or row.high is None:
            continue
        field, note = f"settings.{row.name}", f"must be a whole number from {row.low} to {row.high}"
        if number < 1:
            raise refusal("subtitle_integers", field=field, note=note)
        if not row.low <= number <= row.high:
            values = {"param": row.name, "low": row.low, "high": row.high}
            raise refusal("subtitle_range", field=field, note=note, **values)


def _seconds(_fields: Mapping[str, Any], _context: CallContext) -> int:
    return VIDEO_SECONDS


def _result(_request: CreateRequest) -> Resulting:
    return Resulting(
        (
            ResultList("videos", words=("subbed_video",)),
            ResultList("subtitles", words=("srt", "ass")),
        )
    )


RECORD = EmulatedEndpoint(
    name="solutions-drama-subtitle",
    interface=SOLUTIONS,
    path=REQUEST.path,
    fact=PAGE,
    summary="Give a Chinese video English subtitles",
    fields=_BODY.fields(),
    examples={
        "plain": {"contents": [{"type": "source_video", "url": f"{SITE}/drama.mp4"}]},
        "all-fields": {
            "contents": [
                {"type": "source_video", "url": f"{SITE}/drama.mp4"},
                {"type": "glossary", "source": "\u82cf\u82b7", "target": "Su Zhi"},
            ],
            "settings": {
                "target_cps": 15,
                "target_language": "en",
                "margin_v": 80,
                "font_size": 56,
            },
            "options": {"callback_url": CALLBACK, "external_task_id": "drama-1"},
        },
    },
    prepare=flattened(_BODY, "none", _settle),
    rules=(check_contents(_BODY),),
    capabilities=one_row("720p", 24),
    sound=lambda _request: True,
    shows_watermark=False,
    reports_end_only=True,
    fixed_seconds=_seconds,
    result=_result,
    prices={("", "none", "silent"): UnitPrice(Decimal(1), UNPRICED, "call")},
    typical_seconds={"": 300.0},
    behaviours=(
        *BEHAVIOURS,
        ("A report comes only when a task has ended.", PAGE),
        (
            "The video is 5 seconds long, 16:9 in 720p, and has a subtitle for each second.",
            assumed("videos are never fetched, and nothing is heard or translated"),
        ),
    ),
)
