"""`GET /account/costs`: the resource packs of an account, wrapped twice."""

from __future__ import annotations

import json
import math
from urllib.parse import parse_qsl

from kling_mock.kling.endpoints.field_checks import refuse
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.admission import check_costs_rate
from kling_mock.kling.model.packs import Pack
from kling_mock.kling.service_codes import SUCCEED
from kling_mock.web.facts import assumed, documented

__all__ = ["FACT", "LAG", "PATH", "costs"]

PATH = "/account/costs"
FACT = documented("pages-2026-09", "pages-2026-04", as_of="2026-09-20")
LAG = assumed("the vendor's numbers are up to 12 hours old; these are not", "pages-2026-09")

_DIGITS = 15  # of a time in milliseconds
_NEVER = 253_402_300_799_000  # ms: the end of the year 9999, for a pack that does not end


def costs(account: Account, query: str, now: float) -> str:
    """Return the answer's `data` as JSON.

    Args:
        account: Whose packs.
        query: The query string. `start_time` and `end_time` are required, Unix milliseconds;
            packs that counted at some instant between them are shown. `resource_pack_name`
            may name one of them.
        now: Unix seconds.

    Raises:
        Refusal: 400/1201, a time is missing or no number; 429/1302, the last call was less than
            a second ago.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    start, end = _time("start_time", given), _time("end_time", given)
    if start > end:
        raise refuse("start_time", "must not be after end_time", start)
    check_costs_rate(account, now)
    name = given.get("resource_pack_name")
    shown = [
        _row(pack, now)
        for pack in account.packs
        if name in {None, "", pack.name} and pack.begins * 1000 <= end and pack.ends * 1000 >= start
    ]
    inner = {"code": 0, "msg": SUCCEED, "resource_pack_subscribe_infos": shown}
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


def _time(name: str, given: dict[str, str]) -> int:
    text = given.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise refuse(name, "required, must be Unix time in milliseconds", text)
    return int(text)
