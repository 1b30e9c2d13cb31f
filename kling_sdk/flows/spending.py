"""Limits on spending: a ceiling of units, and a confirmation before each purchase.

The units of a request are reserved before it is sent. They are given back only when it is proven
that nothing was bought: whatever else ends a create, such as an exception of the program, the
server may have accepted it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, Self

import attrs

from kling_sdk.errors import SpendingError
from kling_sdk.flows.effects import Ask, Flow, Sleep
from kling_sdk.results.task import Task

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.flows.context import Context

#: `open`: the server may be accepting the request, or may have accepted it.
State = Literal["reserved", "open", "spent", "given back"]
#: `refused`: it is proven that no attempt was accepted. `ended`: the call is over. `failed`: the
#: task was seen as failed, which the vendor does not charge.
Step = Literal["sent", "refused", "ended", "failed"]

#: The state after a step; a step that is not listed changes nothing.
NEXT: Final[Mapping[tuple[State, Step], State]] = {
    ("reserved", "sent"): "open",
    ("reserved", "ended"): "given back",
    ("open", "refused"): "reserved",
    ("open", "ended"): "spent",
    ("spent", "failed"): "given back",
}
_NOTHING: Final = Decimal(0)
_PAUSE: Final = 0.05  # s between two tries while creates in flight may give units back


class Spending:
    """The units that a client has reserved or spent, over all its threads and tasks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._units: dict[State, Decimal] = {"reserved": _NOTHING, "open": _NOTHING}
        self._units |= {"spent": _NOTHING, "given back": _NOTHING}
        #: Purchases by their ids, until the task is seen to have ended.
        self._bought: dict[str, Reservation] = {}

    @property
    def units(self) -> Decimal:
        """The units that are spent, or that creates in flight may spend."""
        with self._lock:
            return self._used()

    def reserve(self, units: Decimal, ceiling: Decimal) -> Reservation | None:
        """Reserve *units*; return None if they do not fit below *ceiling*."""
        with self._lock:
            if self._used() + units > ceiling:
                return None
            self._units["reserved"] += units
        return Reservation(self, units)

    def may_fit(self, units: Decimal, ceiling: Decimal) -> bool:
        """Return whether *units* fit once the creates in flight have given theirs back."""
        return self._units["spent"] + units <= ceiling

    def note(self, reservation: Reservation, step: Step) -> None:
        """Move a reservation to its next state, and its units with it."""
        with self._lock:
            before = reservation.state
            now = reservation.state = NEXT.get((before, step), before)
            self._units[before] -= reservation.units
            self._units[now] += reservation.units
            if now == "spent":
                self._bought |= dict.fromkeys(reservation.ids, reservation)

    def saw(self, task: Task) -> None:
        """Give back the units of a task that has failed."""
        if not task.is_done:
            return
        with self._lock:
            by_id = self._bought.pop(task.task_id, None)
            by_external_id = self._bought.pop(task.external_task_id or "", None)
        reservation = by_id or by_external_id
        if reservation is not None and not task.is_succeed:
            self.note(reservation, "failed")

    def _used(self) -> Decimal:
        return self._units["reserved"] + self._units["open"] + self._units["spent"]


@attrs.define(eq=False)
class Reservation:
    """The units of one request, on their way from reserved to spent or given back.

    As a context manager it is over at its exit, however that is reached. Without a ceiling it costs
    nothing.
    """

    spending: Spending = attrs.field(factory=Spending)
    units: Decimal = _NOTHING
    #: The ids by which the request's task is known.
    ids: set[str] = attrs.field(factory=set, init=False)
    state: State = attrs.field(default="reserved", init=False)

    @property
    def is_open(self) -> bool:
        """Whether the server may have accepted the request, or may be accepting it now."""
        return self.state == "open"

    def note(self, step: Step) -> None:
        """Move to the state after *step*."""
        self.spending.note(self, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.note("ended")


def reserve(
    ctx: Context, request: Request | RawRequest, *, is_confirmed: bool = False
) -> Flow[Reservation]:
    """Reserve the units of a request, and let the caller confirm it.

    Units that do not fit are waited for while creates in flight may give theirs back.

    Args:
        ctx: The context of the call.
        request: The request.
        is_confirmed: Whether the caller has confirmed it before.

    Raises:
        SpendingError: the units do not fit below the client's ceiling, the price is not known, or
            the caller's `confirm` said no. What `confirm` itself raises is raised as it is.
    """
    reservation = yield from _reserved(ctx, request)
    try:
        if not is_confirmed:
            yield from _confirmed(ctx, request)
    except BaseException:
        reservation.note("ended")
        raise
    return reservation


def _reserved(ctx: Context, request: Request | RawRequest) -> Flow[Reservation]:
    if ctx.options.max_units is None:
        return Reservation()
    from kling_sdk.prices import estimate  # only a ceiling needs the price list

    cost, ceiling = estimate(request), Decimal(ctx.options.max_units)
    if cost.units is None:
        raise SpendingError(
            f"nothing was sent: max_units is set, and the price of this {request.endpoint} request "
            f"is not known: {cost.reason}. To send it, use with_options(max_units=None)",
            units=None,
        )
    spending, until = ctx.spending, ctx.until(ctx.options.create_deadline)
    while (reservation := spending.reserve(cost.units, ceiling)) is None:
        is_over = ctx.cancelled() or ctx.monotonic() >= until
        if is_over or not spending.may_fit(cost.units, ceiling):
            raise SpendingError(
                f"nothing was sent: this {request.endpoint} request costs {cost.units:f} units, "
                f"and {spending.units:f} of max_units={ceiling} are used",
                units=cost.units,
            )
        yield Sleep(_PAUSE)
    return reservation


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
