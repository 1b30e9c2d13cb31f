"""`video-to-audio`: sounds for a video, and the video with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.audios import BEHAVIOURS, PAGE, TYPICAL_SECONDS
from kling_mock.kling.endpoints.example_parts import CALLBACK, SITE, VIDEO_ID
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.models import HD30, rows
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CallContext, CreateRequest, EmulatedEndpoint
from kling_mock.kling.endpoints.source_video import (
    ASSUMED_SECONDS,
    UNKNOWN_LENGTH,
    SourceVideo,
    read_source,
)
from kling_mock.kling.model.plan import ParentVideo, Resulting, ResultList
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.video_to_audio import REQUEST

_MIN_SECONDS, _MAX_SECONDS = 3, 20  # s of a video


def _video(fields: Mapping[str, Any], context: CallContext) -> SourceVideo:
    return read_source(fields, context, _MAX_SECONDS, min_seconds=_MIN_SECONDS, takes_4k=True)


def _parent(fields: Mapping[str, Any], context: CallContext) -> ParentVideo | None:
    source = _video(fields, context)
    return ParentVideo(source.video_id, source.seconds) if source.video_id else None


def _shape(request: CreateRequest) -> str:
    return _video(request.fields, request.context).aspect_ratio


def _result(request: CreateRequest) -> Resulting:
    sound = ResultList("audios", seconds=float(request.seconds))
    return Resulting((ResultList("videos"), sound))


RECORD = EmulatedEndpoint(
    name="video-to-audio",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Make sounds for a video",
    fields=fields_of(REQUEST),
    examples={
        "url": {
            "video_url": f"{SITE}/walk.mp4",
            "sound_effect_prompt": "steps on gravel",
            "asmr_mode": False,
        },
        "all-fields": {
            "video_id": VIDEO_ID,
            "sound_effect_prompt": "steps on gravel",
            "bgm_prompt": "a slow piano",
            "asmr_mode": True,
            "callback_url": CALLBACK,
            "external_task_id": "video-to-audio-1",
        },
    },
    capabilities=rows((("", "none", "", HD30, PAGE, (), ""),)),
    fixed_seconds=lambda fields, context: _video(fields, context).seconds,
    aspect_ratio=_shape,
    parent_video=_parent,
    sound=lambda _request: True,
    shows_watermark=False,
    result=_result,
    prices=listed_prices("video-to-audio"),
    typical_seconds=TYPICAL_SECONDS,
    behaviours=(
        (f"A video that is given by its URL is {ASSUMED_SECONDS} s long.", UNKNOWN_LENGTH),
        (
            "Its video has a sound track, in 720p; it is 16:9 or in the shape of its source.",
            assumed("the page does not say; videos behind URLs are never fetched"),
        ),
        (
            "A task has `parent_video` if its video was given by its id.",
            assumed("which id the service gives to a video from a URL is not known"),
        ),
        *BEHAVIOURS,
    ),
)
