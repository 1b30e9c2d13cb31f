"""`lip-sync`, the older of two such endpoints: moves a mouth to a text or a sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kling_mock.kling.endpoints.example_parts import CALLBACK, SITE, VIDEO_ID
from kling_mock.kling.endpoints.fields import FieldTexts, fields_of
from kling_mock.kling.endpoints.images import check_reachable
from kling_mock.kling.endpoints.models import HD30, rows
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import (
    CallContext,
    CreateRequest,
    EmulatedEndpoint,
)
from kling_mock.kling.endpoints.sounds import read_seconds
from kling_mock.kling.endpoints.source_video import (
    ASSUMED_SECONDS,
    UNKNOWN_LENGTH,
    SourceVideo,
    read_source,
)
from kling_mock.kling.model.plan import ParentVideo
from kling_mock.kling.service_codes import invalid, refusal
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed, documented
from kling_sdk.facts.products.lip_sync import REQUEST
from kling_sdk.facts.voices import VOICES

_MAX_SECONDS = 60  # s of a video; 10 in older pages
_MAX_OWN_SECONDS = 10  # s of the account's own video
_SOUND_SECONDS = (2.0, 60.0)

_CHOICE: Final = FieldTexts(wrong_value="choice")
_TEXTS: Final = {
    "input.mode": _CHOICE,
    "input.voice_language": _CHOICE,
    "input.voice_speed": FieldTexts(validated=True),
    "input.audio_type": _CHOICE,
}


def _video(fields: Mapping[str, Any], context: CallContext) -> SourceVideo:
    brought = fields["input"]
    max_seconds = _MAX_OWN_SECONDS if brought.get("video_id") else _MAX_SECONDS
    return read_source(brought, context, max_seconds, "input.")


def _check_input(fields: Mapping[str, Any], context: CallContext) -> Mapping[str, Any]:
    """Check the speech and the video: the mode first, then the video.

    Raises:
        Refusal: 400/1201, in the words of the service where they are known.
    """
    brought = fields["input"]
    if "mode" not in brought:
        note = "required, one of text2video, audio2video"
        raise refusal("null", "input.mode", field="input.mode", note=note)
    _video(fields, context)
    if brought["mode"] == "text2video":
        _check_text(brought)
    else:
        _check_sound(brought, context)
    return fields


def _check_text(brought: Mapping[str, Any]) -> None:
    if "text" not in brought:
        raise refusal("no_text", field="input.text", note="required with text2video")
    if "voice_language" not in brought:
        note = "required with text2video, zh or en"
        raise refusal("no_voice_language", field="input.voice_language", note=note)
    if brought.get("voice_id") not in VOICES:
        note = f"must be one of the {len(VOICES)} known voices"
        raise refusal("no_voice", field="input.voice_id", note=note)


def _check_sound(brought: Mapping[str, Any], context: CallContext) -> None:
    kind = brought.get("audio_type")
    if kind is None:
        note = "required with audio2video, file or url"
        raise refusal("no_audio_type", field="input.audio_type", note=note)
    name = f"audio_{kind}"
    if name not in brought:
        raise invalid(f"input.{name}", f"required with audio_type {kind}")
    noticed = context.reader.noticed
    if kind == "url":
        check_reachable(brought[name], noticed)
    else:
        read_seconds(brought[name], "input.audio_file", noticed, _SOUND_SECONDS)


def _parent(fields: Mapping[str, Any], context: CallContext) -> ParentVideo | None:
    source = _video(fields, context)
    return ParentVideo(source.video_id, source.seconds) if source.video_id else None


def _shape(request: CreateRequest) -> str:
    return _video(request.fields, request.context).aspect_ratio


RECORD = EmulatedEndpoint(
    name="lip-sync",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Let a mouth in a video move to a text or a sound",
    fields=fields_of(REQUEST, _TEXTS),
    examples={
        "text": {
            "input": {
                "mode": "text2video",
                "video_id": VIDEO_ID,
                "text": "Hello there",
                "voice_id": "oversea_male1",
                "voice_language": "en",
                "voice_speed": 1.0,
            },
            "callback_url": CALLBACK,
            "external_task_id": "lip-sync-1",
        },
        "sound": {
            "input": {
                "mode": "audio2video",
                "video_url": f"{SITE}/talk.mp4",
                "audio_type": "url",
                "audio_url": f"{SITE}/speech.mp3",
            },
        },
        "sound-in-base64": {
            "input": {
                "mode": "audio2video",
                "video_url": f"{SITE}/talk.mp4",
                "audio_type": "file",
                # 3 s of silence: a WAV of 100 bytes a second
                "audio_file": (
                    "UklGRlABAABXQVZFZm10IBAAAAABAAEAZAAAAGQAAAABAAgAZGF0YSwBAACA"
                    + "gICA" * 99
                    + "gIA="
                ),
            },
        },
    },
    prepare=_check_input,
    capabilities=rows((("", "none", "", HD30, REQUEST.fact, (), ""),)),
    fixed_seconds=lambda fields, context: _video(fields, context).seconds,
    aspect_ratio=_shape,
    parent_video=_parent,
    sound=lambda _request: True,
    prices=listed_prices("lip-sync"),
    typical_seconds={"": 120.0},
    behaviours=(
        (
            f"A video of the account is at most {_MAX_OWN_SECONDS} s long.",
            documented("digest-2026-01", as_of="2026-01-01", confidence="low"),
        ),
        (f"A video that is given by its URL is {ASSUMED_SECONDS} s long.", UNKNOWN_LENGTH),
        ("The result is 720p in 16:9 unless the video is one of the account's.", UNKNOWN_LENGTH),
        (
            "A task has `parent_video` if its video was given by its id.",
            assumed("which id the service gives to a video from a URL is not known"),
        ),
        (
            "It takes an `external_task_id`.",
            assumed("the page of all tasks has one, the bodies that were seen have none"),
        ),
    ),
)
