"""`kling.account`: what is asked, and what a bill says."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import AsyncKling, Charge, ChargePage, Kling, RequestValidationError
from kling_sdk.wire.v1 import charges_from

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "arguments", "field"),
    [
        ("balance", {}, "start"),
        ("balance", {"start": 1}, "start"),
        ("packages", {"end": NOON}, "start"),
        ("packages", {"start": 1, "end": 2, "page_size": 501}, "page_size"),
        ("balance", {"cursor": "c", "page_size": 0}, "page_size"),
        ("packages", {"cursor": "c", "package_names": "a", "package_ids": "b"}, "package_names"),
    ],
)
def test_a_question_without_an_answer_is_not_sent(
    method: str, arguments: dict[str, Any], field: str
) -> None:
    """It needs both times or a cursor, and packs by name or by id."""
    with Kling("a|b", base_url="http://127.0.0.1:1") as kling:
        with pytest.raises(RequestValidationError) as refused:
            getattr(kling.account, method)(**arguments)
        assert refused.value.field == field


@pytest.mark.parametrize("method", ["costs", "balance", "packages"])
def test_a_relay_has_no_account(method: str) -> None:
    """It bills its own users."""
    with (
        Kling.relay("http://127.0.0.1:1", "sk-1") as relay,
        pytest.raises(RequestValidationError, match=rf"account\.{method} is not served by a relay"),
    ):
        getattr(relay.account, method)(0, 1)


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
    assert ([one.task_id for one in page], page.next_cursor, page.has_next) == (["7"], "c", True)
    assert len(page) == 1


def test_a_deduction_has_numbers_and_a_time() -> None:
    """As texts or numbers on the wire; what is unknown stays in `raw`."""
    shown = {
        "task_id": 7,
        "deduction_time": "1793534400000",
        "product_function": "Text to video",
        "package_id": "p",
        "unit_before": "10",
        "unit_after": 8.5,
        "deduction": "1.5",
        "tomorrow": [1],
    }
    (charge,) = charges_from({"result": {"detail": [shown, 5]}})
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


def test_it_shows_no_secret() -> None:
    """In either client."""
    assert repr(Kling("a|b").account) == "<AccountResource>"
    assert repr(AsyncKling("a|b").account) == "<AsyncAccountResource>"
