"""Stopping while other threads use the handles, without a hang.

The sizes that are published: KLING_PROOF_SIZE=full.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable

import pytest

from kling_mock import KlingMock

FULL = os.environ.get("KLING_PROOF_SIZE") == "full"
STOPS = 300 if FULL else 12
USES: list[Callable[[KlingMock], object]] = [
    lambda mock: mock.account.open_tasks,
    lambda mock: list(mock.faults),
    lambda mock: mock.progress.add("instant"),
    lambda mock: mock.clock.advance(0),
    lambda mock: mock.complete("0"),
    lambda mock: mock.ledger.user(),
    lambda mock: mock.snapshot(),
]


def hammer(mock: KlingMock, use: Callable[[KlingMock], object], seen: Counter[str]) -> None:
    """Use a handle until the server is gone; count what happened."""
    while mock._thread.state != "stopped":
        try:
            use(mock)
        except KeyError:
            seen["served"] += 1  # the task does not exist
        except RuntimeError:
            seen["refused"] += 1
            return
        else:
            seen["served"] += 1


def stop_under_load(mock: KlingMock) -> tuple[int, Counter[str]]:
    """Return how many of the threads hang after a stop, and what the others saw."""
    seen = Counter[str]()
    threads = [threading.Thread(target=hammer, args=(mock, use, seen), daemon=True) for use in USES]
    mock.start()
    for thread in threads:
        thread.start()
    while seen["served"] < len(USES):
        pass
    mock.stop()
    for thread in threads:
        thread.join(10)
    return sum(thread.is_alive() for thread in threads), seen


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_handle_hangs_when_the_server_stops(capsys: pytest.CaptureFixture[str]) -> None:
    """Each call in that moment succeeds or raises."""
    total = Counter[str]()
    for _ in range(STOPS):
        hanging, seen = stop_under_load(KlingMock())
        assert hanging == 0
        total += seen
    with capsys.disabled():
        figures = f"{STOPS} stops, {total['served']} calls, {total['refused']} refused: 0 hang"
        sys.stdout.write(f"\n{figures}\n" * FULL)
    assert total["refused"] > 0
