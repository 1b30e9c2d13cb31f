"""The exact times of a single wait's polls, and the effect of each response."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kling_sdk import (
    ENDPOINTS,
    NotFoundError,
    Task,
    TextToVideo,
    TransportError,
    UnreachableError,
    WaitCancelledError,
    WaitTimeoutError,
)
from kling_sdk.flows.wait import _first_look, _next_look, wait
from kling_sdk.text.scalars import instant
from tests.sdk.fake_kling import answer
from tests.sdk.flows.test_wait import DONE, NEW, task_reply, waited
from tests.sdk.scripted import START, FakeClock, Scene, context, in_turn, play, reply
from tests.sdk.simulated import Simulation

LOST = TransportError("reset")
BUSY = reply(answer(503, 5001, "busy"))


def chance(seed: int = 1) -> Any:
    """Return the factors of the pauses, as the context's random numbers make them."""
    numbers = random.Random(seed)  # noqa: S311 - the same numbers each time
    while True:
        yield 0.8 + 0.4 * numbers.random()


@pytest.mark.parametrize(
    ("looks", "pause"),
    [(1, 3.0), (2, 3.0 * 1.3), (3, 3.0 * 1.3**2), (7, 3.0 * 1.3**6), (8, 15.0), (500, 15.0)],
)
def test_the_pause_grows_by_three_tenths_from_look_to_look(looks: int, pause: float) -> None:
    """It grows from the shortest interval to the longest, a fifth more or less."""
    ctx, factor = context(FakeClock()), next(chance())
    assert _next_look(ctx, looks) == pytest.approx(pause * factor)


def test_the_pause_stops_growing_after_41_looks() -> None:
    """So that no number gets too large, whatever the longest interval is."""
    for looks, power in ((40, 39), (41, 40), (42, 40), (5000, 40)):
        ctx, factor = context(FakeClock(), poll_interval=(1.0, 1e9)), next(chance())
        assert _next_look(ctx, looks) == pytest.approx(1.3**power * factor)


def test_the_looks_of_a_wait_come_after_these_pauses() -> None:
    """The first after half of the typical time; each later one as above."""
    played, _ = waited(in_turn([*[task_reply("processing")] * 3, DONE]))
    factors = chance()
    expected = [30.0, *(3.0 * 1.3**power * next(factors) for power in range(3))]
    assert played.pauses == pytest.approx(expected)


def test_a_pause_that_a_server_asks_for_is_kept() -> None:
    """A refusal may ask for it; it does not shorten any pause."""
    for seconds, index in (("40", 40.0), ("1", 3.0 * next(chance()))):
        busy = reply(answer(503, 5001, "busy", retry_after=seconds))
        played, _ = waited(in_turn([busy, DONE]))
        assert played.pauses[1] == pytest.approx(index)


def test_a_server_that_was_never_reached_is_asked_each_second() -> None:
    """It is asked three times, and not again; one that has answered is asked as usual."""
    lost = UnreachableError("no such host", maybe_sent=True)
    played, _ = waited(in_turn([lost] * 9), first_look=0.0)
    assert isinstance(played.error, UnreachableError)
    assert (len(played.sends), played.pauses, played.error.task_id) == (3, [1.0, 1.0], "1")

    played, _ = waited(in_turn([task_reply("processing"), *[lost] * 9, DONE]), first_look=0.0)
    assert played.result.is_succeed
    assert min(played.pauses) > 1.0


def test_a_task_that_was_seen_is_not_given_up_for_not_being_found() -> None:
    """It is the server's hiccup; a bare id that is not known is asked for again."""
    missing = reply(answer(400, 1201, "Task not found by id/external id: 1"))
    played, _ = waited(in_turn([missing, missing, DONE]))
    assert played.result.is_succeed
    played, _ = waited(in_turn([missing] * 9), "1")
    assert isinstance(played.error, NotFoundError)
    assert (played.error.task_id, len(played.sends)) == ("1", 2)


@pytest.mark.parametrize("task", [NEW, "1"])
def test_a_wait_that_is_called_off_has_what_was_seen(task: Task | str) -> None:
    """A wait for a bare id has seen nothing."""
    clock = FakeClock()
    ctx = context(clock, cancelled=lambda: True)
    played = play(wait(ctx, TextToVideo.record, task), clock, in_turn([]))
    assert isinstance(played.error, WaitCancelledError)
    assert played.error.task == (task if isinstance(task, Task) else Task("1", "unknown"))
    assert (played.sends, played.pauses) == ([], [])


@pytest.mark.parametrize(
    ("task", "last"), [(NEW, NEW), ("1", Task("1", "unknown"))], ids=["task", "id"]
)
def test_a_wait_that_takes_too_long_has_what_was_seen_and_why(task: Task | str, last: Task) -> None:
    """The last poll is at the deadline; its error is the cause."""
    played, clock = waited(lambda _: BUSY, task, wait_timeout=50.0)
    assert isinstance(played.error, WaitTimeoutError)
    assert played.error.task == last
    assert f"{played.error.__cause__}".startswith("busy")
    assert clock.monotonic() == 50.0
    assert f"task 1 is {last.status} after 50 s; it goes on: wait('1') resumes" in str(played.error)


def test_trouble_that_is_over_is_no_cause() -> None:
    """Only that of the last poll."""
    played, _ = waited(in_turn([BUSY, *[task_reply("processing")] * 99]), wait_timeout=50.0)
    assert isinstance(played.error, WaitTimeoutError)
    assert played.error.__cause__ is None


def test_a_task_is_asked_for_at_its_own_endpoint() -> None:
    """This includes a poll by another resource; a task without one is asked for at the caller's."""
    for endpoint, path in (("image2video", "image2video"), ("", "text2video")):
        task = Task("1", "submitted", endpoint=endpoint, created_at=NEW.created_at)
        played, _ = waited(in_turn([DONE]), task)
        assert played.sent == [f"GET /v1/videos/{path}/1"]


def test_a_task_of_the_newer_interface_is_asked_for_at_tasks() -> None:
    """The endpoint of the resource does not matter."""
    task = Task("1", "submitted", interface="model-path", created_at=instant(START * 1000))
    clock = FakeClock()
    done = reply(
        answer(
            200,
            0,
            "SUCCEED",
            [{"id": "1", "status": "succeeded", "outputs": [{"url": "https://a"}]}],
        )
    )
    ctx = context(clock, with_tasks=True)
    played = play(wait(ctx, ENDPOINTS["image2video"], task), clock, in_turn([done]))
    assert played.result.is_succeed
    assert played.sent == ["GET /tasks"]


def test_a_call_at_the_deadline_has_its_full_time() -> None:
    """The last poll is made at the deadline, and may take as long as any call."""
    played, _ = waited(in_turn([DONE]), wait_timeout=4.0, timeout=30.0)
    assert [send.timeout for send in played.sends] == [30.0]
    assert played.result.is_succeed


def test_no_look_follows_one_that_began_at_the_deadline() -> None:
    """However long it took."""
    scene = Scene()
    scene.kling.takes = None
    (task,) = scene.existing(1)
    ctx = context(scene.clock, wait_timeout=60.0)
    played = Simulation(scene.clock, lambda _: LOST, takes=lambda _: 45.0).play(
        wait(ctx, TextToVideo.record, task)
    )
    assert isinstance(played.error, WaitTimeoutError)
    assert [round(time) for time in played.send_times] == [30, 75]


def test_a_task_of_an_unknown_age_is_looked_at_at_once() -> None:
    """It may have ended long ago."""
    assert _first_look(context(FakeClock()), Task("1", "submitted")) == 0.0
