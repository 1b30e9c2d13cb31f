"""Tests as docs/testing.md has them: right ones pass in any order, and each bug of the app fails.

With KLING_PROOF_SIZE=full in 20 random orders, and with all bugs; else with every fourth of them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.proof import orders_suite, shop_suite
from tests.proof.shop_suite import Pair, run_suite, write_suite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

FULL = os.environ.get("KLING_PROOF_SIZE") == "full"
SEEDS = range(20 if FULL else 1)
ON_WORKERS = 2  # orders that are also run on several workers
PAIRS = {"shop": shop_suite.PAIR, "orders": orders_suite.PAIR}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return PAIRS[request.param]


@pytest.fixture
def folder(tmp_path: Path, pair: Pair) -> Path:
    write_suite(tmp_path, pair)
    return tmp_path


def test_right_tests_pass_in_any_order(folder: Path, pair: Pair) -> None:
    """They pass in all styles, without configuration, alone and on several workers."""
    for seed in SEEDS:
        alone: tuple[str, ...] = ()
        for workers in (alone, ("-p", "xdist", "-n", "2"))[: 2 if seed < ON_WORKERS else 1]:
            order = ("-p", "randomly", f"--randomly-seed={seed}")
            status, output = run_suite(folder, "-q", *order, *workers)
            assert status == 0, output
            assert f"{pair.tests} passed" in output
            assert pair.message in output


@pytest.mark.parametrize("library", ["freezegun", "time-machine"])
@pytest.mark.parametrize("when", ["at first", "in the test"])
def test_right_tests_pass_while_time_is_frozen(
    folder: Path, pair: Pair, library: str, when: str
) -> None:
    """The freeze may come after any import and any start of a server."""
    for seed in SEEDS[:: 4 if FULL else 1]:
        order = ("-p", "randomly", f"--randomly-seed={seed}")
        status, output = run_suite(folder, "-q", *order, APP_FROZEN=f"{library} {when}")
        assert (status, f"{pair.tests} passed" in output) == (0, True), output


def test_right_tests_pass_when_they_are_tried_again(folder: Path, pair: Pair) -> None:
    """What the first try has left does not reach the second one."""
    for seed in SEEDS[:: 4 if FULL else 1]:
        options = ("-p", "randomly", f"--randomly-seed={seed}", "-p", "rerunfailures")
        status, output = run_suite(folder, "-q", *options, "--reruns=1", APP_FLAKY="yes")
        assert (status, f"{pair.tests} passed, {pair.tests} rerun" in output) == (0, True), output


def test_each_fails_against_a_broken_app(folder: Path, pair: Pair) -> None:
    """No test passes because it asserts nothing."""
    status, output = run_suite(folder, "-q", "--tb=no", bug="does nothing")
    assert status == 1
    assert re.search(rf"\n{pair.tests} failed", output), output[-3000:]


def test_every_bug_of_an_app_is_noticed(folder: Path, pair: Pair) -> None:
    """Sync and async tests notice it, and the report names what was wrong."""
    assert len(pair.bugs) >= 10
    missed: list[str] = []
    for bug in [*pair.bugs][:: 1 if FULL else 4]:
        for kind in ("not async and not loop", "async"):
            status, output = run_suite(folder, "-q", "-k", kind, bug=bug)
            if status != 1 or pair.bugs[bug] not in output:
                missed.append(f"{bug} ({kind}): {status}\n{output[-2000:]}")
    assert not missed, "\n\n".join(missed)
