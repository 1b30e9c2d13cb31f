"""Resource packs and deductions, as replies have them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import Charge, ChargePage
from kling_sdk.results.bills import charges_from, packs_from

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_a_pack_has_what_the_vendor_says_of_it() -> None:
    """Each field under its own name."""
    sent = {
        "resource_pack_name": "video pack",
        "resource_pack_id": "pack-7",
        "resource_pack_type": "decreasing_total",
        "status": "online",
        "total_quantity": "200.5",
        "remaining_quantity": 118,
        "effective_time": 1_726_124_664_368,
        "invalid_time": 1_727_366_400_000,
    }
    (pack,) = packs_from({"resource_pack_subscribe_infos": [sent]})

    assert (pack.name, pack.id, pack.type) == ("video pack", "pack-7", "decreasing_total")
    assert (pack.status, pack.total, pack.remaining) == ("online", Decimal("200.5"), Decimal(118))
    assert pack.effective_at == datetime(2024, 9, 12, 7, 4, 24, 368_000, UTC)
    assert pack.invalid_at == datetime(2024, 9, 26, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize("data", [None, 5, [], {"resource_pack_subscribe_infos": 5}])
def test_no_packs_are_none(data: Any) -> None:
    """Any other value in their place counts as none."""
    assert packs_from(data) == ()


@pytest.mark.parametrize(
    "data",
    [
        {"result": {"detail": [{"task_id": "7"}]}, "next_cursor": "c", "has_more": True},
        {"result": {"detail": [{"task_id": "7"}], "next_cursor": "c", "has_more": True}},
    ],
)
def test_a_page_is_read_wherever_its_end_stands(data: dict[str, Any]) -> None:
    """The vendor's page does not say whether beside the result or in it."""
    page = charges_from(data)
    assert ([charge.task_id for charge in page], page.next_cursor, page.has_next) == (
        ["7"],
        "c",
        True,
    )
    assert len(page) == 1


def test_a_deduction_has_numbers_and_a_time() -> None:
    """They are texts or numbers on the wire; what is unknown stays in `raw`."""
    row = {
        "task_id": 7,
        "deduction_time": "1793534400000",
        "product_function": "Text to video",
        "package_id": "p",
        "unit_before": "10",
        "unit_after": 8.5,
        "deduction": "1.5",
        "tomorrow": [1],
    }
    (charge,) = charges_from({"result": {"detail": [row, 5]}})
    assert charge == Charge(
        "7",
        NOON,
        "Text to video",
        units=Decimal("1.5"),
        package_id="p",
        units_before=Decimal(10),
        units_after=Decimal("8.5"),
    )
    assert charge.raw["tomorrow"] == [1]


@pytest.mark.parametrize("data", [None, [], {}, {"result": []}, {"result": {"detail": 5}}])
def test_an_odd_page_is_empty(data: Any) -> None:
    """It breaks nothing."""
    assert charges_from(data) == ChargePage()
