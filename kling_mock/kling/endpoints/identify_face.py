"""`identify-face`: returns the faces of a video, and a session in which one of them can speak."""

from __future__ import annotations

import json

from kling_mock.kling.endpoints.call_files import keep_file, refuse_what_would_fail
from kling_mock.kling.endpoints.example_parts import SITE, VIDEO_ID
from kling_mock.kling.endpoints.fields import Field, field_shape
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import DirectCall, EmulatedEndpoint
from kling_mock.kling.endpoints.source_video import (
    ASSUMED_SECONDS,
    UNKNOWN_LENGTH,
    read_source,
)
from kling_mock.kling.model.sessions import CallFile
from kling_mock.kling.wire.v1 import V1
from kling_mock.kling.wire.v1_schemas import closed
from kling_mock.web.facts import assumed, documented
from kling_mock.web.openapi import Schema

NAME = "identify-face"
FACES = ("0",)  # what every video has; see the behaviours
SESSION_SECONDS = 24 * 3600
_MAX_SECONDS = 60  # s of a video
_PICTURE = (256, 256)  # pixels of a face's picture
_PAGE = documented("pages-2026-09", as_of="2026-09-20", note="two copies agree")


def _reply(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: a session, and the faces.

    Raises:
        Refusal: 400/1201, the video cannot be used; the account may not call (1101 to 1103).
    """
    source = read_source(call.fields, call.context, _MAX_SECONDS)
    refuse_what_would_fail(call)
    call.charge()
    session = call.sessions.open(call.account, NAME, call.now + SESSION_SECONDS, source)
    reply_data = {
        "session_id": session.session_id,
        "final_unit_deduction": f"{RECORD.units_per_call.normalize():f}",
        "face_data": [
            {
                "face_id": face,
                "face_image": keep_file(call, CallFile("image", _PICTURE)).url,
                "start_time": 0,
                "end_time": source.seconds * 1000,
            }
            for face in FACES
        ],
    }
    return json.dumps(reply_data, separators=(",", ":"))


_MILLISECONDS: Schema = {"type": "integer", "description": "Milliseconds of the video."}

RECORD = EmulatedEndpoint(
    name=NAME,
    interface=V1,
    path="/v1/videos/identify-face",
    fact=_PAGE,
    summary="Find the faces of a video, and open a session for advanced-lip-sync",
    fields=field_shape(
        Field("video_id", "string", fact=_PAGE), Field("video_url", "url", fact=_PAGE)
    ),
    examples={
        "url": {"video_url": f"{SITE}/talk.mp4"},
        "result": {"video_id": VIDEO_ID},
    },
    prices=listed_prices("identify-face"),
    reply=_reply,
    reply_schema=closed(
        session_id={"type": "string", "pattern": "^[0-9]{18}$"},
        final_unit_deduction={"type": "string"},
        face_data={
            "type": "array",
            "items": closed(
                face_id={"type": "string"},
                face_image={"type": "string", "format": "uri"},
                start_time=_MILLISECONDS,
                end_time=_MILLISECONDS,
            ),
        },
    ),
    behaviours=(
        (
            "Every video has one face, `0`, from its beginning to its end.",
            assumed("pictures are not analysed; the page says that an id may be 0 or -1"),
        ),
        (f"A video that is given by its URL is {ASSUMED_SECONDS} s long.", UNKNOWN_LENGTH),
        (
            "The picture of a face is a pattern of 256x256 pixels.",
            assumed("pictures are not analysed, and the page has no size"),
        ),
        (
            "A session ends 24 hours after it was opened, and may be used any number of times.",
            assumed("the page does not say; a session of multi-elements has 24 hours"),
        ),
        (
            "The units are taken at once, and only when the call succeeds.",
            assumed("the page has the deduction in the response"),
        ),
    ),
)
