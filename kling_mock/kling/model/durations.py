"""How long a task takes when nobody says otherwise.

The vendor gives no times, so all of them are assumed: minutes, as users of the service report,
and longer for a longer clip. They only decide how far a test's clock has to move.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from kling_mock.web.facts import Fact, assumed

__all__ = ["TYPICAL_SECONDS", "Schedule", "schedule"]

FACT: Fact = assumed("the vendor publishes no generation times")

# model -> seconds from submitted to done, for a clip of 5 seconds in mode std or without modes
TYPICAL_SECONDS: Mapping[str, float] = {
    "kling-v1": 90.0,
    "kling-v1-5": 120.0,
    "kling-v1-6": 120.0,
    "kling-v2-master": 240.0,
    "kling-v2-1-master": 240.0,
    "kling-v2-1": 120.0,
    "kling-v2-5-turbo": 75.0,
    "kling-v2-6": 120.0,
    "kling-v3": 150.0,
    "kling-video-o1": 150.0,
    "kling-v3-omni": 180.0,
}

_MODE_FACTORS: Mapping[str, float] = {"none": 1.0, "std": 1.0, "pro": 1.5, "4k": 3.0}
_PER_EXTRA_SECOND = 0.1  # of the typical time, for each second of the clip above 5
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


def schedule(model: str, mode: str, seconds: int, random: Random) -> Schedule:
    """Return when a task for a clip of *seconds* moves on.

    Args:
        model: A key of `TYPICAL_SECONDS`.
        mode: `std`, `pro`, `4k` or `none`.
        seconds: Length of the clip.
        random: Where the spread comes from.
    """
    longer = 1 + _PER_EXTRA_SECOND * max(seconds - 5, 0)
    typical = TYPICAL_SECONDS[model] * _MODE_FACTORS[mode] * longer
    return Schedule(
        processing=random.uniform(*_START),
        done=max(_LEAST, typical * (1 + _SPREAD * random.random())),
    )
