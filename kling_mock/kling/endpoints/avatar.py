"""`avatar/image2video`: a person in a picture who speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import AUDIO_ID, CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.models import FHD24, HD24, rows
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import (
    CallContext,
    CreateRequest,
    EmulatedEndpoint,
)
from kling_mock.kling.endpoints.sounds import LENGTHS
from kling_mock.kling.endpoints.source_sound import AUDIO_IDS, sound_seconds
from kling_mock.kling.model.plan import nearest_aspect_ratio
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import observed
from kling_sdk.facts.products.avatar import REQUEST

_LIMITS = (2.0, 300.0)  # s of a sound

_CAPABILITIES = rows(
    (
        ("", "std", "", HD24, REQUEST.fact, (), ""),
        ("", "pro", "", FHD24, REQUEST.fact, (), ""),
    )
)


def _seconds(fields: Mapping[str, Any], context: CallContext) -> int:
    """Return the length of the result, that of the sound.

    Raises:
        Refusal: 400/1201, there is not exactly one sound, or it is too short or too long.
    """
    return round(sound_seconds(fields, context, _LIMITS))


def _aspect_ratio(request: CreateRequest) -> str:
    size = inspect(request.fields["image"], "image", request.context.reader.noticed)
    return "16:9" if size is None else nearest_aspect_ratio(size.width, size.height)


RECORD = EmulatedEndpoint(
    name="avatar",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Let a person in a picture speak",
    fields=fields_of(REQUEST),
    examples={
        "plain": {"image": IMAGE, "sound_file": f"{SITE}/speech.mp3"},
        "all-fields": {
            "image": IMAGE,
            "audio_id": AUDIO_ID,
            "prompt": "She nods.",
            "mode": "pro",
            "watermark_info": {"enabled": True},
            "callback_url": CALLBACK,
            "external_task_id": "avatar-1",
        },
    },
    capabilities=_CAPABILITIES,
    default_mode="std",
    fixed_seconds=_seconds,
    aspect_ratio=_aspect_ratio,
    sound=lambda _request: True,
    prices=listed_prices("avatar", _CAPABILITIES),
    # For 5 s; a sound of 11.3 s took 15.7 minutes once.
    typical_seconds={"": 600.0},
    behaviours=(
        *LENGTHS,
        (
            "The result is as long as the sound, rounded to whole seconds.",
            observed(
                "probe-2026-09",
                as_of="2026-09-22",
                note="11.3 s of sound made 12.27 s and cost 11; the extra second is not copied",
            ),
        ),
        AUDIO_IDS,
    ),
)
