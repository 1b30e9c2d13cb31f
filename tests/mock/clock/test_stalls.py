"""Holders of a manual clock: named after a second, dropped when gone, refused at once."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kling_mock.clock import ManualClock
from kling_mock.clock.base import SpawnedWork
from kling_mock.clock.stalls import Stalls

START = 1_700_000_000.0


class Steady:
    """Real time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def steady() -> Steady:
    return Steady()


@pytest.fixture
def clock(steady: Steady) -> ManualClock:
    return ManualClock(START, steady=steady)


def until(condition: Callable[[], object]) -> None:
    """Wait for another thread."""
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0)  # the processor is the other thread's


@contextmanager
def sleeping(clock: ManualClock, seconds: float = 60) -> Iterator[threading.Thread]:
    """Run a call on another thread that sleeps on the clock."""

    def call() -> None:
        with clock.call():
            clock.sleep(seconds)

    thread = threading.Thread(target=call, name="the sleeper")
    thread.start()
    # Where nothing holds the clock, the sleep may have ended already.
    until(lambda: clock._sleepers.earliest() is not None or not thread.is_alive())
    yield thread
    thread.join(10)
    assert not thread.is_alive()


# ---------------------------------------------------------------- named


def a_long_computation(go_on: threading.Event) -> None:
    go_on.wait(10)


def test_the_thread_that_holds_the_clock_is_named(
    clock: ManualClock, server: Any, steady: Steady, caplog: pytest.LogCaptureFixture
) -> None:
    """After a second: its name, for how long, and where it is; once, as a warning."""
    go_on, held = threading.Event(), threading.Event()

    def hold() -> None:
        with clock.call():
            held.set()
            a_long_computation(go_on)

    holder = threading.Thread(target=hold, name="the app")
    holder.start()
    held.wait(10)
    with sleeping(clock):
        server.run(clock._tick)
        steady.now += 0.9
        server.run(clock._tick)
        assert list(clock.reports) == []
        steady.now += 0.3
        for _ in range(3):
            server.run(clock._tick)
            steady.now += 1
        (report,) = clock.reports
        go_on.set()
    holder.join(10)

    assert "stood still for 1.2 s" in report
    assert "thread 'the app', for 1.2 s, at a_long_computation (test_stalls.py:" in report
    assert "< hold (test_stalls.py:" in report
    assert "mock.reset()" in report
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", report)
    ]
    assert clock.now() == START + 60


async def test_the_task_that_holds_the_clock_is_named(
    clock: ManualClock, server: Any, steady: Steady
) -> None:
    """A call of an async client is named by its task, also where it awaits something."""
    go_on = asyncio.Event()

    async def slow_step() -> None:
        await go_on.wait()

    async def hold() -> None:
        with clock.call():
            await slow_step()

    async def sleep() -> None:
        with clock.call():
            await clock.asleep(60)

    tasks = [asyncio.create_task(hold(), name="the app"), asyncio.create_task(sleep())]
    await asyncio.to_thread(until, lambda: clock._sleepers.earliest() is not None)
    server.run(clock._tick)
    steady.now += 1.5
    server.run(clock._tick)
    (report,) = clock.reports
    go_on.set()
    await asyncio.gather(*tasks)

    assert "task 'the app' of thread" in report
    assert "slow_step (test_stalls.py:" in report


def test_work_that_does_not_end_is_named(clock: ManualClock, server: Any, steady: Steady) -> None:
    """A callback whose receiver does not answer holds up `advance`."""
    answer = server.run(asyncio.Event)

    async def deliver() -> None:
        await answer.wait()

    server.run(clock.call_at, START + 1, lambda: clock.spawn(deliver(), "callbacks of task 7"))
    thread = threading.Thread(target=clock.advance, args=(1,))
    thread.start()
    until(lambda: clock._settling)
    server.run(clock._tick)
    steady.now += 1.5
    server.run(clock._tick)
    server.run(answer.set)
    thread.join(10)

    (report,) = clock.reports
    assert "callbacks of task 7, for 1.5 s" in report


def test_work_is_reported_once_and_not_before_it_is_old() -> None:
    """A second after it began; what is younger waits for its own second."""
    stalls = Stalls()
    old, young = SpawnedWork("old", 100.0, None), SpawnedWork("young", 104.5, None)
    assert stalls.look(100.0, START, [], [old]) == ""
    assert "old" in stalls.look(102.0, START, [], [old])
    assert stalls.look(105.0, START, [], [old, young]) == ""
    report = stalls.look(106.0, START, [], [old, young])
    assert ("young" in report, "old" in report) == (True, False)


