"""`POST /solutions/talking_agent`: a person who speaks, about goods or about something else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, get_args

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import FieldTexts
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import (
    CallContext,
    CreateRequest,
    EmulatedEndpoint,
    UnitPrice,
    listed_use,
)
from kling_mock.kling.endpoints.solution_parts import (
    BEHAVIOURS,
    VALUE,
    ItemTexts,
    SolutionBody,
    check_contents,
    flattened,
    resolution_rows,
)
from kling_mock.kling.endpoints.tts import speech_seconds
from kling_mock.kling.service_codes import refusal
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.talking_agent import REQUEST
from kling_sdk.facts.solutions import PAGE
from kling_sdk.facts.voices import AgentVoice

_GOODS = frozenset(
    {"ref_image", "goods_title", "goods_price", "goods_target_audience", "goods_selling_point"}
)
_RESOLUTIONS = ("720p", "1080p")
_CAPABILITIES = resolution_rows(*_RESOLUTIONS)
_MAX_SECONDS = 300  # seconds of an emulated video

_BODY: Final = SolutionBody(
    REQUEST,
    {
        "avatar_image": ItemTexts(wrong="agent_image"),
        "speech_script": ItemTexts("no_speech"),
        "ref_image": ItemTexts(wrong="agent_image"),
        "goods_title": ItemTexts(wrong="goods_title_needed"),
    },
    {
        "resolution": FieldTexts("solution_resolution", "solution_resolution"),
        "aspect_ratio": FieldTexts("agent_ratio", "agent_ratio"),
        "allow_polish": VALUE,
        "speech_rate": FieldTexts(wrong_type="speech_rate"),
        "bgm_enabled": VALUE,
    },
    words=get_args(AgentVoice),
)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


#: The other names of settings -> their own.
_ALIASES: Final = {_camel(row.name): row.name for row in REQUEST.settings if "_" in row.name}
_OTHER_NAMES: Final = tuple(
    field._replace(name=_camel(field.name), default=None)
    for field in _BODY.settings
    if "_" in field.name
)
_RATES: Final = next(row.numbers for row in REQUEST.settings if row.name == "speech_rate")


def _settle(settings: dict[str, Any]) -> None:
    for alias, name in _ALIASES.items():
        if alias in settings:
            settings.setdefault(name, settings.pop(alias))
    rate = settings.get("speech_rate")
    if rate is not None and rate not in _RATES:
        note = "must be 0.8, 1.0 or 1.2"
        raise refusal("speech_rate", field="settings.speech_rate", note=note)


def _types(request: CreateRequest) -> set[str]:
    return {item["type"] for item in request.fields["contents"]}


def _check_person(request: CreateRequest) -> None:
    """Check that there is one person: the user's own with a voice, or the vendor's without."""
    types, voice = _types(request), request.fields.get("voice_id")
    if len(types & {"avatar_image", "avatar_id"}) != 1:
        raise refusal("avatar_source", field="contents", note="must be one of the two")
    if "avatar_image" in types and voice is None:
        raise refusal("avatar_voice", field="settings.voice_id", note="must be a voice")
    if "avatar_id" in types and voice is not None:
        raise refusal("avatar_source", field="settings.voice_id", note="must not be there")


def _check_goods(request: CreateRequest) -> None:
    """Check that goods have a picture and a title, but no rate of speech."""
    types = _types(request)
    if not types & _GOODS:
        return
    if "ref_image" not in types:
        raise refusal("no_ref_image", field="contents", note="must have a ref_image")
    if "goods_title" not in types:
        raise refusal("goods_title_needed", field="contents", note="must have a goods_title")
    if "speech_rate" in request.fields:
        note = "must not be there with goods"
        raise refusal("speech_rate_goods", field="settings.speech_rate", note=note)


def _seconds(fields: Mapping[str, Any], _context: CallContext) -> int:
    """Return how long it takes to say the text, in whole seconds."""
    items = fields["contents"]
    script = next((item.get("text", "") for item in items if item["type"] == "speech_script"), "")
    language = "en" if script.isascii() else "zh"
    seconds = math.ceil(speech_seconds(script, language, float(fields.get("speech_rate", 1.0))))
    return min(seconds, _MAX_SECONDS)


def _aspect_ratio(request: CreateRequest) -> str:
    return str(request.fields.get("aspect_ratio", "9:16"))


def _use(request: CreateRequest) -> str:
    return listed_use(request, **dict.fromkeys(_types(request), True))


RECORD = EmulatedEndpoint(
    name="solutions-talking-agent",
    interface=SOLUTIONS,
    path=REQUEST.path,
    fact=PAGE,
    summary="Let a person speak, about goods or something else",
    fields=_BODY.fields(*_OTHER_NAMES),
    examples={
        "plain": {
            "contents": [
                {"type": "avatar_id", "text": "avatar_mia_female"},
                {"type": "speech_script", "text": "Here is my tip."},
            ],
            "settings": {"speech_rate": 1.2},
        },
        "goods": {
            "contents": [
                {"type": "avatar_image", "url": f"{SITE}/person.jpg"},
                {"type": "ref_image", "url": IMAGE},
                {"type": "goods_title", "text": "A small loudspeaker"},
                {"type": "goods_price", "text": "49"},
                {"type": "goods_target_audience", "text": "Campers"},
                {"type": "goods_selling_point", "text": "It swims."},
                {"type": "speech_script", "text": "I never leave without it."},
            ],
            "settings": {
                "resolution": "1080p",
                "aspect_ratio": "16:9",
                "allow_polish": True,
                "voice_id": "male_calm_informative",
                "action_prompt": "He lifts it up.",
                "bgm_enabled": True,
            },
            "options": {
                "callback_url": CALLBACK,
                "external_task_id": "agent-1",
                "watermark": {"enabled": True},
            },
        },
        "other-names": {
            "contents": [
                {"type": "avatar_image", "url": f"{SITE}/person.jpg"},
                {"type": "speech_script", "text": "Here is my tip."},
            ],
            "settings": {
                "aspectRatio": "16:9",
                "allowPolish": True,
                "voiceId": "female_warm_rich",
                "speechRate": 0.8,
                "actionPrompt": "She nods.",
                "bgmEnabled": False,
            },
        },
    },
    prepare=flattened(_BODY, settle=_settle),
    rules=(_check_person, check_contents(_BODY), _check_goods),
    capabilities=_CAPABILITIES,
    default_mode="720p",
    sound=lambda _request: True,
    fixed_seconds=_seconds,
    aspect_ratio=_aspect_ratio,
    prices=listed_prices("solutions-talking-agent", _CAPABILITIES)
    | {
        ("", mode, "silent"): UnitPrice(
            Decimal("1.4"), assumed("only the price with goods is known; this is the same")
        )
        for mode in _RESOLUTIONS
    },
    use=_use,
    typical_seconds={"": 300.0},
    behaviours=(
        *BEHAVIOURS,
        (
            "A second has 14 characters of ASCII or 4 others, at rate 1; a video 300 s at most.",
            assumed("nothing is spoken here, and no page gives a length"),
        ),
        (
            "Any `avatar_id` is taken, and only the voices of the page.",
            assumed("the page says of both lists that they will change"),
        ),
        (
            "Settings may have names in camel case too; beside the usual name they do not count.",
            PAGE,
        ),
        (
            "`voice_id` beside `avatar_id` is refused as two persons are.",
            assumed("the page forbids it and has no text for it", "solutions-2026-09"),
        ),
    ),
)
