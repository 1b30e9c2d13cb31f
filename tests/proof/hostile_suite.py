"""A suite of 30 tests as a careless app has it, its run under xdist, and the verdict on the run.

Some tests fail on purpose, each for one cause; some leave things behind that others could trip
over. All others are innocent: they must pass, whatever ran before them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import attrs

ROOT: Final = Path(__file__).parents[2]
#: Warnings are not errors: a client that one test leaves behind is collected during another one.
INI: Final = """
[pytest]
addopts = --strict-markers -p no:cacheprovider
asyncio_default_fixture_loop_scope = function
"""
PLUGINS: Final = ("kling_mock", "asyncio", "xdist", "randomly")
CRASH: Final = "test_that_kills_its_worker"
LEAKS: Final = "test_that_leaves_a_thread_that_calls"  # late, and unexpected
#: Tests that fail on purpose, and what must stand in their report.
CAUSES: Final = {
    "test_unexpected_call": "1 call unexpected:",
    "test_unexpected_call_on_the_shared_server": "1 call unexpected:",
    "test_unexpected_call_in_teardown": "1 call unexpected:",
    "test_unused_fault": "faults that never happened:",
    "test_busy_poll": "times while the mock's clock stood still.",
    "test_wrong_assertion": "expected 2 calls of POST *, there was 1",
    "test_forgetful_journal": "it cannot be known whether there was no call of",
    CRASH: "crashed while running",
}

#: Writes down every report where all arrive, as JSON.
CONFTEST: Final = """
import json
import os

def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    text = "\\n".join([report.longreprtext, *(body for _, body in report.sections)])
    line = {"test": report.nodeid, "when": report.when, "outcome": report.outcome, "text": text}
    with open(os.environ["REPORTS"], "a") as file:
        file.write(json.dumps(line) + "\\n")
