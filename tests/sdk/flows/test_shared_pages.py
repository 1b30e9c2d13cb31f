"""A list page that several waits share: its reader, its contents, and when it is avoided."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from kling_sdk import EndpointRecord, Task, TextToVideo, TransportError, WaitCancelledError
from kling_sdk.flows import Context, Send, Sleep
from kling_sdk.flows.asking import TASKS
from kling_sdk.flows.board import Waiting
from kling_sdk.flows.together import MOMENT, PATIENCE, SLOW, shared_look, waiting
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import Played, Scene, context, play, reply, reply_of

RECORD: EndpointRecord = TextToVideo.record
LOST = TransportError("reset")
REFUSED = reply(answer(403, 1103, "not for you"))


@contextmanager
def waits(ctx: Context, tasks: list[Task]) -> Iterator[list[Waiting]]:
    """Begin a wait for each task."""
    with ExitStack() as stack:
        yield [stack.enter_context(waiting(ctx, RECORD, task)) for task in tasks]


def play_look(
    ctx: Context,
    scene: Scene,
    wait: Waiting,
    task: Task,
    respond: Callable[[Send], Any] | None = None,
    after: float = 0.0,
) -> Played[tuple[float, Task] | None]:
    flow = shared_look(ctx, RECORD, wait, task, after)
    return play(flow, scene.clock, respond or (lambda effect: reply_of(scene.kling, effect)))


def test_the_numbers_are() -> None:
    """A moment between two glances, the patience of one, and how long a slow reader is avoided."""
    assert (MOMENT, PATIENCE, SLOW) == (0.5, 2.0, 10.0)


def test_what_one_reads_all_see() -> None:
    """The page has the time of its request; waits whose task is not on it are told so."""
    scene = Scene()
    tasks = scene.existing(4)
    ctx = context(scene.clock)
    scene.clock.now += 5.0
    with waits(ctx, [*tasks, Task("9", "submitted")]) as (first, second, *_, stranger):
        played = play_look(ctx, scene, first, tasks[0])
        assert played.value is not None
        assert (played.value[0], played.value[1].task_id) == (5.0, tasks[0].task_id)
        assert len(played.sends) == 1
        # Others need not ask, unless what was seen is too old for them.
        scene.clock.now += 1.0
        known = play_look(ctx, scene, second, tasks[1])
        assert (known.sends, known.value and known.value[0]) == ([], 5.0)
        assert play_look(ctx, scene, second, tasks[1], after=5.0).sends == []
        assert len(play_look(ctx, scene, second, tasks[1], after=5.1).sends) == 1
        assert stranger.news == (6.0, None)
        none = play_look(ctx, scene, stranger, Task("9", "submitted"))
        assert (none.value, none.sends) == (None, [])
    assert ctx.board.waits(RECORD.path) == []


def test_three_waits_ask_each_for_its_own() -> None:
    """A page would not be cheaper."""
    scene = Scene()
    tasks = scene.existing(3)
    ctx = context(scene.clock)
    with waits(ctx, tasks) as (first, *_):
        played = play_look(ctx, scene, first, tasks[0])
    assert (played.value, played.sends) == (None, [])


@pytest.mark.parametrize(("trouble", "until"), [(LOST, 3.0), (REFUSED, math.inf)])
def test_a_list_that_cannot_be_read_is_avoided(trouble: Any, until: float) -> None:
    """It is avoided for the shortest interval, or forever; the caller is not told."""
    scene = Scene()
    tasks = scene.existing(4)
    ctx = context(scene.clock, poll_interval=(3.0, 15.0))
    with waits(ctx, tasks) as (first, second, *_):
        played = play_look(ctx, scene, first, tasks[0], lambda _: trouble)
        assert played.value is None
        assert second.news == (-math.inf, None)
        assert ctx.board.is_worth_a_page(RECORD.path, 2.9) is False
        assert ctx.board.is_worth_a_page(RECORD.path, 3.0) is (until == 3.0)
        assert ctx.board.is_worth_a_page(RECORD.path, 1e9) is (until == 3.0)
        assert ctx.board.rows == {}


def test_how_far_down_ours_are_is_remembered() -> None:
    """The next page has room for some of other programs."""
    scene = Scene()
    tasks = scene.existing(130)
    scene.existing(10)
    ctx = context(scene.clock)
    sizes = list[int]()

    def respond(effect: Send) -> Reply:
        sizes.append(int((effect.call.params or {})["pageSize"]))
        return reply_of(scene.kling, effect)

    with waits(ctx, tasks) as (first, *_):
        play_look(ctx, scene, first, tasks[0], respond)
        assert (sizes, ctx.board.rows) == ([150], {RECORD.path: 140})
        play_look(ctx, scene, first, tasks[0], respond, after=0.1)
        assert sizes == [150, 160]


def test_nobody_waits_long_for_a_reader() -> None:
    """After two seconds the list is avoided for ten; the wait asks for its own task."""
    scene = Scene()
    tasks = scene.existing(4)
    ctx = context(scene.clock)
    with waits(ctx, tasks) as (first, second, *_):
        assert ctx.board.claim(RECORD.path, first, 0.0)
        played = play_look(ctx, scene, second, tasks[1])
        assert (played.value, played.sends) == (None, [])
        assert played.pauses == [0.5] * 5
        now = scene.clock.monotonic()
        assert now == 2.5
        assert not ctx.board.is_worth_a_page(RECORD.path, now + 9.9)
        assert ctx.board.is_worth_a_page(RECORD.path, now + 10.0)


def test_who_waits_for_a_reader_sees_what_it_reads() -> None:
    """It checks again at each moment."""
    scene = Scene()
    tasks = scene.existing(4)
    ctx = context(scene.clock)
    with waits(ctx, tasks) as (first, second, *_):
        assert ctx.board.claim(RECORD.path, first, 0.0)
        flow = shared_look(ctx, RECORD, second, tasks[1], 0.0)
        assert flow.send(None) == Sleep(0.5)
        second.news = (0.1, tasks[1])
        with pytest.raises(StopIteration) as ended:
            flow.send(None)
        assert ended.value.value == (0.1, tasks[1])


def test_who_is_called_off_waits_for_no_reader() -> None:
    """The error has the task as it was last seen."""
    scene = Scene()
    tasks = scene.existing(4)
    ctx = context(scene.clock, cancelled=lambda: True)
    with waits(ctx, tasks) as (first, second, *_):
        assert ctx.board.claim(RECORD.path, first, 0.0)
        played = play_look(ctx, scene, second, tasks[1])
    assert isinstance(played.error, WaitCancelledError)
    assert played.error.task == tasks[1]


def test_a_reader_that_fails_lets_another_read() -> None:
    """This holds for any cause of its end."""
    scene = Scene()
    tasks = scene.existing(4)
    ctx = context(scene.clock)

    def breaks(_effect: Send) -> Reply:
        raise ZeroDivisionError

    with waits(ctx, tasks) as (first, second, *_):
        with pytest.raises(ZeroDivisionError):
            play_look(ctx, scene, first, tasks[0], breaks)
        assert ctx.board.claim(RECORD.path, second, 0.0)


def test_tasks_of_the_newer_interface_that_a_page_leaves_out_are_asked_for_by_their_ids() -> None:
    """Twenty in a call, by who reads the page; all waits see them."""
    scene = Scene()
    tasks = scene.existing(4, "text-to-video/kling-3.0")
    ctx = context(scene.clock, with_tasks=True)
    others = reply(answer(200, 0, "SUCCEED", {"count": 0}))

    def respond(effect: Send) -> Reply:
        return others if effect.call.method == "POST" else reply_of(scene.kling, effect)

    with ExitStack() as stack:
        all_waits = [stack.enter_context(waiting(ctx, TASKS, task)) for task in tasks]
        flow = shared_look(ctx, TASKS, all_waits[0], tasks[0], 0.0)
        played = play(flow, scene.clock, respond)
        assert played.value is not None
        assert played.value[1].task_id == tasks[0].task_id
        latest = [wait.news[1] for wait in all_waits]
        assert [task and task.task_id for task in latest] == [task.task_id for task in tasks]
        assert played.sent[-1] == "GET /tasks"
