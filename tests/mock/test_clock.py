"""The clocks: time order, self-movement, cancellation, and what an advance waits for."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kling_mock.clock import Clock, ManualClock, RealClock, ScaledClock

START = 1_700_000_000.0


class Loop:
    """An event loop on a thread of its own, as a server has."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def run(self, fn: Callable[..., Any], *args: Any) -> Any:
        async def inside() -> Any:
            return fn(*args)

        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(5)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


@contextlib.contextmanager
def served(clock: Clock) -> Iterator[Loop]:
    loop = Loop()
    loop.run(clock.start, loop.loop)
    try:
        yield loop
    finally:
        loop.run(clock.stop)
        loop.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def server(clock: ManualClock) -> Iterator[Loop]:
    with served(clock) as loop:
        yield loop


def test_stands_still_and_moves_by_what_is_asked(clock: ManualClock, server: Loop) -> None:
    """A manual clock shows its start until it is advanced."""
    assert clock.now() == START

    clock.advance(60)

    assert clock.now() == START + 60
    assert clock.monotonic() == 60


def test_timers_run_in_time_order(clock: ManualClock, server: Loop) -> None:
    """Timers run by their instant, equal ones in the order they were made."""
    seen: list[tuple[str, float]] = []

    def note(name: str) -> Callable[[], None]:
        return lambda: seen.append((name, clock.now() - START))

    for name, after in (("c", 30), ("a", 10), ("b", 10), ("late", 61)):
        server.run(clock.call_at, START + after, note(name))
    clock.advance(60)

    assert seen == [("a", 10), ("b", 10), ("c", 30)]


def test_a_timer_set_by_a_timer_runs_in_the_same_advance(clock: ManualClock, server: Loop) -> None:
    """What comes due because of something due is done too."""
    seen: list[float] = []

    def first() -> None:
        clock.call_at(clock.now() + 5, lambda: seen.append(clock.now() - START))

    server.run(clock.call_at, START + 10, first)
    clock.advance(20)

    assert seen == [15]


def test_advance_waits_for_spawned_work(clock: ManualClock, server: Loop) -> None:
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


def test_cancelled_timer_does_not_run(clock: ManualClock, server: Loop) -> None:
    """A cancelled timer is forgotten."""
    seen: list[int] = []
    timer = server.run(clock.call_at, START + 1, lambda: seen.append(1))
    timer.cancel()
    clock.advance(5)

    assert not seen


