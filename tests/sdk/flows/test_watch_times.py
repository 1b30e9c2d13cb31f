"""The exact times of the next poll of open tasks, and what a poll changes."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest

from kling_sdk import (
    KlingError,
    Outcome,
    Task,
    UnreachableError,
    WaitCancelledError,
    WaitTimeoutError,
)
from kling_sdk.flows.look import Look
from kling_sdk.flows.watch import Watch
from kling_sdk.transports.address import proxy_failed
from kling_sdk.wire import Reply
from tests.sdk.scripted import FakeClock, context


def task(name: str = "1", status: str = "submitted", **fields: Any) -> Task:
    return Task(name, status, endpoint="text2video", **fields)


def watching(count: int = 1, seconds: float = 600.0, **options: Any) -> tuple[Watch, FakeClock]:
    clock = FakeClock()
    watch = Watch(context(clock, **options))
    for index in range(count):
        watch.add(index, task(str(index)), seconds)
    return watch, clock


@pytest.mark.parametrize(
    ("count", "pause"), [(1, 3.0), (500, 3.0), (501, 6.0), (1000, 6.0), (1001, 10.0)]
)
def test_the_first_look_comes_after_as_many_pauses_as_there_are_pages(
    count: int, pause: float
) -> None:
    """A page has 500 tasks; from the third page on it is 10 s."""
    watch, _ = watching(count)
    assert watch.next_look() == pause


@pytest.mark.parametrize(
    ("requests", "pause"), [(0, 3.0), (1, 3.0), (2, 6.0), (3, 10.0), (40, 10.0)]
)
def test_the_next_look_comes_after_as_many_pauses_as_the_last_took_requests(
    requests: int, pause: float
) -> None:
    """At most four requests are sent in 10 s."""
    watch, _ = watching()
    watch.finish_look(Look(0.0, requests=requests))
    assert watch.next_look() == pause


@pytest.mark.parametrize(
    ("interval", "requests", "quiet", "retry_after", "pause"),
    [
        ((0.5, 15.0), 1, 0.0, 0.0, 0.5),
        ((0.5, 15.0), 2, 0.0, 0.0, 1.0),
        ((3.0, 4.0), 2, 0.0, 0.0, 4.0),
        ((3.0, 4.0), 9, 0.0, 0.0, 4.0),
        ((12.0, 15.0), 1, 0.0, 0.0, 12.0),  # the caller's shortest counts in any case
        ((0.5, 15.0), 1, 40.0, 0.0, 4.0),  # a tenth of the time in which nothing has changed
        ((0.5, 15.0), 1, 500.0, 0.0, 10.0),
        ((0.5, 3.0), 1, 500.0, 0.0, 3.0),
        ((0.5, 15.0), 1, 0.0, 0.7, 0.7),  # the server asked for it
        ((0.5, 15.0), 1, 0.0, 60.0, 60.0),
    ],
)
def test_a_pause_keeps_its_bounds(
    interval: tuple[float, float], requests: int, quiet: float, retry_after: float, pause: float
) -> None:
    """The options', the tick's, and the server's."""
    watch, clock = watching(poll_interval=interval)
    clock.now += quiet
    watch.finish_look(Look(quiet, requests=requests, retry_after=retry_after))
    assert watch.next_look() == pytest.approx(quiet + pause)


def test_without_a_look_nobody_has_asked_for_a_pause() -> None:
    """The shortest interval is all there is."""
    watch, _ = watching(poll_interval=(0.25, 15.0))
    assert watch.next_look() == 0.25


@pytest.mark.parametrize(
    ("seconds", "when"), [(2.0, 2.0), (3.0, 3.0), (3.5, 3.5), (4.0, 3.0), (4.5, 3.0)]
)
def test_a_look_within_a_second_of_a_deadline_is_taken_at_the_deadline(
    seconds: float, when: float
) -> None:
    """Rather than shortly before it, and another at it."""
    watch, _ = watching(seconds=seconds)
    assert watch.next_look() == when


def test_two_looks_are_a_second_apart_also_at_a_deadline() -> None:
    """The first poll may come at once."""
    watch, _ = watching(seconds=0.5)
    assert watch.next_look() == 0.5
    watch.finish_look(Look(0.0, requests=1))
    assert watch.next_look() == 1.0


def test_while_a_look_is_under_way_there_is_no_next() -> None:
    """Without open tasks, there is no next poll either."""
    watch, _ = watching()
    assert not watch.is_looking
    watch.look()
    assert (watch.is_looking, watch.next_look()) == (True, math.inf)
    watch.finish_look(Look(0.0, requests=1))
    assert (watch.is_looking, watch.next_look()) == (False, 3.0)
    assert Watch(context(FakeClock())).next_look() == math.inf


