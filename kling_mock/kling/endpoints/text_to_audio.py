"""`text-to-audio`: sounds from a prompt."""

from __future__ import annotations

from kling_mock.kling.endpoints.audios import BEHAVIOURS, PAGE, TAIL, TYPICAL_SECONDS, UNIT_PRICES
from kling_mock.kling.endpoints.example_parts import CALLBACK
from kling_mock.kling.endpoints.fields import Field, field_shape
from kling_mock.kling.endpoints.record import Capability, CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import Resulting, ResultList
from kling_mock.kling.wire.v1 import V1

__all__ = ["RECORD"]


def _result(request: CreateRequest) -> Resulting:
    return Resulting((ResultList("audios", seconds=float(request.fields["duration"])),))


RECORD = EmulatedEndpoint(
    name="text-to-audio",
    interface=V1,
    path="/v1/audio/text-to-audio",
    fact=PAGE,
    summary="Make sounds from a prompt",
    fields=field_shape(
        Field("prompt", "string", required=True, high=200, fact=PAGE),
        Field("duration", "number", required=True, low=3.0, high=10.0, fact=PAGE),
        *TAIL,
    ),
    examples={
        "plain": {"prompt": "rain on tin", "duration": 5.0},
        "all-fields": {
            "prompt": "a train passes",
            "duration": 3.5,
            "callback_url": CALLBACK,
            "external_task_id": "text-to-audio-1",
        },
    },
    capabilities=(Capability("", "none", (), frozenset(), "none", 0, PAGE),),
    fixed_seconds=lambda fields, _context: round(fields["duration"]),
    sound=lambda _request: True,
    shows_watermark=False,
    result=_result,
    prices=UNIT_PRICES,
    typical_seconds=TYPICAL_SECONDS,
    behaviours=BEHAVIOURS,
)
