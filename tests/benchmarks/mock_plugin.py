"""The cost of the pytest plugin for a run that does not use it.

`python -m tests.benchmarks.mock_plugin ROUNDS` runs pytest again and again in one process: the
start of the interpreter and of pytest itself, a hundred times what is measured here, is then
paid once. Whatever a run has loaded is unloaded after it, so that the next one loads it again.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import ROOT, Cost, Rounds, cost_of, take_turns

EMPTY: Final = "a pytest run of one empty test, with an empty plugin"
WITH: Final = f"{EMPTY.partition(',')[0]}, the plugin loaded"
EAGER: Final = f"{EMPTY.partition(',')[0]}, aiohttp loaded"  # what one that is not lazy would cost
SIDES: Final = {EMPTY: "empty_plugin", WITH: "_kling_mock_pytest", EAGER: "aiohttp"}


def run(*, quick: bool) -> Report:
    """Run pytest with and without the plugin, in turn, in a separate process."""
    # No other plugin: what is installed here is not what a user has.
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "tests.benchmarks.mock_plugin", "21" if quick else "101"]
    done = subprocess.run(command, check=True, cwd=ROOT, env=alone, capture_output=True, text=True)
    rounds = Rounds()
    for side, costs in json.loads(done.stdout).items():
        for cost in costs:
            rounds.add(side, Cost(*cost))
    gate = Gate(
        "plugin_unused_vs_empty",
        rounds.cpu_ratio(WITH, EMPTY),
        1.5,
        "<=",
        "x",
        "CPU time of a pytest run that loads the plugin and does not use it, against one that "
        "loads an empty plugin",
    )
    figures = [Figure(side, rounds.cpu(side) * 1e3, "ms", "of CPU, warm") for side in SIDES]
    added = rounds.cpu_added(WITH, EMPTY) * 1e3
    figures.append(Figure("what the plugin adds", added, "ms", "of CPU, warm"))
    return Report("mock", [gate], figures)


def _measure(rounds: int) -> Rounds:
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_empty.py"
        test.write_text("def test_nothing():\n    pass\n")
        (test.parent / f"{SIDES[EMPTY]}.py").touch()
        sys.path.insert(0, folder)
        once: dict[str, Callable[[], None]] = {
            side: partial(_pytest, test, plugin) for side, plugin in SIDES.items()
        }
        once[EMPTY]()
        loaded = frozenset(sys.modules) - {SIDES[EMPTY]}
        gc.freeze()  # pytest collects garbage itself: let it be the run's own

        def cost(side: str) -> Cost:
            spent = cost_of(once[side], 1)
            for name in sys.modules.keys() - loaded:
                del sys.modules[name]
            return spent

        measures = {side: partial(cost, side) for side in SIDES}
        eager = take_turns({EAGER: measures.pop(EAGER)}, 3)
        measured = take_turns(measures, rounds)
        measured.costs.update(eager.costs)
        return measured


def _pytest(test: Path, plugin: str) -> None:
    words = ["-q", "-p", "no:cacheprovider", "--rootdir", str(test.parent), "-p", plugin, str(test)]
    with contextlib.redirect_stdout(io.StringIO()):
        assert pytest.main(words) == 0


if __name__ == "__main__":
    json.dump(_measure(int(sys.argv[1])).costs, sys.stdout)
