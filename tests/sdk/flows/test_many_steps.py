"""The steps of a batch: what it starts, when it continues, and what it counts, exactly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import (
    ConcurrencyLimitError,
    KlingError,
    NotCreatedError,
    Outcome,
    OutcomeUnknownError,
    RateLimitError,
    Request,
    Task,
    TextToVideo,
    Video,
    VideoRequest,
)
from kling_sdk.flows import Ended, Send, Spawn
from kling_sdk.flows.batch_input import BatchInput, BatchJob
from kling_sdk.flows.look import Look
from kling_sdk.flows.many import RunLimits, _Batch
from kling_sdk.wire import Reply
from tests.sdk.batches import creates, errors, is_create, requests
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import FakeClock, Scene, context, in_turn, reply, reply_of
from tests.sdk.simulated import run

DONE = Task("9", "succeed", videos=(Video("v", "https://a", None),), endpoint="text2video")
OPEN = Task("8", "submitted", endpoint="text2video")


def batch_of(
    count: int = 20, limits: RunLimits | None = None, **options: Any
) -> tuple[_Batch, FakeClock]:
    clock = FakeClock()
    source = BatchInput.of(iter(requests(count)))
    return _Batch(context(clock, **options), source, limits or RunLimits()), clock


def start(batch: _Batch) -> list[Any]:
    """Return the children that are started now: the indexes of creates, and "look"."""
    keys = [effect.key for effect in batch._start() if isinstance(effect, Spawn)]
    return [getattr(key, "index", key) for key in keys]


@pytest.mark.parametrize(("waiting", "started"), [(8, 8), (9, 0)])
def test_nothing_is_read_while_more_than_eight_outcomes_wait_for_the_caller(
    waiting: int, started: int
) -> None:
    """A slow caller does not make the batch read ahead."""
    batch, _ = batch_of()
    batch.watch.ended.extend(Outcome(number, DONE) for number in range(waiting))
    assert len(start(batch)) == started


def test_creates_start_up_to_the_limit_and_with_an_id_of_their_own() -> None:
    """Each keeps its id over all its attempts."""
    batch, _ = batch_of(limits=RunLimits(max_concurrent=3))
    assert start(batch) == [0, 1, 2]
    assert start(batch) == []
    ids = {job.external_id for job in batch.creating}
    assert len(ids) == 3
    assert all(len(external_id) == 36 and external_id.startswith("sdk-") for external_id in ids)


def test_a_request_s_own_id_is_kept() -> None:
    """It is the caller's."""
    source = BatchInput.of([TextToVideo(prompt="a", external_task_id="job-7")])
    batch = _Batch(context(FakeClock()), source, RunLimits())
    start(batch)
    assert [job.external_id for job in batch.creating] == ["job-7"]


@pytest.mark.parametrize(("timeout", "deadline"), [(None, 120.0), (1000.0, 120.0), (50.0, 40.0)])
def test_a_create_has_no_more_time_than_the_batch(timeout: float | None, deadline: float) -> None:
    """What is left of it, or its own deadline."""
    scene, times = Scene(), list[float]()
    scene.clock.now += 500.0

    def respond(effect: Send) -> Reply | Exception:
        if not is_create(effect):
            return reply_of(scene.kling, effect)
        if len(times) == 0:
            times.append(scene.clock.monotonic())
            return reply(answer(400, 1301, "no"))
        times.append(scene.clock.monotonic())
        return reply(answer(429, 1302, "slow down"))

    played = run(
        scene,
        requests(2),
        respond,
        RunLimits(max_concurrent=1, timeout=timeout),
        takes=lambda effect: 10.0 if len(times) == 0 else 0.0,
        create_deadline=120.0,
    )
    assert isinstance(errors(played)[1], RateLimitError)
    assert 510.0 + deadline - 16.0 <= times[-1] <= 510.0 + deadline


def test_a_create_that_shows_a_task_that_has_ended_frees_its_slot() -> None:
    """It was made by an earlier create under the same id."""
    for task, free in ((DONE, 1), (OPEN, 0)):
        batch, _ = batch_of()
        start(batch)
        batch.slots.refused(0.0, None)
        job = min(batch.creating)
        batch.creating.discard(job)
        batch._created(job, task)
        assert batch.slots.known_free == free


def test_slots_that_another_program_frees_are_all_found_by_one_try() -> None:
    """The next create follows the first that is accepted, and not 15 s later."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 3, 100
    scene.existing(3)
    played = run(scene, requests(3))
    times = [task["created"] for task in list(scene.kling.tasks.values())[3:]]
    assert errors(played) == [None] * 3
    assert max(times) - min(times) < 1


def test_an_input_that_fails_with_an_error_of_ours_ends_the_batch_with_it() -> None:
    """It is the caller's, whatever its class."""

    async def broken() -> AsyncIterator[VideoRequest]:
        yield TextToVideo(prompt="a")
        raise NotCreatedError("no more")

    played = run(Scene(), broken())
    assert isinstance(played.error, NotCreatedError)
    assert str(played.error) == "no more"


