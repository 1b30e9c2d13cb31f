"""Text, numbers, times and objects of a reply: an unreadable value is absent, never an error."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

# Later than any year a result can carry, so a nonsense number never breaks parsing.
_MAX_MS: Final = 253_402_300_799_000

_MAX_DIGITS: Final = 30  # of a number, before its point and after it
_MAX_NUMBER: Final = 2 * _MAX_DIGITS + 10  # characters, with sign, point and exponent
#: A number without an exponent, bounded by its digits alone; most numbers have this form.
# The patterns are texts, which `re` compiles on first use and keeps: compiling them would be 2 % of
# importing the package.
_PLAIN_NUMBER: Final = r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?"
_NUMBER: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"


def object_of(value: object) -> Mapping[str, Any]:
    """Return *value* if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a list; an empty list for any other value."""
    members = value if isinstance(value, list) else ()
    return [member for member in members if isinstance(member, dict)]


def text(value: object) -> str:
    """Return *value* as text; "" for null, for objects and for what is not a finite number."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value) if isinstance(value, int) or math.isfinite(value) else ""
    return ""


def decimal(value: object) -> Decimal | None:
    """Return a number sent as text or number; None when it is neither, or absurd.

    A number has at most 30 digits before its point and 30 after it. `1e-200000000` is a short
    text and a valid `Decimal`, and takes 200 MB when written out.
    """
    if isinstance(value, str) and re.fullmatch(_PLAIN_NUMBER, value):
        return Decimal(value)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value) if abs(value) < 10**_MAX_DIGITS else None
    if isinstance(value, float):
        value = repr(value)
    if not isinstance(value, str) or len(value) > _MAX_NUMBER:
        return None
    digits = value.strip()
    if re.fullmatch(_NUMBER, digits) is None:
        return None
    number = Decimal(digits)
    exponent = number.as_tuple().exponent
    bounded = isinstance(exponent, int) and exponent >= -_MAX_DIGITS
    return number if bounded and number.adjusted() < _MAX_DIGITS else None


def instant(value: object, *, per_second: int = 1000) -> datetime | None:
    """Return a Unix time as an aware datetime, or None when it is not one.

    Args:
        value: A number, or a number as text.
        per_second: Ticks per second: 1000 for Kling's milliseconds, 1 for a relay.
    """
    # Kling sends whole numbers, which need no Decimal.
    number = value if type(value) is int else decimal(value)
    if number is None or not 0 < number <= _MAX_MS // 1000 * per_second:
        return None
    return datetime.fromtimestamp(float(number) / per_second, UTC)
