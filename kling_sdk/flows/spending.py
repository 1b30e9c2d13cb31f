"""What a client may spend: a ceiling of units, and a question before each purchase."""

from __future__ import annotations

import threading
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final

from kling_sdk.errors import SpendingError
from kling_sdk.flows.effects import Ask, Flow

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.flows.context import Context

_NOTHING: Final = Decimal(0)


class Spending:
    """The units that a client has set aside for its creates, over all its threads and tasks."""

    def __init__(self) -> None:
        self.units = _NOTHING
        self._lock = threading.Lock()

    def set_aside(self, units: Decimal, ceiling: Decimal) -> bool:
        """Add *units*, unless they do not fit below *ceiling*."""
        with self._lock:
            if self.units + units > ceiling:
                return False
            self.units += units
            return True

    def give_back(self, units: Decimal) -> None:
        """Subtract *units* of a create that has bought nothing."""
        with self._lock:
            self.units -= units


def allowed(
    ctx: Context, request: Request | RawRequest, *, is_confirmed: bool = False
) -> Flow[Decimal]:
    """Set aside what a request costs, and let the caller confirm it; return the units.

    Args:
        ctx: The context of the call.
        request: The request.
        is_confirmed: Whether the caller has confirmed it before.

    Raises:
        SpendingError: the units do not fit below the client's ceiling, the price is not known, or
            the caller's `confirm` said no. What `confirm` itself raises is raised as it is.
    """
    units = _set_aside(ctx, request)
    try:
        if not is_confirmed:
            yield from _confirmed(ctx, request)
    except BaseException:
        ctx.spending.give_back(units)
        raise
    return units


def _set_aside(ctx: Context, request: Request | RawRequest) -> Decimal:
    ceiling = ctx.options.max_units
    if ceiling is None:
        return _NOTHING
    from kling_sdk.prices import estimate  # only a ceiling needs the price list

    cost = estimate(request)
    if cost.units is None:
        raise SpendingError(
            f"nothing was sent: max_units is set, and the price of this {request.endpoint} request "
            f"is not known: {cost.reason}. To send it, use with_options(max_units=None)",
            units=None,
        )
    if not ctx.spending.set_aside(cost.units, Decimal(ceiling)):
        raise SpendingError(
            f"nothing was sent: this {request.endpoint} request costs {cost.units:f} units, and "
            f"{ctx.spending.units:f} of max_units={ceiling} are used",
            units=cost.units,
        )
    return cost.units


def _confirmed(ctx: Context, request: Request | RawRequest) -> Flow[None]:
    if ctx.options.confirm is None:
        return
    from kling_sdk.prices import estimate

    cost = estimate(request)
    if not (yield Ask(partial(ctx.options.confirm, cost))):
        units = "an unknown number of" if cost.units is None else f"{cost.units:f}"
        raise SpendingError(
            f"nothing was sent: confirm said no to this {request.endpoint} request, which would "
            f"have cost {units} units",
            units=cost.units,
        )
