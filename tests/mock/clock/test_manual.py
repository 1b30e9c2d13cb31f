"""The clocks: time order, self-movement, cancellation, and what an advance waits for."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from kling_mock.clock import ManualClock

START = 1_700_000_000.0


def test_stands_still_and_moves_by_what_is_asked(clock: ManualClock, server: Any) -> None:
    """A manual clock shows its start until it is advanced."""
    assert clock.now() == START

    clock.advance(60)

    assert clock.now() == START + 60
    assert clock.monotonic() == 60


def test_timers_run_in_time_order(clock: ManualClock, server: Any) -> None:
    """Timers run by their instant, equal ones in the order they were made."""
    seen: list[tuple[str, float]] = []

    def note(name: str) -> Callable[[], None]:
        return lambda: seen.append((name, clock.now() - START))

    for name, after in (("c", 30), ("a", 10), ("b", 10), ("late", 61)):
        server.run(clock.call_at, START + after, note(name))
    clock.advance(60)

    assert seen == [("a", 10), ("b", 10), ("c", 30)]


def test_a_timer_set_by_a_timer_runs_in_the_same_advance(clock: ManualClock, server: Any) -> None:
    """What comes due because of something due is done too."""
    seen: list[float] = []

    def first() -> None:
        clock.call_at(clock.now() + 5, lambda: seen.append(clock.now() - START))

    server.run(clock.call_at, START + 10, first)
    clock.advance(20)

    assert seen == [15]


def test_advance_waits_for_spawned_work(clock: ManualClock, server: Any) -> None:
    """The work that a timer starts ends before time goes on."""
    seen: list[tuple[str, float]] = []

    async def deliver() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        seen.append(("delivered", clock.now() - START))

    server.run(clock.call_at, START + 1, lambda: clock.spawn(deliver()))
    server.run(clock.call_at, START + 2, lambda: seen.append(("next", clock.now() - START)))
    clock.advance(2)

    assert seen == [("delivered", 1), ("next", 2)]


def test_cancelled_timer_does_not_run(clock: ManualClock, server: Any) -> None:
    """A cancelled timer is forgotten."""
    seen: list[int] = []
    timer = server.run(clock.call_at, START + 1, lambda: seen.append(1))
    timer.cancel()
    clock.advance(5)

    assert not seen


def test_a_failing_timer_stops_nothing(
    clock: ManualClock, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged, and the clock goes on."""
    seen: list[int] = []
    server.run(clock.call_at, START + 1, lambda: 1 / 0)
    server.run(clock.call_at, START + 2, lambda: seen.append(1))
    clock.advance(5)

    assert seen == [1]
    assert "timer" in caplog.text


