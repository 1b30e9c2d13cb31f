"""The bytes of a download on an event loop: how long the host may be silent, where they go."""

from __future__ import annotations

import asyncio

from kling_sdk.flows import Fetch
from kling_sdk.transports.threads import in_thread


class TransferLimit:
    """The time limits of a transfer: for each silence, and for the whole.

    Args:
        effect: The transfer.
        limit: The timeout that encloses it.
    """

    def __init__(self, effect: Fetch, limit: asyncio.Timeout) -> None:
        self._effect = effect
        self._limit = limit
        self._now = asyncio.get_running_loop().time
        self._until = self._now() + effect.whole

    async def take(self, chunk: bytes) -> None:
        """Give *chunk* to the sink, and begin to count the next silence."""
        sink = self._effect.sink
        if sink.may_block:
            # The stream's slowness is not the host's; and a write that was called off would go
            # on in its thread while the next attempt writes.
            self._limit.reschedule(None)
            await in_thread(sink.write, chunk)
        else:
            sink.write(chunk)
        if (hook := sink.progressed()) is not None:
            self._limit.reschedule(None)  # as above
            await hook
        self._limit.reschedule(min(self._now() + self._effect.timeout, self._until))
