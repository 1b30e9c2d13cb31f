"""The `billing` of a callback in the newer form, whatever is in it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import parse_callback


@pytest.mark.parametrize(
    ("billing", "units"),
    [
        ([1], None),
        (["x", None, [], True], None),
        ("x", None),
        ({"amount": "1"}, None),
        ([], None),
        ([{}], None),
        ([1, {"package_type": "video", "amount": "2.5"}], Decimal("2.5")),
        ([{"package_type": "video", "amount": "1"}, {"amount": "0"}], Decimal(1)),
        ([{"package_type": "video", "amount": "1"}, {"amount": "2"}], None),
        ([{"package_type": "video", "amount": "x"}], None),
    ],
)
def test_no_billing_breaks_a_callback(billing: Any, units: Decimal | None) -> None:
    """Items of another kind are passed over; money that no package paid makes units unknown."""
    body = {"id": "1", "status": "succeeded", "outputs": [], "billing": billing}
    assert parse_callback(json.dumps(body).encode(), verify=False).task.units == units
