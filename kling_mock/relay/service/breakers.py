"""The circuit breakers of one process: for its channels, and for its users' receivers.

A peer that hangs takes a connection for each call until the first calls fail, so the number of
calls that wait for a reply is limited too.

Each process learns by itself which peers do not answer: nothing is stored, and a restart forgets
it.
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

_FULL = 1.0  # seconds until the next call to a peer that has too many calls to answer
_REMEMBERED = 10_000  # breakers with a history


class Breakers:
    """Breakers by the peer that they protect. One that is closed without failures is not stored.

    Args:
        monotonic: Returns seconds that never run backwards.
        on_change: Called with the new state of a breaker that opens or closes.
        max_waiting: Maximum number of calls that wait for a reply of one peer; 0 for no limit.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        on_change: Callable[[BreakerState], None],
        max_waiting: int = 0,
    ) -> None:
        self._max_waiting = max_waiting
        self._under_way = Counter[Hashable]()
        self._monotonic = monotonic
        self._on_change = on_change
        self._breakers: dict[Hashable, Breaker] = {}

    def is_closed(self, key: Hashable) -> bool:
        """Return whether calls are made as usual."""
        breaker = self._breakers.get(key)
        return breaker is None or breaker.state is BreakerState.CLOSED

    def is_admitted(self, key: Hashable) -> bool:
        """Return whether a call may be made now; `begin` may refuse it a moment later."""
        if self._is_full(key):
            return False
        breaker = self._breakers.get(key)
        return breaker is None or is_admitted(breaker, self._monotonic())

    def is_pausing(self, key: Hashable) -> bool:
        """Return whether calls are paused: a probe may not be made yet, and none is under way."""
        breaker = self._breakers.get(key)
        is_open = breaker is not None and breaker.state is BreakerState.OPEN
        return is_open and not self.is_admitted(key)

    def wait(self, key: Hashable) -> float:
        """Return in how many seconds a call may be made; 0 is now."""
        min_pause = _FULL if self._is_full(key) else 0.0
        breaker = self._breakers.get(key)
        if breaker is None or breaker.state is BreakerState.CLOSED:
            return min_pause
        return max(min_pause, breaker.until - self._monotonic())

    def begin(self, key: Hashable) -> bool:
        """Start a call if it may be made, and return whether it may.

        After a call that was started, `replied`, `failed` or `abandoned` must be called.
        """
        if not self.is_admitted(key):
            return False
        if not self.is_closed(key):
            self._change(key, BreakerEvent.PROBED)
        if self._max_waiting:
            self._under_way[key] += 1
        return True

    def replied(self, key: Hashable) -> None:
        """Record that a call got a reply, even if that was a refusal."""
        self._ended(key)
        if key in self._breakers:
            self._change(key, BreakerEvent.REPLIED)

    def failed(self, key: Hashable) -> None:
        """Record that a call got no reply."""
        self._ended(key)
        self._change(key, BreakerEvent.FAILED)

    def abandoned(self, key: Hashable) -> None:
        """Record that a call ended without showing whether the peer answers."""
        self._ended(key)
        if key in self._breakers:
            self._change(key, BreakerEvent.ABANDONED)

    def states(self) -> Mapping[Hashable, BreakerState]:
        """Return the states of all breakers that have a history."""
        return {key: breaker.state for key, breaker in self._breakers.items()}

    def count(self) -> Counter[BreakerState]:
        """Return the number of these breakers in each state."""
        return Counter(breaker.state for breaker in self._breakers.values())

    def _is_full(self, key: Hashable) -> bool:
        return bool(self._max_waiting) and self._under_way[key] >= self._max_waiting

    def _ended(self, key: Hashable) -> None:
        if self._max_waiting:
            self._under_way[key] -= 1
            if self._under_way[key] <= 0:
                del self._under_way[key]

    def _change(self, key: Hashable, event: BreakerEvent) -> None:
        before = self._breakers.get(key, BREAKER)
        breaker = after(before, event, self._monotonic())
        if breaker == BREAKER:
            self._breakers.pop(key, None)
        else:
            if len(self._breakers) >= _REMEMBERED and key not in self._breakers:
                del self._breakers[next(iter(self._breakers))]
            self._breakers[key] = breaker
        if breaker.state is not before.state and breaker.state is not BreakerState.HALF_OPEN:
            self._on_change(breaker.state)
