"""Advances of a manual clock: where they are refused, and what ends them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from kling_mock.clock import ManualClock

START = 1_700_000_000.0


# ---------------------------------------------------------------- refused


def test_advancing_inside_a_call_is_refused(clock: ManualClock, server: Any) -> None:
    """Each would wait for the other: the text says what to do."""
    with clock.call(), clock.call(), pytest.raises(RuntimeError, match="on_update"):
        clock.advance(1)
    clock.advance(1)
    assert clock.now() == START + 1


async def test_advancing_inside_an_async_call_is_refused(clock: ManualClock, server: Any) -> None:
    """It is refused unless another task advances the clock, which the call does not wait for."""
    with clock.call():
        with pytest.raises(RuntimeError, match="inside a call"):
            await clock.aadvance(1)
        await asyncio.create_task(clock.aadvance(1))
    assert clock.now() == START + 1


def test_advancing_on_the_clocks_own_thread_is_refused(clock: ManualClock, server: Any) -> None:
    """A timer cannot move the clock that runs it, and neither can the work that it starts."""
    errors: list[str] = []

    def in_a_timer() -> None:
        with pytest.raises(RuntimeError) as raised:
            clock.advance(1)
        errors.append(str(raised.value))

    async def in_work() -> None:
        with pytest.raises(RuntimeError) as raised:
            await clock.aadvance(1)
        errors.append(str(raised.value))

    server.run(clock.call_at, START + 1, in_a_timer)
    server.run(clock.call_at, START + 1, lambda: clock.spawn(in_work()))
    clock.advance(1)

    assert ["call_at" in error for error in errors] == [True, True]


def test_there_is_an_error_for_each_kind_of_loop(clock: ManualClock, server: Any) -> None:
    """Outside of asyncio the async calls say so at once; in trio `advance` does, too."""
    with pytest.raises(RuntimeError, match="no running event loop of asyncio"):
        clock.aadvance(1).send(None)
    with pytest.raises(RuntimeError, match="no running event loop of asyncio"):
        clock.asleep(1).send(None)
    trio = pytest.importorskip("trio")

    async def inside() -> None:
        with pytest.raises(RuntimeError, match="trio"):
            clock.advance(1)
        with pytest.raises(RuntimeError, match="trio"):
            await clock.aadvance(1)
        with pytest.raises(RuntimeError, match="trio"):
            await clock.asleep(1)
        await trio.to_thread.run_sync(clock.advance, 5)

    trio.run(inside)
    assert clock.now() == START + 5


# ---------------------------------------------------------------- ended


@pytest.mark.parametrize("how", ["reset", "load"])
def test_a_reset_ends_an_advance(clock: ManualClock, server: Any, how: str) -> None:
    """A reset and a restore end it; the clock stays where it was put."""
    moment = server.run(clock.save)
    reached = threading.Event()

    async def never() -> None:
        reached.set()
        await asyncio.Event().wait()

    server.run(clock.call_at, START + 1, lambda: clock.spawn(never()))
    thread = threading.Thread(target=clock.advance, args=(1000,))
    thread.start()
    assert reached.wait(10)
    server.run(*([clock.reset] if how == "reset" else [clock.load, moment]))
    thread.join(10)

    assert not thread.is_alive()
    assert clock.now() == START


def test_a_stop_ends_an_advance_with_an_error(clock: ManualClock, served: Any) -> None:
    """The caller that advances the clock learns that the time was not reached."""
    reached = threading.Event()
    errors: list[str] = []

    async def never() -> None:
        reached.set()
        await asyncio.Event().wait()

    def advance() -> None:
        with pytest.raises(RuntimeError) as raised:
            clock.advance(1000)
        errors.append(str(raised.value))

    thread = threading.Thread(target=advance)
    with served(clock) as server:
        server.run(clock.call_at, START + 1, lambda: clock.spawn(never()))
        thread.start()
        assert reached.wait(10)
    thread.join(10)

    assert not thread.is_alive()
    assert "has been stopped" in errors[0]
