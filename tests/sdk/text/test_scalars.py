"""Numbers in replies: bounded before anything is computed with them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kling_sdk.text.scalars import decimal

MAX_DIGITS = 30  # before the point, and after it


def by_the_rule(text: str) -> Decimal | None:
    """Return the number as the rule says it, without a pattern."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    exponent = number.as_tuple().exponent
    bounded = isinstance(exponent, int) and exponent >= -MAX_DIGITS
    return number if bounded and number.adjusted() < MAX_DIGITS else None


numbers = st.from_regex(r"-?[0-9]{1,33}(\.[0-9]{1,33})?(e[+-]?[0-9]{1,2})?", fullmatch=True)


@given(numbers)
@example("0" * 30)
@example("9" * 30 + "." + "9" * 30)
@example("9" * 31)
@example("0." + "0" * 30 + "1")
@example("1e30")
@example("1e-31")
def test_a_number_has_at_most_30_digits_before_and_after_its_point(text: str) -> None:
    assert decimal(text) == by_the_rule(text)


@pytest.mark.parametrize(
    "value", ["", " ", "5s", "nan", "inf", "1e-200000000", "\u0661", None, True, []]
)
def test_what_is_no_bounded_number_is_none(value: object) -> None:
    assert decimal(value) is None