"""

SUITE: Final = '''
import os
import threading
import time

import httpx
import pytest

from kling_mock import KlingMock
from kling_sdk import TextToVideo

WRONG = "/v1/video/text2video"
RIGHT = "POST /v1/videos/text2video"


def call(url):
    """Make a call that Kling does not know, and swallow the error."""
    try:
        httpx.post(url + WRONG, json={}, trust_env=False)
    except httpx.TransportError:
        pass


# ---- left behind

def leave_waiting(mock, kling):
    mock.progress.add("stuck")
    threading.Thread(target=waits, args=[kling], daemon=True).start()
    while not mock.account.open_tasks:
        time.sleep(0)


def waits(kling):
    try:
        kling.text2video.run(prompt="never")
    except Exception:
        pass


def test_that_leaves_an_open_wait(kling_mock, kling):
    leave_waiting(kling_mock, kling)


def test_that_leaves_an_open_wait_on_the_shared_server(kling_mock_server):
    leave_waiting(kling_mock_server, kling_mock_server.client())


def calls(url):
    pause = threading.Event()
    own = "test_app.py::test_that_leaves_a_thread_that_calls"
    while os.environ.get("PYTEST_CURRENT_TEST", own).startswith(own):
        pause.wait(0.01)
    for _ in range(100):
        call(url)
        pause.wait(0.02)


def test_that_leaves_a_thread_that_calls(kling_mock_server):
    threading.Thread(target=calls, args=[kling_mock_server.kling_url], daemon=True).start()


def test_that_kills_its_worker(kling_mock_server, kling):
    kling.text2video.create(prompt="a kitten")
    os._exit(3)


def test_that_leaves_a_fault_that_hangs(kling_mock_server):
    kling_mock_server.faults.add("hang", "GET *", seconds=60)
    kling_mock_server.account.slots = 1


# ---- fail on purpose

def test_unexpected_call(kling_mock):
    call(kling_mock.kling_url)


def test_unexpected_call_on_the_shared_server(kling_mock_server):
    with httpx.Client(trust_env=False) as http:
        http.post(kling_mock_server.kling_url + WRONG, json={})


@pytest.fixture
def app(kling_mock_server):
    yield
    call(kling_mock_server.kling_url)


def test_unexpected_call_in_teardown(app):
    pass


@pytest.mark.kling_mock(faults=["reset"], unused_faults="fail")
def test_unused_fault(kling_mock):
    pass


def test_busy_poll(kling_mock, kling):
    task = kling.text2video.create(prompt="a kitten")
    for _ in range(40):
        if kling.text2video.get(task.task_id).is_done:
            return
        time.sleep(0)
    raise TimeoutError("the video did not come")


def test_wrong_assertion(kling_mock, kling):
    kling.text2video.create(prompt="a kitten")
    kling_mock.journal.assert_called("POST *", times=2)


@pytest.mark.kling_mock(journal_size=5)
def test_forgetful_journal(kling_mock, kling):
    for number in range(9):
        kling.text2video.create(prompt="a kitten", external_task_id=f"order-{number}")
        kling_mock.clock.advance(600)
    kling_mock.journal.assert_not_called(RIGHT, external_task_id="order-0")


# ---- innocent

def test_proxies_are_set():
    assert os.environ["HTTP_PROXY"] == os.environ["ALL_PROXY"] == "http://127.0.0.1:9"


@pytest.mark.parametrize("number", range(3))
def test_run(kling, kling_mock, number):
    assert kling.text2video.run(prompt="a kitten").is_succeed
    kling_mock.journal.assert_called(RIGHT, times=1)


@pytest.mark.parametrize("number", range(4))
def test_shared(kling, kling_mock_server, number):
    assert kling_mock_server.account.open_tasks == 0
    assert kling.text2video.run(prompt="a kitten", external_task_id="mine").is_succeed
    kling_mock_server.journal.assert_called(RIGHT, times=1)


def test_relay(kling_relay, kling_mock):
    assert kling_relay.text2video.run(prompt="a kitten").is_succeed
    kling_mock.ledger.assert_balanced()


def test_relay_of_the_shared_server(kling_relay, kling_mock_server):
    assert kling_relay.text2video.run(prompt="a kitten").is_succeed
    kling_mock_server.ledger.assert_balanced()


@pytest.mark.parametrize("server", ["kling_mock", "kling_mock_server"])
@pytest.mark.asyncio
async def test_async(request, async_kling, server):
    mock = request.getfixturevalue(server)
    task = await async_kling.text2video.create(prompt="a kitten")
    await mock.clock.aadvance(1800)
    assert mock.kling_url
    assert mock.clock.now() > 0
    assert task.task_id


def test_faults(kling, kling_mock_server):
    kling_mock_server.faults.add("response-lost", "POST *", times=1)
    kling.text2video.create(prompt="a kitten")
    assert kling_mock_server.account.open_tasks == 1


def test_snapshot(kling, kling_mock):
    task = kling.text2video.create(prompt="a kitten")
    kept = kling_mock.snapshot()
    kling_mock.clock.advance(1800)
    kling_mock.restore(kept)
    assert not kling.text2video.get(task.task_id).is_done


def test_many(kling, kling_mock_server):
    outcomes = kling.run_many([TextToVideo(prompt=f"kitten {n}") for n in range(5)])
    assert all(outcome.task.is_succeed for outcome in outcomes)


def test_own_server():
    with KlingMock() as mock, mock.client() as kling:
        assert kling.text2video.run(prompt="a kitten").is_succeed
        mock.journal.assert_no_unexpected()


def test_download(kling, kling_mock, tmp_path):
    task = kling.text2video.run(prompt="a kitten")
    assert kling.download(task.videos[0], tmp_path).size > 1000


def test_nothing_of_it():
    pass
'''
INNOCENT: Final = 18
LEFT_BEHIND: Final = 4  # innocent themselves


class Report(NamedTuple):
    """One report of pytest: a phase of a test, or its crash."""

    when: str
    outcome: str
    text: str


@attrs.frozen
class Run:
    """The results of a run of the suite.

    Attributes:
        seed: The seed of its order.
        hangs: Whether it was not over within its time limit.
        output: What pytest printed.
        reports: The reports of each test.
    """

    seed: int
    hangs: bool
    output: str
    reports: Mapping[str, list[Report]]

    @property
    def late(self) -> list[str]:
        """The lines on calls of tests that had ended."""
        return [line for line in self.output.splitlines() if "; it came from " in line]


def write_suite(folder: Path, suite: str = SUITE, conftest: str = "") -> None:
    """Write the suite: its tests, settings and the writer of reports, before *conftest*."""
    (folder / "pytest.ini").write_text(INI)
    (folder / "conftest.py").write_text(CONFTEST + conftest)
    (folder / "test_app.py").write_text(suite)


def run_suite(folder: Path, seed: int, limit: float, *options: str) -> Run:
    """Run the suite that is in *folder*.

    Args:
        folder: Where it is.
        seed: The seed of its order.
        limit: Seconds of real time until it counts as hanging.
        options: More options of pytest.
    """
    reports = folder / f"reports-{seed}.jsonl"
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYT")},
        **proxies,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(folder / "pycache"),  # written once for all runs
        "REPORTS": str(reports),
    }
    plugins = [word for name in PLUGINS for word in ("-p", name)]
    command = [sys.executable, "-m", "pytest", *plugins, "-n", "4", f"--randomly-seed={seed}"]
    with subprocess.Popen(
        [*command, *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)  # its workers, too
            output, _ = process.communicate()
            return Run(seed, hangs=True, output=output, reports={})
    by_test: dict[str, list[Report]] = defaultdict(list)
    for line in reports.read_text("utf-8").splitlines() if reports.exists() else ():
        row: dict[str, Any] = json.loads(line)
        name = row.pop("test").partition("::")[2]
        by_test[name].append(Report(**row))
    return Run(seed, hangs=False, output=output, reports=dict(by_test))


def faults_of(run: Run) -> list[str]:
    """Return what is wrong with a run: a hang, a failure that is not its test's own, or nothing."""
    if run.hangs:
        return [f"seed {run.seed}: it hangs"]
    wrong: list[str] = []
    for name, reports in run.reports.items():
        failed = [report for report in reports if report.outcome == "failed"]
        cause = CAUSES.get(name)
        if cause is None and failed:
            wrong.append(f"innocent {name} fails: {failed[0].text[-3000:]}")
        elif cause is None and not any(report.when == "call" for report in reports):
            wrong.append(f"innocent {name} did not run")
        elif cause is not None:
            if len(failed) != 1:
                wrong.append(f"{name} has {len(failed)} failures")
            wrong += [
                f"{name} does not name its cause: {report.text[-3000:]}"
                for report in failed
                if cause not in report.text
            ]
    expected = INNOCENT + LEFT_BEHIND + len(CAUSES)
    if len(run.reports) != expected:
        wrong.append(f"{len(run.reports)} tests of {expected} have reports")
    # A client that has given up on a busy computer has no known owner.
    named = [line for line in run.late if "it came from a test that is not known" not in line]
    wrong += [f"a late call names another test: {line}" for line in named if LEAKS not in line]
    return [f"seed {run.seed}: {fault}" for fault in wrong]
