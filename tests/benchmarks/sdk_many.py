"""The time and requests of `run_many` compared with a perfect scheduler.

Simulated: the client's own flow is run by hand, on a clock that moves to whatever is due next. So
the figures depend on no machine. The baseline is list scheduling in input order: each request
takes the slot that becomes free first, and its end is known at once, without a request.
"""

from __future__ import annotations

import heapq
import random
from typing import Final

from kling_sdk import TextToVideo
from kling_sdk.flows import Send
from kling_sdk.flows.many import RunLimits
from tests.benchmarks.frame import Figure, Gate, Report
from tests.sdk.scripted import Scene
from tests.sdk.simulated import run as simulate

REQUESTS: Final = 200
SLOTS: Final = 20
CREATE: Final = 0.5  # s
SHORTEST, LONGEST = 30.0, 90.0  # s a task takes
SEEDS: Final = 20


def run(*, quick: bool) -> Report:
    """Compare batches with their schedules; the worst one counts. *quick* takes a few of them."""
    limited = [batch(seed, RunLimits(SLOTS)) for seed in range(3 if quick else SEEDS)]
    learned = [batch(seed, RunLimits()) for seed in range(1 if quick else 5)]
    broken = "a request was not created, or too many tasks were open"
    fault = broken if any(not outcome[2] for outcome in [*limited, *learned]) else ""
    gates = [
        Gate(
            "run_many_vs_list_schedule",
            max(time for time, _, _ in limited),
            1.06,
            "<=",
            "x",
            f"time of {REQUESTS} requests at {SLOTS} slots, creates of {CREATE} s, tasks of "
            f"{SHORTEST:g} to {LONGEST:g} s, against list scheduling in input order with instant "
            f"notice; the worst of {SEEDS} seeds (simulated)",
            full_size=not quick,
            broken=fault,
        ),
        Gate(
            "run_many_requests_per_task",
            max(sent for _, sent, _ in limited),
            3,
            "<=",
            "",
            "requests per task in the same runs, creates included",
            full_size=not quick,
            broken=fault,
        ),
    ]
    figures = [
        Figure(
            "run_many without max_concurrent",
            max(time for time, _, _ in learned),
            "x",
            "the same, where the slots are learned from 1303",
        ),
        Figure("requests per task without max_concurrent", max(sent for _, sent, _ in learned), ""),
    ]
    return Report("sdk", gates, figures)


def batch(seed: int, limits: RunLimits) -> tuple[float, float, bool]:
    """Return time over schedule, requests per task, and whether all was well."""
    chance = random.Random(seed)  # noqa: S311 - fixed schedules, no secret
    durations = [chance.uniform(SHORTEST, LONGEST) for _ in range(REQUESTS)]
    scene = Scene()
    scene.kling.slots = SLOTS
    scene.kling.takes_of = lambda prompt: durations[int(prompt)]
    widest = 0

    def takes(effect: Send) -> float:
        nonlocal widest
        widest = max(widest, scene.kling.open_tasks())
        return CREATE if effect.call.method == "POST" else 0.0

    requests = [TextToVideo(prompt=str(number)) for number in range(REQUESTS)]
    played = simulate(scene, requests, limits=limits, takes=takes)
    is_well = widest <= SLOTS and all(outcome.error is None for outcome in played.items)
    time = scene.clock.monotonic() / schedule(durations)
    return time, len(played.sent) / REQUESTS, is_well and len(played.items) == REQUESTS


def schedule(durations: list[float]) -> float:
    """Return when the last task ends, in seconds, under list scheduling in input order."""
    free = [0.0] * SLOTS
    for duration in durations:
        heapq.heapreplace(free, free[0] + CREATE + duration)
    return max(free)
