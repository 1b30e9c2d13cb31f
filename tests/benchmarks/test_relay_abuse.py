"""The gate of a relay that is attacked: medians of runs, and the worst attack that counts."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.benchmarks.relay_abuse import JUDGED, Run, report
from tests.proof.attacked_relay import Seen
from tests.proof.attackers import ATTACKS


def seen(worst: float, memory: float = 50.0) -> Seen:
    return Seen([0.001, worst, 0.002], [0.01], [0.02], Counter(), memory, 17, Counter())


def test_the_gate_is_the_worst_attack_by_the_median_of_its_runs() -> None:
    """One slow run of five does not count, and one slow attack of four does."""
    attacks = {name: [Run(seen(0.005), seen(0.1)) for _ in range(5)] for name in ATTACKS}
    attacks["numbers"][0] = Run(seen(0.005), seen(60.0))
    attacks["slowloris"] = [Run(seen(0.006), seen(worst)) for worst in (0.3, 0.2, 0.26, 0.1, 0.9)]
    summary = report(attacks, full_size=True)
    (gate,) = summary.gates
    assert gate.value == pytest.approx(260)
    assert gate.ok is False
    assert "(slowloris); idle beside it 6 ms" in gate.means
    assert [row[0] for row in summary.tables[0].rows] == [*ATTACKS]


def test_receivers_that_hang_are_shown_and_not_judged() -> None:
    """They delay callbacks; the loop has nothing to do for them."""
    attacks = {name: [Run(seen(0.005), seen(0.1))] for name in ATTACKS}
    attacks["receivers"] = [Run(seen(0.005), seen(9.0))]
    (gate,) = report(attacks, full_size=True).gates
    assert gate.ok is True
    assert set(JUDGED) == ATTACKS.keys() - {"receivers"}


def test_a_run_without_any_call_of_health_is_not_kept() -> None:
    """Nothing measured is not fast."""
    attacks = {name: [Run(seen(0.005), seen(0.1))] for name in ATTACKS}
    empty = Seen([], [], [], Counter(), 50.0, 17, Counter())
    attacks["channel"] = [Run(seen(0.005), empty)]
    (gate,) = report(attacks, full_size=True).gates
    assert gate.ok is False
