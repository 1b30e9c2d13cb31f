"""`POST /v1/audio/tts`: a text that is spoken, at once."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import attrs

from kling_sdk.answers import Speech
from kling_sdk.endpoints import checks
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.lip_sync import SPEEDS, VoiceLanguage
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import hidden

__all__ = ["TextToSpeech"]

_MAX_TEXT: Final = 1000  # characters


def _speech(data: Any) -> Speech:
    return Speech.from_data(data)


_RECORD: Final = EndpointRecord(
    name="tts",
    path="/v1/audio/tts",
    result="audios",
    returns=_speech,
    takes_external_id=False,
)


@attrs.frozen(kw_only=True)
class TextToSpeech(Request):
    """A text that is spoken, at once: `POST /v1/audio/tts`.

    Each call is charged. The sound's id is what `Avatar.audio_id` and `FaceChoice.audio_id` take.
    Source: the vendor's page (two copies agree).

    Attributes:
        text: What is said, 1 to 1000 characters.
        voice_id: Who says it, such as `oversea_male1`: one of the voices of `LipSyncInput`. The
            ids of `presets-voices` are refused (observed once).
        voice_language: `zh` or `en`.
        voice_speed: 0.8 to 2.0. None: 1.0.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD

    text: str = attrs.field(validator=checks.required_text(_MAX_TEXT), repr=hidden)
    voice_id: str = attrs.field(validator=checks.required_text(100))
    voice_language: VoiceLanguage | str = attrs.field(validator=checks.needed_word(VoiceLanguage))
    voice_speed: float | None = attrs.field(default=None, validator=checks.number(*SPEEDS))
