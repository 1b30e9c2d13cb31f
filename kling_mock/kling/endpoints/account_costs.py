"""`GET /account/costs`: the resource packs of an account, wrapped in a second envelope."""

from __future__ import annotations

import json
import math
from typing import get_args
from urllib.parse import parse_qsl

from kling_mock.kling.endpoints.record import DirectCall, EmulatedEndpoint
from kling_mock.kling.model.admission import COSTS_RATE, check_costs_rate
from kling_mock.kling.model.packs import Pack, PackStatus
from kling_mock.kling.service_codes import SUCCEED, invalid, refusal
from kling_mock.kling.wire.v1 import V1
from kling_mock.kling.wire.v1_schemas import closed
from kling_mock.web.facts import assumed, documented
from kling_mock.web.openapi import Parameter, Schema

_DIGITS = 15  # of a time in milliseconds
_NEVER = 253_402_300_799_000  # ms: the end of the year 9999, for a pack that does not end


def _costs(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: packs that counted at some instant between two times.

    Raises:
        Refusal: 400/1200, a time is missing; 400/1201, it is not a number; 429/1302, the last
            call was less than a second ago.
    """
    parameters = dict(parse_qsl(call.query, keep_blank_values=True))
    start, end = _time("start_time", parameters), _time("end_time", parameters)
    if start > end:
        raise invalid("start_time", "must not be after end_time", start)
    check_costs_rate(call.account, call.now)
    name = parameters.get("resource_pack_name")
    packs = [
        _row(pack, call.now)
        for pack in call.account.packs
        if name in {None, "", pack.name} and pack.begins * 1000 <= end and pack.ends * 1000 >= start
    ]
    inner = {"code": 0, "msg": SUCCEED, "resource_pack_subscribe_infos": packs}
    return json.dumps(inner, separators=(",", ":"))


def _row(pack: Pack, now: float) -> dict[str, object]:
    return {
        "resource_pack_name": pack.name,
        "resource_pack_id": pack.pack_id,
        "resource_pack_type": "decreasing_total",
        "total_quantity": float(pack.total),
        "remaining_quantity": float(pack.remaining),
        "purchase_time": int(pack.bought * 1000),
        "effective_time": int(pack.begins * 1000),
        "invalid_time": _NEVER if math.isinf(pack.ends) else int(pack.ends * 1000),
        "status": pack.status(now),
    }


def _time(name: str, parameters: dict[str, str]) -> int:
    value = parameters.get(name)
    if value is None:
        raise refusal("parameter_missing", field=name, note="required, Unix time in milliseconds")
    if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS):
        raise invalid(name, "required, must be Unix time in milliseconds", value)
    return int(value)


_TIME: Schema = {"type": "integer", "minimum": 0, "maximum": 10**_DIGITS - 1}
_TEXT: Schema = {"type": "string"}
_UNITS: Schema = {"type": "number", "minimum": 0}
_MILLISECONDS: Schema = {"type": "integer", "description": "Unix time in milliseconds."}
_PACK = closed(
    resource_pack_name=_TEXT,
    resource_pack_id=_TEXT,
    resource_pack_type={"const": "decreasing_total"},
    total_quantity=_UNITS,
    remaining_quantity=_UNITS,
    purchase_time=_MILLISECONDS,
    effective_time=_MILLISECONDS,
    invalid_time=_MILLISECONDS,
    status={"enum": [*get_args(PackStatus)]},
)

RECORD = EmulatedEndpoint(
    name="costs",
    interface=V1,
    path="/account/costs",
    method="GET",
    fact=documented("pages-2026-09", "pages-2026-04", as_of="2026-09-20"),
    summary="List the resource packs of the account",
    reply=_costs,
    parameters=(
        Parameter("start_time", "query", _TIME, "Unix time in milliseconds.", required=True),
        Parameter(
            "end_time", "query", _TIME, "The same, and not before `start_time`.", required=True
        ),
        Parameter("resource_pack_name", "query", _TEXT, "Only the packs of this name."),
    ),
    reply_schema=closed(
        code={"const": 0},
        msg={"const": SUCCEED},
        resource_pack_subscribe_infos={"type": "array", "items": _PACK},
    ),
    behaviours=(
        ("It takes one call a second; more are 1302.", COSTS_RATE),
        (
            "The numbers are current.",
            assumed("the vendor's numbers are up to 12 hours old", "pages-2026-09"),
        ),
    ),
)
