"""The pause before a transaction is run again."""

from __future__ import annotations

import pytest

from kling_mock.relay.storage.adapters.engine import RUNS
from kling_mock.relay.storage.adapters.pauses import after_conflict, after_loss

ALMOST_ONE = 0.999


def test_the_first_conflicts_cost_no_time() -> None:
    """Most transactions get through the next time."""
    assert [after_conflict(number, ALMOST_ONE) for number in (1, 2, 3)] == [0.0, 0.0, 0.0]


def test_then_pauses_grow_to_a_limit() -> None:
    """They are drawn from zero on, so that transactions that met are spread."""
    longest = [after_conflict(number, ALMOST_ONE) for number in range(4, RUNS + 1)]
    assert longest[:3] == pytest.approx([0.004, 0.008, 0.016], rel=0.01)
    assert longest == sorted(longest)
    assert longest[-1] == pytest.approx(0.1, rel=0.01)
    assert after_conflict(RUNS, 0.0) == 0.0


def test_all_runs_end_within_seconds() -> None:
    """A caller waits for them."""
    assert sum(after_conflict(number, ALMOST_ONE) for number in range(1, RUNS + 1)) < 20


def test_after_the_first_loss_there_is_no_pause() -> None:
    """Idle connections that the server has closed are found so."""
    assert after_loss(1, ALMOST_ONE) == 0.0
    for number in (2, 3, 50):
        assert after_loss(number, 0.0) == 0.125
        assert 0.24 < after_loss(number, ALMOST_ONE) < 0.25
