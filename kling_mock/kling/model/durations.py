"""When a task moves on, if no rule of a test says otherwise."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

__all__ = ["Schedule", "schedule"]

_SPREAD = 0.2  # a task takes up to this part longer than typical
_LEAST = 60.0  # seconds: nothing is ever done sooner
_START = (0.5, 2.0)  # seconds from submitted to processing: earliest, latest


class Schedule(NamedTuple):
    """When a task moves on, in seconds after it was submitted.

    Attributes:
        processing: Seconds to `processing`.
        done: Seconds to `succeed` or `failed`.
    """

    processing: float
    done: float


def schedule(typical: float, random: Random) -> Schedule:
    """Return when a task moves on.

    Args:
        typical: Seconds that such a task usually takes.
        random: Where the spread comes from.
    """
    return Schedule(
        processing=random.uniform(*_START),
        done=max(_LEAST, typical * (1 + _SPREAD * random.random())),
    )
