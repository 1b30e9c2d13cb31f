"""The handling of a task by what is known of it: where it is asked for, and how it ends."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kling_sdk import (
    ENDPOINTS,
    EmptyResultError,
    Event,
    Image,
    KlingError,
    Task,
    TaskFailedError,
    TextToVideo,
    TransportError,
    UnreachableError,
    Video,
)
from kling_sdk.flows.asking import TASKS
from kling_sdk.flows.retry import SHORTEST, Policy, is_unexplained_conflict, maybe_done
from kling_sdk.flows.tasks import (
    finished,
    is_complete,
    merged,
    note_change,
    place_of,
    record_of,
)
from kling_sdk.wire.refusals import api_error
from kling_sdk.wire.relay import RelayWire
from tests.sdk.scripted import FakeClock, context

RECORD = TextToVideo.record
VIDEO = Video("v", "https://a", None)


@pytest.mark.parametrize(
    ("task", "complete"),
    [
        (Task("1", "submitted"), False),
        (Task("1", "submitted", videos=(VIDEO,)), False),
        (Task("1", "failed"), True),
        (Task("1", "succeed"), False),
        (Task("1", "succeed", videos=(VIDEO,)), True),
        (Task("1", "succeed", images=(Image("https://a", 0),)), True),
    ],
)
def test_a_task_is_complete_when_another_look_cannot_help(*, task: Task, complete: bool) -> None:
    """It failed, or shows a result."""
    assert is_complete(task) is complete


def test_how_a_task_ends_reads() -> None:
    """Its reason without the prompt; that it was made before; that it has nothing to show."""
    assert finished(Task("1", "succeed", videos=(VIDEO,))).videos == (VIDEO,)
    with pytest.raises(TaskFailedError) as failed:
        finished(Task("1", "failed", status_msg="the word 'cat'", reused=True), ["my cat"])
    assert str(failed.value.args[0]) == "task 1 failed: the word '…'"
    (note,) = failed.value.__notes__
    assert note == (
        "an earlier create made this task under the same external_task_id; "
        "use another id to try again"
    )
    with pytest.raises(TaskFailedError) as failed:
        finished(Task("1", "failed"))
    assert str(failed.value.args[0]) == "task 1 failed: the vendor gave no reason"
    assert not hasattr(failed.value, "__notes__")
    with pytest.raises(EmptyResultError, match="task 1 succeeded without a result; get it again"):
        finished(Task("1", "succeed"))


def test_what_only_an_earlier_reply_had_is_kept() -> None:
    """What the later one has counts."""
    before = Task("1", "submitted", "a", endpoint="text2video", reused=True)
    assert merged(before, Task("1", "succeed")) == attrs.evolve(before, status="succeed")
    now = Task("1", "succeed", "b", endpoint="image2video")
    assert merged(before, now) == attrs.evolve(now, reused=True)


def test_another_status_is_told_and_the_same_is_not() -> None:
    """The event hook and `on_update` are told; a failure of `on_update` does no harm."""
    events, updates = list[Event](), list[Task]()

    def breaks(task: Task) -> None:
        updates.append(task)
        raise ZeroDivisionError

    ctx = context(FakeClock(), on_event=events.append, on_update=breaks)
    submitted, processing = Task("1", "submitted"), Task("1", "processing")
    note_change(ctx, None, submitted)
    note_change(ctx, submitted, submitted)
    note_change(ctx, submitted, processing)
    assert updates == [submitted, processing]
    assert events == [Event("task", task=submitted), Event("task", task=processing)]
    note_change(context(FakeClock()), None, submitted)  # no listener


def test_the_endpoint_of_a_task_is_its_own() -> None:
    """A task without one is of the resource that asks; an unknown endpoint has no path."""
    other = ENDPOINTS["image2video"]
    assert record_of(Task("1", "x"), RECORD) is RECORD
    assert record_of(Task("1", "x", endpoint="text2video"), RECORD) is RECORD
    assert record_of(Task("1", "x", endpoint="image2video"), RECORD) is other
    assert record_of(Task("1", "x", endpoint="image2video")) is other
    strange = record_of(Task("1", "x", endpoint="dream"), RECORD)
    assert (strange.name, strange.path) == ("dream", "")


def test_a_task_is_asked_for_where_it_is() -> None:
    """It is asked for there as far as its place is known."""
    ctx = context(FakeClock())
    assert place_of(ctx, None) is None
    assert place_of(ctx, None, RECORD) is RECORD
    assert place_of(ctx, Task("1", "x")) is None
    assert place_of(ctx, Task("1", "x"), RECORD) is RECORD
    assert place_of(ctx, Task("1", "x", endpoint="image2video")) is ENDPOINTS["image2video"]
    assert place_of(ctx, Task("1", "x", interface="model-path"), RECORD) is TASKS
    relay = attrs.evolve(ctx, wire=RelayWire())
    place = place_of(relay, Task("1", "x", interface="model-path"), RECORD)
    assert place is not None
    assert (place.name, place.path) == ("", "")
    assert place_of(relay, None) is place


# ---------------------------------------------------------------- whether to try again

SENT, UNSENT = UnreachableError("no", maybe_sent=True), UnreachableError("no", maybe_sent=False)


@pytest.mark.parametrize(
    ("error", "attempt", "known", "hopeless"),
    [
        (SENT, 2, {}, False),
        (SENT, 3, {}, True),
        (SENT, 4, {"reached": True}, True),
        (SENT, 4, {"answered": True}, False),
        (SENT, 4, {"may_start": True}, True),
        (UNSENT, 3, {}, True),
        (UNSENT, 4, {"reached": True}, False),
        (UNSENT, 4, {"answered": True}, False),
        (UNSENT, 4, {"may_start": True}, False),
        (TransportError("reset"), 9, {}, False),
    ],
)
def test_an_address_that_was_never_right_is_tried_three_times(
    *, error: KlingError, attempt: int, known: dict[str, bool], hopeless: bool
) -> None:
    """An address that has answered, or may be starting, is tried as usual."""
    facts: dict[str, Any] = {"answered": False, "reached": False, **known}
    policy = Policy(None, lambda: 0.5, **facts)
    assert policy.is_hopeless(error, attempt) is hopeless
    assert (policy.pause(error, attempt, 100.0) is None) is hopeless


def refused(code: int, http: int, retry_after: float | None = None) -> KlingError:
    return api_error("no", code=code, http_status=http, retry_after=retry_after)


@pytest.mark.parametrize(
    ("error", "attempt", "pause"),
    [
        (refused(1302, 429), 1, 0.25),
        (refused(1302, 429), 2, 0.5),
        (refused(1302, 429), 5, 4.0),
        (refused(1302, 429), 6, 4.0),
        (refused(1302, 429), 5000, 4.0),
        (refused(1303, 429), 1, 1.0),
        (refused(1303, 429), 3, 4.0),
        (refused(1303, 429), 9, 7.5),
        (refused(1302, 429, 7.0), 1, 7.0),
        (refused(1302, 429, 0.1), 1, 0.25),
        (TransportError("503", retry_after=9.0), 1, 9.0),
        (refused(1301, 400), 1, None),
    ],
)
def test_a_pause_is_half_of_the_longest_on_average(
    error: KlingError, attempt: int, pause: float | None
) -> None:
    """It doubles up to 8 s, of a full account up to 15 s; the server's own counts if longer."""
    policy = Policy(None, lambda: 0.5)
    assert policy.pause(error, attempt, 100.0) == pause
    if pause is not None:
        assert policy.pause(error, attempt, pause + SHORTEST) is None
        assert policy.pause(error, attempt, pause + SHORTEST + 0.01) == pause


def test_repeats_are_counted() -> None:
    """With 0, none is made."""
    for retries, attempts in ((0, 0), (1, 1), (3, 3)):
        policy = Policy(retries, lambda: 0.5)
        tried = [policy.pause(refused(1302, 429), number, 100.0) for number in range(1, 9)]
        assert sum(pause is not None for pause in tried) == attempts


@pytest.mark.parametrize(
    ("error", "done", "unexplained"),
    [
        (TransportError("reset"), True, False),
        (TransportError("refused", maybe_sent=False), False, False),
        (refused(1301, 400), False, False),
        (refused(5000, 500), True, False),
        (refused(0, 409), True, True),
        (refused(0, 418), True, False),
        (KlingError("no"), False, False),
    ],
)
def test_what_a_failed_call_may_have_done(
    *, error: KlingError, done: bool, unexplained: bool
) -> None:
    """A refusal proves that it has done nothing."""
    assert maybe_done(error) is done
    assert is_unexplained_conflict(error) is unexplained
