"""`POST /v1/videos/lip-sync`: the mouth of a person in a video moves to a text or a sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, get_args

import attrs

from kling_sdk.endpoints import checks
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.common_rules import exactly_one
from kling_sdk.endpoints.from_facts import from_facts, maximum
from kling_sdk.endpoints.record import EndpointRecord, InputLength
from kling_sdk.endpoints.values import (
    build,
    hidden,
    media,
    needed,
    optional_private_text,
    typed,
)
from kling_sdk.facts.products.lip_sync import REQUEST
from kling_sdk.files import SoundSource, sound_problem, to_sound

__all__ = ["SPEEDS", "LipSync", "LipSyncInput", "VoiceLanguage"]

LipSyncMode = Literal["text2video", "audio2video"]
AudioType = Literal["file", "url"]
VoiceLanguage = Literal["zh", "en"]

SPEEDS: Final = (0.8, 2.0)

_MAX_TEXT: Final = maximum(REQUEST.fields, "input.text")

_RECORD: Final = EndpointRecord(
    name="lip-sync",
    path=REQUEST.path,
    fields=REQUEST.fields,
    input_length=InputLength("video", 60),
)

_TEXT: Final = typed(str, "input", "text")


def _to_audio_file(value: SoundSource | None) -> str | None:
    return None if value is None else to_sound(value, field="input.audio_file")


@attrs.frozen
class LipSyncInput:
    """The video, and what is said in it.

    Attributes:
        mode: `text2video` (a text is spoken) or `audio2video` (a sound is played).
        video_id: Id of a video of this account (`Video.id`), 5 to 10 s long and less than 30 days
            old. Either this or `video_url`.
        video_url: Public URL of an mp4 or mov: at most 100 MB, 2 to 60 s (older: 2 to 10 s), 720p
            or 1080p, sides of 720 to 1920 px.
        text: What is said, 1 to 120 characters; with `text2video`.
        voice_id: The voice, such as `oversea_male1`; with `text2video`. The catalogue is that of
            the vendor's text-to-speech.
        voice_language: `zh` or `en`; with `text2video`.
        voice_speed: 0.8 to 2.0, with one decimal. None: 1.0.
        audio_type: `file` or `url`; with `audio2video`.
        audio_file: An mp3, wav, m4a or aac of at most 5 MB: a path object, bytes, binary file,
            data-URI or base64; with `file`.
        audio_url: Public URL of such a file; with `url`.
    """

    mode: LipSyncMode | str = attrs.field(
        validator=needed(str, "input", ", ".join(get_args(LipSyncMode)))
    )
    video_id: str | None = attrs.field(default=None, validator=_TEXT)
    video_url: str | None = attrs.field(default=None, validator=_TEXT, repr=media)
    text: str | None = attrs.field(
        default=None, converter=optional_private_text, validator=_TEXT, repr=hidden
    )
    voice_id: str | None = attrs.field(default=None, validator=_TEXT)
    voice_language: VoiceLanguage | str | None = attrs.field(default=None, validator=_TEXT)
    voice_speed: float | None = attrs.field(
        default=None, validator=typed((int, float), "input", "a number from 0.8 to 2.0")
    )
    audio_type: AudioType | str | None = attrs.field(default=None, validator=_TEXT)
    audio_file: str | None = attrs.field(default=None, converter=_to_audio_file, repr=media)
    audio_url: str | None = attrs.field(default=None, validator=_TEXT, repr=media)


def to_lip_sync_input(value: LipSyncInput | Mapping[str, Any]) -> LipSyncInput:
    """Return the input of lip-sync given as object or mapping."""
    return build(LipSyncInput, "input", value)


def _check_input(request: Any) -> checks.Problems:
    """A text has a voice and a language, a sound its type; nothing goes with the other mode."""
    lip_sync: LipSyncInput = request.input
    yield from _one_of("mode", lip_sync.mode, LipSyncMode)
    if lip_sync.mode == "text2video":
        for name in ("text", "voice_id", "voice_language"):
            yield from _need(lip_sync, name)
        text = lip_sync.text or ""
        if len(text) > _MAX_TEXT:
            yield "input.text", f"has {len(text)} characters", f"at most {_MAX_TEXT} characters"
        yield from _one_of("voice_language", lip_sync.voice_language, VoiceLanguage)
    else:
        yield from _need(lip_sync, "audio_type")
        yield from _one_of("audio_type", lip_sync.audio_type, AudioType)
        yield from _need(lip_sync, "audio_file" if lip_sync.audio_type == "file" else "audio_url")
    low, high = SPEEDS
    if lip_sync.voice_speed is not None and not low <= lip_sync.voice_speed <= high:
        yield "input.voice_speed", f"is {lip_sync.voice_speed}", f"a number from {low} to {high}"
    if lip_sync.audio_file is not None and (problem := sound_problem(lip_sync.audio_file)):
        yield "input.audio_file", *problem
    for name in ("video_url", "audio_url"):
        url = getattr(lip_sync, name)
        if url is not None and not checks.is_web_url(url):
            yield f"input.{name}", "is not a URL", "an http(s) URL"


def _one_of(name: str, value: str | None, literal: Any) -> checks.Problems:
    if value not in get_args(literal):
        yield f"input.{name}", f"is {value!r:.40}", ", ".join(get_args(literal))


def _need(lip_sync: LipSyncInput, name: str) -> checks.Problems:
    if not getattr(lip_sync, name):
        kind = (
            lip_sync.audio_type
            if name.startswith("audio_") and lip_sync.audio_type
            else lip_sync.mode
        )
        yield f"input.{name}", f"is missing with {kind}", "a value"


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class LipSync(Request):
    """A mouth that moves to a text or a sound: `POST /v1/videos/lip-sync`.

    The older of two: see `AdvancedLipSync`. The result is as long as the video. Source: an older
    page and what one account observed on 2026-09-28 (confidence medium). Beta: its limits may be
    out of date.

    Attributes:
        input: What is said in which video: a `LipSyncInput`, or a mapping of its fields. A text
            has at most 120 characters.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: Only `v1` has this endpoint.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (_check_input, exactly_one("video_id", "video_url", within="input"))

    input: LipSyncInput = attrs.field(converter=to_lip_sync_input)
