"""Access from a test's thread to the state that belongs to the server's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from kling_mock.clock import MockClock
from kling_mock.kling.world import World
from kling_mock.web.loop_thread import LoopThread

__all__ = ["HasTaskId", "LoopProxy", "id_of"]

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


class LoopProxy:
    """Runs functions on the state of one server, which a reset replaces.

    Args:
        thread: The server's thread.
        clock: The server's clock.
        world: Returns the present state.
    """

    def __init__(self, thread: LoopThread, clock: MockClock, world: Callable[[], World]) -> None:
        self._thread = thread
        self._clock = clock
        self._world = world

    @property
    def world(self) -> World:
        """The present state: to read only what may be read from any thread."""
        return self._world()

    def call(self, function: Callable[[World], T]) -> T:
        """Run *function* on the server's thread, if it runs, and return its result."""
        if not self._thread.running:
            return function(self._world())
        return self._thread.call(lambda: function(self._world()))

    def when_settled(self, function: Callable[[World], T]) -> T:
        """Run *function* on the server's thread when no callback is under way.

        Raises:
            RuntimeError: Inside an event loop there is one: its receiver may run there, and
                waiting for it here would block it.
        """
        if not self._thread.running:
            return function(self._world())
        if _inside_event_loop():
            return self._thread.call(lambda: self._if_settled(function))
        return self._thread.wait(self._after_callbacks(function), None)

    async def _after_callbacks(self, function: Callable[[World], T]) -> T:
        await self._clock.drain()
        return function(self._world())

    def _if_settled(self, function: Callable[[World], T]) -> T:
        if self._clock.busy:
            raise RuntimeError(
                "Callbacks are under way, and a snapshot cannot contain them. Inside an event "
                "loop, `await mock.clock.aadvance(0)` first: it waits for them."
            )
        return function(self._world())

    def settle(self) -> None:
        """Wait until callbacks under way are delivered.

        Inside an event loop this returns at once: the receiver may run there. There,
        `await mock.clock.aadvance(0)` waits.
        """
        if self._thread.running and not _inside_event_loop():
            self._thread.wait(self._clock.drain(), None)


def _inside_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
