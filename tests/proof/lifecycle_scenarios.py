"""The scenarios of a task's lifecycle: what a user, Kling, a receiver and the time do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.proof.task_lifecycles import LATE, STEP, Scenario

_FIVE: Final = ("-1", "-2", "-3", "-4", "-5")  # tasks: so many failures open a breaker


def by_callback(scenario: Scenario) -> None:
    kling_id = scenario.create()
    scenario.process(kling_id)
    scenario.complete(kling_id)
    scenario.wait(1)
    scenario.query()


def by_query(scenario: Scenario) -> None:
    scenario.kling.faults.add("callback-dropped")
    kling_id = scenario.create()
    scenario.complete(kling_id)
    scenario.query()
    scenario.wait(1)


def by_sweeper(scenario: Scenario) -> None:
    scenario.kling.faults.add("callback-dropped")
    scenario.complete(scenario.create())
    scenario.wait(30)


def by_failure(scenario: Scenario) -> None:
    scenario.fail(scenario.create())
    scenario.wait(1)


def by_hint(scenario: Scenario) -> None:
    """An unsigned callback, twice: the second comes too soon for a poll."""
    scenario.kling.faults.add("callback-dropped")
    kling_id = scenario.create()
    (task_id,) = scenario.replied
    report = {"task_id": kling_id, "task_status": "succeed"}
    scenario.call("POST", f"/kling/callback/{task_id}", json=report)
    scenario.complete(kling_id)
    scenario.call("POST", f"/kling/callback/{task_id}", json=report)
    scenario.wait(6)


def refused(scenario: Scenario) -> None:
    scenario.kling.faults.add("status", "POST /v1/*", code=1301, times=1)
    scenario.create()
    scenario.complete(scenario.create())  # the user may repeat it under the same external id
    scenario.wait(1)


def answer_lost(scenario: Scenario) -> None:
    scenario.kling.faults.add("response-lost", "POST /v1/*", times=1)
    scenario.create()
    scenario.wait(6)
    scenario.complete_all()
    scenario.wait(1)


def never_arrived(scenario: Scenario) -> None:
    scenario.kling.faults.add("reset", "POST /v1/*", times=1)
    scenario.create()
    for _ in range(4):
        scenario.wait(STEP)


def arrived_too_late(scenario: Scenario) -> None:
    """Kling accepts when the relay has given it up; the report is repeated."""
    scenario.kling.faults.add("delayed-acceptance", "POST /v1/*", seconds=LATE, times=1)
    scenario.create()
    for _ in range(10):
        scenario.wait(STEP)
    scenario.complete_all()
    scenario.wait(1)
    for delivery in scenario.kling.deliveries:
        if delivery.task_id not in scenario._before:
            scenario.kling.deliveries.replay(delivery)
            scenario.wait(1)


def expired(scenario: Scenario) -> None:
    """It is open for a day, and succeeds after that."""
    kling_id = scenario.create()
    scenario.age(24 * 3600)
    scenario.wait(30)
    scenario.complete(kling_id)
    scenario.wait(1)


def channel_silent(scenario: Scenario) -> None:
    """Kling answers no poll: the channel is left alone, and what is due is put off."""
    scenario.kling.faults.add("callback-dropped")
    for suffix in _FIVE:
        scenario.create(suffix)
    scenario.kling.faults.add("reset", "GET /v1/*", times=2 * (len(_FIVE) + 1))
    for _ in range(3):
        scenario.wait(25)


def receiver_fails_twice(scenario: Scenario) -> None:
    scenario.environment.receiver.answers += [500, 500]
    scenario.complete(scenario.create())
    for seconds in (1, 6, 331):
        scenario.wait(seconds)


def receiver_silent(scenario: Scenario) -> None:
    """The receiver fails so often that it is left alone, and what is due is put off."""
    scenario.environment.receiver.answers += [500] * len(_FIVE)
    for suffix in _FIVE:
        scenario.complete(scenario.create(suffix))
        scenario.wait(0)
    scenario.wait(6)
    scenario.wait(30)


def receiver_disabled(scenario: Scenario) -> None:
    """It fails, and an operator disables it: the webhook is kept, and not sent."""
    scenario.environment.receiver.answers.append(500)
    scenario.complete(scenario.create())
    scenario.wait(1)
    scenario.disable_receiver()
    scenario.wait(6)


SCENARIOS: Final[Mapping[str, Callable[[Scenario], None]]] = {
    scenario.__name__: scenario
    for scenario in (
        by_callback,
        by_query,
        by_sweeper,
        by_failure,
        by_hint,
        refused,
        answer_lost,
        never_arrived,
        arrived_too_late,
        expired,
        channel_silent,
        receiver_fails_twice,
        receiver_silent,
        receiver_disabled,
    )
}