def test_a_report_is_forgotten_by_a_reset(clock: ManualClock, server: Any) -> None:
    """The next test of a shared server starts without it."""
    clock.report("something")
    assert list(clock.reports) == ["something"]
    server.run(clock.reset)
    assert list(clock.reports) == []


# ---------------------------------------------------------------- gone


def test_a_call_whose_thread_has_ended_holds_nothing(clock: ManualClock, server: Any) -> None:
    """It can never end; the clock goes on without it."""
    thread = threading.Thread(target=clock.call().__enter__)
    thread.start()
    thread.join()
    with sleeping(clock):
        pass
    assert clock.now() == START + 60


@contextmanager
def holding(clock: ManualClock) -> Iterator[None]:
    """Run a call on another thread that is awake meanwhile."""
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with clock.call():
            held.set()
            let_go.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    yield
    let_go.set()
    thread.join(10)


@pytest.mark.parametrize("state", ["awake", "asleep"])
def test_a_call_whose_loop_is_closed_holds_nothing(
    clock: ManualClock, server: Any, state: str
) -> None:
    """If it slept, it does not move the clock either."""

    async def wait() -> None:
        with clock.call():
            if state == "asleep":
                await clock.asleep(10)
            await asyncio.Event().wait()

    async def begin() -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(wait())
        for _ in range(5):
            await asyncio.sleep(0)
        return task

    loop = asyncio.new_event_loop()
    with holding(clock):
        task = loop.run_until_complete(begin())
        loop.close()
    with sleeping(clock):
        pass

    assert clock.now() == START + 60
    task._log_destroy_pending = False  # type: ignore[attr-defined] # it is meant to be lost


def test_a_call_that_is_collected_elsewhere_changes_nothing_there(
    clock: ManualClock, server: Any
) -> None:
    """Python closes an abandoned coroutine in the middle of whatever runs then."""

    class Never:
        def __await__(self) -> Generator[None, None, None]:
            yield

    async def abandoned() -> None:
        with clock.call():
            await Never()

    left = abandoned()
    contextvars.Context().run(left.send, None)
    with clock.call():
        left.close()
        assert len(clock._sleepers.awake) == 1
        assert clock._sleepers.is_inside_call()


def test_a_reset_writes_off_the_calls_in_progress(clock: ManualClock, server: Any) -> None:
    """A thread that hangs in its `on_update` forever does not hold up the next test."""
    go_on, held = threading.Event(), threading.Event()

    def hang() -> None:
        with clock.call():
            held.set()
            go_on.wait(10)
            clock.sleep(10)  # when it acts again it counts again

    abandoned = threading.Thread(target=hang)
    abandoned.start()
    held.wait(10)
    server.run(clock.reset)
    with sleeping(clock):
        pass
    assert clock.now() == START + 60
    go_on.set()
    abandoned.join(10)
    assert clock.now() == START + 70


# ---------------------------------------------------------------- not waited for


def test_a_reply_that_is_held_back_holds_nobody_else(
    clock: ManualClock, server: Any, steady: Steady
) -> None:
    """The call that waits for it cannot act; when it can again, it counts again."""
    held = server.run(clock.holding_back_reply)
    go_on, started = threading.Event(), threading.Event()

    def wait_for_the_reply() -> None:
        with clock.call():
            started.set()
            go_on.wait(10)

    waiting = threading.Thread(target=wait_for_the_reply)
    waiting.start()
    assert started.wait(10)
    server.run(held.__enter__)
    with sleeping(clock):
        steady.now += 0.5
    assert clock.now() == START + 60

    server.run(held.__exit__, None, None, None)
    assert len(clock._sleepers.awake) == 1
    go_on.set()
    waiting.join(10)


def test_a_receiver_may_sleep_on_the_clock(clock: ManualClock, server: Any, steady: Steady) -> None:
    """The clock waits for a delivery, whose receiver makes a call that sleeps on the clock."""

    async def deliver() -> None:
        def receive() -> None:
            with clock.call():
                clock.sleep(3)

        receiving = asyncio.get_running_loop().run_in_executor(None, receive)
        await asyncio.to_thread(until, lambda: clock._sleepers.earliest() is not None)
        steady.now += 0.5
        await receiving

    server.run(clock.call_at, START + 1, lambda: clock.spawn(deliver()))
    clock.advance(1)

    assert clock.now() == START + 4
