"""Tasks whose endpoint is not known: bare ids, tasks of callbacks, endpoints without a class."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Final

import attrs
import pytest

from kling_sdk import (
    ENDPOINTS,
    AuthenticationError,
    KlingError,
    NotFoundError,
    RequestValidationError,
    Task,
    TextToVideo,
    TransportError,
    WaitTimeoutError,
    parse_callback,
)
from kling_sdk.flows import Send
from kling_sdk.flows.look import Look, look_at_pages
from kling_sdk.flows.many import wait_many
from kling_sdk.flows.wait import wait
from kling_sdk.wire import Reply
from kling_sdk.wire.relay import RelayWire
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import Scene, context, play, reply, reply_of
from tests.sdk.simulated import Simulation, watch

PATHS: Final = [record.path for record in ENDPOINTS.values()]


def errors(played: Any) -> list[KlingError | None]:
    return [outcome.error for outcome in sorted(played.items, key=lambda outcome: outcome.index)]


def test_a_bare_id_is_asked_for_at_each_endpoint_until_one_knows_it() -> None:
    """At most one request for each endpoint, at once, and then at the one that knows it."""
    scene = Scene()
    (task,) = scene.existing(1, "video-extend")
    scene.kling.takes = 10

    played = watch(scene, [task.task_id])

    assert played.items[0].result().endpoint == "video-extend"
    assert played.send_times[0] == 0
    asked_at = [send.call.path.rpartition("/")[0] for send in played.sends]
    assert set(asked_at) <= set(PATHS)
    first = asked_at.index("/v1/videos/video-extend")
    assert len(set(asked_at[: first + 1])) == first + 1 <= len(PATHS)
    assert set(asked_at[first:]) == {"/v1/videos/video-extend"}


def test_where_an_id_was_found_the_next_one_is_asked_for_first() -> None:
    """100 ids of one endpoint do not cost a request for each endpoint each."""
    scene = Scene()
    tasks = scene.existing(100, "video-extend")
    scene.kling.takes = 10

    played = watch(scene, [task.task_id for task in tasks])

    assert errors(played) == [None] * 100
    first_look = [time for time in played.send_times if time == 0]
    assert len(first_look) <= 100 + len(PATHS) - 1


def test_an_external_id_is_an_id_too() -> None:
    """From the first poll on, the task is known by both."""
    scene = Scene()
    (task,) = scene.existing(1)
    scene.kling.takes = 10

    played = watch(scene, ["order-0", task, task.task_id])

    assert {outcome.result().task_id for outcome in played.items} == {task.task_id}
    assert played.is_complete(3)


def test_an_id_that_nobody_knows_is_an_outcome() -> None:
    """Other tasks are not affected."""
    scene = Scene()
    (task,) = scene.existing(1)

    played = watch(scene, ["no-such-task", task])

    missing, other = errors(played)
    assert isinstance(missing, NotFoundError)
    assert missing.task_id == "no-such-task"
    assert other is None


def test_an_endpoint_that_refuses_to_answer_does_not_hide_the_others() -> None:
    """A key that may not use one product finds the tasks of another."""
    scene = Scene()
    (task,) = scene.existing(1, "video-extend")

    def respond(effect: Send) -> Reply | Exception:
        if not effect.call.path.startswith("/v1/videos/video-extend"):
            return reply(answer(403, 1103, "not for you"))
        return reply_of(scene.kling, effect)

    assert errors(watch(scene, [task.task_id], respond)) == [None]
    refused = errors(watch(scene, ["9"], lambda _: reply(answer(401, 1002, "no"))))
    assert isinstance(refused[0], AuthenticationError)


def test_an_id_is_looked_for_again_after_a_call_without_an_answer() -> None:
    """A lost call says nothing about the task; the wait continues to its deadline."""
    scene = Scene()
    (task,) = scene.existing(1)
    lost = iter([TransportError("reset")] * 4)

    played = watch(
        scene, [task.task_id], lambda effect: next(lost, None) or reply_of(scene.kling, effect)
    )
    never = watch(scene, ["9"], lambda _: TransportError("reset"), wait_timeout=60.0)

    assert errors(played) == [None]
    (error,) = errors(never)
    assert isinstance(error, WaitTimeoutError)
    assert error.task == Task("9", "unknown")


def test_the_task_of_a_callback_is_looked_for_as_an_id_is() -> None:
    """A callback does not name the endpoint."""
    scene = Scene()
    (task,) = scene.existing(1, "image2video")
    body = b'{"task_id": "%s", "task_status": "processing"}' % task.task_id.encode()
    reported = parse_callback(body, {}, verify=False, now=scene.clock.time()).task
    assert reported.endpoint == ""

    played = watch(scene, [reported])

    assert played.items[0].result().endpoint == "image2video"


def test_a_task_of_an_endpoint_without_a_class_harms_no_other() -> None:
    """Kling has a path per endpoint, so it cannot be asked: the error says so at once, by name."""
    scene = Scene()
    strange = Task("1", "submitted", endpoint="no-such-sync")
    tasks = [strange, *scene.existing(2), attrs.evolve(strange, task_id="2"), strange]

    played = watch(scene, tasks)

    failures = errors(played)
    assert played.is_complete(5)
    assert [isinstance(error, RequestValidationError) for error in failures] == [
        True,
        False,
        False,
        True,
        True,
    ]
    assert "'no-such-sync', which is not known here" in str(failures[0])


def test_a_wait_for_a_task_of_an_endpoint_without_a_class_ends_at_once() -> None:
    """It is not polled at the path of another endpoint until the time is over."""
    scene = Scene()
    flow = wait(
        context(scene.clock, first_look=0.0),
        TextToVideo.record,
        Task("1", "submitted", endpoint="no-such-sync"),
    )

    with pytest.raises(RequestValidationError, match="no-such-sync"):
        _ = play(flow, scene.clock, lambda effect: reply_of(scene.kling, effect)).result
    assert scene.clock.monotonic() == 0


def test_an_id_that_fits_no_url_is_an_outcome() -> None:
    """It is refused before anything is sent, and takes no other task with it."""
    scene = Scene()
    tasks = scene.existing(1)

    played = watch(scene, [Task("", "submitted", endpoint="text2video"), *tasks])

    assert isinstance(errors(played)[0], RequestValidationError)
    assert errors(played)[1] is None


def test_a_relay_is_asked_by_id_alone() -> None:
    """One request, whatever the endpoint; its list serves ids, too."""
    scene, calls = Scene(), list[str]()

    def task(task_id: str) -> dict[str, Any]:
        done = scene.clock.monotonic() > 20
        url = "https://cdn.example.com/a.mp4" if done else ""
        return {
            "task_id": task_id,
            "status": "succeed" if done else "submitted",
            "video_url": url,
        }

    def respond(effect: Send) -> Reply:
        calls.append(effect.call.path)
        listed = {"data": [task("kling_1"), task("kling_2")], "next_before": None}
        body = listed if effect.call.params else task(effect.call.path.rpartition("/")[2])
        sent = effect.call.headers["x-request-id"]
        return reply(answer(200, 0, ""))._replace(
            body=json.dumps(body).encode(), headers={"x-request-id": sent}
        )

    ctx = attrs.evolve(context(scene.clock), wire=RelayWire())
    flow = wait_many(ctx, ["kling_1", Task("kling_2", "submitted", endpoint="no-such-sync")])
    played = Simulation(scene.clock, respond).play(flow)

    assert errors(played) == [None, None]
    assert [outcome.result().endpoint for outcome in played.items] == ["", "no-such-sync"]
    assert calls.count("/kling/v1/videos/kling_1") <= 1


def test_a_look_remembers_that_a_call_failed_and_the_longest_pause_that_was_asked_for() -> None:
    """Another poll may make up for the first, and waits for the second."""
    assert not Look(0.0).has_stumbled

    look = Look(0.0)
    look.stumbled(TransportError("503", retry_after=7.0))
    look.stumbled(TransportError("reset"))
    look.stumbled(TransportError("503", retry_after=2.0))

    assert look.has_stumbled
    assert look.retry_after == 7.0


def test_a_page_of_strangers_is_no_reason_to_stop_before_our_rows() -> None:
    """They were created before 500 tasks of other programs: the second page shows them."""
    scene = Scene()
    ours = scene.existing(3)
    scene.existing(500)
    look = Look(0.0)
    unseen = {task.task_id: task.task_id for task in ours}
    flow = look_at_pages(context(scene.clock), TextToVideo.record, unseen, 520, look)

    played = play(flow, scene.clock, partial(reply_of, scene.kling))

    assert set(look.tasks) == {task.task_id for task in ours}
    assert (len(played.sent), look.requests, look.rows) == (2, 2, 503)
    assert [send.fresh for send in played.sends] == [False, False]  # connections are used again


@pytest.mark.parametrize(("older", "requests"), [(60, 1), (400, 2), (600, 2 + 30)])
def test_a_list_with_the_oldest_tasks_first_serves_while_ours_are_on_its_page(
    older: int, requests: int
) -> None:
    """The vendor states no order. The largest page has 500 rows; beyond it tasks are queried."""
    scene = Scene()
    scene.existing(older)
    ours = scene.existing(30)

    def oldest_first(effect: Send) -> Reply:
        listed = reply_of(scene.kling, effect)
        if not effect.call.params:
            return listed
        size = int(effect.call.params["pageSize"])
        tasks = [scene.kling.shown_at_v1(task) for task in list(scene.kling.tasks.values())[:size]]
        return reply(answer(200, 0, "SUCCEED", tasks))

    played = watch(scene, ours, oldest_first)

    assert errors(played) == [None] * 30
    assert len(played.sends) == requests