def test_failing_spawned_work_is_logged(
    clock: ManualClock, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Work that fails is logged, and does not stop the clock."""

    async def fail() -> None:
        raise ValueError("no receiver")

    server.run(clock.call_at, START + 1, lambda: clock.spawn(fail()))
    clock.advance(1)

    assert "no receiver" in caplog.text


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_advance_refuses_nonsense(clock: ManualClock, server: Any, seconds: float) -> None:
    """Only a finite number of 0 or more is accepted."""
    with pytest.raises(ValueError, match="must be a number of 0 or more"):
        clock.advance(seconds)


def test_advance_needs_a_server(clock: ManualClock) -> None:
    """A clock without a server says so."""
    with pytest.raises(RuntimeError, match="while its server runs"):
        clock.advance(1)


async def test_advance_inside_a_loop_names_its_twin(clock: ManualClock, server: Any) -> None:
    """Blocking a running loop is refused; the text names `aadvance`."""
    with pytest.raises(RuntimeError, match="aadvance"):
        clock.advance(1)

    await clock.aadvance(7)

    assert clock.now() == START + 7


async def test_aadvance_on_the_servers_own_loop(clock: ManualClock) -> None:
    """The admin API advances from the loop that runs the timers."""
    clock.start(asyncio.get_running_loop())
    await clock.aadvance(3)

    assert clock.now() == START + 3
    clock.stop()


def test_a_sleeping_call_moves_the_clock(clock: ManualClock, server: Any) -> None:
    """One call that sleeps takes no real time, and server timers run on the way."""
    seen: list[float] = []
    server.run(clock.call_at, START + 30, lambda: seen.append(clock.now() - START))
    server.run(clock.call_at, START + 61, lambda: seen.append(clock.now() - START))
    with clock.call():
        clock.sleep(60)

    assert clock.now() == START + 60
    assert seen == [30]


def test_a_busy_call_holds_the_clock(clock: ManualClock, server: Any) -> None:
    """While one call is awake, the sleep of another one lasts."""
    asleep = threading.Event()
    woken = threading.Event()

    def sleeper() -> None:
        with clock.call():
            asleep.set()
            clock.sleep(10)
            woken.set()

    thread = threading.Thread(target=sleeper)
    with clock.call():
        thread.start()
        asleep.wait(5)
        assert not woken.wait(0.05)
        assert clock.now() == START
    thread.join(5)

    assert woken.is_set()
    assert clock.now() == START + 10


def test_a_woken_call_counts_as_awake_at_once(clock: ManualClock, server: Any) -> None:
    """Two pollers stay in step: the clock cannot run away between waking and running."""
    ticks: list[list[float]] = [[], []]

    def poll(number: int, every: float) -> None:
        with clock.call():
            for _ in range(50):
                clock.sleep(every)
                ticks[number].append(clock.now() - START)

    with clock.call():  # so that both begin at the same instant
        threads = [
            threading.Thread(target=poll, args=(number, every))
            for number, every in enumerate((2, 3))
        ]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(10)

    assert ticks[0] == [2 * n for n in range(1, 51)]
    assert ticks[1] == [3 * n for n in range(1, 51)]


async def test_async_pollers_on_a_users_loop(clock: ManualClock, server: Any) -> None:
    """Tasks of one event loop move the clock together, each woken at its instant."""

    async def poll(every: float) -> list[float]:
        with clock.call():
            seen: list[float] = []
            for _ in range(20):
                await clock.asleep(every)
                seen.append(clock.now() - START)
            return seen

    first, second = await asyncio.gather(poll(5), poll(7))

    assert first == [5 * n for n in range(1, 21)]
    assert second == [7 * n for n in range(1, 21)]


async def test_a_cancelled_sleeper_is_forgotten(clock: ManualClock, server: Any) -> None:
    """Cancelling a sleep makes its call awake, and ending that lets others go on."""

    async def sleep(seconds: float) -> None:
        with clock.call():
            await clock.asleep(seconds)

    long = asyncio.create_task(sleep(1000))  # made outside the call, so not a part of it
    with clock.call():
        await asyncio.sleep(0)
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
    await sleep(10)

    assert clock.now() == START + 10


def test_a_set_event_ends_a_sleep(clock: ManualClock, server: Any) -> None:
    """A sleep with a wake event ends when it is set, and the clock has not moved."""
    wake = threading.Event()
    done = threading.Event()

    def sleeper() -> None:
        with clock.call():
            clock.sleep(1000, wake)
        done.set()

    with clock.call():
        thread = threading.Thread(target=sleeper)
        thread.start()
        wake.set()
        assert done.wait(5)
    thread.join(5)

    assert clock.now() == START


def test_a_wake_event_does_not_keep_the_clock_from_waking(clock: ManualClock, server: Any) -> None:
    """A sleep with an event that is never set ends by the clock."""
    with clock.call():
        clock.sleep(1000, threading.Event())

    assert clock.now() == START + 1000


def test_a_sleeper_outside_calls_never_moves_the_clock(clock: ManualClock, server: Any) -> None:
    """A background loop sleeps until another caller moves the time."""
    woken = threading.Event()

    def background() -> None:
        clock.sleep(10)
        woken.set()

    thread = threading.Thread(target=background)
    thread.start()
    assert not woken.wait(0.05)
    with clock.call():
        while clock._sleepers.earliest() is None:
            pass
    clock.advance(10)
    thread.join(5)

    assert woken.is_set()


async def test_a_call_inside_a_call_stands_for_it(clock: ManualClock, server: Any) -> None:
    """A helper that encloses several calls holds nothing up while they sleep."""

    async def sleep(seconds: float) -> None:
        with clock.call():
            await clock.asleep(seconds)

    with clock.call():
        await asyncio.gather(sleep(10), sleep(20))

    assert clock.now() == START + 20


def test_advance_lets_woken_clients_act_in_their_instant(clock: ManualClock, server: Any) -> None:
    """A poller of another thread polls at each of its instants, not once at the end."""
    seen: list[float] = []
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with clock.call():
            held.set()
            let_go.wait(10)

    def poll() -> None:
        with clock.call():
            for _ in range(3):
                clock.sleep(10)
                seen.append(clock.now() - START)

    holder, thread = threading.Thread(target=hold), threading.Thread(target=poll)
    holder.start()
    assert held.wait(5)
    thread.start()
    while clock._sleepers.earliest() is None:
        pass
    clock.advance(25)
    assert seen == [10, 20]
    let_go.set()
    holder.join(5)
    thread.join(5)

    assert seen == [10, 20, 30]


def test_no_sleep_is_too_short_to_move(clock: ManualClock, server: Any) -> None:
    """Sleeping away a rounding error still moves the clock."""
    before = clock.monotonic()
    with clock.call():
        clock.sleep(1e-12)

    assert clock.monotonic() > before


def test_no_sleep_at_all_for_nothing(clock: ManualClock, server: Any) -> None:
    """0 seconds, less, or an event that is already set do not sleep."""
    done = threading.Event()
    done.set()
    with clock.call():
        clock.sleep(0)
        clock.sleep(-1)
        clock.sleep(5, done)

    assert clock.now() == START
