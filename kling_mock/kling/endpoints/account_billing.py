"""`POST /account/billing/...`: deductions from the balance, and from resource packs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from kling_mock.kling.endpoints.cursors import PagePosition, decode, encode
from kling_mock.kling.endpoints.fields import Field, field_shape
from kling_mock.kling.endpoints.record import DirectCall, EmulatedEndpoint
from kling_mock.kling.model.charges import MONEY, PRICE_OF_A_UNIT, Deduction
from kling_mock.kling.model.plan import Plan
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.kling.wire.v1_schemas import closed
from kling_mock.web.facts import Fact, assumed, documented
from kling_mock.web.openapi import Schema

_PAGE = documented("pages-2026-09", as_of="2026-09-20", note="two copies agree; since 2026-07-06")
_FORM = assumed(
    "where count, next_cursor and has_more stand; the types of the members", "pages-2026-09"
)
_MAX_PAGE: Final = 500
_BEHIND: Final = f"{1:018d}"  # of a cursor: behind the first deduction
#: The name of every API key, and of every key pair: none of them has one here.
KEY_NAME: Final = "default"


def _text(charge: Deduction) -> dict[str, object]:
    """Return what both bills show of a deduction."""
    plan = charge.what if isinstance(charge.what, Plan) else None
    return {
        "task_id": charge.task_id,
        "api_key_name": KEY_NAME,
        "product_function": charge.what.endpoint,
        "model_name": charge.what.model,
        "resolution": plan.resolution if plan else "",
        "duration": str(plan.seconds) if plan and plan.seconds else "",
        "refer_video_input": plan is not None and plan.parent_video is not None,
        "video_sound": "native" if plan and plan.sound else "off",
        "voice_control": False,
        "deduction_time": str(charge.at),
    }


def _of_balance(charge: Deduction) -> dict[str, object]:
    return {"cash_type": "balance", "deduction_amount": f"{charge.money or 0:f}"}


def _of_pack(charge: Deduction) -> dict[str, object]:
    return {
        "package_id": charge.pack_id,
        "product_type": _product_type(charge),
        "unit_before": f"{charge.before:f}",
        "unit_after": f"{charge.before - charge.units:f}",
        "deduction": f"{charge.units:f}",
    }


def _product_type(charge: Deduction) -> str:
    return charge.what.pack.replace("_", "-")


#: What a filter compares its values with.
_FILTERS: Final[Mapping[str, Callable[[Deduction], str]]] = {
    "api_key_name": lambda _charge: KEY_NAME,
    "product_type": _product_type,
    "package_name": lambda charge: charge.pack_name,
    "package_id": lambda charge: charge.pack_id,
}


def _bill(
    call: DirectCall, details: Callable[[Deduction], dict[str, object]], *, packs: bool
) -> str:
    """Return one page, the newest deduction first.

    Raises:
        Refusal: 400/1201, neither both times nor a cursor is given, or the cursor is invalid.
    """
    place, limit = _position(call.fields), call.fields.get("limit", _MAX_PAGE)
    rows = (charge for charge in _matching(call, place) if (charge.money is None) is packs)
    charges = list(islice(rows, limit + 1))
    page = charges[:limit]
    reply: dict[str, object] = {
        "result": {"detail": [_text(charge) | details(charge) for charge in page]},
        "count": len(page),
        "next_cursor": "",
        "has_more": len(charges) > limit,
    }
    if page:
        reply["next_cursor"] = encode(place._replace(before=_id(page[-1])))
    return json.dumps(reply, separators=(",", ":"))


def _position(fields: Mapping[str, Any]) -> PagePosition:
    if "cursor" in fields:
        return decode(fields["cursor"])
    for name in ("start_time", "end_time"):
        if name not in fields:
            raise invalid(name, "required without cursor")
    return PagePosition(fields["start_time"], fields["end_time"])


def _id(charge: Deduction) -> str:
    return f"{charge.number:018d}"


def _matching(call: DirectCall, place: PagePosition) -> Iterator[Deduction]:
    filters: dict[str, set[str]] = {}
    for row in call.fields.get("filters", ()):
        filters.setdefault(row["key"], set()).update(row["values"])
    if {"package_name", "package_id"} <= filters.keys():
        raise invalid("filters", "must have package_name or package_id, not both")
    for charge in reversed(call.account.charges):
        if not place.start <= charge.at <= place.end:
            continue
        if place.before and _id(charge) >= place.before:
            continue
        if all(_FILTERS[key](charge) in values for key, values in filters.items()):
            yield charge


def _balance(call: DirectCall) -> str:
    """Return a page of what the balance has paid; see `_bill`."""
    return _bill(call, _of_balance, packs=False)


def _package(call: DirectCall) -> str:
    """Return a page of what packs have paid; see `_bill`."""
    return _bill(call, _of_pack, packs=True)


_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_MILLISECONDS: Schema = {"type": "string", "description": "Unix time in milliseconds."}
_SHOWN: Mapping[str, Schema] = {
    "task_id": {**_TEXT, "description": "Empty for a call without a task."},
    "api_key_name": _TEXT,
    "product_function": _TEXT,
    "model_name": _TEXT,
    "resolution": _TEXT,
    "duration": {**_TEXT, "description": "Seconds."},
    "refer_video_input": _FLAG,
    "video_sound": {"enum": ["native", "original", "off"]},
    "voice_control": _FLAG,
    "deduction_time": _MILLISECONDS,
}


def _record(
    name: str,
    path: str,
    reply: Callable[[DirectCall], str],
    keys: tuple[str, ...],
    own: tuple[tuple[str, Fact], ...],
    **more: Schema,
) -> EmulatedEndpoint:
    members = {**_SHOWN, **more}
    example_times = {"start_time": 1781000000000, "end_time": 1789000000000}
    return EmulatedEndpoint(
        name=name,
        interface=V1,
        path=f"/account/billing/{path}",
        fact=_PAGE,
        summary=f"List what was deducted from the {name}",
        fields=field_shape(
            Field("start_time", "integer", low=0, high=10**15, fact=_PAGE),
            Field("end_time", "integer", low=0, high=10**15, fact=_PAGE),
            Field("cursor", "string", fact=_PAGE),
            Field("limit", "integer", low=1, high=_MAX_PAGE, fact=_PAGE, default=_MAX_PAGE),
            Field(
                "filters",
                "array",
                members=field_shape(
                    Field("key", "string", required=True, enum=keys, fact=_PAGE),
                    Field("values", "texts", required=True, fact=_PAGE),
                ),
                fact=_PAGE,
            ),
        ),
        examples={
            "times": example_times,
            "filtered": {
                **example_times,
                "limit": 20,
                "filters": [{"key": "api_key_name", "values": [KEY_NAME]}],
            },
            "next-page": {"cursor": encode(PagePosition(0, 1789000000000, _BEHIND))},
        },
        reply=reply,
        reply_schema=closed(
            result=closed(detail={"type": "array", "items": closed(**members)}),
            count={"type": "integer", "minimum": 0},
            next_cursor=_TEXT,
            has_more=_FLAG,
        ),
        behaviours=(
            *own,
            ("`count`, `next_cursor` and `has_more` stand beside `result`.", _FORM),
            ("The newest deduction comes first.", assumed("the order of a list")),
            (
                "`product_function` is the endpoint's name here; `voice_control` is always false.",
                assumed("which words the vendor has for its products"),
            ),
            (
                f"Every key is called `{KEY_NAME}`.",
                assumed("which key a call was made with is not remembered"),
            ),
            (
                "The last 10000 deductions of an account are kept.",
                assumed("how long they are kept"),
            ),
        ),
    )


RECORDS = (
    _record(
        "balance",
        "balance",
        _balance,
        ("api_key_name",),
        (
            ("An account without packs pays from its balance, in US dollars.", MONEY),
            ("A unit costs 0.14 USD, of pictures 0.0035, of a try-on 0.07.", PRICE_OF_A_UNIT),
        ),
        cash_type={"enum": ["balance", "test_balance"]},
        deduction_amount=_TEXT,
    ),
    _record(
        "packages",
        "package",
        _package,
        tuple(_FILTERS),
        (("A task that two packs pay has a deduction of each.", assumed("how it is shown")),),
        package_id=_TEXT,
        product_type={"enum": ["video", "image", "try-on", "audio"]},
        unit_before=_TEXT,
        unit_after=_TEXT,
        deduction=_TEXT,
    ),
)
