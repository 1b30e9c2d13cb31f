"""The replies to repeated creates.

Any process may be sending the first create, so nothing in memory decides: its row shows whether it
is still being sent, and is read until it no longer is.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from kling_mock.clock import MockClock
from kling_mock.relay.domain import wire
from kling_mock.relay.domain.errors import read_refusal
from kling_mock.relay.domain.repeats import (
    WAIT_LIMIT,
    WAITING_PER_TOKEN,
    in_progress,
    is_being_sent,
    wait_pauses,
    was_refused,
)
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import VideoRow

__all__ = ["RepeatedCreates"]


class RepeatedCreates:
    """Replies to creates whose `external_task_id` has made a task before, by the same request.

    Args:
        storage: Where the rows are.
        clock: The time.
        metrics: Counts the repeats.
    """

    def __init__(self, storage: Storage, clock: MockClock, metrics: Metrics) -> None:
        self._storage = storage
        self._clock = clock
        self._metrics = metrics
        self._waiting: Counter[int] = Counter()

    async def reply(self, row: VideoRow, token_id: int) -> dict[str, str]:
        """Return the first create's task as it is once that create is no longer being sent.

        Args:
            row: The row of the first create.
            token_id: The token of the repeat.

        Raises:
            RelayError: The first create was refused, and so is this one; or it is still being
                sent after `WAIT_LIMIT` seconds, or too many repeats of the token wait already.
        """
        if is_being_sent(row, self._clock.now()):
            row = await self._once_sent(row, token_id)
        self._metrics.create("repeated")
        if was_refused(row):
            raise read_refusal(row.json_data)
        return wire.create_reply(row)

    async def _once_sent(self, row: VideoRow, token_id: int) -> VideoRow:
        sent = None
        if self._waiting[token_id] < WAITING_PER_TOKEN:
            self._waiting[token_id] += 1
            try:
                sent = await self._poll(row)
            finally:
                self._waiting[token_id] -= 1
                if not self._waiting[token_id]:
                    del self._waiting[token_id]
        if sent is None:
            self._metrics.create("in_progress")
            raise in_progress()
        return sent

    async def _poll(self, row: VideoRow) -> VideoRow | None:
        """Read the row until it is no longer being sent; return None if it is for too long."""
        until = self._clock.monotonic() + WAIT_LIMIT
        for pause in wait_pauses():
            await self._pause(pause)
            found = await self._storage.find_task(row.task_id)
            if found is not None and not is_being_sent(found, self._clock.now()):
                return found
            if self._clock.monotonic() >= until:
                break
        return None

    async def _pause(self, seconds: float) -> None:
        if self._clock.speed is None:
            # A clock that stands still would never end it, and sending takes real time.
            await asyncio.sleep(seconds)
        else:
            await self._clock.asleep(seconds)
