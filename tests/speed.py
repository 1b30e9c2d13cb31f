"""Which tests are slow: marked by what they use, or by hand; a forgotten mark is reported.

`-m "not slow"` selects the tests that need no database server and take less than about 0.3 s.
A test that uses a server is marked here, by its fixtures and parameters. Others, which start
processes, decode videos or run for long, have `@pytest.mark.slow`, or a `pytestmark` in their
file. With `--slow-after SECONDS`, a run that has an unmarked test which took longer names it and
fails; `KLING_TESTS_SLOW_AFTER` is the same for a command that cannot be changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from tests.mock.storage.databases import Uses

#: Fixtures that make a database on a server, unless they are given a parameter that says where.
SERVER_FIXTURES = frozenset({"mysql", "postgres", "session"})
SERVERS = ("mariadb", "mysql", "postgres")


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
        help="fail if a test that is not marked slow takes longer than this",
    )


def pytest_configure(config: pytest.Config) -> None:
    limit = config.getoption("--slow-after")
    if limit is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Stopwatch(limit), "slow-after")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        case = getattr(item, "callspec", None)
        if uses_server(getattr(item, "fixturenames", ()), case.params if case else {}):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let a server be used by tests that are marked slow only."""
    Uses.allowed = item.get_closest_marker("slow") is not None
    try:
        return (yield)
    finally:
        Uses.allowed = True


class Stopwatch:
    """Adds up how long each unmarked test took, and fails the run if one took too long."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._seconds: dict[str, float] = {}

    @property
    def late(self) -> list[tuple[str, float]]:
        over = [(name, took) for name, took in self._seconds.items() if took > self._limit]
        return sorted(over, key=lambda one: -one[1])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "slow" not in report.keywords:
            before = self._seconds.get(report.nodeid, 0.0)
            self._seconds[report.nodeid] = before + report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.late and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.late:
            terminalreporter.section(f"not marked slow, and longer than {self._limit:g} s")
            for name, took in self.late:
                terminalreporter.line(f"{took:.2f} s  {name}")
            terminalreporter.line("Make them faster, or mark them: @pytest.mark.slow")
