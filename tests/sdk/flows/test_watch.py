"""Many tasks watched together: with the fewest requests, and to the end."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_sdk import (
    KlingError,
    Outcome,
    Task,
    TaskFailedError,
    TransportError,
    WaitTimeoutError,
)
from kling_sdk.flows import Send
from kling_sdk.flows.look import Look
from kling_sdk.flows.watch import Watch
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import Scene, context, play, reply, reply_of
from tests.sdk.simulated import watch

LOST: Final = TransportError("reset")
LIST: Final = "GET /v1/videos/text2video"
FAULTS: Final[dict[str, Reply | Exception]] = {
    "lost": LOST,
    "500": Reply(500, {}, b""),
    "1302": reply(answer(429, 1302, "slow down")),
}


def test_deadlines_close_together_share_a_look() -> None:
    """A poll comes at a deadline, but at most one in a second."""
    scene = Scene()
    watched = Watch(context(scene.clock))
    for index, task in enumerate(scene.existing(3)):
        watched.add(index, task, 100.0 + index / 10)
    scene.clock.now += 98.0
    watched.finish_look(Look(98.0, requests=1))
    assert watched.next_look() == 100.0

    scene.clock.now += 1.5
    watched.finish_look(Look(99.5, requests=1))
    assert watched.next_look() == 100.5


@pytest.mark.slow
def test_a_thousand_waiting_tasks_cost_two_requests_a_look() -> None:
    """1,000 tasks of one endpoint are two list pages, at most four requests in 10 s."""
    scene = Scene()
    tasks = scene.existing(1000)
    scene.kling.takes = 95

    played = watch(scene, tasks)

    assert played.is_complete(1000)
    assert played.sent_within(10) == 4
    assert set(played.sent) == {LIST}
    assert 95 <= scene.clock.monotonic() <= 105


@pytest.mark.slow
def test_ten_thousand_waiting_tasks_cost_sixty_requests_in_half_a_minute() -> None:
    """20 list pages per 10 s, however many tasks there are."""
    scene = Scene()
    tasks = scene.existing(10_000)
    scene.kling.takes = 25

    played = watch(scene, tasks)

    assert played.is_complete(10_000)
    assert len(played.sent) == 60
    assert scene.clock.monotonic() == 30


def test_each_end_is_noticed_within_a_tick() -> None:
    """Tasks that end at different times are handed out as they end, not with the last."""
    scene, tasks = Scene(), list[Task]()
    for _ in range(5):
        tasks += scene.existing(1)
        scene.clock.now += 20
    scene.kling.takes = 200

    noticed = watch(scene, tasks).item_times

    ended = [20 * number + 200 for number in range(5)]
    assert all(0 <= seen - end <= 10 for seen, end in zip(noticed, ended, strict=True))


def test_a_single_task_is_asked_for_by_its_id() -> None:
    """One task is one query: a list page would not be cheaper."""
    scene = Scene()
    tasks = scene.existing(1)

    played = watch(scene, tasks)

    assert set(played.sent) == {f"{LIST}/{tasks[0].task_id}"}


def test_tasks_of_two_endpoints_are_two_lists() -> None:
    """Each endpoint has its own list; outcomes come in one stream."""
    scene = Scene()
    tasks = [*scene.existing(5), *scene.existing(5, "image2video")]

    played = watch(scene, tasks)

    assert played.is_complete(10)
    assert played.sent == [LIST, "GET /v1/videos/image2video"]


def test_a_task_that_the_pages_do_not_show_is_asked_for_singly() -> None:
    """Pages may be late or in another order: what they leave out is not waited for blindly."""
    scene = Scene()
    tasks = scene.existing(20)
    hidden = {tasks[3].task_id, tasks[7].task_id}

    def respond(effect: Send) -> Reply | Exception:
        got = reply_of(scene.kling, effect)
        if effect.call.params is None:
            return got
        page = {name: task for name, task in scene.kling.tasks.items() if name not in hidden}
        everything, scene.kling.tasks = scene.kling.tasks, page
        try:
            return reply_of(scene.kling, effect)
        finally:
            scene.kling.tasks = everything

    played = watch(scene, tasks, respond)

    assert played.is_complete(20)
    assert played.sent == [LIST, *(f"{LIST}/{task}" for task in sorted(hidden))]


def test_a_busy_account_is_not_read_page_by_page() -> None:
    """Two old tasks below thousands of new ones cost a page and two queries, not ten pages."""
    scene = Scene()
    ours = scene.existing(2)
    scene.existing(5000)

    played = watch(scene, ours)

    assert played.is_complete(2)
    assert len(played.sent) == 3


def test_lists_that_are_refused_are_not_asked_for_again() -> None:
    """A key without access to lists still waits: by single queries from then on."""
    scene = Scene()
    tasks = scene.existing(4)
    scene.kling.takes = 35

    def respond(effect: Send) -> Reply | Exception:
        if effect.call.params is not None:
            return reply(answer(403, 1103, "no lists for you"))
        return reply_of(scene.kling, effect)

    played = watch(scene, tasks, respond)

    assert all(outcome.error is None for outcome in played.items)
    assert played.sent.count(LIST) == 1


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.lists(st.sampled_from(["", "lost", "500", "1302"]), max_size=80))
def test_waiting_for_many_survives_failed_looks(count: int, faults: list[str]) -> None:
    """No number of failed polls loses a task that ends before the deadline."""
    scene, left = Scene(), iter(faults)
    tasks = scene.existing(count)

    def respond(effect: Send) -> Reply | Exception:
        return FAULTS.get(next(left, "")) or reply_of(scene.kling, effect)

    played = watch(scene, tasks, respond)

    assert played.is_complete(count)
    assert all(outcome.error is None for outcome in played.items)


@pytest.mark.parametrize(("count", "timeout"), [(1, 5.0), (50, 5.0), (50, 95.0), (2, 0.0)])
def test_many_waits_end_at_their_deadline(count: int, timeout: float) -> None:
    """It is not a tick late; each error carries its task, which goes on."""
    scene = Scene()
    tasks = scene.existing(count)
    scene.kling.takes = None

    played = watch(scene, tasks, wait_timeout=timeout)

    assert played.is_complete(count)
    assert scene.clock.monotonic() == pytest.approx(timeout)
    for outcome in played.items:
        assert isinstance(outcome.error, WaitTimeoutError)
        assert outcome.error.task_id == tasks[outcome.index].task_id


@pytest.mark.parametrize("known", [True, False])
def test_many_waits_without_a_limit_take_that_of_the_endpoint(*, known: bool) -> None:
    """The endpoint of a bare id is found out later, so the limit is that of videos."""
    scene = Scene()
    (task,) = scene.existing(1)
    scene.kling.takes = None

    played = watch(scene, [task if known else task.task_id])

    assert isinstance(played.items[0].error, WaitTimeoutError)
    assert scene.clock.monotonic() == pytest.approx(7200)


def test_slow_failures_do_not_stretch_the_deadline_of_many() -> None:
    """When each of 100 polls times out after 30 s, a wait of 60 s does not take an hour."""
    scene = Scene()
    tasks = scene.existing(100)

    def respond(effect: Send) -> Reply | Exception:
        if effect.call.params is not None:
            return reply(answer(403, 1103, "no lists for you"))
        return LOST

    played = watch(scene, tasks, respond, takes=lambda _: 30.0, wait_timeout=60.0)

    assert played.is_complete(100)
    assert scene.clock.monotonic() <= 60 + 3 * 30


def test_a_task_that_is_added_neither_hastens_nor_delays_the_next_look() -> None:
    """The exception is a bare id, of which nothing is known: it may have ended long ago."""
    scene = Scene()
    first, second, third = scene.existing(3)
    watched = Watch(context(scene.clock))
    assert watched.next_look() == math.inf

    watched.add(0, first, 600.0)
    due = watched.next_look()
    assert due > scene.clock.monotonic()

    scene.clock.sleep(1.0)
    watched.add(1, second, 600.0)
    assert watched.next_look() == due

    watched.add(2, third.task_id, 600.0)
    assert watched.next_look() <= scene.clock.monotonic()


def test_a_look_reads_as_far_as_our_tasks_reach() -> None:
    """It reads as many rows as tasks were added since the last poll, plus some of others."""
    scene = Scene()
    watched = Watch(context(scene.clock))
    for index, task in enumerate(scene.existing(100)):
        watched.add(index, task, 600.0)

    sizes = [
        effect.call.params["pageSize"]
        for effect in play(watched.look(), scene.clock, partial(reply_of, scene.kling)).sends
        if effect.call.params
    ]
    assert sizes == [120]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_page_that_may_come_later_is_not_made_up_for_by_a_query_for_each_task(fault: str) -> None:
    """A server in trouble gets one request per poll; the next poll comes in a moment."""
    scene = Scene()
    watched = Watch(context(scene.clock))
    for index, task in enumerate(scene.existing(100)):
        watched.add(index, task, 600.0)

    played = play(watched.look(), scene.clock, lambda _: FAULTS[fault])

    assert played.sent == [LIST]
    assert played.result.has_stumbled


def test_finished_and_repeated_tasks_are_handed_out_too() -> None:
    """A task that has ended needs no call; one that is given twice has two outcomes."""
    scene = Scene()
    (task,) = scene.existing(1)
    failed = Task("9", "failed", status_msg="too dark")

    played = watch(scene, [failed, task, task])

    assert [outcome.index for outcome in played.items] == [0, 1, 2]
    assert isinstance(played.items[0].error, TaskFailedError)
    assert played.items[1].result().task_id == played.items[2].result().task_id == task.task_id


def test_an_outcome_gives_its_task_or_raises() -> None:
    """`outcome.result()` is the task, or the error that befell it."""
    task = Task("1", "succeed")

    assert Outcome(0, task).result() is task
    with pytest.raises(KlingError, match="no"):
        Outcome(0, None, KlingError("no")).result()
