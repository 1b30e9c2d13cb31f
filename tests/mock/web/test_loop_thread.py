"""A server's thread: each piece of work returns a result or an error, and never waits forever."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import _base as futures
from contextlib import contextmanager
from itertools import count
from types import FrameType
from typing import Any, Final

import pytest

from kling_mock.web.loop_thread import LoopThread


async def nothing() -> None:
    """Do nothing."""


async def forever() -> None:
    await asyncio.Event().wait()


def test_each_state_has_its_words() -> None:
    """Before the start, while it stops, and after it."""
    thread = LoopThread("test", "The server")
    with pytest.raises(RuntimeError, match="The server has not been started"):
        thread.call(int)
    thread.start()
    assert thread.call(int) == 0
    seen: list[str] = []

    async def last() -> None:
        def call() -> None:
            with pytest.raises(RuntimeError) as raised:
                thread.call(int)
            seen.append(str(raised.value))

        await asyncio.to_thread(call)
        assert thread.call(int) == 0  # on its own thread it still works

    thread.stop(last, 5)
    assert "is being stopped" in seen[0]
    with pytest.raises(RuntimeError, match="has been stopped"):
        thread.wait(nothing(), None)
    thread.stop(nothing, 5)
    thread.start()
    assert thread.call(int) == 0
    thread.stop(nothing, 5)


def test_what_is_under_way_when_it_stops_raises() -> None:
    """Its caller does not wait for a loop that has ended."""
    thread = LoopThread("test", "The server")
    thread.start()
    seen: list[str] = []

    def wait() -> None:
        with pytest.raises(RuntimeError) as raised:
            thread.wait(forever(), None)
        seen.append(str(raised.value))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while thread.call(lambda: len(asyncio.all_tasks())) < 2:
        pass
    thread.stop(nothing, 5)
    waiting.join(5)
    assert seen
    assert "stopped" in seen[0]


def test_two_threads_may_stop_it() -> None:
    """The second one waits for the first."""
    thread = LoopThread("test")
    thread.start()
    stopping, twice = threading.Event(), threading.Event()

    async def last() -> None:
        stopping.set()
        await asyncio.to_thread(twice.wait, 5)

    first = threading.Thread(target=thread.stop, args=(last, 5))
    first.start()
    assert stopping.wait(5)
    twice.set()
    thread.stop(nothing, 5)
    first.join(5)
    assert thread.state == "stopped"


def interrupt(is_reached: Callable[[FrameType], bool]) -> None:
    """From now on, raise `KeyboardInterrupt` in this thread where such a function returns, once."""

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event == "return" and is_reached(frame):
            raise KeyboardInterrupt  # Python then ends the tracing
        return trace

    sys.settrace(trace)


@contextmanager
def traced_by_itself() -> Generator[None]:
    """Keep the tracing of a measurement of coverage."""
    before = sys.gettrace()
    try:
        yield
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("state", ["executing", "suspended"])
def test_an_interrupt_at_handing_over_cancels_the_work(state: str) -> None:
    """Ctrl-C after the loop has taken it, before its caller waits: it stays an interrupt."""
    thread = LoopThread("test")
    thread.start()
    reached, go_on, cancelled = threading.Event(), threading.Event(), threading.Event()

    async def work() -> None:
        if state == "executing":
            reached.set()
            go_on.wait(10)
        else:
            asyncio.get_running_loop().call_soon(reached.set)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def is_given(frame: FrameType) -> bool:
        return frame.f_code.co_name == "call_soon_threadsafe" and reached.wait(10)

    with traced_by_itself():
        interrupt(is_given)
        with pytest.raises(KeyboardInterrupt):
            thread.wait(work(), None)
    go_on.set()
    assert cancelled.wait(10)
    assert thread.call(int) == 0
    thread.stop(nothing, 5)


def test_work_that_is_refused_is_closed() -> None:
    """Otherwise Python would warn of a coroutine that was never awaited."""
    work = nothing()
    with pytest.raises(RuntimeError, match="has not been started"):
        LoopThread("test").wait(work, None)
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED


PYTHONS_OWN: Final = (threading.__file__, futures.__file__)


def interrupted_in_python(number: int, ended: list[bool]) -> None:
    """Start, use and stop a thread; interrupt the start or the use where Python's code returns.

    At the *number*-th return from a function of Python's own locks, events and futures; append
    whether there was one.
    """
    thread, returns = LoopThread("test"), count(1)

    def is_reached(frame: FrameType) -> bool:
        return frame.f_code.co_filename in PYTHONS_OWN and next(returns) == number

    is_interrupted = False
    try:
        interrupt(is_reached)
        thread.start()
        thread.wait(nothing(), None)
    except (KeyboardInterrupt, RuntimeError):  # of a lock that was not locked when Python left it
        is_interrupted = True
    finally:
        sys.settrace(None)
    thread.stop(nothing, 5)
    ended.append(is_interrupted)


def test_no_interrupt_makes_a_start_hang() -> None:
    """Python's own locks stay locked if an interrupt comes where they have just been taken."""
    interrupts = 0
    is_interrupted = True
    while is_interrupted:
        ended: list[bool] = []
        caller = threading.Thread(
            target=interrupted_in_python, args=(interrupts + 1, ended), daemon=True
        )
        caller.start()
        caller.join(3)
        assert ended, f"it hangs after an interrupt at return {interrupts + 1}"
        (is_interrupted,) = ended
        interrupts += is_interrupted
    assert interrupts > 5
