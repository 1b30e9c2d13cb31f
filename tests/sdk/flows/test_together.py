"""Single waits of one client that share their polls, without harm to each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_sdk import (
    AuthenticationError,
    KlingError,
    NotFoundError,
    RequestValidationError,
    Task,
    TaskFailedError,
    TextToVideo,
    TransportError,
    WaitCancelledError,
    WaitTimeoutError,
)
from kling_sdk.flows import Emit, Flow, Next, Send, Spawn
from kling_sdk.flows.board import ENOUGH, Board, Waiting
from kling_sdk.flows.context import Context
from kling_sdk.flows.together import PATIENCE
from kling_sdk.flows.wait import wait
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import Played, Scene, context, reply, reply_of
from tests.sdk.simulated import Simulation, watch

LIST: Final = "GET /v1/videos/text2video"


def all_at_once(ctx: Context, tasks: Sequence[Task | str]) -> Flow[None]:
    """Wait for each task by a separate wait, as many threads of a program do."""
    for index, task in enumerate(tasks):
        yield Spawn(index, wait(ctx, TextToVideo.record, task))
    for _ in tasks:
        yield Emit((yield Next(None)))


def play(
    scene: Scene,
    tasks: Sequence[Task | str],
    respond: Callable[[Send], Reply | Exception] | None = None,
    takes: Callable[[Send], float] = lambda _: 0.1,
    **options: Any,
) -> Played[None]:
    def honest(effect: Send) -> Reply | Exception:
        return reply_of(scene.kling, effect)

    ctx = context(scene.clock, **options)
    played = Simulation(scene.clock, respond or honest, takes).play(all_at_once(ctx, tasks))
    assert sorted(ended.key for ended in played.items) == list(range(len(tasks)))
    assert ctx.board.waits("/v1/videos/text2video") == []
    return played


def results(played: Played[None]) -> dict[int, Any]:
    """Return what each wait returned or raised."""
    return {ended.key: ended.error or ended.value for ended in played.items}


def test_the_list_is_read_from_four_waits_on() -> None:
    """Fewer cost less by themselves."""
    board = Board()
    first, *others = (Waiting(str(number)) for number in range(ENOUGH))
    for waiting in others:
        board.join("/v1/a", waiting)
    assert not board.is_worth_a_page("/v1/a", 0.0)

    board.join("/v1/a", first)
    assert board.is_worth_a_page("/v1/a", 0.0)
    assert not board.is_worth_a_page("/v1/b", 0.0)


@pytest.mark.slow
def test_two_hundred_waits_cost_about_as_many_requests_as_one_for_all() -> None:
    """200 waits of their own are not 200 requests per look."""
    together, separate = Scene(), Scene()
    for scene in (together, separate):
        scene.kling.takes = 300
    batch = watch(together, together.existing(200))

    played = play(separate, separate.existing(200))

    assert all(task.is_succeed for task in results(played).values())
    assert len(played.sent) <= len(batch.sent) + 200 / 10
    assert separate.clock.monotonic() <= 300 + 20


def test_the_page_has_room_for_tasks_of_other_programs() -> None:
    """Some that were created after ours do not cost a second page."""
    scene = Scene()
    scene.kling.takes = 0
    ours = scene.existing(150)
    scene.existing(15)

    played = play(scene, ours, first_look=10.0)

    assert played.sent == [LIST]


@pytest.mark.parametrize("count", [1, 2, ENOUGH - 1])
def test_a_few_waits_ask_each_for_its_own_task(count: int) -> None:
    """A list page would not be cheaper."""
    scene = Scene()
    scene.kling.takes = 100

    played = play(scene, scene.existing(count))

    assert LIST not in played.sent


def test_a_task_that_the_list_does_not_show_is_asked_for_by_its_own_wait() -> None:
    """Each wait ends with its task, also if the list leaves it out."""
    scene = Scene()
    old = scene.existing(2)
    scene.existing(3000)
    new = scene.existing(10)
    scene.kling.takes = 100

    played = play(scene, [*old, *new])

    assert [results(played)[index].task_id for index in range(12)] == [
        task.task_id for task in [*old, *new]
    ]


def test_each_wait_ends_with_its_own_result() -> None:
    """Failed, missing, timed out and finished: each wait gets only its own error."""
    scene = Scene()
    scene.kling.takes = 100
    tasks = scene.existing(8)
    failed, gone = tasks[2].task_id, "no-such-task"

    def respond(effect: Send) -> Reply | Exception:
        got = reply_of(scene.kling, effect)
        return got._replace(
            body=got.body.replace(
                b'{"task_id": "%s", "task_status": "succeed"' % failed.encode(),
                b'{"task_id": "%s", "task_status": "failed"' % failed.encode(),
            )
        )

    played = play(scene, [*tasks, gone], respond)

    by_index = results(played)
    assert isinstance(by_index.pop(8), NotFoundError)
    assert isinstance(by_index[2], TaskFailedError)
    assert by_index.pop(2).task_id == failed
    assert {task.task_id for task in by_index.values()} == {task.task_id for task in tasks} - {
        failed
    }


def test_a_list_that_is_refused_is_asked_for_once() -> None:
    """A key without access to lists: each wait asks for its own task, as a single one does."""
    scene = Scene()
    scene.kling.takes = 100

    def respond(effect: Send) -> Reply | Exception:
        if effect.call.params is not None:
            return reply(answer(403, 1103, "no lists for you"))
        return reply_of(scene.kling, effect)

    played = play(scene, scene.existing(20), respond)

    assert all(isinstance(task, Task) for task in results(played).values())
    assert played.sent.count(LIST) == 1


def test_a_refused_key_ends_each_wait_with_its_own_error() -> None:
    """The error of the page is not passed on: each wait has its own, with its own task."""
    scene = Scene()
    tasks = scene.existing(10)

    played = play(scene, tasks, lambda _: reply(answer(401, 1002, "no")))

    for index, error in results(played).items():
        assert isinstance(error, AuthenticationError)
        assert error.task_id == tasks[index].task_id


def test_a_silent_list_delays_no_wait_for_long() -> None:
    """While another wait's page hangs, the others poll for themselves after two seconds."""
    scene = Scene()
    scene.kling.takes = 100
    lost = TransportError("silent")

    def respond(effect: Send) -> Reply | Exception:
        return lost if effect.call.params is not None else reply_of(scene.kling, effect)

    played = play(
        scene,
        scene.existing(10),
        respond,
        takes=lambda effect: 30.0 if effect.call.params is not None else 0.1,
        poll_interval=(3.0, 3.0),
    )

    assert all(isinstance(task, Task) for task in results(played).values())
    ends = sorted(played.item_times)
    assert ends[-2] <= 100 + 3 * 1.2 + PATIENCE + 1  # all but the one whose page hung
    assert ends[-1] <= 100 + 3 * 1.2 + 30 + 4


