"""The usual times of tasks, unless a test sets a rule.

The vendor does not give times for models. Its page for agents has 1 to 5 minutes for a video, and
one call of kling-3.0-turbo took 28 seconds for 3 (2026-09). The rest is assumed: minutes, as users
of the service report, and longer for a longer clip. The times only decide how far a test's clock
has to move.
"""

from __future__ import annotations

from collections.abc import Mapping

from kling_mock.web.facts import Fact, assumed

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
    "kling-2.5-turbo": 75.0,
    "kling-2.6": 120.0,
    "kling-3.0": 150.0,
    "kling-3.0-omni": 180.0,
    "kling-3.0-turbo": 30.0,
    "kling-o1": 150.0,
}
# For pictures, the vendor's page for agents has 20 to 60 seconds; one task of kling-v3 took 24.
PICTURE_SECONDS = 25.0

_MODE_FACTORS: Mapping[str, float] = {
    "none": 1.0,
    "std": 1.0,
    "720p": 1.0,
    "1k": 1.0,
    "2k": 1.5,
    "pro": 1.5,
    "1080p": 1.5,
    "4k": 3.0,
}
_PER_EXTRA_SECOND = 0.1  # of the typical time, for each second of the clip above 5


def seconds_to_make(typical: float, mode: str, seconds: int) -> float:
    """Return the typical time of a task.

    Args:
        typical: The time of a clip of 5 seconds in mode std or without modes.
        mode: `std`, `pro`, `4k` or `none`; `720p` and `1080p` where the model is in the path;
            `1k`, `2k` or `4k` for images.
        seconds: Length of the clip.
    """
    return typical * _MODE_FACTORS[mode] * (1 + _PER_EXTRA_SECOND * max(seconds - 5, 0))
