"""The pauses before a transaction is run again, in seconds."""

from __future__ import annotations

from typing import Final

#: Most transactions that conflict with another one succeed at the next run.
_WITHOUT_PAUSE: Final = 3
_FIRST: Final = 0.004
_MAX_PAUSE: Final = 0.1
_AFTER_LOSS: Final = 0.25


def after_conflict(number: int, chance: float) -> float:
    """Return the pause after a transaction was aborted because of a concurrent one.

    Args:
        number: How often it was aborted, from 1.
        chance: At least 0 and below 1, so that transactions do not conflict again.
    """
    if number <= _WITHOUT_PAUSE:
        return 0.0
    return chance * min(_MAX_PAUSE, _FIRST * 2.0 ** min(number - _WITHOUT_PAUSE - 1, 10))


def after_loss(number: int, chance: float) -> float:
    """Return the pause after a connection was lost.

    Args:
        number: How many were lost under this transaction, from 1.
        chance: At least 0 and below 1.
    """
    if number == 1:
        return 0.0  # a server closes idle connections: a new one works at once
    return (1 + chance) / 2 * _AFTER_LOSS
