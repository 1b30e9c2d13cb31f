"""A server's memory of tasks: it may run for weeks."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.clock import ManualClock
from kling_mock.kling.callbacks.sender import HttpCallbackSender
from kling_mock.kling.model.plan import Plan
from kling_mock.kling.model.tasks import KEPT, KEPT_SECONDS, EmulatedTask
from kling_mock.kling.service_codes import Refusal
from kling_mock.kling.world import World
from tests.endpoints import BODIES
from tests.mock.conftest import CLOCK_START, Api
from tests.mock.kling.endpoints.requests import plan
from tests.mock.receiver import Receiver


class Place:
    """A world without a server, on a clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = CLOCK_START
        self.clock = ManualClock(CLOCK_START, wall=lambda: CLOCK_START)
        self.world = World(1, self.clock, HttpCallbackSender())
        self._plan = plan("text2video", {"prompt": "a kitten", "model_name": "kling-v2-6"})

    def new(self, external_id: str = "") -> EmulatedTask:
        task_plan: Plan = self._plan._replace(external_task_id=external_id)
        return self.world.submit(self.world.account, task_plan)

    def ended(self, count: int) -> list[EmulatedTask]:
        """Return *count* new tasks, each of which has ended."""
        tasks = [self.new() for _ in range(count)]
        for task in tasks:
            self.world.complete(task)
        return tasks

    def wait(self, seconds: float) -> None:
        """Let time pass, and nothing else."""
        self.clock._sleepers.move(self.clock.now() + seconds)

    def page(self, size: int = 500) -> list[EmulatedTask]:
        return list(self.world.tasks.page(self.world.account, "text2video", 1, size))


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.mark.slow
def test_an_old_task_is_forgotten_once_many_newer_ones_have_ended(place: Place) -> None:
    """So memory does not grow with every task; queries and lists no longer find it."""
    old = place.new("order-1")
    place.world.complete(old)
    place.wait(KEPT_SECONDS + 1)
    recent = place.ended(KEPT - 1)
    assert place.world.tasks.any(old.task_id) is old
    recent += place.ended(1)

    assert len(place.world.tasks) == KEPT
    with pytest.raises(Refusal, match="not found"):
        place.world.tasks.find(place.world.account, "text2video", old.task_id)
    with pytest.raises(Refusal, match="not found"):
        place.world.tasks.find(place.world.account, "text2video", "order-1")
    assert place.page(3) == recent[:-4:-1]
    assert place.new("order-1").task_id != old.task_id


def test_a_task_that_anybody_may_wait_for_is_kept(place: Place) -> None:
    """However many tasks end within the hour, each is kept, as is its external id."""
    first = place.new("order-1")
    place.world.complete(first)
    place.wait(KEPT_SECONDS)
    place.ended(KEPT + 10)
    assert place.world.tasks.any(first.task_id) is first
    with pytest.raises(Refusal, match="order-1"):
        place.new("order-1")


@pytest.mark.slow
def test_an_open_task_is_never_forgotten(place: Place) -> None:
    """It may be stuck for days while others come and go."""
    stuck = place.new()
    place.ended(KEPT)
    place.wait(30 * 86_400)
    place.ended(KEPT)
    assert len(place.world.tasks) == KEPT + 1
    assert place.world.tasks.any(stuck.task_id) is stuck
    place.world.complete(stuck)
    assert place.page(1)[0].status == "succeed"


@pytest.mark.slow
def test_what_a_library_has_outlives_many_videos(place: Place) -> None:
    """An element is named for as long as a test runs: items are counted apart from files."""
    account = place.world.account
    item = place.world.submit(account, plan("elements", BODIES["elements"]))
    place.world.complete(item)
    place.wait(KEPT_SECONDS + 1)
    place.ended(KEPT + 1)
    stored = place.world.library.item("element", item.video_id)
    assert stored is item
    assert place.world.library.may_use(account, item)


@pytest.mark.slow
def test_nothing_keeps_what_was_forgotten(place: Place) -> None:
    """A timer that was due for it, or whatever else, does not hold it in memory."""
    place.ended(10)
    place.wait(KEPT_SECONDS + 1)
    place.ended(KEPT)
    gc.collect()
    tasks = [thing for thing in gc.get_objects() if isinstance(thing, EmulatedTask)]
    assert sum(task.account is place.world.account for task in tasks) == KEPT


def test_a_report_of_a_forgotten_task_is_tried_again(
    mock: KlingMock, api: Api, receiver: Receiver
) -> None:
    """Its repeats are signed and sent like any other."""
    mock.account.add_webhook_secret()
    mock.callbacks.retries = (2.0 * KEPT_SECONDS,)
    receiver.answers = [500]
    task_id = api.new(callback_url=receiver.url)
    mock.clock.advance(0)
    mock.complete(task_id)

    def forget(world: Any) -> None:
        world.tasks._forget(world.tasks.any(task_id))

    mock._proxy.call(forget)
    mock.clock.advance(2 * KEPT_SECONDS)
    assert {row.state for row in mock.deliveries.of(task_id)} == {"delivered"}
    assert receiver.statuses[-1] == "submitted"  # the one that was refused at first
    assert "webhook-signature" in receiver.received[-1].headers
