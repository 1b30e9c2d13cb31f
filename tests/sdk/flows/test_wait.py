"""Waiting for one task: what ends a wait, and what does not."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_sdk import (
    AuthenticationError,
    EmptyResultError,
    KlingError,
    NotFoundError,
    Task,
    TaskFailedError,
    TextToVideo,
    TransportError,
    WaitCancelledError,
    WaitTimeoutError,
)
from kling_sdk.flows import Send
from kling_sdk.flows.wait import run_task, wait
from kling_sdk.text.scalars import instant
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import HonestKling, answer
from tests.sdk.scripted import START, FakeClock, Played, context, in_turn, play, reply, reply_of

VIDEO: Final = {"id": "v", "url": "http://files.test/v.mp4"}
NEW: Final = Task("1", "submitted", endpoint="text2video", created_at=instant(START * 1000))
LOST: Final = TransportError("reset")


def task_reply(status: str, *videos: dict[str, str], message: str = "") -> Reply:
    data = {
        "task_id": "1",
        "task_status": status,
        "task_status_msg": message,
        "task_result": {"videos": list(videos)},
    }
    return reply(answer(200, 0, "SUCCEED", data))


DONE: Final = task_reply("succeed", VIDEO)


def waited(
    respond: Callable[[Any], Reply | Exception], task: Task | str = NEW, **options: Any
) -> tuple[Played[Task], FakeClock]:
    clock = FakeClock()
    return play(wait(context(clock, **options), TextToVideo.record, task), clock, respond), clock


def test_a_wait_returns_the_finished_task() -> None:
    """It goes from submitted over processing to succeed, with the video at the end."""
    played, _ = waited(in_turn([task_reply("submitted"), task_reply("processing"), DONE]))

    assert played.result.videos[0].url == VIDEO["url"]
    assert played.sent == ["GET /v1/videos/text2video/1"] * 3
    assert [send.fresh for send in played.sends] == [False] * 3  # connections are used again


def test_looks_come_when_a_result_is_likely() -> None:
    """The first poll is after half of the typical time, then every 3 s growing to 15 s."""
    played, clock = waited(in_turn([*[task_reply("processing")] * 20, DONE]))

    assert played.pauses[0] == 30
    assert 3 * 0.8 <= played.pauses[1] <= 3 * 1.2
    assert all(15 * 0.8 <= pause <= 15 * 1.2 for pause in played.pauses[10:])
    assert clock.monotonic() < 300


@pytest.mark.parametrize(
    ("task", "options", "first"),
    [
        (NEW, {}, [30]),
        (NEW, {"first_look": 5.0}, [5]),
        (NEW, {"first_look": 0.0}, []),
        (NEW, {"wait_timeout": 4.0}, [4]),
        ("order-1", {}, []),
        (Task("1", "submitted", created_at=instant((START - 20) * 1000)), {}, [10]),
        (Task("1", "submitted", created_at=instant((START - 999) * 1000)), {}, []),
        # A server whose clock is ahead of ours cannot make us sleep longer.
        (Task("1", "submitted", created_at=instant((START + 999) * 1000)), {}, [30]),
    ],
)
def test_the_first_look_depends_on_the_tasks_age(
    task: Task | str, options: dict[str, float], first: list[float]
) -> None:
    """A task resumed in another process is polled sooner, or at once."""
    played, _ = waited(in_turn([DONE]), task, **options)

    assert played.pauses == pytest.approx(first)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["lost", "500", "1302", "garbage", "404"]), max_size=400),
    st.floats(0, 2000),
    st.integers(0, 999),
)
@pytest.mark.slow
def test_a_wait_survives_any_number_of_failed_looks(
    faults: list[str], takes: float, seed: int
) -> None:
    """It ends with the result if there is one by its deadline, else at its deadline."""
    clock, sick = FakeClock(), list(faults)
    kling = HonestKling(now=clock.time, takes=takes)
    kling.answer("POST", "/v1/videos/text2video", {}, {}, {"external_task_id": "order-1"})
    (task_id,) = kling.tasks
    failures: dict[str, Reply | Exception] = {
        "lost": LOST,
        "500": Reply(500, {}, b""),
        "1302": reply(answer(429, 1302, "slow down")),
        "garbage": Reply(200, {}, b"<html>"),
        "404": reply(answer(400, 1201, "Task not found by id/external id: 1")),
    }

    def answers(effect: Send) -> Reply | Exception:
        return failures[sick.pop(0)] if sick else reply_of(kling, effect)

    task = Task(task_id, "submitted", endpoint="text2video", created_at=instant(START * 1000))
    ctx = context(clock, seed=seed, wait_timeout=1800.0)
    played = play(wait(ctx, TextToVideo.record, task), clock, answers)

    if played.error is None:
        assert played.result.is_succeed
        assert clock.monotonic() <= 1800
    else:
        assert isinstance(played.error, WaitTimeoutError)
        assert clock.monotonic() == pytest.approx(1800)
        assert sick or takes > 1800 or played.error.__cause__
        assert played.error.task.task_id == task_id


@pytest.mark.parametrize(
    ("last", "error", "words"),
    [
        (task_reply("failed", message="the picture is too dark"), TaskFailedError, "too dark"),
        (task_reply("failed"), TaskFailedError, "failed: the vendor gave no reason"),
        (task_reply("succeed"), EmptyResultError, "without a result"),
        (task_reply("succeed", {"id": "v", "url": ""}), EmptyResultError, "without a result"),
        (reply(answer(401, 1002, "unknown key")), AuthenticationError, "1002"),
    ],
)
def test_a_wait_that_cannot_end_well_raises_and_carries_the_task(
    last: Reply, error: type[KlingError], words: str
) -> None:
    """Failure, an empty result and a refused key are distinct errors, each with the task's id."""
    played, _ = waited(in_turn([LOST, last]))

    assert type(played.error) is error
    assert isinstance(played.error, KlingError)
    assert played.error.task_id == "1"
    assert words in str(played.error)