def test_waits_end_at_their_own_deadlines() -> None:
    """Each polls at its deadline or later, also when all share it."""
    scene = Scene()
    scene.kling.takes = None

    played = play(scene, scene.existing(50), wait_timeout=100.0)

    assert all(isinstance(error, WaitTimeoutError) for error in results(played).values())
    assert 100 <= scene.clock.monotonic() <= 100 + 2


def test_a_task_that_ends_at_the_deadline_is_still_seen() -> None:
    """A poll before the deadline does not count as the last one."""
    scene = Scene()
    scene.kling.takes = 99.9

    played = play(scene, scene.existing(50), wait_timeout=100.0)

    assert all(isinstance(task, Task) for task in results(played).values())


def test_cancelled_waits_end_at_once() -> None:
    """Those that wait for another one's page, too."""
    scene = Scene()
    scene.kling.takes = None
    cancelled = False

    def respond(effect: Send) -> Reply | Exception:
        nonlocal cancelled
        cancelled = cancelled or effect.call.params is not None
        return reply_of(scene.kling, effect)

    played = play(scene, scene.existing(20), respond, cancelled=lambda: cancelled)

    assert all(isinstance(error, WaitCancelledError) for error in results(played).values())
    assert scene.clock.monotonic() < 60


def test_who_waits_for_the_page_of_another_wait_is_cancelled_at_once() -> None:
    """It waits neither for the page nor for its own turn."""
    scene = Scene()
    scene.kling.takes = None
    pages: list[float] = []

    def takes(effect: Send) -> float:
        if effect.call.params is None:
            return 0.1
        pages.append(scene.clock.monotonic())
        return 30.0

    def is_cancelled() -> bool:
        return bool(pages) and scene.clock.monotonic() > pages[0]

    played = play(scene, scene.existing(20), takes=takes, first_look=10.0, cancelled=is_cancelled)

    assert all(isinstance(error, WaitCancelledError) for error in results(played).values())
    assert played.sent == [LIST]
    assert sum(time < pages[0] + PATIENCE for time in played.item_times) == 19


def test_waits_for_tasks_of_an_unknown_endpoint_end_at_once_and_send_nothing() -> None:
    """However many there are, they have no list that they could share."""
    scene = Scene()
    strange = [Task(str(number), "submitted", endpoint="no-such-sync") for number in range(10)]

    played = play(scene, strange, first_look=0.0)

    assert all(isinstance(error, RequestValidationError) for error in results(played).values())
    assert played.sent == []


FAULTS: Final[dict[str, Reply | Exception]] = {
    "lost": TransportError("reset"),
    "500": Reply(500, {}, b""),
    "1302": reply(answer(429, 1302, "slow down")),
    "1103": reply(answer(403, 1103, "no lists for you")),
}


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 30),
    faults=st.lists(st.sampled_from(["", *FAULTS]), max_size=60),
    delays=st.lists(st.sampled_from([0.0, 0.1, 1.0, 29.0]), min_size=1, max_size=7),
    takes=st.integers(1, 200),
)
@pytest.mark.slow
def test_whatever_fails_each_wait_returns_its_own_task(
    *, count: int, faults: list[str], delays: list[float], takes: int
) -> None:
    """In every order of responses and failures, no task is lost or given to another wait."""
    scene, left, calls = Scene(), iter(faults), 0
    tasks = scene.existing(count)
    scene.kling.takes = takes

    def takes_time(_effect: Send) -> float:
        nonlocal calls
        calls += 1
        return delays[calls % len(delays)]

    def respond(effect: Send) -> Reply | Exception:
        fault = next(left, "")
        if fault == "1103" and effect.call.params is None:
            fault = ""
        return FAULTS.get(fault) or reply_of(scene.kling, effect)

    played = play(scene, tasks, respond, takes_time)

    for index, task in results(played).items():
        assert not isinstance(task, KlingError), task
        assert task.task_id == tasks[index].task_id


def test_what_is_shown_of_another_wait_is_never_taken() -> None:
    """A page is matched by its own ids, also when two waits have the same task."""
    scene = Scene()
    scene.kling.takes = 100
    tasks = scene.existing(5)

    played = play(scene, [*tasks, *tasks, tasks[0].task_id])

    by_index = results(played)
    assert [by_index[index].task_id for index in range(11)] == [
        task.task_id for task in [*tasks, *tasks, tasks[0]]
    ]
