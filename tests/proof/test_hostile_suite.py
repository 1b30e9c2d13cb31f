"""A suite that fails on purpose, leaks and crashes, in random order on four workers.

Every failure names its own cause, nothing hangs, and no innocent test fails.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from tests.proof.hostile_suite import CAUSES, LEAKS, SUITE, faults_of, run_suite, write_suite

pytestmark = pytest.mark.slow

RUNS: Final = 200 if os.environ.get("KLING_PROOF_SIZE") == "full" else 1
LIMIT: Final = 120  # seconds of real time for a run, which takes about five
#: A plugin as this one was: every call is of the test that runs.
BLAMES: Final = """
from kling_mock.web.origins import Origins
Origins.late_call = lambda *_, **__: None
"""
HANGS: Final = """
def test_that_hangs():
    __import__("threading").Event().wait()
"""


def test_every_failure_names_its_own_cause_and_no_innocent_test_fails(tmp_path: Path) -> None:
    """In any order, 8 tests fail for their cause, 22 pass, and none waits forever."""
    write_suite(tmp_path)
    wrong: list[str] = []
    late = 0
    for seed in range(1, RUNS + 1):
        run = run_suite(tmp_path, seed, LIMIT)
        faults = faults_of(run)
        late += bool(run.late)
        wrong += faults
        if faults:  # pytest's output says where a worker crashed
            print(f"\nsuite: seed {seed}\n" + "\n".join([*faults, run.output]))  # noqa: T201 - the seed to repeat
    print(  # noqa: T201 - the figure
        f"\nsuite: {RUNS} runs, seeds 1 to {RUNS}: {len(CAUSES)} tests fail on purpose in each, "
        f"{len(wrong)} faults; {late} runs show late calls"
    )
    assert wrong == []


def test_the_check_catches_a_plugin_that_blames_the_test_that_runs(tmp_path: Path) -> None:
    """Control: without the origin of calls, an innocent test fails for another's thread."""
    write_suite(tmp_path, conftest=BLAMES)
    first = [f"test_app.py::{LEAKS}", *(f"test_app.py::test_shared[{n}]" for n in range(4))]
    run = run_suite(tmp_path, 1, LIMIT, "--randomly-dont-reorganize", "-n", "1", *first)
    assert any("innocent test_shared" in fault and "call" in fault for fault in faults_of(run))


def test_the_check_catches_a_hang(tmp_path: Path) -> None:
    """Control: a run that does not end is stopped at its limit, and is a fault."""
    write_suite(tmp_path, HANGS)
    run = run_suite(tmp_path, 1, 5, "-n", "1")
    assert faults_of(run) == ["seed 1: it hangs"]


def test_the_check_catches_a_failure_without_its_cause(tmp_path: Path) -> None:
    """Control: a test that fails for another reason than it should is a fault."""
    write_suite(tmp_path, SUITE.replace("call(kling_mock.kling_url)", "assert 0"))
    run = run_suite(tmp_path, 1, LIMIT, "-n", "1", "test_app.py::test_unexpected_call")
    assert any("test_unexpected_call does not name its cause" in fault for fault in faults_of(run))
