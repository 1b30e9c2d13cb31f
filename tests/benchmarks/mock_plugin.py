"""What the pytest plugin costs a run that does not use it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import ROOT, Cost, take_turns

__all__ = ["run"]

WITHOUT: Final = "pytest with one empty test"
WITH: Final = f"{WITHOUT}, the plugin loaded"


def run(*, quick: bool) -> Report:
    """Run pytest in processes of its own, with and without the plugin, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_empty.py"
        test.write_text("def test_nothing():\n    pass\n")
        sides: dict[str, Callable[[], Cost]] = {
            WITHOUT: lambda: _pytest(test),
            WITH: lambda: _pytest(test, "-p", "_kling_mock_pytest"),
        }
        rounds = take_turns(sides, 11 if quick else 61)
    added = rounds.cpu_added(WITH, WITHOUT)
    gate = Gate(
        "plugin_unused_ms",
        added * 1e3,
        5,
        "<=",
        "ms",
        "CPU time that the plugin adds to a pytest run that does not use it",
    )
    return Report(
        "mock", [gate], [Figure(side, rounds.cpu(side) * 1e3, "ms") for side in (WITHOUT, WITH)]
    )


def _pytest(test: Path, *options: str) -> Cost:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(test)]
    # No other plugin: what is installed here is not what a user has.
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env=alone, cwd=test.parent, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - wall, cpu)
