"""The board on which the single waits of one client see each other's tasks.

Many threads or asyncio tasks may each wait for a task of their own. A wait that reads a list page
also leaves on the board what the page shows of the tasks of the other waits, and a wait that finds
its task there need not query it. No wait is held up by another for longer than a moment, and none
gets another's error: an error always comes from a wait's own query.

Threads share it without a lock: each access is one operation on a set or a dict, and a race between
two of them costs at most one request.
"""

from __future__ import annotations

import math
from typing import Final

from kling_sdk.results.task import Task

#: From this many waits of one endpoint on, a list page is cheaper than a query for each.
ENOUGH: Final = 4
#: Seconds after which the reader of a list counts as lost: its thread is in another process.
LOST_AFTER: Final = 120.0


class Waiting:
    """A wait for a task.

    Attributes:
        task_id: The task.
        news: When a list was last requested, in monotonic time, and the task as that list showed
            it, or None if it did not.
    """

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.news: tuple[float, Task | None] = (-math.inf, None)


class Board:
    """The waits of a client, by the list on which their tasks are.

    Attributes:
        rows: The depth of the open tasks in each list when it was last read.
    """

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self._waits: dict[str, set[Waiting]] = {}
        self._readers: dict[str, tuple[float, Waiting]] = {}
        self._single_until: dict[str, float] = {}

    def join(self, place: str, wait: Waiting) -> None:
        """Take note that *wait* goes on at a list."""
        self._waits.setdefault(place, set()).add(wait)

    def leave(self, place: str, wait: Waiting) -> None:
        """Note that *wait* has ended."""
        self._waits[place].discard(wait)
        self.release(place, wait)

    def waits(self, place: str) -> list[Waiting]:
        """Return the waits at a list."""
        return list(self._waits.get(place, ()))

    def is_worth_a_page(self, place: str, now: float) -> bool:
        """Return whether to read the list instead of querying a single task."""
        enough = len(self._waits.get(place, ())) >= ENOUGH
        return enough and now >= self._single_until.get(place, -math.inf)

    def claim(self, place: str, wait: Waiting, now: float) -> bool:
        """Return whether *wait* should read the list now; no other wait does so meanwhile."""
        since, reader = self._readers.setdefault(place, (now, wait))
        if reader is not wait and now - since > LOST_AFTER:
            self._readers[place] = (now, wait)
            return True
        return reader is wait

    def release(self, place: str, wait: Waiting) -> None:
        """End the reading of *wait*, if it reads."""
        if (reader := self._readers.get(place)) is not None and reader[1] is wait:
            self._readers.pop(place, None)

    def avoid(self, place: str, until: float) -> None:
        """Read no list at *place* before *until*: it cannot be read."""
        self._single_until[place] = until
