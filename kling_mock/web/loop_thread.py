"""An event loop on a thread of its own, that starts and stops within a time limit."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Generic, Literal, TypeVar

from kling_mock.clock.process_time import ignore_frozen_time

T = TypeVar("T")

LoopState = Literal["new", "running", "stopping", "stopped", "forked"]

_REFUSALS: Final[dict[LoopState, str]] = {
    "new": "{} has not been started: use it in a `with` statement, or call start().",
    "stopping": "{} is being stopped, and accepts no more calls.",
    "stopped": "{} has been stopped; start() starts it again.",
    "forked": "{} runs in process {}, which this process was forked from. Its controls work there"
    " only; here, use its URL.",
}


class LoopThread:
    """A thread with an event loop that runs one server's coroutines.

    Nothing is global: each instance has its own loop and thread. A call that is not possible yet
    or any more raises at once; see `state`.

    Args:
        name: The thread's name.
        title: The server's name in errors; "" is *name*.
    """

    def __init__(self, name: str, title: str = "") -> None:
        self._name = name
        self._title = title or name
        self._lock = threading.Lock()  # nothing is submitted after `stopping`
        self._state: LoopState = "new"
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> LoopState:
        """The state, which decides what can be done with the thread.

        `new` was never started, `running` accepts work, `stopping` is finishing and does not
        accept work, `stopped` can be started again. `forked` runs in the process that this one was
        forked from, and cannot be used here.
        """
        state = self._state
        is_up = state in {"running", "stopping"}
        return "forked" if is_up and self._pid != os.getpid() else state

    @property
    def running(self) -> bool:
        """Whether the loop accepts work."""
        return self.state == "running"

    @property
    def is_current(self) -> bool:
        """Whether this is called on the loop's thread."""
        return self._thread is threading.current_thread()

    def refusal(self) -> RuntimeError:
        """Return the error that says why work is not accepted, and what to do."""
        return RuntimeError(_REFUSALS[self.state].format(self._title, self._pid))

    def start(self) -> None:
        """Start the thread; return once its loop runs.

        An interrupt (Ctrl-C) meanwhile leaves neither a thread nor a descriptor behind.
        """
        before, beginning = self._state, _Beginning(self._name)
        try:
            loop = beginning.wait()
            with self._lock:
                self._loop, self._thread = loop, beginning.thread
                self._pid, self._state = os.getpid(), "running"
        except BaseException:
            self._loop, self._thread, self._state = None, None, before
            beginning.undo()
            raise

    def wait(self, work: Coroutine[Any, Any, T], timeout: float | None) -> T:
        """Run *work* on the loop and return its result, or raise its exception.

        Args:
            work: The coroutine to run.
            timeout: Seconds of real time to wait; `None` means without limit.

        Raises:
            TimeoutError: It did not end in time, and was cancelled.
            RuntimeError: The thread does not accept work, or stopped before *work* ended.
        """
        try:
            handed = _Handover(work)
        except BaseException:
            work.close()
            raise
        try:
            self._submit(handed)
        except BaseException:
            handed.drop()
            raise
        return self._result(handed, timeout)

    def _submit(self, handed: _Handover[Any]) -> None:
        if self.state == "forked":  # first: a thread of the parent may have held the lock
            raise self.refusal()
        with self._lock:
            if self._loop is None or self._state != "running":
                raise self.refusal()
            handed.give(self._loop)

    def _result(self, handed: _Handover[T], timeout: float | None) -> T:
        try:
            return handed.result(timeout)
        except concurrent.futures.CancelledError:
            if self.running:
                raise
            raise self.refusal() from None  # the loop ends: it cancels what is left

    def call(self, function: Callable[[], T]) -> T:
        """Run *function* on the loop's thread, which may be the caller's, and return its result.

        Raises:
            RuntimeError: The thread does not accept work, or stopped before *function* was run.
        """
        if self.is_current:
            return function()

        async def work() -> T:
            return function()

        return self.wait(work(), None)

    def stop(self, last: Callable[[], Awaitable[None]], timeout: float) -> None:
        """Run *last* on the loop, then end the loop and the thread.

        Harmless if the thread does not run, and in a forked process. If another thread is stopping
        it, wait for that.

        Args:
            last: The clean-up.
            timeout: Seconds of real time that it may take.

        Raises:
            TimeoutError: The clean-up did not end in time; the thread is stopped nevertheless.
        """
        if self.state == "forked":
            return
        with self._lock:
            before, loop, thread = self._state, self._loop, self._thread
            if before == "running":
                self._state = "stopping"
        if loop is None or thread is None:
            return
        if before == "stopping":
            thread.join(timeout)
            return

        async def work() -> None:
            await last()

        try:
            handed = _Handover(work())
            handed.give(loop)
            self._result(handed, timeout)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout)
            with self._lock:
                self._loop = self._thread = None
                self._state = "stopped"


