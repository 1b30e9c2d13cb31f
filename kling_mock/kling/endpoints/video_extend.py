"""`video-extend`: an earlier video made longer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.common_rules import ignore_without_effect
from kling_mock.kling.endpoints.example_parts import CALLBACK, VIDEO_ID
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.models import FHD24, HD24, HD30, rows
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import (
    CallContext,
    CreateRequest,
    EmulatedEndpoint,
)
from kling_mock.kling.model.plan import Plan
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.video_extend import REQUEST

_SOURCES = ("text2video", "image2video", "video-extend")
_ADDED = 5  # s; the page has 4 to 5
_MAX_SECONDS = 180  # s

_OPTIONS = "negative_prompt cfg_scale"
_CAPABILITIES = rows(
    (
        ("kling-v1", "std", "", HD30, REQUEST.fact, (5,), ""),
        ("kling-v1", "pro", "", HD30, REQUEST.fact, (5,), ""),
        ("kling-v1-5", "std", _OPTIONS, HD24, REQUEST.fact, (5,), ""),
        ("kling-v1-5", "pro", _OPTIONS, FHD24, REQUEST.fact, (5,), ""),
        ("kling-v1-6", "std", _OPTIONS, HD24, REQUEST.fact, (5,), ""),
        ("kling-v1-6", "pro", _OPTIONS, FHD24, REQUEST.fact, (5,), ""),
    )
)
_MODELS = dict.fromkeys(row.model for row in _CAPABILITIES)
_SERVED = {(row.model, row.mode) for row in _CAPABILITIES}


def _source(fields: Mapping[str, Any], context: CallContext) -> Plan:
    """Return the plan of the video that is extended.

    Raises:
        Refusal: 400/1201, there is no such video, or it cannot be extended.
    """
    video_id = fields["video_id"]
    plan = context.find_video(video_id)
    if plan is None:
        raise invalid("video_id", "must be the id of a video of this account", video_id)
    if plan.endpoint not in _SOURCES or (plan.model, plan.mode) not in _SERVED:
        models = ", ".join(_MODELS)
        made_by = ", ".join(_SOURCES)
        raise invalid("video_id", f"must be a video made by {made_by} with {models}", video_id)
    if plan.seconds + _ADDED > _MAX_SECONDS:
        raise invalid("video_id", f"the result would be longer than {_MAX_SECONDS} s", video_id)
    return plan


def _inherit(fields: Mapping[str, Any], context: CallContext) -> Mapping[str, Any]:
    source = _source(fields, context)
    return {**fields, "model_name": source.model, "mode": source.mode}


def _check_options(request: CreateRequest) -> None:
    for name in _OPTIONS.split():
        ignore_without_effect(request, name)


RECORD = EmulatedEndpoint(
    name="video-extend",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Extend a video by 5 seconds",
    fields=fields_of(REQUEST),
    examples={
        "plain": {"video_id": VIDEO_ID},
        "guided": {
            "video_id": VIDEO_ID,
            "prompt": "The cat walks on.",
            "negative_prompt": "rain",
            "cfg_scale": 0.7,
            "watermark_info": {"enabled": True},
            "callback_url": CALLBACK,
            "external_task_id": "video-extend-1",
        },
    },
    prepare=_inherit,
    parent_field="video_id",
    rules=(_check_options,),
    capabilities=_CAPABILITIES,
    fixed_seconds=lambda fields, context: _source(fields, context).seconds + _ADDED,
    aspect_ratio=lambda request: _source(request.fields, request.context).aspect_ratio,
    prices=listed_prices("video-extend", _CAPABILITIES),
    behaviours=(
        ("the result is 5 s longer than its source", assumed("the page has 4 to 5 s")),
        (
            "a video that cannot be extended is refused with 1201",
            assumed("no response was published"),
        ),
    ),
)
