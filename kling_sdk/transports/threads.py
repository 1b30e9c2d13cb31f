"""Work beside the event loop of an async client, which is asyncio's and not trio's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *arguments: object) -> T:
    """Return the result of *function*, which may block; the event loop goes on meanwhile."""
    import asyncio  # a sync program need not load it

    return await asyncio.to_thread(function, *arguments)


def refuse_trio() -> None:
    """Refuse to run under trio, before anything is sent.

    The connections of an async client, its timeouts and its pauses are asyncio's. Under trio the
    first of them would fail in the middle of a call, and a create might have been accepted.

    Raises:
        RuntimeError: a task of trio is running, and no event loop of asyncio.
    """
    import asyncio  # as above

    trio: Any = sys.modules.get("trio")
    if trio is None:
        return
    try:
        trio.lowlevel.current_trio_token()
    except (RuntimeError, AttributeError):  # it does not run here, or is being loaded elsewhere
        return
    try:
        asyncio.get_running_loop()  # trio may run as its guest
    except RuntimeError as error:
        raise RuntimeError(
            "AsyncKling runs on asyncio, and this is a task of trio; use Kling in a thread: "
            "await trio.to_thread.run_sync(kling.text2video.get, task_id)"
        ) from error