def test_a_batch_without_requests_ends_at_once() -> None:
    """Whether they come as a list or not."""
    empty = list[VideoRequest]()
    for played in (run(Scene(), empty), run(Scene(), iter(empty))):
        assert (played.items, played.error, played.sent) == ([], None, [])


# ---------------------------------------------------------------- when to continue


def test_a_batch_pauses_until_there_is_something_to_do() -> None:
    """It waits for a poll, a slot or the timeout; without any of them, for a child."""
    batch, clock = batch_of(limits=RunLimits(timeout=50.0))
    batch.is_reading = True  # nothing to read now
    assert batch._pause() == 50.0
    batch.watch.add(0, OPEN, 600.0)
    assert batch._pause() == 3.0
    clock.now += 2.9995
    assert batch._pause() == 0.001  # a clock may not be able to move by less
    clock.now += 0.0005
    assert batch._pause() == 0.0
    clock.now += 5.0
    assert batch._pause() == 0.0
    assert batch_of(0)[0]._pause() == 0.0  # there may be something to read


def test_a_batch_that_waits_for_its_creates_has_no_time_to_wake() -> None:
    """Nothing is left to read, and no task is open."""
    batch, _ = batch_of(limits=RunLimits(max_concurrent=2))
    start(batch)
    assert batch._pause() is None
    batch.stopped = "stopped"
    assert batch._pause() is None


def test_a_batch_that_is_short_of_units_waits_for_a_create() -> None:
    """It may give its units back."""
    costs = RunLimits(max_units=Decimal(1), cost_of=lambda _: Decimal(1))
    batch, _ = batch_of(limits=costs)
    assert start(batch) == [0]
    assert (batch.is_short, batch.spending.units, batch._pause()) == (True, Decimal(1), None)


def test_a_refused_create_is_tried_again_when_a_slot_may_be_free() -> None:
    """15 s later; the queue keeps the order of the input."""
    batch, clock = batch_of(limits=RunLimits(max_concurrent=2))
    start(batch)
    for job in sorted(batch.creating, reverse=True):
        batch.creating.discard(job)
        batch._not_created(job, ConcurrencyLimitError("no", code=1303, http_status=429))
    assert [job.index for job in sorted(batch.queue)] == [0, 1]
    assert batch._pause() == 15.0
    clock.now += 15.0
    assert start(batch) == [0]
    assert [job.is_try for job in batch.creating] == [True]


@pytest.mark.parametrize(("later", "stopped"), [(599.0, False), (600.0, True), (601.0, True)])
def test_a_queue_is_given_up_when_nothing_moved_for_the_time_of_a_wait(
    *, later: float, stopped: bool
) -> None:
    """Counted from the last task that was created or ended, to the create's beginning."""
    batch, clock = batch_of(limits=RunLimits(max_concurrent=1), wait_timeout=600.0)
    clock.now += later
    start(batch)
    (job,) = batch.creating
    batch.creating.discard(job)
    batch._not_created(job, ConcurrencyLimitError("no", code=1303, http_status=429))
    assert (batch.stopped is not None) is stopped
    if stopped:
        assert batch.stopped == "no slot became free within 600 s"
        assert isinstance(batch.cause, ConcurrencyLimitError)
        (outcome,) = batch.watch.ended
        assert str(outcome.error) == (
            "nothing was created for this request: no slot became free within 600 s"
        )


@pytest.mark.parametrize(
    ("error", "spent"),
    [
        (KlingError("no"), 0),
        (ConcurrencyLimitError("no", code=1303, http_status=429), 0),
        (OutcomeUnknownError("lost", external_task_id="a"), 1),
    ],
)
def test_units_are_given_back_unless_the_create_may_have_been_accepted(
    error: KlingError, spent: int
) -> None:
    """A ceiling must hold."""
    costs = RunLimits(max_concurrent=1, max_units=Decimal(5), cost_of=lambda _: Decimal(1))
    batch, _ = batch_of(limits=costs)
    start(batch)
    (job,) = batch.creating
    batch._not_created(job, error)
    assert batch.spending.units == spent


@pytest.mark.parametrize(("units", "fits"), [("2.5", True), ("2.499", False)])
def test_a_ceiling_belongs_to_what_may_be_spent(*, units: str, fits: bool) -> None:
    """A request that costs all of it is created."""
    costs = RunLimits(max_units=Decimal(units), cost_of=lambda _: Decimal("2.5"))
    batch, _ = batch_of(1, limits=costs)
    assert start(batch) == ([0] if fits else [])
    if not fits:
        assert batch.stopped == "request 0 costs 2.5 units, and 0 of max_units=2.499 are used"


