"""When the call that a thread is making must have ended."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Final

__all__ = ["deadline", "left_of"]

#: The instant by `time.monotonic`; infinite outside of a call.
deadline: Final[ContextVar[float]] = ContextVar("kling_sdk_deadline", default=float("inf"))


def left_of(timeout: float | None, error: type[Exception]) -> float | None:
    """Return the seconds that a step with this *timeout* may take; None is no limit.

    Raises:
        Exception: *error*, when the call's time is over.
    """
    left = deadline.get() - time.monotonic()
    if left <= 0:
        raise error("the call's time is over")
    if timeout is not None:
        return min(timeout, left)
    return None if left == float("inf") else left
