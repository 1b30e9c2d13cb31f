"""The units that a recording may spend."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from kling_mock.recording.pricing import RequestPrice

__all__ = ["SpendingRefusal", "refusal_of"]


class SpendingRefusal(NamedTuple):
    """Why a create is not forwarded, in a form that clients know.

    Attributes:
        http: The HTTP status.
        code: A service code of Kling's that no client repeats a request for.
        message: What is wrong, and what to do.
    """

    http: int
    code: int
    message: str


def refusal_of(
    price: RequestPrice, spent: Decimal, most: Decimal, *, allows_unpriced: bool
) -> SpendingRefusal | None:
    """Return why a request must not be sent; `None` if it may.

    Args:
        price: Its price.
        spent: Units of what was sent until now.
        most: Units that may be sent.
        allows_unpriced: Whether a request is sent whose price is unknown.
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
    if spent + price.units <= most:
        return None
    return SpendingRefusal(
        429,
        1102,
        f"kling-mock record: not forwarded, it costs {price.units.normalize():f} units, and "
        f"{spent.normalize():f} of --max-units {most.normalize():f} are spent",
    )
