"""`advanced-lip-sync`: makes a face that identify-face has found speak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import AUDIO_ID, CALLBACK, SESSION_ID, SITE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.identify_face import FACES, SESSION_SECONDS
from kling_mock.kling.endpoints.identify_face import NAME as IDENTIFY
from kling_mock.kling.endpoints.models import HD30, rows
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import (
    CallContext,
    CreateRequest,
    EmulatedEndpoint,
)
from kling_mock.kling.endpoints.sounds import LENGTHS
from kling_mock.kling.endpoints.source_sound import AUDIO_IDS, sound_seconds
from kling_mock.kling.endpoints.source_video import SourceVideo
from kling_mock.kling.model.plan import ParentVideo
from kling_mock.kling.model.sessions import CallSession
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.advanced_lip_sync import REQUEST

_SOUND_SECONDS = (2.0, 60.0)
_MIN_MS = 2000  # of the part that is played, and beside the face
_FACE = "face_choose[0]"


def _session(fields: Mapping[str, Any], context: CallContext) -> CallSession:
    """Return the session of identify-face.

    Raises:
        Refusal: 400/1201, the account does not have such a session.
    """
    session = context.find_session(IDENTIFY, fields["session_id"])
    if session is None:
        text = "must be the id of a session of identify-face that has not ended"
        raise invalid("session_id", text, fields["session_id"])
    return session


def _source(fields: Mapping[str, Any], context: CallContext) -> SourceVideo:
    """Return the video of the session; see `_session`."""
    source: SourceVideo = _session(fields, context).data
    return source


def _check_face(fields: Mapping[str, Any], context: CallContext) -> Mapping[str, Any]:
    """Check the session, the face, the sound, and when it is heard.

    Raises:
        Refusal: 400/1201, one of them is wrong.
    """
    source, face = _source(fields, context), fields["face_choose"][0]
    if face["face_id"] not in FACES:
        raise invalid(f"{_FACE}.face_id", "must be a face of the session", face["face_id"])
    length = round(sound_seconds(face, context, _SOUND_SECONDS, f"{_FACE}.") * 1000)
    start, end, insert = (face[f"sound_{name}_time"] for name in ("start", "end", "insert"))
    if end > length:
        text = f"must not be behind the end of the sound, {length} ms"
        raise invalid(f"{_FACE}.sound_end_time", text, end)
    if end - start < _MIN_MS:
        text = f"must be at least {_MIN_MS} ms after sound_start_time"
        raise invalid(f"{_FACE}.sound_end_time", text, end)
    shared = min(insert + end - start, source.seconds * 1000) - insert
    if shared < _MIN_MS:
        text = f"must leave at least {_MIN_MS} ms of the face, which is seen until "
        raise invalid(f"{_FACE}.sound_insert_time", f"{text}{source.seconds * 1000} ms", insert)
    return fields


def _parent(fields: Mapping[str, Any], context: CallContext) -> ParentVideo:
    session, source = _session(fields, context), _source(fields, context)
    # The session has an id of its own, and the number after it is not used for a task.
    own = str(int(session.session_id) + 1)
    return ParentVideo(source.video_id or own, source.seconds, source.url)


def _shape(request: CreateRequest) -> str:
    return _source(request.fields, request.context).aspect_ratio


RECORD = EmulatedEndpoint(
    name="advanced-lip-sync",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Let a face speak that identify-face has found",
    fields=fields_of(REQUEST),
    examples={
        "plain": {
            "session_id": SESSION_ID,
            "face_choose": [
                {
                    "face_id": "0",
                    "sound_file": f"{SITE}/speech.mp3",
                    "sound_start_time": 0,
                    "sound_end_time": 3000,
                    "sound_insert_time": 500,
                }
            ],
        },
        "all-fields": {
            "session_id": SESSION_ID,
            "face_choose": [
                {
                    "face_id": "0",
                    "audio_id": AUDIO_ID,
                    "sound_start_time": 0,
                    "sound_end_time": 3000,
                    "sound_insert_time": 500,
                    "sound_volume": 1.5,
                    "original_audio_volume": 0,
                }
            ],
            "watermark_info": {"enabled": True},
            "callback_url": CALLBACK,
            "external_task_id": "advanced-lip-sync-1",
        },
    },
    prepare=_check_face,
    capabilities=rows((("", "none", "", HD30, REQUEST.fact, (), ""),)),
    fixed_seconds=lambda fields, context: _source(fields, context).seconds,
    aspect_ratio=_shape,
    parent_video=_parent,
    sound=lambda _request: True,
    prices=listed_prices("advanced-lip-sync"),
    typical_seconds={"": 120.0},
    behaviours=(
        *LENGTHS,
        (
            f"A session is good for {SESSION_SECONDS // 3600} hours.",
            assumed("the page does not say for how long"),
        ),
        (
            "A task can be asked for by its external id.",
            assumed("the page of the query names the task id only", "pages-2026-09"),
        ),
        AUDIO_IDS,
    ),
)
