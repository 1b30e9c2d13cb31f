"""Access from a test's thread to state that belongs to the server's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from kling_mock.clock import MockClock, event_loop_here
from kling_mock.kling.world import World
from kling_mock.web.loop_thread import LoopThread

if TYPE_CHECKING:
    from kling_mock.kling.http.handler import KlingHandler

CALLBACKS_TIMEOUT: Final = 1.0  # seconds of real time that replacing the state waits for callbacks

T = TypeVar("T")

_IN_TRIO = (
    "The awaitable controls need asyncio's event loop. In trio, call the others in a thread: "
    "`await trio.to_thread.run_sync(mock.complete, task)`."
)


class HasTaskId(Protocol):
    """A task of the SDK, or anything else with a `task_id`."""

    @property
    def task_id(self) -> str:
        """The id of 18 digits."""
        ...


def id_of(task: str | HasTaskId) -> str:
    """Return the id of a task; an id is returned unchanged.

    Raises:
        ValueError: The argument is neither a task nor an id.
    """
    task_id = task if isinstance(task, str) else getattr(task, "task_id", None)
    if not isinstance(task_id, str):
        raise ValueError(f"task: must be a task, or its task id or external id, got {task!r}")  # noqa: TRY004 - one kind for all
    return task_id


def would_block(twin: str) -> RuntimeError:
    """Return the error of a control that cannot wait where it is called; *twin* can."""
    return RuntimeError(
        "This would return before the callback is delivered, since the receiver may run "
        f"in this event loop, which it would block. Use `await {twin}`."
    )


class LoopProxy:
    """Runner of functions on the state of one server, which a reset replaces.

    Before the start and after a stop nothing else uses the state, so it is read and changed on the
    caller's thread. While the server stops, and in a process forked from the server's, each call
    raises immediately.

    Args:
        thread: The server's thread.
        clock: The server's clock.
        handler: Has the current state.
    """

    def __init__(self, thread: LoopThread, clock: MockClock, handler: KlingHandler) -> None:
        self._thread = thread
        self._clock = clock
        self._handler = handler

    @property
    def world(self) -> World:
        """The current state; read only the parts that may be read from any thread.

        Raises:
            RuntimeError: In a process forked from the server's, which has an old copy of it.
        """
        if self._thread.state == "forked":
            raise self._thread.refusal()
        return self._handler.world

    @property
    def _is_still(self) -> bool:
        return self._thread.state in {"new", "stopped"}

    def call(self, function: Callable[[World], T]) -> T:
        """Run *function* on the server's thread if the server runs, and return its result.

        Raises:
            RuntimeError: The server is being stopped, or runs in another process.
        """
        if self._is_still:
            return function(self._handler.world)
        return self._thread.call(lambda: function(self._handler.world))

    def when_settled(self, function: Callable[[World], T]) -> T:
        """Run *function* on the server's thread when no callback is under way.

        Raises:
            RuntimeError: As in `call`; or a callback is under way inside an event loop: its
                receiver may run in this loop, and waiting here would block it.
        """
        if self._is_still:
            return function(self._handler.world)
        if event_loop_here():
            return self._thread.call(lambda: self._if_settled(function))
        return self._thread.wait(self._after_callbacks(function), None)

    def call_after_callbacks(self, function: Callable[[World], T]) -> T:
        """Run *function* like `call`, after the callbacks under way; in an event loop immediately.

        It waits no longer than `CALLBACKS_TIMEOUT` for a receiver.

        Raises:
            RuntimeError: As `call`.
        """
        if self._is_still or event_loop_here():
            return self.call(function)
        return self._thread.wait(self._after_callbacks(function, CALLBACKS_TIMEOUT), None)

    async def _after_callbacks(
        self, function: Callable[[World], T], seconds: float | None = None
    ) -> T:
        await self._clock.drain(seconds)
        return function(self._handler.world)

    def _if_settled(self, function: Callable[[World], T]) -> T:
        if self._clock.busy:
            raise RuntimeError(
                "Callbacks are under way, and a snapshot cannot contain them. Inside an event "
                "loop, `await mock.clock.aadvance(0)` first: it waits for them."
            )
        return function(self._handler.world)

    @property
    def can_wait(self) -> bool:
        """Whether `settle` can wait here: not inside an event loop, where the receiver may run.

        The server's own thread, which serves the admin API, waits in another way.
        """
        return self._is_still or self._thread.is_current or not event_loop_here()

    def check_waits(self, twin: str) -> None:
        """Check that `settle` can wait here.

        Args:
            twin: The call that can wait inside an event loop, such as `mock.acomplete(...)`.

        Raises:
            RuntimeError: It cannot wait here.
        """
        if not self.can_wait:
            raise would_block(twin)

    def settle(self) -> None:
        """Wait until callbacks under way are delivered; not inside an event loop.

        Raises:
            RuntimeError: As `call`.
        """
        if not (self._is_still or event_loop_here()):
            self._thread.wait(self._clock.drain(), None)

    async def asettle(self) -> None:
        """Wait like `settle`, from inside an event loop of asyncio.

        Raises:
            RuntimeError: As in `call`; or the loop is not one of asyncio.
        """
        if self._thread.is_current:
            await self._clock.drain()
        elif event_loop_here() == "trio":
            raise RuntimeError(_IN_TRIO)
        elif not self._is_still:
            await asyncio.to_thread(self._thread.wait, self._clock.drain(), None)
