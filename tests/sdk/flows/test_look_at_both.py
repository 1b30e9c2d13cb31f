"""Polls of tasks of both interfaces use the fewest requests, and do not mix up tasks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kling_sdk import NotFoundError, RequestValidationError, Task, TransportError
from kling_sdk.auth import AccessKey, Keyring
from kling_sdk.flows import Context, Send
from kling_sdk.flows.look import Look, Wanted, look
from kling_sdk.flows.tasks import place_of
from kling_sdk.flows.watch import Watch
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import HonestKling, answer
from tests.sdk.scripted import Played, Scene, context, play, reply, reply_of
from tests.sdk.simulated import watch

NEW = "text-to-video/kling-3.0"


def look_at(
    scene: Scene,
    tasks: list[Task | str],
    respond: Callable[[Send], Reply | Exception] | None = None,
    ctx: Context | None = None,
) -> tuple[Look, Played[Look]]:
    ctx = ctx or context(scene.clock, with_tasks=True)
    waits = {
        str(place): Wanted(
            task.task_id if isinstance(task, Task) else task,
            task if isinstance(task, Task) else None,
            place_of(ctx, task if isinstance(task, Task) else None),
            1e9,
        )
        for place, task in enumerate(tasks)
    }
    played = play(
        look(ctx, waits, len(waits)),
        scene.clock,
        respond or (lambda effect: reply_of(scene.kling, effect)),
    )
    assert played.value is not None
    return played.value, played


def test_a_thousand_tasks_of_both_interfaces_take_two_requests() -> None:
    """Two pages of `/tasks`, which show the tasks of both: those of /v1 are as they were."""
    scene = Scene()
    scene.kling.takes = None
    tasks: list[Task | str] = []
    for _ in range(50):  # mixed, as programs make them
        tasks += scene.existing(10)
        tasks += scene.existing(10, NEW)

    seen, played = look_at(scene, tasks)

    assert len(seen.tasks) == len(seen.unchanged) == 500
    assert seen.requests == len(played.sends) == 2


def test_a_thousand_tasks_that_have_ended_take_three_requests() -> None:
    """One more page for those of /v1, which are taken in the form of their own interface."""
    scene = Scene()
    tasks: list[Task | str] = []
    for _ in range(50):
        tasks += scene.existing(10)
        tasks += scene.existing(10, NEW)

    seen, played = look_at(scene, tasks)

    assert len(seen.tasks) == 1000
    assert seen.requests == len(played.sends) == 3
    of_v1 = [key for key, task in seen.tasks.items() if task.interface == "v1"]
    assert len(of_v1) == 500
    assert all("task_id" in seen.tasks[key].raw for key in of_v1)


def test_a_thousand_tasks_with_their_models_in_the_path_take_two_requests() -> None:
    """Two pages, and not 50 calls with 20 ids each."""
    scene = Scene()
    seen, _ = look_at(scene, [*scene.existing(1000, NEW)])
    assert (len(seen.tasks), seen.requests) == (1000, 2)


@pytest.mark.slow
def test_waiting_for_a_thousand_takes_a_few_requests_a_look() -> None:
    """`wait_all` over both interfaces: what the docs say of it."""
    scene = Scene()
    scene.kling.takes = 60.0
    tasks = [
        task for _ in range(50) for way in ("text2video", NEW) for task in scene.existing(10, way)
    ]

    played = watch(scene, tasks, with_tasks=True)

    assert len(played.items) == 1000
    assert all(outcome.error is None for outcome in played.items)
    looks = len(
        {
            round(when)
            for when, effect in zip(played.times, played.effects, strict=True)
            if isinstance(effect, Send)
        }
    )
    assert len(played.sends) <= 3 * looks
    print(f"\n1,000 tasks of both interfaces: {len(played.sends)} requests, {looks} looks")  # noqa: T201 - the figure


@pytest.mark.parametrize(("count", "requests"), [(1, 1), (20, 1), (21, 1), (100, 1)])
def test_up_to_20_ids_go_into_one_call(count: int, requests: int) -> None:
    """More are read by a page, which shows up to 500."""
    scene = Scene()
    seen, played = look_at(scene, [*scene.existing(count, NEW)])
    assert (len(seen.tasks), seen.requests) == (count, requests)
    method = "GET" if count <= 20 else "POST"
    assert played.sent == [f"{method} /tasks"]


def test_what_pages_do_not_show_is_asked_for_by_ids() -> None:
    """Tasks far down a long list, behind those of other programs."""
    scene = Scene()
    ours = scene.existing(45, NEW)
    scene.existing(2000, NEW)
    seen, played = look_at(scene, [*ours])
    assert len(seen.tasks) == 45
    assert played.sent == [*["POST /tasks"] * 2, *["GET /tasks"] * 3]


def test_a_list_that_cannot_be_read_is_not_read_again() -> None:
    """The ids are asked for instead, 20 in a call."""
    scene = Scene()

    def respond(effect: Send) -> Reply:
        if effect.call.method == "POST":
            return reply(answer(403, 1103, "no"))
        return reply_of(scene.kling, effect)

    seen, played = look_at(scene, [*scene.existing(45, NEW)], respond)
    assert len(seen.tasks) == 45
    assert seen.without_list == {"/tasks"}
    assert len(played.sends) == 4


def test_a_reply_about_other_tasks_shows_none_of_ours() -> None:
    """Items are taken by their own ids; a task that is not shown is polled again."""
    scene = Scene()
    ours, other = scene.existing(2, NEW)

    def respond(_effect: Send) -> Reply:
        view = scene.kling.shown_at_tasks(scene.kling.tasks[other.task_id])
        return reply(answer(200, 0, "SUCCEED", [view]))

    seen, _ = look_at(scene, [ours], respond)
    assert (seen.tasks, seen.failed, seen.has_stumbled) == ({}, {}, True)


def test_a_lost_answer_is_made_up_for_by_the_next_look() -> None:
    """A call with 20 ids that fails ends no wait."""
    scene = Scene()
    seen, _ = look_at(scene, [*scene.existing(3, NEW)], lambda _effect: TransportError("reset"))
    assert (seen.tasks, seen.failed, seen.has_stumbled) == ({}, {}, True)


def test_a_refused_key_ends_each_wait_with_an_error_of_its_own() -> None:
    """So one caller's notes are not in another's error."""
    scene = Scene()
    tasks = scene.existing(2, NEW)
    seen, _ = look_at(scene, [*tasks], lambda _effect: reply(answer(403, 1103, "no")))
    assert {key: error.task_id for key, error in seen.failed.items()} == {
        "0": tasks[0].task_id,
        "1": tasks[1].task_id,
    }


# ---------------------------------------------------------------- bare ids


def test_bare_ids_are_asked_for_together() -> None:
    """40 ids of both kinds and both interfaces, in as many calls as they need."""
    scene = Scene()
    known = [*scene.existing(20), *scene.existing(20, NEW)]
    names = [task.task_id for task in known[::2]] + [f"order-{n}" for n in range(1, 40, 2)]

    seen, played = look_at(scene, [*names])

    assert len(seen.tasks) == 40
    assert played.sent == ["GET /tasks"] * 2
    assert [call.fresh for call in played.sends] == [True, True]


def test_a_name_that_looks_like_the_other_kind_is_found() -> None:
    """An external id of 18 digits."""
    scene = Scene()
    body = {"options": {"external_task_id": "123456789012345678"}}
    scene.kling.answer("POST", f"/{NEW}", {}, {}, body)
    seen, played = look_at(scene, ["123456789012345678"])
    assert seen.tasks["0"].external_task_id == "123456789012345678"
    assert len(played.sends) == 2


def test_where_tasks_shows_its_own_alone_the_endpoints_are_asked() -> None:
    """That it shows those of /v1 was seen once."""
    scene = Scene(kling=HonestKling(crosses=False))
    (task,) = scene.existing(1, "image2video")
    seen, played = look_at(scene, [task.task_id])
    assert seen.tasks["0"].endpoint == "image2video"
    assert played.sent[:2] == ["GET /tasks", "GET /tasks"]


def test_an_id_that_nobody_knows_ends_its_wait() -> None:
    """After every place was asked over connections of their own."""
    scene = Scene()
    seen, played = look_at(scene, ["nobody-s"])
    assert isinstance(seen.failed["0"], NotFoundError)
    assert all(call.fresh for call in played.sends)


def test_an_id_is_not_given_up_while_tasks_answers_with_a_page() -> None:
    """A gateway's page says nothing: the task may be there."""
    scene = Scene()

    def respond(effect: Send) -> Reply:
        if effect.call.path == "/tasks":
            return Reply(404, {"content-type": "text/html"}, b"<html>no</html>")
        return reply_of(scene.kling, effect)

    seen, _ = look_at(scene, ["nobody-s"], respond)
    assert (seen.failed, seen.has_stumbled) == ({}, True)
    (task,) = scene.existing(1)
    seen, _ = look_at(scene, [task.task_id], respond)
    assert seen.tasks["0"].task_id == task.task_id


# ---------------------------------------------------------------- keys


def test_a_task_that_needs_an_api_key_ends_at_once_without_one() -> None:
    """The others are watched."""
    scene = Scene()
    ctx = context(scene.clock, keys=Keyring((AccessKey("a", "s"),)))
    (new,), (old,) = scene.existing(1, NEW), scene.existing(1)
    both = Watch(ctx)
    both.add(0, new, 60.0)
    both.add(1, old, 60.0)
    (outcome,) = both.ended
    assert isinstance(outcome.error, RequestValidationError)
    assert "API key" in str(outcome.error)
    assert len(both) == 1


def test_a_reply_s_items_are_json_of_the_vendor() -> None:
    """The fake server's own form is what the vendor documents."""
    scene = Scene()
    (task,) = scene.existing(1, NEW)
    body: Any = json.loads(
        scene.kling.answer("GET", "/tasks", {"task_ids": task.task_id}, {}, None).body
    )
    assert body["data"][0]["id"] == task.task_id
