"""Amounts of quota: whole numbers that fit in every column that adds them up."""

from __future__ import annotations

from typing import Any, Final

import attrs

__all__ = ["MAX_AMOUNT", "MAX_BALANCE", "amount", "check_amount", "signed_amount"]

#: Largest single price, charge or credit: 2 billion USD at 500,000 quota each.
MAX_AMOUNT: Final = 10**15
#: Largest balance; far below BIGINT's end, because SQLite would go on with inexact numbers.
MAX_BALANCE: Final = 10**16


def check_amount(name: str, value: int) -> None:
    """Check that *value* is a whole number of quota from 0 to `MAX_AMOUNT`.

    Raises:
        ValueError: It is not.
    """
    if type(value) is not int or not 0 <= value <= MAX_AMOUNT:
        raise ValueError(f"{name} is a whole number of quota from 0 to {MAX_AMOUNT}")


def amount(_instance: object, field: attrs.Attribute[Any], value: int) -> None:
    """Check an attribute with `check_amount`."""
    check_amount(field.name, value)


def signed_amount(value: int) -> int:
    """Return *value* if it is a whole number other than 0 of at most `MAX_AMOUNT`, any sign.

    Raises:
        ValueError: It is not.
    """
    if type(value) is not int or not 0 < abs(value) <= MAX_AMOUNT:
        raise ValueError(f"a credit is a whole number of quota, not 0, of at most {MAX_AMOUNT}")
    return value
