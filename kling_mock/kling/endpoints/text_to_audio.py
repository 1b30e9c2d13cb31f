"""`text-to-audio`: sounds from a prompt."""

from __future__ import annotations

from kling_mock.kling.endpoints.audios import BEHAVIOURS, PAGE, TYPICAL_SECONDS
from kling_mock.kling.endpoints.example_parts import CALLBACK
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import Capability, CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import Resulting, ResultList
from kling_mock.kling.wire.v1 import V1
from kling_sdk.facts.products.text_to_audio import REQUEST


def _result(request: CreateRequest) -> Resulting:
    return Resulting((ResultList("audios", seconds=float(request.fields["duration"])),))


RECORD = EmulatedEndpoint(
    name="text-to-audio",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Make sounds from a prompt",
    fields=fields_of(REQUEST),
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
    prices=listed_prices("text-to-audio"),
    typical_seconds=TYPICAL_SECONDS,
    behaviours=BEHAVIOURS,
)
