"""The time of a batch's next create, by what is known of the account's slots."""

from __future__ import annotations

import math

from kling_sdk.flows.retry import MAX_BUSY_PAUSE
from kling_sdk.flows.slots import Slots

AT_ONCE = -math.inf
NEVER = math.inf  # until a create or a task ends


def test_while_the_number_of_slots_is_not_known_eight_creates_are_in_flight() -> None:
    """However many tasks are open: only a refusal says that there are too many."""
    slots = Slots()
    assert slots.opens_at(open_tasks=0, creating=7) == AT_ONCE
    assert slots.opens_at(open_tasks=100, creating=7) == AT_ONCE
    assert slots.opens_at(open_tasks=0, creating=8) == NEVER


def test_the_caller_s_number_counts_open_tasks_and_creates() -> None:
    """It may be larger than eight, and is never passed."""
    slots = Slots(max_open=20)
    assert slots.opens_at(open_tasks=0, creating=19) == AT_ONCE
    assert slots.opens_at(open_tasks=10, creating=9) == AT_ONCE
    assert slots.opens_at(open_tasks=10, creating=10) == NEVER


def test_after_a_refusal_one_create_tries_once_in_a_while() -> None:
    """Alone, and when the server's pause is over; the end of a task frees a slot at once."""
    slots = Slots()
    slots.refused(100.0, retry_after=None)
    assert slots.opens_at(open_tasks=3, creating=1) == NEVER
    assert slots.opens_at(open_tasks=3, creating=0) == 100.0 + MAX_BUSY_PAUSE

    slots.refused(100.0, retry_after=60.0)
    assert slots.opens_at(open_tasks=3, creating=0) == 160.0

    slots.ended()
    assert slots.opens_at(open_tasks=2, creating=5) == 160.0
    assert not slots.started(160.0)
    assert slots.opens_at(open_tasks=2, creating=0) == 160.0 + MAX_BUSY_PAUSE


def test_a_try_that_is_accepted_is_followed_by_the_next_at_once() -> None:
    """Another program has freed a slot, and perhaps more."""
    slots = Slots()
    slots.refused(100.0, retry_after=None)
    assert slots.started(115.0)
    slots.accepted(was_try=True)
    assert slots.opens_at(open_tasks=3, creating=0) == AT_ONCE


def test_each_create_takes_one_of_the_free_slots() -> None:
    """After the last one, no slot is known to be free; the next create only tries."""
    slots = Slots()
    assert not slots.started(0.0)
    slots.ended()
    free = [slots.known_free]  # None means that no create was refused
    slots.refused(100.0, retry_after=None)
    for _ in range(3):
        slots.ended()
    assert [slots.started(100.0) for _ in range(4)] == [False, False, False, True]
    assert [*free, slots.known_free] == [None, 0]
    assert slots.try_at == 115.0
    slots.accepted(was_try=False)
    assert slots.try_at == 115.0


def test_a_pause_of_the_server_s_is_no_shorter_for_being_none() -> None:
    """0 s is a pause, None is not."""
    slots = Slots()
    slots.refused(100.0, retry_after=0.0)
    assert slots.blocked_until == 100.0
    slots.refused(200.0, retry_after=None)
    assert slots.blocked_until == 100.0
