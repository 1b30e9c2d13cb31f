"""The number of creates that may run at once: a given one, or as many as the server accepts.

The vendor does not publish how many tasks an account may have open. A create beyond that is refused
with 1303, so the number is learned: after a refusal, one more create is allowed for each task
that ends. Other programs of the account may free slots, too, so one create tries again from time
to time.
"""

from __future__ import annotations

import math
from typing import Final

import attrs

from kling_sdk.flows.retry import MAX_BUSY_PAUSE

#: Maximum number of creates in flight while the number of slots is not known.
AT_ONCE: Final = 8


@attrs.define(eq=False)
class Slots:
    """The slots of one batch.

    Attributes:
        max_open: Maximum number of tasks that may be open or being created, or None when it is not
            given.
        known_free: How many slots must be free, judging by refusals and ended tasks; None until a
            create is refused.
        blocked_until: Before this monotonic time nothing is created: the server asked for it.
        try_at: When a create may test for a free slot although none is known to be free.
    """

    max_open: int | None = None
    known_free: int | None = attrs.field(default=None, init=False)
    blocked_until: float = attrs.field(default=-math.inf, init=False)
    try_at: float = attrs.field(default=-math.inf, init=False)

    def opens_at(self, open_tasks: int, creating: int) -> float:
        """Return when the next create may start; infinite until a create or a task ends.

        Args:
            open_tasks: Tasks that were created and have not ended.
            creating: Creates in flight.
        """
        if self.max_open is not None and open_tasks + creating >= self.max_open:
            return math.inf
        if self.known_free is None:
            is_full = self.max_open is None and creating >= AT_ONCE
            return math.inf if is_full else self.blocked_until
        if self.known_free:
            return self.blocked_until
        return math.inf if creating else max(self.blocked_until, self.try_at)

    def started(self, now: float) -> bool:
        """Count a create that starts; return whether it only tries for a slot."""
        if self.known_free is None:
            return False
        is_try = self.known_free == 0
        self.known_free = max(0, self.known_free - 1)
        self.try_at = now + MAX_BUSY_PAUSE
        return is_try

    def accepted(self, *, was_try: bool) -> None:
        """Take note that a create was accepted."""
        if was_try:
            self.try_at = -math.inf  # another program has freed one slot, and perhaps more

    def refused(self, now: float, retry_after: float | None) -> None:
        """Take note of a 1303, and of the seconds that the server asked to wait."""
        self.known_free = 0
        self.try_at = now + MAX_BUSY_PAUSE
        if retry_after is not None:
            self.blocked_until = now + retry_after

    def ended(self) -> None:
        """Take note that a task has ended."""
        if self.known_free is not None:
            self.known_free += 1