#: Turns of a loop before it is closed: connections that were closed in its last one let go of
#: their sockets in the next ones.
_LAST_TURNS: Final = 3


class _Handover(Generic[T]):
    """A coroutine that one thread gives to the loop of another, and its result.

    Neither side takes a lock that is written in Python, such as those of `threading.Event` and of
    futures: an interrupt (Ctrl-C) inside one leaves it locked, and the loop would wait for it
    for ever.

    Args:
        work: The coroutine to run.
    """

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None  # the loop's thread alone uses it
        self._is_dropped = False  # the loop's thread alone uses it
        self._ended: queue.SimpleQueue[asyncio.Task[T]] = queue.SimpleQueue()

    def give(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let *loop* run the coroutine."""
        self._loop = loop
        loop.call_soon_threadsafe(self._begin)

    def result(self, timeout: float | None) -> T:
        """Wait for the result; after a timeout or an interrupt the coroutine is dropped.

        Raises:
            TimeoutError: It did not end in time.
            concurrent.futures.CancelledError: It was cancelled.
        """
        try:
            task = self._ended.get(timeout=timeout)
        except BaseException as error:
            self.drop()
            if isinstance(error, queue.Empty):
                raise TimeoutError(f"it did not end within {timeout:g} s") from None
            raise
        if task.cancelled():
            raise concurrent.futures.CancelledError
        return task.result()

    def drop(self) -> None:
        """Cancel the coroutine, or close it if no loop has started it."""
        loop = self._loop
        if loop is None:
            self._work.close()
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended, and has cancelled it
            loop.call_soon_threadsafe(self._drop)

    def _begin(self) -> None:
        if not self._is_dropped:
            self._task = asyncio.get_running_loop().create_task(self._work)
            self._task.add_done_callback(self._ended.put)

    def _drop(self) -> None:
        self._is_dropped = True
        if self._task is None:  # an interrupt came before it was given
            self._work.close()
        else:
            self._task.cancel()


class _Beginning:
    """The start of a thread with an event loop.

    The thread makes the loop and closes it, since signals do not interrupt that thread. For what
    the two threads share, see `_Handover`.

    Args:
        name: The thread's name.
    """

    def __init__(self, name: str) -> None:
        self.thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: queue.SimpleQueue[asyncio.AbstractEventLoop | None] = queue.SimpleQueue()
        self._is_undone = False

    def wait(self) -> asyncio.AbstractEventLoop:
        """Start the thread; return its loop once the loop runs.

        Raises:
            RuntimeError: The system has no thread or no descriptor left.
        """
        self.thread.start()
        loop = self._ready.get()
        if loop is None:
            raise RuntimeError("The event loop could not be made; see the error above.")
        return loop

    def undo(self) -> None:
        """End the thread, wherever `wait` was interrupted."""
        self._is_undone = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed already
                self._loop.call_soon_threadsafe(self._loop.stop)
        if self.thread.is_alive():
            self.thread.join()

    def _main(self) -> None:
        try:
            if self._is_undone:
                return
            loop = self._loop = asyncio.new_event_loop()
            ignore_frozen_time(loop)
            loop.call_soon(self._report_ready, loop)
            _run(loop)
        finally:
            self._ready.put(None)

    def _report_ready(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ready.put(loop)
        if self._is_undone:
            loop.stop()


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


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
        loop.run_until_complete(_turns(_LAST_TURNS))
        asyncio.set_event_loop(None)
        loop.close()
