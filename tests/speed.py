"""Slow tests: marked by what they use, or by hand; a forgotten mark is reported.

A test that uses a database server is marked here, by its fixtures and parameters. Others, which
start processes, decode videos, run for long or need more than the extra `test`, have
`@pytest.mark.slow`, or a `pytestmark` in their file. `pytest` leaves them out, and says how many,
unless their file or id is on the command line, or `-m` says which tests to run (`-m ""`: all).

With `--slow-after SECONDS`, a run that has an unmarked test which took more CPU time names it and
fails; `KLING_TESTS_SLOW_AFTER` is the same for a command that cannot be changed. `--folder-times`
shows what each folder took.
"""

from __future__ import annotations

import os
import shlex
import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.mock.relay.storage.databases import Uses

#: Fixtures that make a database on a server, unless they are given a parameter that says where.
SERVER_FIXTURES = frozenset({"mysql", "postgres", "session"})
SERVERS = ("mariadb", "mysql", "postgres")
#: The command that runs every test.
ALL_TESTS = "nox -s tests"


def uses_server(fixtures: Iterable[str], parameters: Mapping[str, Any]) -> bool:
    """Return whether a test needs a database server.

    Args:
        fixtures: The names of its fixtures.
        parameters: Its case, by the names of arguments and fixtures. A text, class or function
            whose name begins with a server's means that server.
    """
    return any(name in SERVER_FIXTURES and name not in parameters for name in fixtures) or any(
        map(_names_server, parameters.values())
    )


def _names_server(value: Any) -> bool:
    # A URL may be only read, and a member of an enumeration is a dialect: neither is a server.
    name = value if type(value) is str else getattr(value, "__name__", "")
    is_url = "://" in str(name)
    return not is_url and str(name).lower().lstrip("_").startswith(SERVERS)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--slow-after",
        type=float,
        default=os.environ.get("KLING_TESTS_SLOW_AFTER"),
        metavar="SECONDS",
        help="fail if a test that is not marked slow takes more CPU time than this",
    )
    parser.addoption(
        "--folder-times",
        action="store_true",
        help="show the tests, CPU seconds and seconds of each folder",
    )


def pytest_configure(config: pytest.Config) -> None:
    words = [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *config.invocation_params.args]
    if not config.getoption("-m") and "-m" not in words:
        config.pluginmanager.register(FastPart(config), "fast-part")
    limit = config.getoption("--slow-after")
    if limit is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Stopwatch(limit), "slow-after")
    if config.getoption("--folder-times") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(FolderTimes(), "folder-times")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        case = getattr(item, "callspec", None)
        if uses_server(getattr(item, "fixturenames", ()), case.params if case else {}):
            item.add_marker(pytest.mark.slow)


_began = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let a server be used by tests that are marked slow only."""
    Uses.allowed = item.get_closest_marker("slow") is not None
    item.stash[_began] = _cpu_seconds()
    try:
        return (yield)
    finally:
        Uses.allowed = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Note the CPU time of the test: its duration depends on how busy the machine is."""
    report = yield
    if call.when == "teardown":  # an attribute is sent to xdist's controller
        report.cpu_seconds = _cpu_seconds() - item.stash[_began]
    return report


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has started and that have ended."""
    return time.process_time() + sum(os.times()[2:4])


class FastPart:
    """Leaves out the slow tests that the command line does not name, and says how many.

    With xdist each worker does so; the controller, which collects nothing, has their number.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._left_out = 0

    @pytest.hookimpl(trylast=True)  # after what marks tests
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        folder = self._config.invocation_params.dir
        words = [word.partition("::") for word in self._config.args]
        named = [(Path(folder, file).resolve(), name) for file, _, name in words]
        left_out = [
            item
            for item in items
            if item.get_closest_marker("slow") and not any(_is_in(item, *place) for place in named)
        ]
        if left_out:
            self._left_out = len(left_out)
            self._config.hook.pytest_deselected(items=left_out)
            excluded = set(left_out)
            items[:] = [item for item in items if item not in excluded]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", None) or {}  # a worker that was killed has none
        self._left_out = max(self._left_out, output.get("left_out", 0))

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # outside of what prints the result
    def pytest_sessionfinish(self) -> Iterator[None]:
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["left_out"] = self._left_out
        yield
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal and self._left_out:
            tests = "slow test was" if self._left_out == 1 else "slow tests were"
            terminal.write_line(f"{self._left_out:,} {tests} not run; {ALL_TESTS} runs all.")


def _is_in(item: pytest.Item, file: Path, name: str) -> bool:
    """Return whether a test is in a file and, unless *name* is empty, has it or is a part of it."""
    test = item.nodeid.partition("::")[2]
    return item.path == file and (name in {"", test} or test.startswith((f"{name}::", f"{name}[")))


class Stopwatch:
    """Adds up the CPU time of each unmarked test, and fails the run if one took too much."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._seconds: dict[str, float] = {}

    @property
    def late(self) -> list[tuple[str, float]]:
        over = [(name, took) for name, took in self._seconds.items() if took > self._limit]
        return sorted(over, key=lambda timing: -timing[1])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "slow" not in report.keywords:  # the report of the teardown has the time
            self._seconds[report.nodeid] = getattr(report, "cpu_seconds", 0.0)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.late and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.late:
            terminalreporter.section(f"not marked slow, and above {self._limit:g} s of CPU time")
            for name, took in self.late:
                terminalreporter.line(f"{took:.2f} s  {name}")
            terminalreporter.line("Make them faster, or mark them: @pytest.mark.slow")


class FolderTimes:
    """Adds up what the tests of each folder took; time in servers that they start is not seen."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        cpu = getattr(report, "cpu_seconds", 0.0)  # in the report of the teardown
        row = self._rows["/".join(Path(report.nodeid.partition("::")[0]).parts[1:-1][:2])]
        for column, addend in enumerate((report.when == "setup", cpu, report.duration)):
            row[column] += addend

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("tests, CPU seconds and seconds of each folder")
        rows = sorted(self._rows.items(), key=lambda item: -item[1][1])
        sums = [sum(column) for column in zip(*self._rows.values(), strict=True)]
        for folder, (tests, cpu, wall) in [*rows, *([("together", sums)] if sums else [])]:
            terminalreporter.line(f"{tests:6,.0f} {cpu:8.1f} {wall:8.1f}  {folder or '.'}")
