"""Mutants that nobody can tell from the code, each with the reason.

They are not run, listed with their reasons, and left out of the score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["EQUIVALENT", "LIMIT", "why_equivalent"]

#: No more than this part of the drawn mutants may be left out.
LIMIT: Final = 0.1

_ONLY_COMPARED: Final = (
    "Members are compared with each other; only the message of a program's mistake has the text."
)
_COMPARED: Final = {
    "kling_mock/relay/domain/states.py": (
        *("unknown", "lost", "refused"),
        *("keep", "advance", "charge", "release", "report"),
    ),
    "kling_mock/relay/domain/breaker.py": ("replied", "failed", "tripped", "probed", "abandoned"),
}
#: File, line before and line after, and why the two do the same.
EQUIVALENT: Final[Mapping[tuple[str, str, str], str]] = {
    **{
        (file, f'{name.upper()} = "{name}"', f"{name.upper()} = 'XX{name}'"): _ONLY_COMPARED
        for file, names in _COMPARED.items()
        for name in names
    },
    (
        "kling_sdk/prices.py",
        '_List = tuple[str, "Confidence", date]',
        "_List = tuple[str, 'XXConfidence', date]",
    ): "The name of a type, which only type checkers read.",
    (
        "kling_mock/relay/domain/user_webhooks.py",
        "return float(seconds) if seconds is not None and 0 < seconds <= _LONGEST_WAIT else 0.0",
        "return float(seconds) if seconds is not None and (-1) < seconds <= _LONGEST_WAIT else 0.0",
    ): "The pause is the larger of this and one of five seconds or more.",
}


def why_equivalent(file: str, before: str, after: str) -> str:
    """Return why a change makes no difference, "" if it makes one."""
    return EQUIVALENT.get((file, before, after), "")
