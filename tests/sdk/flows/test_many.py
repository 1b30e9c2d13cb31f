"""Many requests at once: slots, order, and that none is lost."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_sdk import (
    ConcurrencyLimitError,
    ImageToVideo,
    OutcomeUnknownError,
    Task,
    TextToVideo,
    TransportError,
    VideoRequest,
    WaitCancelledError,
)
from kling_sdk.flows import Send, Sleep
from kling_sdk.flows.many import many
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import Scene, asked, context, reply

LOST: Final = TransportError("reset")


def requests(count: int) -> list[VideoRequest]:
    return [TextToVideo(prompt=f"kitten {number}") for number in range(count)]


FAULTS: Final[dict[str, Reply | Exception]] = {
    "lost": LOST,
    "lost after": LOST,
    "500": Reply(500, {}, b""),
    "1302": reply(answer(429, 1302, "slow down")),
    "1301": reply(answer(400, 1301, "no")),
}


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 15),
    st.integers(1, 4),
    st.none() | st.integers(1, 4),
    st.lists(st.sampled_from(["", *FAULTS]), max_size=60),
    st.integers(1, 200),
)
@pytest.mark.slow
def test_run_many_keeps_every_index_and_never_more_tasks_than_slots(
    count: int, slots: int, most: int | None, faults: list[str], takes: int
) -> None:
    """Whatever breaks, each request gets one outcome, and nothing is bought twice."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = slots, takes
    left, widest = iter(faults), 0

    def respond(effect: Send) -> Reply | Exception:
        nonlocal widest
        fault = next(left, "")
        if fault == "1301" and effect.call.method == "GET":
            fault = ""  # only creates are judged by content
        honest = asked(scene.kling, effect) if fault in {"", "lost after"} else LOST
        widest = max(widest, scene.kling.open_tasks())
        return FAULTS.get(fault, honest)

    played = scene.play(requests(count), respond, most)

    assert played.is_complete(count)
    # An unknown create's task is upstream and not among ours, so it may add to our limit.
    unknown = sum(isinstance(outcome.error, OutcomeUnknownError) for outcome in played.items)
    assert widest <= min(slots, (most or slots) + unknown)
    bought = Counter(task["prompt"] for task in scene.kling.tasks.values())
    assert max(bought.values(), default=1) == 1
    for outcome in played.items:
        prompt = f"kitten {outcome.index}"
        if outcome.error is None:
            assert scene.kling.tasks[outcome.task.task_id]["prompt"] == prompt
        elif not isinstance(outcome.error, OutcomeUnknownError):
            assert bought[prompt] == 0


def test_slots_are_learned_from_the_servers_1303() -> None:
    """Without `max_concurrent` the account's slots are used in full, and 1303 is a queue."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 3, 60

    played = scene.play(requests(12))

    assert all(outcome.error is None for outcome in played.items)
    assert played.is_complete(12)
    # Four rounds of a minute, each noticed within a tick.
    assert scene.clock.monotonic() <= 4 * (60 + 15)


def test_a_known_number_of_slots_costs_no_refused_create() -> None:
    """With `max_concurrent` given, no request is sent to be answered 1303."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 3, 60

    played = scene.play(requests(12), most=3)

    assert played.is_complete(12)
    assert sum(call.startswith("POST") for call in played.sent) == 12


def test_a_batch_may_take_longer_than_one_wait() -> None:
    """While tasks end, the queue goes on: a long batch does not fail for its length."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 1, 100

    played = scene.play(requests(30), wait_timeout=300.0)

    assert [outcome.error for outcome in played.items] == [None] * 30
    assert scene.clock.monotonic() > 2500


def test_a_queue_that_does_not_move_ends_with_the_servers_refusal() -> None:
    """When others hold all slots for the whole wait, each request is reported as 1303."""
    scene = Scene()
    scene.kling.slots = 0

    played = scene.play(requests(3), wait_timeout=300.0)

    assert played.is_complete(3)
    assert all(isinstance(outcome.error, ConcurrencyLimitError) for outcome in played.items)
    assert 300 <= scene.clock.monotonic() < 320


def test_one_failure_does_not_lose_the_others() -> None:
    """A refused prompt and a failed task are outcomes; the rest arrives."""
    scene = Scene()
    work = [*requests(4), ImageToVideo(image="https://example.com/a.png", prompt="x")]

    def respond(effect: Send) -> Reply | Exception:
        if effect.call.json and effect.call.json["prompt"] == "kitten 1":
            return FAULTS["1301"]
        return asked(scene.kling, effect)

    played = scene.play(work, respond)

    in_order = sorted(played.items, key=lambda one: one.index)
    assert [outcome.error is None for outcome in in_order] == [
        True,
        False,
        True,
        True,
        True,
    ]


def test_a_cancelled_batch_accounts_for_every_request() -> None:
    """After `cancel`, each open task and each request not yet sent is an outcome."""
    scene, cancel = Scene(), threading.Event()
    scene.kling.slots, scene.kling.takes = 2, None
    scene.clock.on_sleep = lambda _seconds: cancel.set()

    played = scene.play(requests(5), cancelled=cancel.is_set)

    assert played.is_complete(5)
    assert all(isinstance(outcome.error, WaitCancelledError) for outcome in played.items)
    assert sum(bool(outcome.task) for outcome in played.items) == 2


def test_a_hook_that_fails_is_logged_and_ends_no_batch(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in `on_update` is the caller's to see in the log; the batch goes on."""
    scene = Scene()

    def broken(task: Task) -> None:
        raise RuntimeError("no such row")

    played = scene.play(requests(3), on_update=broken)
    assert [outcome.error for outcome in played.items] == [None] * 3
    assert "no such row" in caplog.text
    for task_id in scene.kling.tasks:
        assert task_id in caplog.text


def test_leaving_early_tells_which_tasks_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """Breaking out of the loop abandons the wait, not the tasks: the log names them."""
    scene = Scene()
    scene.kling.takes = None
    flow = many(context(scene.clock), requests(1))
    effect = next(flow)
    assert isinstance(effect, Send)
    with caplog.at_level("WARNING", "kling_sdk"):
        assert isinstance(flow.send(effect.read(asked(scene.kling, effect))), Sleep)
        flow.close()

    assert next(iter(scene.kling.tasks)) in caplog.text