def test_a_failing_timer_stops_nothing(
    clock: ManualClock, server: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged, and the clock goes on."""
    seen: list[int] = []
    server.run(clock.call_at, START + 1, lambda: 1 / 0)
    server.run(clock.call_at, START + 2, lambda: seen.append(1))
    clock.advance(5)

    assert seen == [1]
    assert "timer" in caplog.text


def test_failing_spawned_work_is_logged(
    clock: ManualClock, server: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    """Work that fails is told, and does not stop the clock."""

    async def fail() -> None:
        raise ValueError("no receiver")

    server.run(clock.call_at, START + 1, lambda: clock.spawn(fail()))
    clock.advance(1)

    assert "no receiver" in caplog.text


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_advance_refuses_nonsense(clock: ManualClock, server: Loop, seconds: float) -> None:
    """Only a finite number of 0 or more is accepted."""
    with pytest.raises(ValueError, match="accepted is a number of 0 or more"):
        clock.advance(seconds)


def test_advance_needs_a_server(clock: ManualClock) -> None:
    """A clock without a server says so."""
    with pytest.raises(RuntimeError, match="while its server runs"):
        clock.advance(1)


async def test_advance_inside_a_loop_names_its_twin(clock: ManualClock, server: Loop) -> None:
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


def test_a_sleeping_call_moves_the_clock(clock: ManualClock, server: Loop) -> None:
    """One call that sleeps takes no real time, and server timers run on the way."""
    seen: list[float] = []
    server.run(clock.call_at, START + 30, lambda: seen.append(clock.now() - START))
    server.run(clock.call_at, START + 61, lambda: seen.append(clock.now() - START))
    with clock.call():
        clock.sleep(60)

    assert clock.now() == START + 60
    assert seen == [30]


def test_a_busy_call_holds_the_clock(clock: ManualClock, server: Loop) -> None:
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


def test_a_woken_call_counts_as_awake_at_once(clock: ManualClock, server: Loop) -> None:
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


async def test_async_pollers_on_a_users_loop(clock: ManualClock, server: Loop) -> None:
    """Tasks of one event loop move the clock together, each woken at its instant."""

    async def poll(every: float) -> list[float]:
        with clock.call():
            seen: list[float] = []
            for _ in range(20):
                await clock.asleep(every)
                seen.append(clock.now() - START)
            return seen

    one, two = await asyncio.gather(poll(5), poll(7))

    assert one == [5 * n for n in range(1, 21)]
    assert two == [7 * n for n in range(1, 21)]


async def test_a_cancelled_sleeper_is_forgotten(clock: ManualClock, server: Loop) -> None:
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


def test_a_set_event_ends_a_sleep(clock: ManualClock, server: Loop) -> None:
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


def test_a_wake_event_does_not_keep_the_clock_from_waking(clock: ManualClock, server: Loop) -> None:
    """A sleep with an event that nobody sets ends by the clock."""
    with clock.call():
        clock.sleep(1000, threading.Event())

    assert clock.now() == START + 1000


def test_a_sleeper_outside_calls_never_moves_the_clock(clock: ManualClock, server: Loop) -> None:
    """A background loop sleeps until somebody else moves the time."""
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


async def test_a_call_inside_a_call_stands_for_it(clock: ManualClock, server: Loop) -> None:
    """A helper that encloses several calls holds nothing up while they sleep."""

    async def one(seconds: float) -> None:
        with clock.call():
            await clock.asleep(seconds)

    with clock.call():
        await asyncio.gather(one(10), one(20))

    assert clock.now() == START + 20


def test_advance_lets_woken_clients_act_in_their_instant(clock: ManualClock, server: Loop) -> None:
    """A poller of another thread polls at each of its instants, not once at the end."""
    seen: list[float] = []
    holder = clock.call()
    holder.__enter__()

    def poll() -> None:
        with clock.call():
            for _ in range(3):
                clock.sleep(10)
                seen.append(clock.now() - START)

    thread = threading.Thread(target=poll)
    thread.start()
    while clock._sleepers.earliest() is None:
        pass
    clock.advance(25)
    assert seen == [10, 20]
    holder.__exit__(None, None, None)
    thread.join(5)

    assert seen == [10, 20, 30]


def test_no_sleep_is_too_short_to_move(clock: ManualClock, server: Loop) -> None:
    """Sleeping away a rounding error still moves the clock."""
    before = clock.monotonic()
    with clock.call():
        clock.sleep(1e-12)

    assert clock.monotonic() > before


def test_no_sleep_at_all_for_nothing(clock: ManualClock, server: Loop) -> None:
    """0 seconds, less, or an event that is already set do not sleep."""
    done = threading.Event()
    done.set()
    with clock.call():
        clock.sleep(0)
        clock.sleep(-1)
        clock.sleep(5, done)

    assert clock.now() == START


def test_a_stopped_clock_moves_with_its_sleepers(clock: ManualClock) -> None:
    """After the server has gone, sleeping ends at once and deadlines are still reached."""
    with served(clock):
        pass
    with clock.call():
        clock.sleep(30)

    async def later() -> None:
        with clock.call():
            await clock.asleep(30)
            await clock.asleep(0)

    asyncio.run(later())

    assert clock.monotonic() == 60


def test_stopping_wakes_sleepers(clock: ManualClock) -> None:
    """Nobody is left asleep on a clock whose server has stopped."""
    thread = threading.Thread(target=clock.sleep, args=(1000,))
    with served(clock):
        thread.start()
        while clock._sleepers.earliest() is None:
            pass
    thread.join(5)

    assert not thread.is_alive()


def test_reset_goes_back_but_never_for_deadlines(clock: ManualClock, server: Loop) -> None:
    """A reset restores the instant, forgets timers, and keeps monotonic time running."""
    seen: list[int] = []
    server.run(clock.call_at, START + 100, lambda: seen.append(1))
    clock.advance(60)
    server.run(clock.reset)
    assert clock.now() == START
    clock.advance(100)

    assert not seen
    assert clock.monotonic() == 160


def test_outside_time_follows_the_clock_by_a_fixed_offset() -> None:
    """A clock of another year judges real-time tokens by the offset at its start."""
    real = [5_000.0]
    clock = ManualClock(START, wall=lambda: real[0])
    assert clock.outside() == (5_000, 5_000)

    real[0] += 60
    assert clock.outside() == (5_000, 5_060)

    with served(clock):
        clock.advance(100)
        assert clock.outside() == (5_100, 5_100)


def test_a_scaled_clock_runs_faster() -> None:
    """Speed 10 makes ten seconds of one, from the given start."""
    steady = [100.0]
    clock = ScaledClock(10, START, wall=lambda: 7.0, steady=lambda: steady[0])
    steady[0] += 2

    assert clock.now() == clock.time() == START + 20
    assert clock.outside() == (7, 7)
    steady[0] += 1
    clock.reset()
    assert clock.now() == START


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_scaled_clock_refuses_nonsense(speed: float) -> None:
    """Speed is a number above 0."""
    with pytest.raises(ValueError, match="speed"):
        ScaledClock(speed)


def test_running_clocks_run_their_timers() -> None:
    """Timers of a fast clock run by themselves, in order, on the server's loop."""
    clock = ScaledClock(1_000_000)
    seen: list[str] = []
    done = threading.Event()
    with served(clock) as server:
        server.run(clock.call_at, clock.now() + 3000, done.set)
        server.run(clock.call_at, clock.now() + 2000, lambda: seen.append("b"))
        server.run(clock.call_at, clock.now() - 5, lambda: seen.append("a"))
        assert done.wait(5)

    assert seen == ["a", "b"]


async def test_running_clocks_sleep_by_their_scale() -> None:
    """An hour at a million times the speed is a few milliseconds."""
    clock = ScaledClock(1_000_000)
    before = clock.monotonic()
    with clock.call():
        clock.sleep(3600)
        clock.sleep(3600, threading.Event())
        await clock.asleep(3600)

    assert clock.monotonic() - before >= 3 * 3600


@pytest.mark.parametrize("clock", [RealClock(), ScaledClock(2)])
async def test_only_a_manual_clock_can_be_advanced(clock: Clock) -> None:
    """A clock that runs by itself says how to get one that does not."""
    with pytest.raises(RuntimeError, match="manual"):
        clock.advance(1)
    with pytest.raises(RuntimeError, match="manual"):
        await clock.aadvance(1)
