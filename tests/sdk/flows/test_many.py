"""Many requests at once: each has one outcome, and does not wait for another."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_sdk import (
    AccountError,
    ContentPolicyError,
    ImageToVideo,
    NotCreatedError,
    Outcome,
    OutcomeUnknownError,
    Task,
    TextToVideo,
    VideoRequest,
    WaitTimeoutError,
)
from kling_sdk.flows import Send
from kling_sdk.flows.many import RunLimits
from kling_sdk.wire import Reply
from tests.sdk.batches import (
    BROKE,
    LOST,
    errors,
    half_a_second,
    is_create,
    requests,
)
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import Scene, reply, reply_of
from tests.sdk.simulated import run


async def as_async(work: list[VideoRequest]) -> AsyncIterator[VideoRequest]:
    for request in work:
        yield request


SOURCES: Final[dict[str, Callable[[list[VideoRequest]], Any]]] = {
    "list": list,
    "iterator": iter,
    "async": as_async,
}

# ---------------------------------------------------------------- every request, once


FAULTS: Final[dict[str, Reply | Exception]] = {
    "lost": LOST,
    "lost after": LOST,
    "500": Reply(500, {}, b""),
    "1302": reply(answer(429, 1302, "slow down")),
    "1301": reply(answer(400, 1301, "no")),
    "1102": BROKE,
}


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(0, 15),
    slots=st.integers(1, 4),
    most=st.none() | st.integers(1, 4),
    faults=st.lists(st.sampled_from(["", *FAULTS]), max_size=60),
    delays=st.lists(st.sampled_from([0.0, 0.1, 0.5, 3.0, 29.0]), min_size=1, max_size=20),
    takes=st.integers(1, 200),
    timeout=st.none() | st.sampled_from([0.0, 5.0, 100.0]),
    source=st.sampled_from(["list", "iterator", "async"]),
    reuses=st.booleans(),
)
@pytest.mark.slow
def test_whatever_breaks_each_request_has_one_outcome_and_nothing_is_bought_twice(
    *,
    count: int,
    slots: int,
    most: int | None,
    faults: list[str],
    delays: list[float],
    takes: int,
    timeout: float | None,
    source: str,
    reuses: bool,
) -> None:
    """In every order of responses, refusals and ends, each has one outcome, within the slots."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = slots, takes
    left, widest, calls = iter(faults), 0, 0
    broke_at: list[float] = []

    def takes_time(_effect: Send) -> float:
        nonlocal calls
        calls += 1
        return delays[calls % len(delays)]

    def respond(effect: Send) -> Reply | Exception:
        nonlocal widest
        fault = next(left, "")
        if fault in {"1301", "1102"} and not is_create(effect):
            fault = ""  # only creates are judged by content, and paid for
        if fault == "1102":
            broke_at.append(scene.clock.monotonic())
        honest = reply_of(scene.kling, effect) if fault in {"", "lost after"} else LOST
        widest = max(widest, scene.kling.open_tasks())
        return FAULTS.get(fault, honest)

    played = run(
        scene,
        SOURCES[source](requests(count)),
        respond,
        RunLimits(most, timeout),
        takes=takes_time,
        reuse_connections=reuses,
    )

    assert played.error is None
    indexes = sorted(outcome.index for outcome in played.items)
    # What was not taken out of an iterator is still in it, and has no outcome.
    assert indexes == list(range(len(indexes)))
    stopped = any(isinstance(error, AccountError | NotCreatedError) for error in errors(played))
    is_left = source != "list" and (stopped or timeout is not None)
    assert len(indexes) == count or is_left
    # An unknown create's task is upstream and not among ours, and a task whose wait is over goes
    # on: either may add to our limit.
    gone = sum(
        isinstance(outcome.error, OutcomeUnknownError | WaitTimeoutError)
        for outcome in played.items
    )
    assert widest <= min(slots, (most or slots) + gone)
    bought = Counter(task["prompt"] for task in scene.kling.tasks.values())
    assert max(bought.values(), default=1) == 1
    for outcome in played.items:
        judge(outcome, scene, bought)
    if timeout is not None:
        assert scene.clock.monotonic() <= timeout + 3 * 30


def judge(outcome: Outcome, scene: Scene, bought: Counter[str]) -> None:
    """Check that what an outcome says is so."""
    prompt = f"kitten {outcome.index}"
    if outcome.task is not None:
        assert scene.kling.tasks[outcome.task.task_id]["prompt"] == prompt
    if outcome.error is None or isinstance(outcome.error, WaitTimeoutError):
        assert outcome.task is not None
    elif not isinstance(outcome.error, OutcomeUnknownError):
        assert bought[prompt] == 0


def test_one_failure_does_not_lose_the_others() -> None:
    """A refused prompt and a failed task are outcomes; the rest arrives."""
    scene = Scene()
    work = [*requests(4), ImageToVideo(image="https://example.com/a.png", prompt="x")]

    def respond(effect: Send) -> Reply | Exception:
        if effect.call.json and effect.call.json["prompt"] == "kitten 1":
            return FAULTS["1301"]
        return reply_of(scene.kling, effect)

    played = run(scene, work, respond)

    failures = errors(played)
    assert isinstance(failures.pop(1), ContentPolicyError)
    assert failures == [None] * 4


