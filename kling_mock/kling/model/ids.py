"""Identifiers as Kling makes them, from a seed."""

from __future__ import annotations

from random import Random

from kling_mock.web.facts import observed

__all__ = ["FACT", "Ids", "result_id", "task_id_of"]

FACT = observed("wire", "probe-2026-09", as_of="2026-09-22", confidence="high")

_FIRST = (800_000_000_000_000_000, 850_000_000_000_000_000)
_STEP = 1 << 20


def result_id(task_id: str) -> str:
    """Return the id of a task's result: the number after the task's, which no task gets."""
    return str(int(task_id) + 1)


def task_id_of(result: str) -> str:
    """Return the id of the task that has this result."""
    return str(int(result) - 1)


class Ids:
    """A source of ids: 18 decimal digits, each one larger than the last by 2 or more.

    Args:
        random: Where the gaps come from; the same seed gives the same ids.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._last = random.randrange(*_FIRST)

    def task(self) -> str:
        """Return an id for a task."""
        self._last += 2 + int(self._random.random() * _STEP)
        return str(self._last)
