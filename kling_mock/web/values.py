"""Checks of values that a user sets, and bounds of decimal numbers from outside.

A check names the setting, and says what it must be. All raise ValueError, also for a wrong type: a
user who sets a wrong value wants one kind of error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable
from decimal import Decimal
from typing import Any, Final

_MAX_SECONDS = 1e9  # seconds, about 31 years: a longer time is a mistake of the unit


_NO_VALUES = frozenset({"None", "NaN", "nil", "null", "undefined"})


def stands_for_no_value(name: str) -> bool:
    """Return whether *name* is a word that programs write for a missing id."""
    return name in _NO_VALUES or name.startswith(("{", "<", "[object"))


def is_one_of(value: object, names: Container[str]) -> bool:
    """Return whether *value* is one of *names*, which only a string can be."""
    return isinstance(value, str) and value in names


def as_flag(name: str, value: object) -> bool:
    """Return *value*, which must be True or False.

    Raises:
        ValueError: It is something else, such as the string "no".
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name}: must be True or False, got {value!r}")  # noqa: TRY004 - one kind for all
    return value


def as_whole(name: str, value: object, low: int, high: int | None = None) -> int:
    """Return *value*, which must be a whole number.

    Args:
        name: The value's name in an error.
        value: The value to check.
        low: The minimum.
        high: The maximum; `None` for none.

    Raises:
        ValueError: It is not a whole number, or out of range.
    """
    if type(value) is int and low <= value and (high is None or value <= high):
        return value
    span = f"of {low} or more" if high is None else f"from {low} to {high}"
    raise ValueError(f"{name}: must be a whole number {span}, got {_shortened_repr(value)}")


def as_number(
    name: str, value: object, *, above: bool = False, high: float = _MAX_SECONDS, unit: str = ""
) -> float:
    """Return *value*, which must be a number of 0 or more.

    Args:
        name: The value's name in an error.
        value: The value to check.
        above: Whether it must be more than 0.
        high: The maximum.
        unit: The unit, for an error.

    Raises:
        ValueError: It is not a number, not finite, or out of range.
    """
    if type(value) in {int, float}:
        number: Any = value
        enough = number > 0 if above else number >= 0
        if enough and number <= high and math.isfinite(number):
            return float(number)
    span = "above 0" if above else "of 0 or more"
    of = f" of {unit}" if unit else ""
    raise ValueError(
        f"{name}: must be a number{of} {span}, at most {high:g}; got {_shortened_repr(value)}"
    )


def as_text(name: str, value: object, *, can_be_empty: bool = True) -> str:
    """Return *value*, which must be a string.

    Args:
        name: The value's name in an error.
        value: The value to check.
        can_be_empty: Whether "" is accepted.

    Raises:
        ValueError: It is not a string, or is empty and may not be.
    """
    if isinstance(value, str) and (value or can_be_empty):
        return value
    what = "a string" if can_be_empty else "a string that is not empty"
    raise ValueError(f"{name}: must be {what}, got {_shortened_repr(value)}")


def as_items(name: str, value: object, of: type | tuple[type, ...], what: str) -> tuple[Any, ...]:
    """Return the items of *value*, each of the type *of*; a string is a list of itself.

    Args:
        name: The value's name in an error.
        value: The value to check.
        of: The type of an item, or several.
        what: The kind of the values, for an error.

    Raises:
        ValueError: It is not a list, or has other items.
    """
    if isinstance(value, of) and isinstance(value, str):
        return (value,)
    if not isinstance(value, Iterable) or isinstance(value, str | bytes):
        raise ValueError(f"{name}: must be {what}, got {_shortened_repr(value)}")  # noqa: TRY004 - one kind for all
    items = tuple(value)
    for item in items:
        if not isinstance(item, of) or isinstance(item, bool):
            raise ValueError(f"{name}: must be {what}, got {_shortened_repr(item)}")  # noqa: TRY004 - as above
    return items


def _shortened_repr(value: object) -> str:
    if type(value) is int and abs(value) > 10**30:  # Python refuses to write the largest ones
        return "a larger one"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


# ---------------------------------------------------------------- decimals

# `Decimal("1e-200000000")` is twelve characters, and 200 MB once it is written out. So every number
# from a request, a reply, a callback, a header or an operator is read here, or rejected.


#: The maximum number of digits before the decimal point, and also after it.
MAX_DIGITS: Final = 30
#: The rule, for error messages.
BOUND: Final = f"a finite number with at most {MAX_DIGITS} digits on either side of the point"

_MAX_CHARACTERS: Final = (
    2 * MAX_DIGITS + 10
)  # characters: both sides, sign, point, exponent, spaces
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_LIMIT: Final = 10**MAX_DIGITS


def bounded_decimal(value: object) -> Decimal | None:
    """Return *value* as a number, or None if it is not a number or exceeds the bounds.

    Args:
        value: A number, or one in decimal digits as text, with or without an exponent. NaN,
            infinities and bools are not numbers.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value) if -_LIMIT < value < _LIMIT else None
    if isinstance(value, Decimal):
        return value if _is_bounded(value) else None
    if isinstance(value, float):
        value = repr(value)
    if not isinstance(value, str) or len(value) > _MAX_CHARACTERS:
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text) is None:
        return None
    number = Decimal(text)
    return number if _is_bounded(number) else None


def _is_bounded(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return (
        isinstance(exponent, int)  # otherwise it is NaN or infinite
        and exponent >= -MAX_DIGITS
        and number.adjusted() < MAX_DIGITS
    )