def test_a_request_keeps_its_external_id_over_all_its_attempts() -> None:
    """A create that waits for a slot is sent again under the same id, also a generated one."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 1, 60

    played = run(scene, requests(4))

    sent = [send.call.json for send in played.sends if is_create(send)]
    ids = {(body["prompt"], body["external_task_id"]) for body in sent}
    assert len(sent) > len(ids) == 4


def test_a_task_that_the_create_found_finished_is_handed_out_at_once() -> None:
    """A restarted batch does not wait for what an earlier one has made."""
    scene = Scene()
    first = run(scene, [TextToVideo(prompt="x", external_task_id="job-1")])
    started = scene.clock.monotonic()

    played = run(scene, [TextToVideo(prompt="x", external_task_id="job-1")])

    assert played.items[0].task.task_id == first.items[0].task.task_id
    assert played.items[0].task.reused
    assert scene.clock.monotonic() == started


# ---------------------------------------------------------------- at the same time


def test_creates_run_at_the_same_time() -> None:
    """20 creates of half a second with 20 slots take half a second, not ten."""
    scene = Scene()
    scene.kling.takes = 60

    played = run(scene, requests(20), limits=RunLimits(20), takes=half_a_second)

    assert [task["created"] - 1_790_000_000 for task in scene.kling.tasks.values()] == [0.5] * 20
    assert errors(played) == [None] * 20


def test_a_create_that_is_repeated_delays_no_other_create_and_no_look() -> None:
    """While one create gets no response for two minutes, the others run, end and are handed out."""
    scene = Scene()
    scene.kling.takes = 20

    def respond(effect: Send) -> Reply | Exception:
        body = effect.call.json
        if body and body["prompt"] == "kitten 0":
            return LOST
        if effect.call.path.rpartition("/")[2].startswith("sdk-"):
            return LOST  # the look-up of that create
        return reply_of(scene.kling, effect)

    played = run(scene, requests(5), respond, RunLimits(2), takes=half_a_second)

    by_index = dict(
        zip((outcome.index for outcome in played.items), played.item_times, strict=True)
    )
    assert isinstance(errors(played)[0], OutcomeUnknownError)
    assert by_index[0] >= 115
    # The other slot: four tasks of 20 s, one after the other, each noticed within 3 s.
    assert [by_index[index] <= index * (20.5 + 3) for index in (1, 2, 3, 4)] == [True] * 4


def test_tasks_are_watched_while_others_are_created() -> None:
    """A task that ends is handed out although creates are in flight all the time."""
    scene = Scene()
    scene.kling.takes = 5

    def slow(effect: Send) -> float:
        return 25.0 if is_create(effect) and effect.call.json["prompt"] != "kitten 0" else 0.0

    played = run(scene, requests(3), limits=RunLimits(3), takes=slow)

    assert played.items[0].index == 0
    assert played.item_times[0] <= 5 + 3


def test_a_silent_list_delays_no_create() -> None:
    """A poll that hangs for 30 s does not hold a slot."""
    scene = Scene()
    scene.kling.takes = 600

    def slow(effect: Send) -> float:
        return 0.5 if is_create(effect) else 30.0

    def respond(effect: Send) -> Reply | Exception:
        if effect.call.method == "GET" and scene.clock.monotonic() < 120:
            return LOST
        return reply_of(scene.kling, effect)

    work = iter(requests(40))
    run(scene, work, respond, RunLimits(40, timeout=60.0), takes=slow)

    assert max(task["created"] for task in scene.kling.tasks.values()) == 1_790_000_000.5


# ---------------------------------------------------------------- hooks and leaving


def test_a_hook_that_fails_is_logged_and_ends_no_batch(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in `on_update` is logged for the caller; the batch continues."""
    scene = Scene()

    def broken(task: Task) -> None:
        raise RuntimeError("no such row")

    played = run(scene, requests(3), on_update=broken)
    assert errors(played) == [None] * 3
    assert "no such row" in caplog.text
    for task_id in scene.kling.tasks:
        assert task_id in caplog.text


def test_leaving_early_tells_which_tasks_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """Leaving the loop abandons the wait, not the tasks: the log names them."""
    scene = Scene()
    scene.kling.takes = 30

    def leave(_item: object) -> None:
        raise LookupError("the caller's")

    def respond(effect: Send) -> Reply | Exception:
        return reply_of(scene.kling, effect)

    def slow(effect: Send) -> float:
        return 300.0 if is_create(effect) and effect.call.json["prompt"] == "kitten 2" else 0.0

    with pytest.raises(LookupError):
        run(scene, requests(3), respond, RunLimits(3), on_item=leave, takes=slow)

    assert list(scene.kling.tasks)[1] in caplog.text  # the first one was handed out
    assert "get('sdk-" in caplog.text.partition("interrupted during a create")[2]
