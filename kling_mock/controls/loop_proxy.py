"""Access from a test's thread to the state that belongs to the server's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from kling_mock.clock import MockClock, event_loop_here
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
    """Return the id of a task, or the id that was given.

    Raises:
        ValueError: It is neither.
    """
    found = task if isinstance(task, str) else getattr(task, "task_id", None)
    if not isinstance(found, str):
        raise ValueError(f"task: must be a task or its task id, got {task!r}")  # noqa: TRY004 - one kind for all
    return found


class LoopProxy:
    """Runs functions on the state of one server, which a reset replaces.

    Before the start and after a stop the state is as still as the server, and is read and changed
    on the caller's thread. While the server stops, and in a process forked from the server's,
    each call raises at once.

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
        """The present state: to read only what may be read from any thread.

        Raises:
            RuntimeError: In a process forked from the server's, which has an old copy of it.
        """
        if self._thread.state == "forked":
            raise self._thread.refusal()
        return self._world()

    @property
    def _is_still(self) -> bool:
        return self._thread.state in {"new", "stopped"}

    def call(self, function: Callable[[World], T]) -> T:
        """Run *function* on the server's thread, if it runs, and return its result.

        Raises:
            RuntimeError: The server is being stopped, or runs in another process.
        """
        if self._is_still:
            return function(self._world())
        return self._thread.call(lambda: function(self._world()))

    def when_settled(self, function: Callable[[World], T]) -> T:
        """Run *function* on the server's thread when no callback is under way.

        Raises:
            RuntimeError: As `call`; or inside an event loop there is one: its receiver may run
                there, and waiting for it here would block it.
        """
        if self._is_still:
            return function(self._world())
        if event_loop_here():
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

        Raises:
            RuntimeError: As `call`.
        """
        if not (self._is_still or event_loop_here()):
            self._thread.wait(self._clock.drain(), None)