def test_costs_count_only_with_a_ceiling_and_a_price_list() -> None:
    """One without the other limits nothing."""

    def no_price(_request: Request) -> Decimal:
        raise AssertionError

    for limits in (RunLimits(max_units=Decimal(0)), RunLimits(cost_of=no_price)):
        assert len(start(batch_of(limits=limits)[0])) == 8


def test_the_end_of_tasks_is_counted_and_moves_the_queue() -> None:
    """As many slots are free as tasks have ended."""
    batch, clock = batch_of()
    batch.slots.refused(0.0, None)
    for number in range(3):
        batch.watch.add(number, Task(str(number), "submitted", endpoint="text2video"), 600.0)
    clock.now += 7.0
    batch.watch.look()
    tasks = {str(number): Task(str(number), "failed") for number in range(2)}
    poll = Look(7.0, tasks=tasks, requests=1)
    batch._ended(Ended("look", poll))
    assert (batch.slots.known_free, batch.moved_at) == (2, 7.0)
    clock.now += 7.0
    batch._ended(Ended("look", Look(14.0, requests=1)))
    assert (batch.slots.known_free, batch.moved_at) == (2, 7.0)


@pytest.mark.parametrize(("after", "stopped"), [(49.0, None), (50.0, "50"), (51.0, "50")])
def test_a_timeout_ends_the_creating(after: float, stopped: str | None) -> None:
    """It ends at the moment itself; the number is the caller's."""
    batch, clock = batch_of(limits=RunLimits(timeout=50.0))
    clock.now += after
    batch._check_limits()
    assert batch.stopped == (stopped and f"the timeout of {stopped} s has expired")


def test_a_task_is_waited_for_as_long_as_the_batch_has_time() -> None:
    """Its own time, or what is left."""
    for timeout, seconds in ((None, 600.0), (50.0, 30.0), (10.0, 0.0)):
        batch, clock = batch_of(limits=RunLimits(timeout=timeout), wait_timeout=600.0)
        start(batch)
        job = min(batch.creating)
        clock.now += 20.0
        batch._created(job, OPEN)
        (entry,) = batch.watch._open.values()
        assert entry.until == 20.0 + seconds
        assert (batch.moved_at, entry.waiters[0].private) == (20.0, ("kitten 0",))


def test_a_sized_input_is_refused_to_its_end_when_the_creating_stops() -> None:
    """Others are not read only to be refused."""
    for work, count in ((requests(3), 3), (iter(requests(3)), 0)):
        batch = _Batch(context(FakeClock()), BatchInput.of(work), RunLimits())
        batch._stop("stopped")
        outcomes = [batch._next_outcome() for _ in range(4)]
        assert [outcome.index for outcome in outcomes if outcome is not None] == list(range(count))


def test_the_first_reason_to_stop_counts() -> None:
    """Later ones follow from it."""
    batch, _ = batch_of()
    cause = KlingError("first")
    batch._stop("first", cause)
    batch._stop("second", KlingError("second"))
    error = batch._refusal(BatchJob(0, TextToVideo(prompt="a")))
    assert str(error) == "nothing was created for this request: first"
    assert error.__cause__ is cause


def test_what_is_read_after_the_creating_stopped_is_refused() -> None:
    """It was on its way."""
    batch, _ = batch_of()
    batch._stop("stopped")
    batch._queue(batch.source.take())
    batch._queue(None)
    assert [outcome.index for outcome in batch.watch.ended] == [0]
    assert batch.queue == []


def test_an_account_s_refusal_stops_the_creating_and_another_does_not() -> None:
    """It would meet every other request, too."""
    for code, http, count in ((1102, 429, 1), (1002, 401, 1), (1304, 429, 1), (1301, 400, 3)):
        refusal = reply(answer(http, code, "no"))
        played = run(Scene(), requests(3), in_turn([refusal] * 9), RunLimits(max_concurrent=1))
        assert creates(played) == count
        last = errors(played)[2]
        if count == 1:
            assert isinstance(last, NotCreatedError)
            assert f"an earlier request was refused: HTTP {http}, code {code}" in str(last)


def test_what_is_queued_is_tried_until_the_time_of_a_wait_is_over() -> None:
    """While tasks are open, or creates are under way, they may free a slot."""
    batch, clock = batch_of(limits=RunLimits(max_concurrent=1), wait_timeout=600.0)
    assert batch._queue_until() == float("inf")
    clock.now += 5.0
    start(batch)
    (job,) = batch.creating
    batch._not_created(job, ConcurrencyLimitError("no", code=1303, http_status=429))
    assert batch._queue_until() == float("inf")
    batch.creating.clear()
    assert batch._queue_until() == 600.0
    batch.moved_at = 7.0
    assert batch._queue_until() == 607.0
    batch.watch.add(0, OPEN, 600.0)
    assert batch._queue_until() == float("inf")
