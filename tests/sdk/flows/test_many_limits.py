"""The limits of a batch of requests: slots, its input, units."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest

from kling_sdk import (
    ConcurrencyLimitError,
    ContentPolicyError,
    KlingError,
    NotCreatedError,
    Outcome,
    OutcomeUnknownError,
    TextToVideo,
    VideoRequest,
)
from kling_sdk.flows import Send
from kling_sdk.flows.many import READ_AHEAD, RunLimits
from kling_sdk.flows.slots import AT_ONCE
from kling_sdk.wire import Reply
from tests.sdk.batches import (
    LOST,
    creates,
    endless,
    errors,
    half_a_second,
    is_create,
    requests,
)
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import Scene, reply, reply_of
from tests.sdk.simulated import run

# ---------------------------------------------------------------- slots


def test_slots_are_learned_from_the_servers_1303() -> None:
    """Without `max_concurrent` the account's slots are used in full, and 1303 is a queue."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 3, 60

    played = run(scene, requests(12))

    assert errors(played) == [None] * 12
    # Four rounds of a minute; an end is noticed within a tenth of it.
    assert scene.clock.monotonic() <= 4 * (60 + 7)
    # The first refusals teach the number. Then a slot is tried when a task has ended, and every 15
    # seconds, in case another program has freed one.
    assert creates(played) <= 12 + AT_ONCE + 2 * 240 / 15


def test_a_known_number_of_slots_costs_no_refused_create() -> None:
    """With `max_concurrent` given, no request is answered with 1303."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 3, 60

    played = run(scene, requests(12), limits=RunLimits(3))

    assert errors(played) == [None] * 12
    assert creates(played) == 12


def test_what_was_refused_for_want_of_a_slot_is_sent_in_the_order_of_the_input() -> None:
    """The order of the refusals does not matter."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 1, 60

    played = run(scene, requests(6))

    assert errors(played) == [None] * 6
    assert [outcome.index for outcome in played.items] == list(range(6))


def test_slots_that_another_program_frees_are_found() -> None:
    """If our own tasks do not show a free slot, a create tries for one now and then."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 2, 600
    scene.existing(2)

    played = run(scene, requests(3))

    assert errors(played) == [None] * 3
    assert scene.clock.monotonic() <= 600 + 15 + 600 + 15 + 600 + 15
    assert creates(played) <= 3 + 1200 / 15 + AT_ONCE


def test_a_server_that_asks_to_wait_is_not_asked_for_a_slot_sooner() -> None:
    """`Retry-After` of a 1303 holds for all creates of the batch."""
    scene = Scene()
    scene.kling.takes = 5
    busy = reply(answer(429, 1303, "busy", retry_after="40"))
    refused: list[float] = []

    def respond(effect: Send) -> Reply | Exception:
        if is_create(effect) and len(refused) < 3:
            refused.append(scene.clock.monotonic())
            return busy
        return reply_of(scene.kling, effect)

    played = run(scene, requests(4), respond)

    times = zip(played.send_times, played.sends, strict=True)
    later = [time for time, send in times if is_create(send) and time > 0]
    assert errors(played) == [None] * 4
    assert min(later) >= 40


@pytest.mark.slow
def test_a_batch_may_take_longer_than_one_wait() -> None:
    """While tasks end, the queue continues: a long batch does not fail for its length."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 1, 100

    played = run(scene, requests(30), wait_timeout=300.0)

    assert errors(played) == [None] * 30
    assert scene.clock.monotonic() > 2500


def test_a_queue_without_a_limit_waits_as_long_as_for_a_task() -> None:
    """The endpoint's own time, as for the wait itself."""
    scene = Scene()
    scene.kling.slots = 0

    played = run(scene, requests(1))

    assert "no slot became free within 7200 s" in str(errors(played)[0])
    assert 7200 <= scene.clock.monotonic() < 7220


def test_a_queue_that_does_not_move_ends() -> None:
    """When others hold all slots for the whole wait, nothing was created for any request."""
    scene = Scene()
    scene.kling.slots = 0

    played = run(scene, requests(30), wait_timeout=300.0)

    assert played.is_complete(30)
    for error in errors(played):
        assert isinstance(error, NotCreatedError)
        assert isinstance(error.__cause__, ConcurrencyLimitError)
        assert "no slot became free within 300 s" in str(error)
    assert 300 <= scene.clock.monotonic() < 320


def test_a_slow_caller_does_not_use_up_the_time_of_the_queue() -> None:
    """A caller that takes an hour over one outcome still gets the waiting requests created."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 1, 10

    def take_an_hour(_item: object) -> None:
        scene.clock.now += 3600

    played = run(scene, requests(4), on_item=take_an_hour, wait_timeout=60.0)

    assert errors(played) == [None] * 4


def test_a_slow_caller_does_not_give_the_queue_more_time() -> None:
    """After the caller's hour the queue has only the rest of its own time."""
    scene = Scene()
    scene.kling.slots, scene.kling.takes = 1, 10
    seen: list[object] = []

    def take_an_hour_and_the_slot(item: object) -> None:
        if not seen:
            scene.clock.now += 3600
            scene.kling.slots = 0
        seen.append(item)

    played = run(scene, requests(4), on_item=take_an_hour_and_the_slot, wait_timeout=60.0)

    first, *others = errors(played)
    assert first is None
    assert [type(error) for error in others] == [NotCreatedError] * 3
    assert 3600 + 60 <= scene.clock.monotonic() < 3600 + 10 + 60 + 20


