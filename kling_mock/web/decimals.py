"""Decimal numbers from outside: bounded before anything is computed with them.

`Decimal("1e-200000000")` is twelve characters, and 200 MB once it is written out. So a number from
a request, a reply, a callback, a header or an operator is read here, or it is no number.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

__all__ = ["BOUND", "MAX_DIGITS", "bounded_decimal"]

#: Digits that a number may have before its decimal point, and as many after it.
MAX_DIGITS: Final = 30
#: The rule, for error messages.
BOUND: Final = f"a finite number with at most {MAX_DIGITS} digits on either side of the point"

_LONGEST: Final = 2 * MAX_DIGITS + 10  # characters: both sides, sign, point, exponent, spaces
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_LIMIT: Final = 10**MAX_DIGITS


def bounded_decimal(value: object) -> Decimal | None:
    """Return *value* as a number, or None if it is none or passes the bounds.

    Args:
        value: A number, or one in decimal digits as text, with an exponent or without. Neither
            NaN nor an infinity is a number, nor is a bool.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value) if -_LIMIT < value < _LIMIT else None
    if isinstance(value, Decimal):
        return value if _is_bounded(value) else None
    if isinstance(value, float):
        value = repr(value)
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text) is None:
        return None
    number = Decimal(text)
    return number if _is_bounded(number) else None


def _is_bounded(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return (
        isinstance(exponent, int)  # else it is NaN or infinite
        and exponent >= -MAX_DIGITS
        and number.adjusted() < MAX_DIGITS
    )
