"""The time of a server's event loop, by which its timeouts and pauses end."""

from __future__ import annotations

import asyncio

from kling_mock import KlingMock


def let_pass(mock: KlingMock, seconds: float) -> None:
    """Move the loop of a running server on, as if so many seconds of real time had passed."""

    def work() -> None:
        loop = asyncio.get_running_loop()
        now = loop.time
        vars(loop)["time"] = lambda: now() + seconds

    mock._thread.call(work)
