"""The ends of a batch's creates: refusals, time, cancellation."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator

import pytest

from kling_sdk import (
    AccountError,
    NotCreatedError,
    VideoRequest,
    WaitCancelledError,
    WaitTimeoutError,
)
from kling_sdk.flows import Send
from kling_sdk.flows.many import RunLimits
from kling_sdk.wire import Reply
from tests.sdk.batches import (
    BROKE,
    creates,
    errors,
    half_a_second,
    is_create,
    requests,
)
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import Scene, reply, reply_of
from tests.sdk.simulated import run

# ---------------------------------------------------------------- stopping


@pytest.mark.parametrize("is_lazy", [False, True], ids=["list", "iterator"])
def test_an_account_error_stops_the_creating(*, is_lazy: bool) -> None:
    """200 requests with an account out of units are not 200 POSTs; open tasks are watched on."""
    scene = Scene()
    scene.kling.takes = 60
    left = iter(range(5))

    def respond(effect: Send) -> Reply | Exception:
        if is_create(effect) and next(left, None) is None:
            return BROKE
        return reply_of(scene.kling, effect)

    work = requests(200)
    played = run(scene, iter(work) if is_lazy else work, respond, RunLimits(7), takes=half_a_second)

    failures = errors(played)
    assert failures[:5] == [None] * 5
    assert all(isinstance(error, AccountError) for error in failures[5:7])
    assert creates(played) == 7
    assert len(failures) == (7 if is_lazy else 200)
    for error in failures[7:]:
        assert isinstance(error, NotCreatedError)
        assert isinstance(error.__cause__, AccountError)
        assert "nothing was created for this request: an earlier request was refused" in str(error)
        assert "1102" in str(error)
    # The refusal is known after half a second, and the caller does not wait a minute for it.
    refused = dict(zip((outcome.index for outcome in played.items), played.item_times, strict=True))
    assert refused[5] == 0.5


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1100, 1101, 1102, 1304])
def test_refusals_that_hold_for_the_account_stop_the_creating(code: int) -> None:
    """A refused key or address would meet every other request, too."""
    scene = Scene()

    played = run(scene, requests(50), lambda _: reply(answer(401, code, "no")), RunLimits(1))

    assert creates(played) == 1
    assert sum(isinstance(error, NotCreatedError) for error in errors(played)) == 49


@pytest.mark.parametrize("code", [1103, 1201, 1203, 1301])
def test_refusals_of_one_request_do_not(code: int) -> None:
    """A model that this key may not use says nothing about the other requests."""
    scene = Scene()

    played = run(scene, requests(5), lambda _: reply(answer(400, code, "no")), RunLimits(1))

    assert creates(played) == 5


def test_a_request_that_was_being_read_when_the_creating_stopped_has_its_outcome() -> None:
    """An async input may be giving the next request at that moment; it is not read further."""
    indexes = list[int]()

    async def jobs() -> AsyncIterator[VideoRequest]:
        for request in requests(5):
            indexes.append(len(indexes))
            yield request

    played = run(Scene(), jobs(), lambda _: BROKE, RunLimits(2))

    refused, not_created = errors(played)
    assert isinstance(refused, AccountError)
    assert isinstance(not_created, NotCreatedError)
    assert not_created.__cause__ is refused
    assert indexes == [0, 1]


def test_a_timeout_bounds_the_whole_call() -> None:
    """Open tasks end as `WaitTimeoutError` after a last poll, the rest as not created."""
    scene = Scene()
    scene.kling.takes = 70

    played = run(scene, requests(8), limits=RunLimits(2, timeout=100.0), takes=half_a_second)

    failures = errors(played)
    assert failures[:2] == [None, None]
    for error in failures[2:4]:
        assert isinstance(error, WaitTimeoutError)
        assert "wait('" in str(error)
        assert "resumes" in str(error)
    for error in failures[4:]:
        assert isinstance(error, NotCreatedError)
        assert "the timeout of 100 s has expired" in str(error)
    assert scene.clock.monotonic() == pytest.approx(100.0, abs=0.01)
    assert len(scene.kling.tasks) == 4


def test_a_create_in_flight_at_the_timeout_is_not_lost() -> None:
    """Its outcome is the result of the create: here a running task."""
    scene = Scene()
    scene.kling.takes = 70

    played = run(
        scene,
        requests(1),
        limits=RunLimits(timeout=10.0),
        takes=lambda effect: 12.0 if is_create(effect) else 0.0,
    )

    (outcome,) = played.items
    assert isinstance(outcome.error, WaitTimeoutError)
    assert outcome.task.task_id in scene.kling.tasks


def test_a_task_that_ends_at_the_timeout_is_still_seen() -> None:
    """A last poll is made at the deadline."""
    scene = Scene()
    scene.kling.takes = 99.5

    played = run(scene, requests(2), limits=RunLimits(timeout=100.0))

    assert errors(played) == [None, None]


def test_a_cancelled_batch_accounts_for_every_request() -> None:
    """After `cancel`, each open task and each request not yet sent is an outcome."""
    scene, cancel = Scene(), threading.Event()
    scene.kling.slots, scene.kling.takes = 2, None

    def respond(effect: Send) -> Reply | Exception:
        if not is_create(effect):
            cancel.set()
        return reply_of(scene.kling, effect)

    played = run(scene, requests(5), respond, cancelled=cancel.is_set)

    assert played.is_complete(5)
    failures = errors(played)
    assert all(isinstance(error, WaitCancelledError) for error in failures[:2])
    assert all(isinstance(error, NotCreatedError) for error in failures[2:])
    assert "the call was cancelled" in str(failures[2])


def test_a_create_in_flight_when_the_batch_is_cancelled_is_not_lost() -> None:
    """Its task is an outcome that says how to resume."""
    scene, cancel = Scene(), threading.Event()
    scene.kling.takes = None

    def respond(effect: Send) -> Reply | Exception:
        cancel.set()
        return reply_of(scene.kling, effect)

    played = run(scene, requests(3), respond, RunLimits(2), cancelled=cancel.is_set)

    failures = errors(played)
    assert [type(error) for error in failures] == [WaitCancelledError] * 2 + [NotCreatedError]
    assert {outcome.task.task_id for outcome in played.items if outcome.task} == set(
        scene.kling.tasks
    )
