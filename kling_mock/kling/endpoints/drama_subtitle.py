"""`POST /solutions/drama_subtitle`: a Chinese video with English subtitles."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, SITE
from kling_mock.kling.endpoints.fields import Field
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
    ItemRule,
    check_contents,
    flattened,
    one_row,
    solution_fields,
)
from kling_mock.kling.model.plan import Resulting, ResultList
from kling_mock.kling.service_codes import refusal
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.kling.wire.solutions_schemas import PAGE_OF
from kling_mock.web.facts import assumed

__all__ = ["RECORD"]

_RULES = (
    ItemRule(
        "source_video",
        "url",
        missing="no_source_video",
        many="source_video_count",
        wrong="source_video_url",
    ),
    ItemRule(
        "glossary",
        "glossary",
        most=200,
        longest=100,
        many="glossary_count",
        wrong="glossary_entry",
    ),
)
_RANGES = {"target_cps": (10, 20), "margin_v": (1, 4096), "font_size": (1, 512)}
_SETTINGS = (
    Field("target_cps", "integer", fact=PAGE_OF, default=17, wrong_type="subtitle_integers"),
    Field("target_language", "string", enum=("en",), fact=PAGE_OF, default="en"),
    Field("margin_v", "integer", fact=PAGE_OF, wrong_type="subtitle_integers"),
    Field("font_size", "integer", fact=PAGE_OF, wrong_type="subtitle_integers"),
)


def _settle(settings: dict[str, Any]) -> None:
    for name, (low, high) in _RANGES.items():
        given = settings.get(name)
        field, note = f"settings.{name}", f"must be a whole number from {low} to {high}"
        if given is not None and given < 1:
            raise refusal("subtitle_integers", field=field, note=note)
        if given is not None and not low <= given <= high:
            raise refusal("subtitle_range", field=field, note=note, param=name, low=low, high=high)


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
    path="/solutions/drama_subtitle",
    fact=PAGE_OF,
    summary="Give a Chinese video English subtitles",
    fields=solution_fields(_RULES, _SETTINGS, ""),
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
    prepare=flattened(_RULES, "", "none", _settle),
    rules=(check_contents(*_RULES),),
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
        ("A report comes only when a task has ended.", PAGE_OF),
        (
            "The video is 5 seconds long, 16:9 in 720p, and has a subtitle for each of them.",
            assumed("videos are never fetched, and nothing is heard or translated"),
        ),
    ),
)
