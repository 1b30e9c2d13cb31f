"""The circuit breakers of one process: of its channels, and of its users' receivers.

What hangs takes a connection for each call until the first of them fail, so the calls that wait
for a reply are limited, too.

A process learns for itself who does not answer, so nothing is stored, and a start forgets it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping

from kling_mock.relay.domain.breaker import (
    BREAKER,
    Breaker,
    BreakerEvent,
    BreakerState,
    after,
    is_admitted,
)

__all__ = ["Breakers"]

_FULL = 1.0  # seconds until a call may be made of what has too many calls to answer
_REMEMBERED = 10_000  # breakers that are not as new


class Breakers:
    """Breakers by what they protect. One that is closed without failures takes no memory.

    Args:
        monotonic: Returns seconds that never run backwards.
        on_change: Called with the new state of a breaker that opens or closes.
        most: How many calls may wait for a reply of each of what is protected; 0 is any number.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        on_change: Callable[[BreakerState], None],
        most: int = 0,
    ) -> None:
        self._most = most
        self._under_way = Counter[Hashable]()
        self._monotonic = monotonic
        self._on_change = on_change
        self._breakers: dict[Hashable, Breaker] = {}

    def is_closed(self, key: Hashable) -> bool:
        """Return whether calls are made as usual."""
        found = self._breakers.get(key)
        return found is None or found.state is BreakerState.CLOSED

    def is_admitted(self, key: Hashable) -> bool:
        """Return whether a call may be made now; `begin` may refuse it a moment later."""
        if self._is_full(key):
            return False
        found = self._breakers.get(key)
        return found is None or is_admitted(found, self._monotonic())

    def is_pausing(self, key: Hashable) -> bool:
        """Return whether no call may be made, not even a probe, nor is one under way."""
        found = self._breakers.get(key)
        is_open = found is not None and found.state is BreakerState.OPEN
        return is_open and not self.is_admitted(key)

    def wait(self, key: Hashable) -> float:
        """Return in how many seconds a call may be made; 0 is now."""
        least = _FULL if self._is_full(key) else 0.0
        found = self._breakers.get(key)
        if found is None or found.state is BreakerState.CLOSED:
            return least
        return max(least, found.until - self._monotonic())

    def begin(self, key: Hashable) -> bool:
        """Begin a call, if it may be made; `replied`, `failed` or `abandoned` must follow."""
        if not self.is_admitted(key):
            return False
        if not self.is_closed(key):
            self._change(key, BreakerEvent.PROBED)
        if self._most:
            self._under_way[key] += 1
        return True

    def replied(self, key: Hashable) -> None:
        """Note that a call got a reply, be it a refusal."""
        self._ended(key)
        if key in self._breakers:
            self._change(key, BreakerEvent.REPLIED)

    def failed(self, key: Hashable) -> None:
        """Note that a call got no reply."""
        self._ended(key)
        self._change(key, BreakerEvent.FAILED)

    def abandoned(self, key: Hashable) -> None:
        """Note that a call ended without showing anything."""
        self._ended(key)
        if key in self._breakers:
            self._change(key, BreakerEvent.ABANDONED)

    def states(self) -> Mapping[Hashable, BreakerState]:
        """Return the states of all breakers that are not as new."""
        return {key: found.state for key, found in self._breakers.items()}

    def count(self) -> Counter[BreakerState]:
        """Return how many of them are in each state."""
        return Counter(found.state for found in self._breakers.values())

    def _is_full(self, key: Hashable) -> bool:
        return bool(self._most) and self._under_way[key] >= self._most

    def _ended(self, key: Hashable) -> None:
        if self._most:
            self._under_way[key] -= 1
            if self._under_way[key] <= 0:
                del self._under_way[key]

    def _change(self, key: Hashable, event: BreakerEvent) -> None:
        before = self._breakers.get(key, BREAKER)
        found = after(before, event, self._monotonic())
        if found == BREAKER:
            self._breakers.pop(key, None)
        else:
            if len(self._breakers) >= _REMEMBERED and key not in self._breakers:
                del self._breakers[next(iter(self._breakers))]
            self._breakers[key] = found
        if found.state is not before.state and found.state is not BreakerState.HALF_OPEN:
            self._on_change(found.state)
