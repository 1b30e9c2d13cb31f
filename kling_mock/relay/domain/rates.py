"""Rate limits: a token bucket for requests, growing pauses for wrong tokens.

Instants are seconds of real time since an arbitrary start: an attacker does not wait for the
relay's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_REMEMBERED: Final = 10_000  # owners whose bucket may not be full


class TokenBuckets:
    """One bucket per owner; all start full and are refilled at the same rate.

    A bucket is stored as one number, the instant at which it will be full again.

    Args:
        rate: Requests per second, above 0.
        burst: How many may come at once, 1 or more.
        timer: Returns the present instant.
    """

    def __init__(self, rate: float, burst: int, timer: Callable[[], float]) -> None:
        self._cost = 1.0 / rate
        self._depth = burst * self._cost
        self._timer = timer
        self._full_at: dict[str, float] = {}

    def take(self, owner: str) -> float:
        """Take a token and return 0; if there is none, return the seconds until there will be."""
        now = self._timer()
        full_at = max(self._full_at.get(owner, now), now) + self._cost
        wait = full_at - now - self._depth
        if wait > 1e-9:  # rounding must not cost the last one
            return wait
        if len(self._full_at) >= _REMEMBERED and owner not in self._full_at:
            self._forget(now)
        self._full_at[owner] = full_at
        return 0.0

    def _forget(self, now: float) -> None:
        """Make room: drop full buckets, which need no entry, and then the oldest."""
        self._full_at = {owner: at for owner, at in self._full_at.items() if at > now}
        for owner in [*self._full_at][: len(self._full_at) - _REMEMBERED // 2]:
            del self._full_at[owner]
