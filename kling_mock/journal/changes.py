"""What has changed on a server, in order, for whoever watches it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Literal, NamedTuple

__all__ = ["KEPT", "RESET", "ChangeKind", "ChangeLog", "StateChange"]

KEPT = 4_096  # changes

ChangeKind = Literal["task", "callback", "reset"]


class StateChange(NamedTuple):
    """Something that is not what it was; what it is now is asked of the world.

    Attributes:
        kind: What it is.
        id: Its id; "" for a reset, after which nothing is what it was.
    """

    kind: ChangeKind
    id: str


RESET = StateChange("reset", "")


class ChangeLog:
    """The newest changes of one server, which outlives its worlds.

    Writing costs the same whether anybody watches or not, and wakes nobody: who watches looks
    again and again. Only the server's thread uses it while the server runs.

    Args:
        size: How many changes are kept.

    Attributes:
        run: Distinguishes this log from that of any other server or process.
        total: How many changes there ever were.
        watchers: What ends each of those who watch now.
    """

    def __init__(self, size: int = KEPT) -> None:
        self._kept: deque[tuple[ChangeKind, str]] = deque(maxlen=size)
        self.run = os.urandom(6).hex()
        self.total = 0
        self.watchers: set[Callable[[], object]] = set()

    def note(self, kind: ChangeKind, name: str = "") -> None:
        """Append a change; the oldest one makes room."""
        self._kept.append((kind, name))  # plain, since it is on the way of every create
        self.total += 1

    def since(self, total: int) -> list[StateChange] | None:
        """Return what has changed since `total` was *total*, each thing once, the last one last.

        `None` if that is not known: some of it is no longer kept, or *total* lies ahead.
        """
        count = self.total - total
        if not 0 <= count <= len(self._kept):
            return None
        changes = islice(self._kept, len(self._kept) - count, None)
        latest = dict.fromkeys(reversed([*changes]))
        return [StateChange(*one) for one in reversed(latest)]
