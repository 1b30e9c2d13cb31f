"""The replies to repeated creates.

Any process may be sending the first create, so nothing in memory can tell: the row of that create
shows whether it is still being sent, and is read until it no longer is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from kling_mock.clock import MockClock
from kling_mock.relay.domain import replies
from kling_mock.relay.domain.errors import read_refusal
from kling_mock.relay.domain.repeats import (
    WAIT_LIMIT,
    WAITING_PER_TOKEN,
    in_progress,
    is_being_sent,
    max_attempt,
    wait_pauses,
    was_refused,
)
from kling_mock.relay.domain.wire import CreateTaskRequest
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import VideoRow


class RepeatedCreates:
    """Replies to creates that repeat an earlier request with the same `external_task_id`.

    Args:
        storage: The store of the rows.
        metrics: Counts the repeats.
        run: Runs some work on a body of so many bytes, in a thread if these are many.
    """

    def __init__(
        self,
        storage: Storage,
        clock: MockClock,
        metrics: Metrics,
        run: Callable[[Callable[[], str], int], Awaitable[str]],
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._metrics = metrics
        self._run = run
        self._waiting: Counter[int] = Counter()

    async def has_made(self, request: CreateTaskRequest, row: VideoRow) -> bool:
        """Return whether a task was made by the same request, to this relay or an earlier one."""
        if row.request_hash == request.request_hash:
            return True
        return row.request_hash == await self._run(request.older_hash, request.size)

    async def reply(self, row: VideoRow, token_id: int) -> dict[str, Any]:
        """Return the first create's task, once that create is no longer being sent.

        Args:
            row: The row of the first create.
            token_id: The token of the repeat.

        Raises:
            RelayError: The first create was refused, so this one is refused too; or the first one
                is still being sent after `WAIT_LIMIT` seconds, or too many repeats of the token
                are waiting already.
        """
        if self._is_being_sent(row):
            row = await self._once_sent(row, token_id)
        self._metrics.create("repeated")
        if was_refused(row):
            raise read_refusal(row.json_data)
        return replies.create_reply(row)

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
        """Read the row until it is no longer being sent; return None if that takes too long."""
        until = self._clock.monotonic() + WAIT_LIMIT
        for pause in wait_pauses():
            await self._pause(pause)
            latest = await self._storage.find_task(row.task_id)
            if latest is not None and not self._is_being_sent(latest):
                return latest
            if self._clock.monotonic() >= until:
                break
        return None

    async def _pause(self, seconds: float) -> None:
        if self._clock.speed is None:
            # With a clock that stands still this would never end, and sending takes real time.
            await asyncio.sleep(seconds)
        else:
            await self._clock.asleep(seconds)

    def _is_being_sent(self, row: VideoRow) -> bool:
        return is_being_sent(row, self._clock.now(), max_attempt(self._clock.speed))