# ---------------------------------------------------------------- the input


@pytest.mark.parametrize("seconds", [0, 100])
def test_an_endless_input_is_read_as_slots_become_free(seconds: int) -> None:
    """No request is taken before there is a slot for it, also for a slow caller."""
    scene, indexes = Scene(), list[int]()
    scene.kling.takes = 30

    def enough(item: Outcome) -> None:
        scene.clock.now += seconds
        assert len(indexes) <= item.index + 1 + READ_AHEAD + 2 * 4
        if item.index == 50:
            raise StopAsyncIteration  # any error of the caller's

    with pytest.raises(StopAsyncIteration):
        run(scene, endless(indexes), limits=RunLimits(4), on_item=enough)


def test_an_endless_input_with_unknown_slots_is_read_a_little_ahead() -> None:
    """While the slots are not known, at most eight requests are on their way."""
    scene, indexes = Scene(), list[int]()
    scene.kling.slots, scene.kling.takes = 3, 30

    def enough(item: Outcome) -> None:
        assert len(indexes) <= item.index + 1 + 2 * 3 + AT_ONCE
        if item.index == 20:
            raise StopAsyncIteration

    with pytest.raises(StopAsyncIteration):
        run(scene, endless(indexes), on_item=enough)


def test_an_async_iterable_is_read_in_the_same_way() -> None:
    """One request at a time, when there is a slot for it."""
    scene, indexes = Scene(), list[int]()
    scene.kling.takes = 30

    async def jobs() -> AsyncIterator[VideoRequest]:
        for request in requests(9):
            indexes.append(len(indexes))
            yield request

    def look(item: Outcome) -> None:
        assert len(indexes) <= item.index + 1 + 3 + 1

    played = run(scene, jobs(), limits=RunLimits(2), on_item=look)

    assert errors(played) == [None] * 9


def test_what_is_no_request_ends_the_batch_and_names_the_open_tasks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An iterator that yields something else is the caller's bug; no paid task is lost for it."""
    scene = Scene()
    scene.kling.takes = 60

    def broken() -> Iterator[VideoRequest]:
        yield from requests(2)
        yield "kitten"  # type: ignore[misc] # the mistake

    with pytest.raises(TypeError, match="run_many takes Request objects") as caught:
        run(scene, broken(), limits=RunLimits(2))

    notes = "".join(caught.value.__notes__) + caplog.text
    assert all(task_id in notes for task_id in list(scene.kling.tasks)[1:])


# ---------------------------------------------------------------- a ceiling of units


def test_a_ceiling_of_units_holds() -> None:
    """What a request costs is set aside before it is sent; the first that does not fit ends it."""
    scene = Scene()
    scene.kling.takes = 30
    limits = RunLimits(3, max_units=Decimal(10), cost_of=lambda _: Decimal("2.5"))

    played = run(scene, requests(8), limits=limits, takes=half_a_second)

    failures = errors(played)
    assert failures[:4] == [None] * 4
    assert len(scene.kling.tasks) == 4
    assert all(isinstance(error, NotCreatedError) for error in failures[4:])
    assert "request 4 costs 2.5 units, and 10.0 of max_units=10 are used" in str(failures[7])


def test_the_units_of_a_refused_create_are_used_for_another() -> None:
    """Nothing was bought for it; the next request waits until that is known."""
    scene = Scene()
    limits = RunLimits(3, max_units=Decimal(2), cost_of=lambda _: Decimal(1))

    def respond(effect: Send) -> Reply | Exception:
        if is_create(effect) and effect.call.json["prompt"] == "kitten 0":
            return reply(answer(400, 1301, "no"))
        return reply_of(scene.kling, effect)

    played = run(scene, requests(4), respond, limits, takes=half_a_second)

    assert [type(error) for error in errors(played)] == [
        ContentPolicyError,
        type(None),
        type(None),
        NotCreatedError,
    ]


def test_a_create_whose_outcome_is_unknown_counts_as_paid() -> None:
    """The ceiling also counts creates that the server accepted without an answer to the caller."""
    scene = Scene()
    limits = RunLimits(1, max_units=Decimal(1), cost_of=lambda _: Decimal(1))

    played = run(scene, requests(2), lambda _: LOST, limits)

    assert [type(error) for error in errors(played)] == [OutcomeUnknownError, NotCreatedError]


def test_a_request_whose_cost_is_not_known_is_not_created() -> None:
    """Under a ceiling, a model without a price is an outcome; the others continue."""
    scene = Scene()

    def cost_of(request: object) -> Decimal:
        assert isinstance(request, TextToVideo)
        if request.prompt == "kitten 1":
            raise KlingError("no price is known for it")
        return Decimal(1)

    played = run(scene, requests(3), limits=RunLimits(3, max_units=Decimal(9), cost_of=cost_of))

    assert [str(error) for error in errors(played) if error] == ["no price is known for it"]
    assert len(scene.kling.tasks) == 2
