"""The children of an async flow: each is a task of the event loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from kling_sdk.flows import NO_ITEM, Ended, Flow, Next, Spawn, Take
from kling_sdk.transports.children import CallInProgress, Child
from kling_sdk.transports.clock import Clock


class ChildTasks:
    """The children of one flow.

    Args:
        play: Runs a flow, given a function that performs its effects.
        perform: Makes a call of the flow, or sleeps.
        clock: The source of time.
    """

    def __init__(
        self,
        play: Callable[[Flow[Any], Callable[[Any], Any]], Coroutine[Any, Any, Any]],
        perform: Callable[[Any], Awaitable[Any]],
        clock: Clock,
    ) -> None:
        self._play, self._perform, self._clock = play, perform, clock
        self._tasks: set[asyncio.Task[Any]] = set()
        self._wake: asyncio.Future[None] | None = None  # while the parent waits
        self._ended: deque[Child] = deque()

    def start(self, spawn: Spawn, context: contextvars.Context) -> None:
        """Start a child."""
        child = Child(spawn, context, self._clock)
        loop = asyncio.get_running_loop()

        async def perform(effect: Any) -> Any:
            if not isinstance(effect, Take):
                return await self._perform(effect)
            with child.call.left():  # the caller's iterator may itself wait for the clock
                return await anext(effect.source, NO_ITEM)

        task = loop.create_task(self._play(child.flow, perform), context=child.context)
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._done(child, task))

    async def next(self, effect: Next, call: CallInProgress) -> Ended | None:
        """Return how a child has ended, or None when the time is over.

        Args:
            effect: The wait, with its maximum time.
            call: The parent's call, which is left while only children can go on.
        """
        if not self._ended and effect.seconds != 0:
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wait(effect.seconds, self._wake, call)
            finally:
                self._wake = None
                for child in self._ended:
                    if child.is_held:
                        child.leave()
        return self._ended.popleft().result if self._ended else None

    async def aclose(self) -> None:
        """Cancel the children, and wait until they have ended."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def _wait(
        self, seconds: float | None, wake: asyncio.Future[None], call: CallInProgress
    ) -> None:
        if seconds is None:
            assert self._tasks  # noqa: S101 - nothing would ever end the wait
            with call.left():
                await wake
        elif not self._tasks:
            await self._clock.asleep(seconds)
        else:
            await self._sleep(seconds, wake)

    async def _sleep(self, seconds: float, wake: asyncio.Future[None]) -> None:
        """Sleep on the clock, at most until *wake* is done."""
        sleeper = asyncio.ensure_future(self._clock.asleep(seconds))
        try:
            await asyncio.wait((sleeper, wake), return_when=asyncio.FIRST_COMPLETED)
            if sleeper.done():
                sleeper.result()  # which may be an error of the clock's
        finally:
            sleeper.cancel()
            # Until it has ended, the clock takes this call for one that sleeps.
            await asyncio.wait((sleeper,))

    def _done(self, child: Child, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        child.ended(task.result() if error is None else None, error)
        self._ended.append(child)
        if self._wake is None:
            child.leave()
        else:
            child.is_held = True
            if not self._wake.done():
                self._wake.set_result(None)
