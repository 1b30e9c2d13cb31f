"""The comparison of `run_many` with a perfect schedule: its baseline, and that it can fail."""

from __future__ import annotations

import pytest

from kling_sdk.flows.many import RunLimits
from tests.benchmarks.sdk_many import CREATE, SLOTS, batch, schedule


def test_the_baseline_gives_each_request_the_slot_that_is_free_first() -> None:
    """The longest of equal loads decides, and each create takes its half second."""
    assert schedule([30.0] * SLOTS) == 30 + CREATE
    assert schedule([90.0, *[30.0] * (SLOTS - 1), 40.0]) == 90 + CREATE
    assert schedule([60.0, *[30.0] * (SLOTS - 1), 40.0]) == 30 + CREATE + 40 + CREATE


@pytest.mark.slow
def test_a_batch_that_leaves_slots_unused_misses_the_gate() -> None:
    """Negative control: with a tenth of the slots left free, the same figure is out of bounds."""
    used, _, is_well = batch(0, RunLimits(SLOTS))
    unused, _, _ = batch(0, RunLimits(SLOTS * 9 // 10))

    assert is_well
    assert used <= 1.06 < unused
