"""What a request will cost: known before it is sent, from the emulator's records."""

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

__all__ = ["RequestPrice", "price_of", "reads_only"]

# Calls that make nothing although they are POST: lists and bills, and deletions.
_READS: Final = re.compile(r"/tasks|/solutions|/account/.+")
_DELETIONS: Final = re.compile(r"/v1/general/delete-[a-z-]+")
_ASKS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_SERIES: Final = 9  # pictures (vendor's page)
_NO_PRICE: Final = "the emulator has no price for this endpoint"


class RequestPrice(NamedTuple):
    """What a request costs at most.

    Attributes:
        is_free: Whether it makes nothing.
        units: Its price; `None` is unknown.
        reason: Why it is unknown, without any value of the request; "" if it is known.
    """

    is_free: bool
    units: Decimal | None
    reason: str = ""


_NOTHING: Final = RequestPrice(is_free=True, units=Decimal(0))


def reads_only(method: str, path: str) -> bool:
    """Return whether a request only asks for something, so that it may be asked again."""
    return method in _ASKS or _READS.fullmatch(path) is not None


def price_of(method: str, path: str, body: bytes) -> RequestPrice:
    """Return what a request costs at most.

    Args:
        method: The HTTP method.
        path: The path.
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
        return None  # the emulator's prices are assumed, or depend on a length that is
    if not record.makes_tasks:
        prices = [price.units(0, 1) for price in record.prices.values() if price.per == "call"]
        return max(prices, default=None)
    # Which names and models others have decides the words of a note only, which nobody reads here.
    context = CallContext(FieldReader(Noticed(), ()), call.name)
    given = read_object(body)
    if given.get("series_amount") == "auto":
        given["series_amount"] = _LONGEST_SERIES  # Kling decides how many; no more than these
    return make_plan(record, given, context).units
