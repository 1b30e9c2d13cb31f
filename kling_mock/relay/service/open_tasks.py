"""The limit of open tasks per token, without a statement for each create.

All open tasks are counted at once, now and then, in one statement over an index that has nothing
else. In between a process adds what it creates itself. So a token may have a few more for a
moment: what is just being stored while the others are counted, and what other processes have
created since.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.storage.protocol import Storage

__all__ = ["RECOUNT_AFTER", "OpenTasks"]

#: Seconds of real time after which a create has all counted again: until then a process does not
#: know what others have created.
RECOUNT_AFTER: Final = 10.0
_AT_LEAST: Final = 1.0  # seconds between two counts, however many creates are refused
_RETRY_AFTER: Final = 10  # seconds


class OpenTasks:
    """Counts the open tasks of each token.

    Args:
        storage: Where the rows are.
        limit: How many a token may have; 0 is any number.
        timer: Returns seconds of real time, from any instant on.
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
            RelayError: 429, it has as many open tasks as it may have.
        """
        if not self._limit:
            return
        age = self._timer() - self._at
        if age >= RECOUNT_AFTER or (age >= _AT_LEAST and self._is_full(token_id)):
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
            begun = self._since
            self._since = Counter()
            try:
                self._counted = await self._storage.count_open_by_token()
            except BaseException:
                self._since.update(begun)
                raise
            self._at = self._timer()
        finally:
            self._counting = None
