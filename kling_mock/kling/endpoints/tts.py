"""`tts`: speech from a text, returned in the reply."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from kling_mock.kling.endpoints.audios import PAID
from kling_mock.kling.endpoints.call_files import keep_file
from kling_mock.kling.endpoints.fields import FieldTexts, fields_of
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import DirectCall, EmulatedEndpoint
from kling_mock.kling.media.urls import RETENTION
from kling_mock.kling.model.plan import seconds_text
from kling_mock.kling.model.sessions import CallFile
from kling_mock.kling.service_codes import refusal
from kling_mock.kling.wire.v1 import V1
from kling_mock.kling.wire.v1_schemas import SOUND_SECONDS, closed
from kling_mock.web.facts import assumed, documented
from kling_sdk.facts.products.tts import REQUEST
from kling_sdk.facts.voices import CATALOGUE, VOICES

#: The number of characters spoken per second at speed 1.
_TEXTS: Final = {
    "voice_language": FieldTexts(wrong_value="choice"),
    "voice_speed": FieldTexts(validated=True),
}
_PER_SECOND: Mapping[str, float] = {"zh": 4.0, "en": 14.0}
_MIN_SECONDS = 0.5  # s


def speech_seconds(text: str, language: str, speed: float) -> float:
    """Return the time that it takes to speak a text, in seconds, to the millisecond.

    Args:
        text: The text.
        language: `zh` or `en`.
        speed: 0.8 to 2.0.
    """
    return round(max(len(text) / _PER_SECOND[language], _MIN_SECONDS) / speed, 3)


def _reply(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: the sound, under an id that other requests take.

    Raises:
        Refusal: 400/1201, there is no such voice; the account may not call (1101 to 1103).
    """
    fields: Mapping[str, Any] = call.fields
    if fields["voice_id"] not in VOICES:
        note = f"must be one of the {len(VOICES)} known voices"
        raise refusal("no_voice", field="voice_id", note=note)
    seconds = speech_seconds(
        fields["text"], fields["voice_language"], float(fields.get("voice_speed", 1.0))
    )
    call.charge()
    sound = keep_file(call, CallFile("audio", seconds=seconds))
    reply_data = {
        # The sound has an id of its own, and the number after it is not used for a task.
        "task_id": str(int(sound.id) + 1),
        "task_status": "succeed",
        "task_status_msg": "",
        "task_result": {
            "audios": [
                {
                    "id": sound.id,
                    "url": sound.url,
                    "duration": seconds_text(seconds),
                }
            ]
        },
        "final_unit_deduction": f"{RECORD.units_per_call.normalize():f}",
    }
    return json.dumps(reply_data, separators=(",", ":"))


RECORD = EmulatedEndpoint(
    name="tts",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Speak a text",
    fields=fields_of(REQUEST, _TEXTS),
    examples={
        "plain": {"text": "Good morning", "voice_id": "oversea_male1", "voice_language": "en"},
        "all-fields": {
            "text": "Good morning, and welcome to the show.",
            "voice_id": "ai_kaiya",
            "voice_language": "zh",
            "voice_speed": 1.2,
        },
    },
    prices=listed_prices("tts"),
    reply=_reply,
    reply_schema=closed(
        task_id={"type": "string", "pattern": "^[0-9]{18}$"},
        task_status={"const": "succeed"},
        task_status_msg={"const": ""},
        task_result=closed(
            audios={
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": closed(
                    id={"type": "string", "pattern": "^[0-9]{18}$"},
                    url={"type": "string", "format": "uri"},
                    duration=SOUND_SECONDS,
                ),
            }
        ),
        final_unit_deduction={"type": "string"},
    ),
    behaviours=(
        (
            f"A second has {_PER_SECOND['en']:g} characters in en, {_PER_SECOND['zh']:g} in zh.",
            assumed("nothing is spoken here; the length is divided by voice_speed"),
        ),
        ("The sound is a tone.", assumed("nothing is spoken here")),
        ("The file is an MP3.", assumed("the page has `url` and no type")),
        (
            "The reply has no `created_at` and `updated_at`.",
            assumed("the page shows one without; a published reply may have them"),
        ),
        (
            "Voices are those of `lip-sync`; any other is refused, those of `presets-voices` too.",
            CATALOGUE,
        ),
        (
            "A voice speaks both languages.",
            assumed("which voice has which language is not known for all of them"),
        ),
        (
            "A wrong `voice_speed` or `voice_language` is refused in the words of `lip-sync`.",
            assumed("no refusal of tts was seen except that of a voice"),
        ),
        ("The id of the sound can be used, and its file fetched, for 30 days.", RETENTION),
        (
            "A repeat makes another sound: there is no external id.",
            documented("pages-2026-09", as_of="2026-09-20", note="the page has no such field"),
        ),
        PAID,
    ),
)