@pytest.mark.parametrize("task", ["order-1", "1"])
def test_a_task_nobody_has_seen_and_the_server_does_not_know_ends_the_wait(task: str) -> None:
    """A mistyped id is reported at once, not after half an hour."""
    missing = reply(answer(400, 1201, f"Task not found by id/external id: {task}"))

    played, clock = waited(lambda _: missing, task)

    assert isinstance(played.error, NotFoundError)
    assert played.error.task_id == task
    assert clock.monotonic() == 0


def test_a_status_of_the_future_is_waited_through() -> None:
    """A new word such as `queued` neither ends nor breaks a wait, and is shown as it is."""
    seen = list[str]()

    played, _ = waited(
        in_turn([task_reply("queued"), task_reply("queued"), task_reply("reviewing"), DONE]),
        on_update=lambda task: seen.append(task.status),
    )

    assert played.result.is_succeed
    assert seen == ["queued", "reviewing", "succeed"]


def test_updates_are_told_once_each() -> None:
    """`on_update` gets only changes: neither polls, nor the status that it already knew."""
    seen = list[str]()

    waited(
        in_turn([task_reply("submitted"), LOST, *[task_reply("processing")] * 3, DONE]),
        on_update=lambda task: seen.append(task.status),
    )

    assert seen == ["processing", "succeed"]


@pytest.mark.parametrize("timeout", [0.0, 1.0, 100.0])
def test_a_wait_ends_at_its_deadline_with_a_last_look_there(timeout: float) -> None:
    """A result that arrives at the last second is not missed."""
    late, clock = waited(lambda _effect: task_reply("processing"), wait_timeout=timeout)

    assert isinstance(late.error, WaitTimeoutError)
    assert isinstance(late.error, TimeoutError)
    assert late.error.task.status == "processing"
    assert clock.monotonic() == pytest.approx(timeout)
    assert len(late.effects) >= 1
    assert isinstance(late.effects[-1], Send)


def test_a_wait_without_a_limit_takes_that_of_the_endpoint() -> None:
    """How long products take differs; a video was seen to take an hour."""
    assert TextToVideo.record.wait_timeout == 7200
    late, clock = waited(lambda _effect: task_reply("processing"))
    assert isinstance(late.error, WaitTimeoutError)
    assert clock.monotonic() == pytest.approx(7200)

    quick, clock = attrs.evolve(TextToVideo.record, wait_timeout=50.0), FakeClock()
    flow = wait(context(clock), quick, attrs.evolve(NEW, endpoint=""))
    played = play(flow, clock, lambda _effect: task_reply("processing"))
    assert "50 s" in str(played.error)
    assert clock.monotonic() == pytest.approx(50)


def test_a_timed_out_wait_resumes_from_its_error() -> None:
    """The error travels to another process by pickle and says what to wait for."""
    late, _ = waited(lambda _effect: task_reply("processing"), wait_timeout=10.0)
    error = pickle.loads(pickle.dumps(late.error))  # noqa: S301 - our own bytes

    resumed, _ = waited(in_turn([DONE]), error.task)

    assert resumed.result.task_id == error.task_id == "1"


def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    """`Retry-After` on a poll delays the next one, up to the deadline of the wait."""
    busy = reply(answer(503, 5001, "busy", retry_after="120"))

    played, _ = waited(in_turn([busy, DONE]))
    assert played.pauses[1] == 120

    played, clock = waited(in_turn([busy, DONE]), wait_timeout=60.0)
    assert played.result.is_succeed
    assert clock.monotonic() == 60


def test_a_cancelled_wait_ends_and_the_task_goes_on() -> None:
    """Setting `cancel` ends a wait without another poll; the error says how to resume."""
    cancel, clock = threading.Event(), FakeClock()
    ctx = context(clock, cancelled=cancel.is_set)
    clock.on_sleep = lambda _seconds: cancel.set()

    played = play(wait(ctx, TextToVideo.record, NEW), clock, in_turn([]))

    assert isinstance(played.error, WaitCancelledError)
    assert played.error.task is NEW
    assert not played.sends


def test_a_task_that_has_ended_is_not_asked_for_again() -> None:
    """Waiting for a finished task costs no call."""
    finished, _ = waited(in_turn([DONE]))

    again, _ = waited(in_turn([]), finished.result)

    assert again.result is finished.result


def test_a_run_creates_once_and_waits() -> None:
    """`run` is create and wait: one task, passed to `on_update` from the first."""
    clock, seen = FakeClock(), list[str]()
    kling = HonestKling(now=clock.time, takes=70)
    ctx = context(clock, on_update=lambda task: seen.append(task.status))

    played = play(
        run_task(ctx, TextToVideo(prompt="a kitten")), clock, lambda effect: reply_of(kling, effect)
    )

    assert played.result.is_succeed
    assert len(kling.tasks) == 1
    assert seen == ["submitted", "succeed"]
