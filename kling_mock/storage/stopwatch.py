"""Which transactions were slow: measured here, because SQLite keeps no record of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from kling_mock.storage.values import SlowUnit

__all__ = ["SLOW_AFTER", "Stopwatch"]

_log: Final = logging.getLogger("kling_mock.storage")

#: Seconds from which a transaction counts as slow: MySQL's own default is 10, and a user waits.
SLOW_AFTER: Final = 1.0


class Stopwatch:
    """Remembers, by kind, how often and how much a transaction was slow.

    Args:
        slow_after: Seconds from which one counts.
    """

    def __init__(self, slow_after: float = SLOW_AFTER) -> None:
        self.slow_after = slow_after
        self._slow: dict[str, SlowUnit] = {}

    def note(self, name: str, seconds: float) -> None:
        """Note how long a transaction took, from being asked for to its answer.

        Args:
            name: Its kind; there are as many as a store has methods.
            seconds: Real time.
        """
        if seconds < self.slow_after:
            return
        before = self._slow.get(name, SlowUnit(name, 0, 0.0))
        self._slow[name] = SlowUnit(name, before.times + 1, max(before.longest, seconds))
        _log.warning("kling storage: %s was slow, %.1f s", name, seconds)

    def slow(self) -> Sequence[SlowUnit]:
        """Return what was slow, the slowest first."""
        return sorted(self._slow.values(), key=lambda one: -one.longest)
