"""What an async client does beside its event loop, and the check that there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["in_thread", "require_asyncio"]

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *arguments: object) -> T:
    """Return what *function* returns, which may block; the event loop goes on meanwhile."""
    import asyncio  # a sync program need not load it

    return await asyncio.to_thread(function, *arguments)


def require_asyncio() -> None:
    """Refuse to run on another event loop than asyncio's, before anything is sent.

    The connections of an async client, its timeouts and its pauses are asyncio's. Elsewhere the
    first of them would fail in the middle of a call, and a create might have been accepted.

    Raises:
        RuntimeError: asyncio runs no event loop in this thread.
    """
    import asyncio  # as above

    try:
        asyncio.get_running_loop()
    except RuntimeError as error:
        raise RuntimeError(
            "AsyncKling runs on asyncio, which has no event loop here; under trio use Kling in a "
            "thread: await trio.to_thread.run_sync(kling.text2video.get, task_id)"
        ) from error