def lost(*, maybe_sent: bool = True) -> UnreachableError:
    return UnreachableError("no such host", maybe_sent=maybe_sent)


def test_an_address_that_was_never_right_ends_all_waits_with_the_third_look() -> None:
    """Each gets a separate error; until then, polls are at least a second apart."""
    watch, _ = watching(2, poll_interval=(0.2, 15.0))
    watch.ctx.server.trouble = lost()
    for number in (1, 2):
        assert watch.finish_look(Look(0.0, requests=9)) == 0
        assert (len(watch), watch.next_look()) == (2, 1.0), number
    assert watch.finish_look(Look(0.0, requests=9)) == 2
    first, second = (outcome.error for outcome in watch.ended)
    assert isinstance(first, UnreachableError)
    assert isinstance(second, UnreachableError)
    assert (first.task_id, second.task_id, first.maybe_sent) == ("0", "1", True)
    assert str(first).startswith("no such host")


def test_a_look_that_reached_the_server_makes_up_for_those_that_did_not() -> None:
    """Three in a row end the waits, not three in all."""
    watch, _ = watching()
    for trouble in (lost(), lost(), None, lost(), lost(), None, None, lost(), lost()):
        watch.ctx.server.trouble = trouble
        assert watch.finish_look(Look(0.0, requests=1)) == 0
    assert watch.finish_look(Look(0.0, requests=1)) == 1


def test_a_proxy_that_does_not_connect_ends_no_wait_of_a_server_that_has_answered() -> None:
    """It may be restarted; a password that it refuses is not tried again."""
    watch, _ = watching()
    watch.ctx.server.answered = True
    for text in ("502 Bad Gateway", "Server disconnected", "503 No Server"):
        watch.ctx.server.trouble = proxy_failed("http://proxy.test", RuntimeError(text))
        assert watch.finish_look(Look(0.0, requests=1)) == 0
    watch.ctx.server.trouble = proxy_failed("http://proxy.test", RuntimeError("407 No"))
    assert watch.finish_look(Look(0.0, requests=1)) == 1


def test_a_server_that_has_answered_is_waited_for() -> None:
    """It may be starting again."""
    watch, _ = watching()
    watch.ctx.server.replied(Reply(200, {}, b""))
    watch.ctx.server.trouble = lost()
    for _ in range(9):
        assert watch.finish_look(Look(0.0, requests=1)) == 0
    assert watch.next_look() == 3.0


@pytest.mark.parametrize(("looked_at", "ended"), [(9.9, 0), (10.0, 1), (11.0, 1)])
def test_a_wait_ends_with_a_look_that_began_at_its_deadline_or_later(
    looked_at: float, ended: int
) -> None:
    """An earlier one may have missed the end; the task's other waits continue."""
    watch, _ = watching(seconds=10.0)
    watch.add(7, task("0"), 50.0)
    watch.look()
    assert watch.finish_look(Look(looked_at, requests=1)) == 0
    assert [outcome.index for outcome in watch.ended] == [0] * ended
    if ended:
        error = watch.ended[0].error
        assert isinstance(error, WaitTimeoutError)
        assert str(error).startswith("task 0 is submitted after 10 s; it goes on: wait('0')")
    watch.look()
    assert watch.finish_look(Look(50.0, requests=1)) == 1
    assert [outcome.index for outcome in watch.ended][-1] == 7


def test_the_first_deadline_of_all_waits_counts() -> None:
    """This holds also after one has ended."""
    watch, clock = watching()
    watch.add(1, task("1"), 8.5)
    watch.add(2, task("2"), 9.5)
    watch.look()
    clock.now += 8.0
    watch.finish_look(Look(8.0, requests=1))
    assert watch.next_look() == 9.0  # a second after the last
    clock.now += 1.0
    watch.look()
    watch.finish_look(Look(9.0, requests=1))
    assert [outcome.index for outcome in watch.ended] == [1]
    assert watch.next_look() == 10.0


# ---------------------------------------------------------------- names


def test_a_bare_id_and_its_task_are_one() -> None:
    """Either may come first; what is known is not forgotten."""
    pairs: list[list[Task | str]] = [["1", task()], [task(), "1"], ["1", "1"]]
    for pair in pairs:
        watch = Watch(context(FakeClock()))
        for index, form in enumerate(pair):
            watch.add(index, form, 600.0)
        assert len(watch) == 1
        known: list[Task | str] = [candidate for candidate in pair if isinstance(candidate, Task)]
        assert list(watch.tasks()) == (known or ["1"])


