"""Limits on large bodies: they use bounded memory, and block the loop only for moments."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Final, TypeVar

from kling_mock.relay.domain import errors, json_body
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.metrics.counters import Metrics

T = TypeVar("T")

#: Bytes above which a body counts. It is parsed in a thread from `json_body.LARGE` on.
LARGE: Final = 1024 * 1024
_RETRY_AFTER: Final = 5  # seconds
_SOON: Final = 0.2  # seconds: by then a request that was refused has ended
_BUSY: Final = "too many large bodies are being sent to this relay; try again in a moment"


class LargeBodies:
    """Counts the bytes of large bodies, and parses all but small ones one at a time in a thread.

    Bytes count when they arrive and not when they are announced, so that a slow body does not take
    room from others. They count until the response to the create: its body is sent on to Kling.
    Then garbage is collected: an error whose frames hold the body may be part of a cycle, in the
    relay or in a library, and the process's own collections are too rare for cycles of 80 MB.

    Args:
        max_bytes: Maximum bytes in memory at a time, of which one token gets three quarters.
        metrics: Counts the requests that are refused.
    """

    def __init__(self, max_bytes: int, metrics: Metrics) -> None:
        self._max_bytes = max_bytes
        self._of_one = max_bytes * 3 // 4
        self._metrics = metrics
        self._total = 0
        self._by_token = Counter[int]()
        self._is_collecting = False
        self._working = asyncio.Lock()

    @contextmanager
    def counting(self, token_id: int) -> Generator[Callable[[int], None]]:
        """Count a body while it is kept; yield a function to call with its size so far.

        That function raises `RelayError`, 503, if there is no room for more.
        """
        counted = 0

        def grow(size: int) -> None:
            nonlocal counted
            more = size - LARGE - counted
            if more <= 0:
                return
            if (
                self._total + more > self._max_bytes
                or self._by_token[token_id] + more > self._of_one
            ):
                self._metrics.limit("large_bodies")
                raise RelayError(errors.NO_MEMORY, _BUSY, retry_after=_RETRY_AFTER)
            counted += more
            self._count(token_id, more)

        try:
            yield grow
        finally:
            if counted:
                self._count(token_id, -counted)
                self._collect_soon()

    def _collect_soon(self) -> None:
        """Schedule one garbage collection, however many bodies end until then."""
        if not self._is_collecting:
            self._is_collecting = True
            asyncio.get_running_loop().call_later(_SOON, self._collect)

    def _collect(self) -> None:
        self._is_collecting = False
        gc.collect()

    async def parse(self, read: Callable[[bytes], T], raw: bytes) -> T:
        """Return the result of *read* for a body, called in a thread unless the body is small.

        Raises:
            Exception: Any exception of *read*.
        """
        return await self.run(partial(read, raw), len(raw))

    async def run(self, work: Callable[[], T], size: int) -> T:
        """Return the result of *work* on a body of *size* bytes, in the same way.

        Raises:
            Exception: Any exception of *work*.
        """
        if size <= json_body.LARGE:
            return work()
        async with self._working:
            return await asyncio.to_thread(work)

    def _count(self, token_id: int, change: int) -> None:
        self._total += change
        self._by_token[token_id] += change
        if not self._by_token[token_id]:
            del self._by_token[token_id]
