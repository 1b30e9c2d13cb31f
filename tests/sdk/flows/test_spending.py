"""The states of a reservation, and the units that each of them counts."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest

from kling_sdk import Task
from kling_sdk.flows.spending import NEXT, Reservation, Spending, State, Step

#: The state after each step, in the order of `STEPS`.
STEPS: tuple[Step, ...] = ("sent", "refused", "ended", "failed")
STATES: dict[State, tuple[State, ...]] = {
    "reserved": ("open", "reserved", "given back", "reserved"),
    "open": ("open", "reserved", "spent", "open"),
    "spent": ("spent", "spent", "spent", "given back"),
    "given back": ("given back", "given back", "given back", "given back"),
}
#: The steps that lead to each state.
WAYS: dict[State, tuple[Step, ...]] = {
    "reserved": (),
    "open": ("sent",),
    "spent": ("sent", "ended"),
    "given back": ("ended",),
}


def bought(spending: Spending, *ids: str) -> Reservation:
    with reserved(spending) as reservation:
        reservation.ids.update(ids)
        reservation.note("sent")
    return reservation


def reserved(spending: Spending) -> Reservation:
    reservation = spending.reserve(Decimal(2), Decimal(6))
    assert reservation is not None
    return reservation


@pytest.mark.parametrize("before", get_args(State))
@pytest.mark.parametrize("step", get_args(Step))
def test_a_step_moves_a_reservation_and_its_units(before: State, step: Step) -> None:
    """All but what is given back counts, and what is given back stays so."""
    spending = Spending()
    reservation = reserved(spending)
    for earlier in WAYS[before]:
        reservation.note(earlier)
    assert reservation.state == before
    reservation.note(step)
    assert reservation.state == STATES[before][STEPS.index(step)]
    assert spending.units == (0 if reservation.state == "given back" else 2)
    assert reservation.is_open == (reservation.state == "open")


def test_the_table_has_no_step_that_changes_nothing() -> None:
    """And none that the table above does not have."""
    rows = STATES.items()
    after = {(state, s): now for state, row in rows for s, now in zip(STEPS, row, strict=True)}
    assert {key: now for key, now in after.items() if now != key[0]} == NEXT


def test_units_fit_below_the_ceiling_when_those_in_flight_may_be_given_back() -> None:
    """What is spent is not given back for another request."""
    spending = Spending()
    bought(spending)
    in_flight = [reserved(spending), reserved(spending)]
    assert spending.reserve(Decimal(1), Decimal(6)) is None
    assert spending.may_fit(Decimal(4), Decimal(6))
    assert not spending.may_fit(Decimal(5), Decimal(6))
    in_flight[0].note("ended")
    assert spending.reserve(Decimal(2), Decimal(6)) is not None


@pytest.mark.parametrize(
    ("task", "units"),
    [
        (Task("1", "failed"), 0),
        (Task("9", "failed", external_task_id="order-1"), 0),
        (Task("1", "succeed"), 2),
        (Task("1", "processing"), 2),
        (Task("2", "failed", external_task_id="order-2"), 2),
        (Task("2", "failed"), 2),
    ],
)
def test_a_failed_task_gives_its_units_back_once(task: Task, units: int) -> None:
    """Found by either of its ids; another task has units of its own."""
    spending = Spending()
    bought(spending, "1", "order-1")
    for _ in range(2):
        spending.saw(task)
        assert spending.units == units
