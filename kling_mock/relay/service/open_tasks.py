"""The limit of open tasks per token, without a statement for each create.

All open tasks are counted together, now and then, in one statement over an index of open tasks
only. In between a process adds the tasks that it creates itself. So a token may exceed the limit a
little for a moment: by tasks that are being stored during the count, and by tasks that other
processes have created since.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.storage.sql_storage import Storage

#: Seconds of real time after which a create triggers a new count: until then a process does not
#: know which tasks others have created.
RECOUNT_AFTER: Final = 10.0
_MIN_PAUSE: Final = 1.0  # seconds between two counts, however many creates are refused
_RETRY_AFTER: Final = 10  # seconds


class OpenTasks:
    """Counts the open tasks of each token.

    Args:
        storage: The store of the rows.
        limit: Maximum number of open tasks of a token; 0 means no limit.
        timer: Returns seconds of real time since an arbitrary instant.
        metrics: Counts the creates that are refused.
    """

    def __init__(
        self, storage: Storage, limit: int, timer: Callable[[], float], metrics: Metrics
    ) -> None:
        self._storage = storage
        self._limit = limit
        self._timer = timer
        self._metrics = metrics
        self._counted: Mapping[int, int] = {}
        self._since = Counter[int]()
        self._at = float("-inf")
        self._counting: asyncio.Task[None] | None = None

    async def take(self, token_id: int) -> None:
        """Count a create of a token.

        Raises:
            RelayError: 429, the token has reached its limit of open tasks.
        """
        if not self._limit:
            return
        age = self._timer() - self._at
        if age >= RECOUNT_AFTER or (age >= _MIN_PAUSE and self._is_full(token_id)):
            await self._count()
        if self._is_full(token_id):
            self._metrics.limit("open_tasks")
            text = f"this token has {self._limit} open tasks; wait until some have ended"
            raise RelayError(errors.TOO_MANY_OPEN, text, retry_after=_RETRY_AFTER)
        self._since[token_id] += 1

    def _is_full(self, token_id: int) -> bool:
        return self._counted.get(token_id, 0) + self._since[token_id] >= self._limit

    async def _count(self) -> None:
        if self._counting is None:
            self._counting = asyncio.create_task(self._recount())
        await asyncio.shield(self._counting)

    async def _recount(self) -> None:
        try:
            since = self._since
            self._since = Counter()
            try:
                self._counted = await self._storage.count_open_by_token()
            except BaseException:
                self._since.update(since)
                raise
            self._at = self._timer()
        finally:
            self._counting = None
