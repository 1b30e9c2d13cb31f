"""How a test's thread reaches the state that belongs to the server's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from kling_mock.clock import Clock
from kling_mock.kling.world import World
from kling_mock.web.loop_thread import LoopThread

__all__ = ["HasTaskId", "Reach", "id_of"]

T = TypeVar("T")


class HasTaskId(Protocol):
    """A task of the SDK, or anything else with a `task_id`."""

    @property
    def task_id(self) -> str:
        """The id of 18 digits."""
        ...


def id_of(task: str | HasTaskId) -> str:
    """Return the id of a task, or the id that was given."""
    return task if isinstance(task, str) else task.task_id


class Reach:
    """The way into one server, whichever world it has just now.

    Args:
        thread: The server's thread.
        clock: The server's clock.
        world: Returns the world of this moment.
    """

    def __init__(self, thread: LoopThread, clock: Clock, world: Callable[[], World]) -> None:
        self._thread = thread
        self._clock = clock
        self._world = world

    @property
    def world(self) -> World:
        """The world of this moment: to read only what may be read from any thread."""
        return self._world()

    def call(self, function: Callable[[World], T]) -> T:
        """Run *function* on the server's thread, if it runs, and return its result."""
        if not self._thread.running:
            return function(self._world())
        return self._thread.call(lambda: function(self._world()))

    def quiet(self, function: Callable[[World], T]) -> T:
        """Run *function* on the server's thread when no report is under way.

        Raises:
            RuntimeError: Inside an event loop there is one: its receiver may live there, and
                waiting for it here would block it.
        """
        if not self._thread.running:
            return function(self._world())
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._thread.wait(self._when_quiet(function), None)
        return self._thread.call(lambda: self._if_quiet(function))

    async def _when_quiet(self, function: Callable[[World], T]) -> T:
        await self._clock.drain()
        return function(self._world())

    def _if_quiet(self, function: Callable[[World], T]) -> T:
        if self._clock.busy:
            raise RuntimeError(
                "Callbacks are under way, and what is on its way cannot be kept. Inside an event "
                "loop, `await mock.clock.aadvance(0)` first: it waits for them."
            )
        return function(self._world())

    def settle(self) -> None:
        """Wait until reports under way are delivered.

        Inside an event loop this returns at once: the receiver may live there. There,
        `await mock.clock.aadvance(0)` waits.
        """
        if not self._thread.running:
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._thread.wait(self._clock.drain(), None)
