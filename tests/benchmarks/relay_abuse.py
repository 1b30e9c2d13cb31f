"""The worst time of `/health` while a relay is attacked, and the effects on other users."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.benchmarks.frame import Gate, Report, Table, quantity
from tests.proof.attacked_relay import Seen, attacked_relay
from tests.proof.attackers import ATTACKS

#: Attacks that the gate is about; a receiver that hangs keeps no loop busy.
JUDGED: Final = ("numbers", "channel", "slowloris", "large bodies", "fat lists")

_NOTE: Final = (
    "Attacks: creates and callbacks with hostile numbers from 20 tokens at balance 0; 200"
    " receivers of one user that hang or are dead; 600 creates at a time for a channel that hangs"
    " with 150 tasks; 1,100 connections with half a header or body; bodies of up to 80 MiB, five"
    " at a time; a page of 100 tasks with 60 kB of prompt and result each, as often as a token may"
    " ask. The attacker is a process of its own at nice 19, the relay has 1,024 files. A"
    " call of `/health` that fails counts as 60 s. Figures are medians of the runs' worst."
)


class Run(NamedTuple):
    """One attack on a relay that was just started, and its idle time before."""

    idle: Seen
    seen: Seen


def _measured(name: str, idle: float, seconds: float) -> Run:
    with tempfile.TemporaryDirectory() as folder, attacked_relay(Path(folder)) as relay:
        relay.watch(0.5)  # warms up
        return Run(relay.watch(idle), relay.watch(seconds, name))


def run(*, quick: bool) -> Report:
    """Attack a relay on SQLite, in front of an emulated Kling."""
    runs, idle, seconds = (1, 0.5, 1.5) if quick else (5, 2.0, 5.0)
    return report(
        {name: [_measured(name, idle, seconds) for _ in range(runs)] for name in ATTACKS},
        full_size=not quick,
    )


def report(attacks: dict[str, list[Run]], *, full_size: bool) -> Report:
    """Return the results of the runs. Pure."""
    worst = {
        name: _median([attack.seen.health for attack in runs]) for name, runs in attacks.items()
    }
    dearest = max(JUDGED, key=lambda name: worst[name])
    return Report(
        "relay",
        gates=[
            Gate(
                "health_ms_under_abuse",
                1e3 * worst[dearest],
                250,
                "<=",
                "ms",
                f"the worst `/health` during an attack, median of {len(attacks[dearest])} runs, for"
                f" the worst of {len(JUDGED)} attacks ({dearest}); idle beside it"
                f" {1e3 * _median([attack.idle.health for attack in attacks[dearest]]):.0f} ms",
                full_size=full_size,
            )
        ],
        tables=[
            Table(
                "A relay that is attacked",
                (
                    *("attack", "`/health`", "idle", "another user's create", "idle"),
                    *("their callback", "idle", "memory", "descriptors"),
                ),
                [_row(name, runs) for name, runs in attacks.items()],
            )
        ],
        notes=[_NOTE],
    )


def _row(name: str, runs: Sequence[Run]) -> list[str]:
    times = [
        _median([times[what] for times in side])
        for what in range(3)
        for side in ([attack.seen.times for attack in runs], [attack.idle.times for attack in runs])
    ]
    return [
        name,
        *(quantity(1e3 * seconds, "ms") for seconds in times),
        quantity(max(attack.seen.memory for attack in runs), "MiB"),
        f"{max(attack.seen.descriptors for attack in runs)}",
    ]


def _median(times: Sequence[Sequence[float]]) -> float:
    """Return the median of the runs' worst times, in seconds; infinite if there were none."""
    return statistics.median([max(run_times, default=math.inf) for run_times in times])
