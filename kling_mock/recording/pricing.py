"""The maximum price of a request, from the emulator's records, and the limit on what is spent."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, NamedTuple

from kling_mock.kling.endpoints.field_checks import FieldReader
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.record import CallContext
from kling_mock.kling.endpoints.registry import ENDPOINTS, RoutedCall
from kling_mock.kling.endpoints.validation import make_plan, read_object
from kling_mock.kling.service_codes import Refusal, UnknownPathError
from kling_mock.kling.wire.solutions import SOLUTIONS

# POST calls that create nothing: lists, bills and deletions.
_READS: Final = re.compile(r"/tasks|/solutions|/account/.+")
_DELETIONS: Final = re.compile(r"/v1/general/delete-[a-z-]+")
_ASKS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_SERIES: Final = 9  # pictures (vendor's page)
_NO_PRICE: Final = "the emulator has no price for this endpoint"


class RequestPrice(NamedTuple):
    """The maximum price of a request.

    Attributes:
        is_free: Whether it creates nothing.
        units: Its price; `None` if it is unknown.
        reason: Why the price is unknown, without any value of the request; "" if it is known.
    """

    is_free: bool
    units: Decimal | None
    reason: str = ""


_NOTHING: Final = RequestPrice(is_free=True, units=Decimal(0))


def reads_only(method: str, path: str) -> bool:
    """Return whether a request only reads, so that it may be repeated."""
    return method in _ASKS or _READS.fullmatch(path) is not None


def price_of(method: str, path: str, body: bytes) -> RequestPrice:
    """Return the maximum price of a request.

    Args:
        method: The HTTP method.
        body: The body, not compressed.
    """
    if reads_only(method, path) or _DELETIONS.fullmatch(path) is not None:
        return _NOTHING
    try:
        call = ENDPOINTS.route(method, path)
        if call.operation in {"get", "list"}:
            return _NOTHING
        units = _units(call, body)
        reason = _NO_PRICE if units is None else ""
    except UnknownPathError:
        units, reason = None, "the emulator does not know this path"
    except Refusal as refusal:
        at = "" if refusal.note is None else f" because of {refusal.note.field}"
        units, reason = None, f"the emulator would refuse it with {refusal.code}{at}"
    return RequestPrice(is_free=False, units=units, reason=reason)


def _units(call: RoutedCall, body: bytes) -> Decimal | None:
    """Return the price of a create or of a direct call.

    Raises:
        Refusal: The emulator would refuse it.
    """
    record = call.record
    if record.interface is SOLUTIONS:
        return None  # the emulator's prices are assumed, or depend on an assumed length
    if not record.makes_tasks:
        prices = [price.units(0, 1) for price in record.prices.values() if price.per == "call"]
        return max(prices, default=None)
    # The names and models of other endpoints affect only the text of a note, which is unused here.
    context = CallContext(FieldReader(Noticed(), ()), call.name)
    fields = read_object(body)
    if fields.get("series_amount") == "auto":
        fields["series_amount"] = _MAX_SERIES  # Kling decides how many; this is the maximum
    return make_plan(record, fields, context).units


# ---------------------------------------------------------------- the ceiling


class SpendingRefusal(NamedTuple):
    """The refusal of a create that is not forwarded, in a form that clients know.

    Attributes:
        http: The HTTP status.
        code: A service code of Kling that makes no client repeat the request.
        message: What is wrong, and what to do.
    """

    http: int
    code: int
    message: str


def refusal_of(
    price: RequestPrice, spent: Decimal, max_units: Decimal, *, allows_unpriced: bool
) -> SpendingRefusal | None:
    """Return why a request must not be sent; `None` if it may be sent.

    Args:
        price: Its price.
        spent: Units spent on earlier requests.
        max_units: Maximum number of units to spend.
        allows_unpriced: Whether a request with an unknown price is sent.
    """
    if price.is_free:
        return None
    if price.units is None:
        if allows_unpriced:
            return None
        return SpendingRefusal(
            403,
            1103,
            f"kling-mock record: not forwarded, its price is unknown: {price.reason}. To send such "
            "requests, which then do not count: --allow-unpriced",
        )
    if spent + price.units <= max_units:
        return None
    return SpendingRefusal(
        429,
        1102,
        f"kling-mock record: not forwarded, it costs {price.units.normalize():f} units, and "
        f"{spent.normalize():f} of --max-units {max_units.normalize():f} are spent",
    )
