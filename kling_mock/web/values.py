"""Checks of values that a user sets: each names the setting, and says what it must be.

All raise ValueError, also for a wrong type: whoever has mistaken a value wants one kind of error.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from typing import Any

__all__ = ["as_flag", "as_items", "as_number", "as_text", "as_whole", "is_one_of"]

_LONGEST = 1e9  # seconds, about 31 years: what is longer is a mistake of the unit


def is_one_of(given: object, names: Container[str]) -> bool:
    """Return whether *given* is one of *names*; what is no string is none."""
    return isinstance(given, str) and given in names


def as_flag(name: str, given: object) -> bool:
    """Return *given*, which must be True or False.

    Raises:
        ValueError: It is something else, as the string "no".
    """
    if not isinstance(given, bool):
        raise ValueError(f"{name}: must be True or False, got {given!r}")  # noqa: TRY004 - one kind for all
    return given


def as_whole(name: str, given: object, low: int, high: int | None = None) -> int:
    """Return *given*, which must be a whole number.

    Args:
        name: What it is called in an error.
        given: What was given.
        low: The least.
        high: The largest; `None` is any.

    Raises:
        ValueError: It is no whole number, or out of range.
    """
    if type(given) is int and low <= given and (high is None or given <= high):
        return given
    span = f"of {low} or more" if high is None else f"from {low} to {high}"
    raise ValueError(f"{name}: must be a whole number {span}, got {_shown(given)}")


def as_number(
    name: str, given: object, *, above: bool = False, high: float = _LONGEST, unit: str = ""
) -> float:
    """Return *given*, which must be a number of 0 or more.

    Args:
        name: What it is called in an error.
        given: What was given.
        above: Whether it must be more than 0.
        high: The largest.
        unit: What it counts, for an error.

    Raises:
        ValueError: It is no number, not finite, or out of range.
    """
    if type(given) in {int, float}:
        value: Any = given
        enough = value > 0 if above else value >= 0
        if enough and value <= high and math.isfinite(value):
            return float(value)
    span = "above 0" if above else "of 0 or more"
    of = f" of {unit}" if unit else ""
    raise ValueError(f"{name}: must be a number{of} {span}, at most {high:g}; got {_shown(given)}")


def as_text(name: str, given: object, *, can_be_empty: bool = True) -> str:
    """Return *given*, which must be a string.

    Args:
        name: What it is called in an error.
        given: What was given.
        can_be_empty: Whether "" is one.

    Raises:
        ValueError: It is no string.
    """
    if isinstance(given, str) and (given or can_be_empty):
        return given
    what = "a string" if can_be_empty else "a string that is not empty"
    raise ValueError(f"{name}: must be {what}, got {_shown(given)}")


def as_items(name: str, given: object, of: type | tuple[type, ...], what: str) -> tuple[Any, ...]:
    """Return the items of *given*, each of the type *of*; a string is a list of itself.

    Args:
        name: What it is called in an error.
        given: What was given.
        of: The type of an item, or several.
        what: What they are, for an error.

    Raises:
        ValueError: It is no list, or has other items.
    """
    if isinstance(given, of) and isinstance(given, str):
        return (given,)
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise ValueError(f"{name}: must be {what}, got {_shown(given)}")  # noqa: TRY004 - one kind for all
    items = tuple(given)
    for one in items:
        if not isinstance(one, of) or isinstance(one, bool):
            raise ValueError(f"{name}: must be {what}, got {_shown(one)}")  # noqa: TRY004 - as above
    return items


def _shown(given: object) -> str:
    if type(given) is int and abs(given) > 10**30:  # Python refuses to write the largest ones
        return "a larger one"
    text = repr(given)
    return text if len(text) <= 80 else f"{text[:80]}..."
