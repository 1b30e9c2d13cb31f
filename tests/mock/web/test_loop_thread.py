"""A server's thread: whoever gives it work gets a result or an error, and never waits for ever."""

from __future__ import annotations

import asyncio
import threading

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