def test_a_task_that_was_added_first_is_not_replaced() -> None:
    """What is given later may be older."""
    watch = Watch(context(FakeClock()))
    watch.add(0, task(status="processing"), 600.0)
    watch.add(1, task(), 600.0)
    assert list(watch.tasks()) == [task(status="processing")]


def test_an_external_id_becomes_the_task_that_it_names() -> None:
    """All its waits follow, also when the task is open already."""
    for is_open in (False, True):
        watch = Watch(context(FakeClock()))
        watch.add(0, "order-1", 600.0)
        if is_open:
            watch.add(1, task(), 600.0)
        watch.look()
        tasks = {"order-1": task(external_task_id="order-1")}
        watch.finish_look(Look(0.0, tasks=tasks, requests=1))
        assert len(watch) == 1
        watch.look()
        done = task(status="failed", external_task_id="order-1")
        assert watch.finish_look(Look(1.0, tasks={"1": done}, requests=1)) == 1
        assert sorted(outcome.index for outcome in watch.ended) == [0, 1][: 1 + is_open]


def test_a_bare_task_id_stays_one_wait() -> None:
    """It is its own task's id."""
    watch = Watch(context(FakeClock()))
    watch.add(0, "1", 600.0)
    watch.look()
    watch.finish_look(Look(0.0, tasks={"1": task()}, requests=1))
    watch.look()
    assert watch.finish_look(Look(1.0, tasks={"1": task(status="failed")}, requests=1)) == 1
    assert [outcome.index for outcome in watch.ended] == [0]


def test_what_is_open_or_not_handed_out_is_named() -> None:
    """A wait that ended without a task has none to name."""
    watch, _ = watching()
    watch.add(1, "order-1", 600.0)
    watch.ended += [Outcome(2, task("2", "failed")), Outcome(3, None)]
    assert list(watch.tasks()) == [task("0"), "order-1", task("2", "failed")]


def test_waits_that_are_called_off_end_with_what_was_seen() -> None:
    """A bare id was not."""
    watch, _ = watching()
    watch.add(1, "order-1", 600.0)
    watch.cancel()
    assert len(watch) == 0
    assert [outcome.task for outcome in watch.ended] == [task("0"), Task("order-1", "unknown")]
    assert [
        str(outcome.error)
        for outcome in watch.ended
        if isinstance(outcome.error, WaitCancelledError)
    ] == [
        "the wait for task 0 was cancelled",
        "the wait for task order-1 was cancelled",
    ]


def test_the_last_change_is_that_of_a_task_that_came_or_ended() -> None:
    """Another status does not count."""
    watch, clock = watching()
    assert watch.changed_at == 0.0
    clock.now += 5.0
    watch.add(1, task("1"), 600.0)
    assert watch.changed_at == 5.0
    clock.now += 5.0
    watch.look()
    watch.finish_look(Look(10.0, tasks={"0": task("0", "processing")}, requests=1))
    assert watch.changed_at == 5.0
    clock.now += 5.0
    watch.look()
    watch.finish_look(Look(15.0, tasks={"0": task("0", "failed")}, requests=1))
    assert watch.changed_at == 15.0


def test_a_task_keeps_what_only_an_earlier_reply_had() -> None:
    """Its external id, its endpoint, and that it was made before."""
    watch = Watch(context(FakeClock()))
    watch.add(0, attrs.evolve(task(), external_task_id="a", reused=True), 600.0)
    watch.look()
    watch.finish_look(Look(0.0, tasks={"1": Task("1", "failed")}, requests=1))
    (outcome,) = watch.ended
    assert outcome.task is not None
    ids = (outcome.task.external_task_id, outcome.task.endpoint, outcome.task.reused)
    assert ids == ("a", "text2video", True)


def test_open_tasks_keep_their_order() -> None:
    """A task that was seen stays in its place."""
    watch, _ = watching(3)
    watch.look()
    watch.finish_look(Look(0.0, tasks={"0": task("0", "processing")}, requests=1))
    assert list(watch.tasks()) == [task("0", "processing"), task("1"), task("2")]


def test_an_error_of_what_is_no_longer_open_is_nobody_s() -> None:
    """It may have become another name's."""
    watch, _ = watching()
    watch.look()
    assert watch.finish_look(Look(0.0, failed={"9": KlingError("no")}, requests=1)) == 0
    assert (len(watch), len(watch.ended)) == (1, 0)


def test_a_wait_says_how_long_it_took_itself() -> None:
    """It counts from when it was added, not from the beginning of the batch."""
    watch, clock = watching()
    clock.now += 20.0
    watch.add(1, task("1"), 10.0)
    watch.look()
    watch.finish_look(Look(30.0, requests=1))
    assert [str(outcome.error).partition(";")[0] for outcome in watch.ended] == [
        "task 1 is submitted after 10 s"
    ]
