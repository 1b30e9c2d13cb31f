"""The log of the changes on a server, in order, for its watchers."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Literal, NamedTuple

KEPT = 4_096  # changes

ChangeKind = Literal["task", "callback", "reset"]


class StateChange(NamedTuple):
    """A change of something; its new state has to be read from the world.

    Attributes:
        kind: What has changed.
        id: Its id; "" for a reset, which changes everything.
    """

    kind: ChangeKind
    id: str


RESET = StateChange("reset", "")


class ChangeLog:
    """The newest changes of one server, which outlives its worlds.

    Writing costs the same with or without watchers, and does not wake them: watchers poll. While
    the server runs, only its thread uses the log.

    Args:
        size: How many changes are kept.

    Attributes:
        run: An id that distinguishes this log from that of any other server or process.
        total: The number of changes ever noted.
        watchers: For each current watcher, the function that ends it.
    """

    def __init__(self, size: int = KEPT) -> None:
        self._changes: deque[tuple[ChangeKind, str]] = deque(maxlen=size)
        self.run = os.urandom(6).hex()
        self.total = 0
        self.watchers: set[Callable[[], object]] = set()

    def note(self, kind: ChangeKind, name: str = "") -> None:
        """Append a change; the oldest one makes room."""
        self._changes.append((kind, name))  # a plain tuple, since every create passes here
        self.total += 1

    def since(self, total: int) -> list[StateChange] | None:
        """Return the changes since `total` was *total*: one for each thing, the latest last.

        `None` if they are unknown: some are no longer kept, or *total* lies in the future.
        """
        count = self.total - total
        if not 0 <= count <= len(self._changes):
            return None
        changes = islice(self._changes, len(self._changes) - count, None)
        latest = dict.fromkeys(reversed([*changes]))
        return [StateChange(*change) for change in reversed(latest)]
