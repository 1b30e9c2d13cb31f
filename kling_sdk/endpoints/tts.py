"""`POST /v1/audio/tts`: a text that is spoken, at once."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.lip_sync import VoiceLanguage
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.facts.products.tts import REQUEST
from kling_sdk.results.answers import Speech

__all__ = ["TextToSpeech"]

_RECORD: Final = EndpointRecord(
    name="tts",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="audios",
    returns=Speech.from_data,
    takes_external_id=False,
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class TextToSpeech(Request):
    """A text that is spoken, at once: `POST /v1/audio/tts`.

    Each call is charged. The sound's id is what `Avatar.audio_id` and `FaceChoice.audio_id` take.
    Source: the vendor's page (two copies agree).

    Attributes:
        text: What is said, 1 to 1000 characters.
        voice_id: The voice, such as `oversea_male1`: one of the voices of `LipSyncInput`. The
            ids of `presets-voices` are refused (observed once).
        voice_language: `zh` or `en`.
        voice_speed: 0.8 to 2.0. None: 1.0.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD

    text: str
    voice_id: str
    voice_language: VoiceLanguage | str
    voice_speed: float | None = None
