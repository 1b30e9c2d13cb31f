"""An event loop on a thread of its own, that starts and stops within a time limit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["LoopThread"]

T = TypeVar("T")


class LoopThread:
    """Runs one server's coroutines away from the caller's thread.

    Nothing is global: each instance has its own loop and thread.

    Args:
        name: The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the loop takes work."""
        return self._loop is not None

    def start(self) -> None:
        """Start the thread; return once its loop runs."""
        loop = asyncio.new_event_loop()
        ready = threading.Event()
        loop.call_soon(ready.set)
        self._thread = threading.Thread(target=_run, args=(loop,), name=self._name, daemon=True)
        self._thread.start()
        ready.wait()
        self._loop = loop

    def wait(self, work: Coroutine[Any, Any, T], timeout: float | None) -> T:
        """Run *work* on the loop and return its result, or raise its exception.

        Args:
            work: What to run.
            timeout: Seconds of real time to wait; `None` is for ever.

        Raises:
            TimeoutError: It did not end in time, and was cancelled.
            RuntimeError: The thread is not running.
        """
        if self._loop is None:
            work.close()
            raise RuntimeError(f"{self._name} is not running")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        finally:
            future.cancel()  # on a timeout or an interrupt; otherwise it has ended

    def call(self, function: Callable[[], T]) -> T:
        """Run *function* on the loop's thread and return its result; also from that thread.

        Raises:
            RuntimeError: The thread is not running.
        """
        if self._thread is threading.current_thread():
            return function()

        async def work() -> T:
            return function()

        return self.wait(work(), None)

    def stop(self, last: Callable[[], Awaitable[None]], timeout: float) -> None:
        """Run *last* on the loop, then end the loop and the thread.

        Args:
            last: The clean-up.
            timeout: Seconds of real time that it may take.

        Raises:
            TimeoutError: The clean-up did not end in time; the thread is stopped all the same.
        """
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return

        async def work() -> None:
            await last()

        try:
            self.wait(work(), timeout)
        finally:
            self._loop = self._thread = None
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
