"""The pytest plugin's entry point: it imports pytest only, so an unused plugin costs nothing.

What the fixtures need is in `kling_mock.testing`, and is loaded by the first test that uses one.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kling_mock import KlingMock, KlingReceiver, RecordedKling
    from kling_mock.testing.plugin import Plugin
    from kling_sdk import AsyncKling, Kling

_FIXTURES = frozenset(
    ["async_kling", "kling", "kling_mock", "kling_mock_server", "kling_receiver", "kling_relay"]
)
_SERVERS = "kling_mock.server.mock"  # the module that has them: loaded with the first one
#: The name of the plugin that the first test with a server registers.
PLUGIN = "kling_mock_servers"
_MARKER = (
    "kling_mock(clock='manual', seed=None, strict=True, faults=(), journal_size=2000, "
    "unused_faults='report', undelivered='answered', ignored_fields='note', "
    "unexpected_notes=('unknown',), refused='fail'): settings of the emulated Kling in this test; "
    "clock is 'manual', 'real' or a speed, faults are kinds or mappings, unused ones are in the "
    "report or 'fail', callbacks that were not taken fail if they were 'answered', or 'fail' or "
    "'report', ignored fields are noted or 'refuse'd, requests that are refused 'fail' the test "
    "unless it asserts them, or are in the report."
)
_RECORDING = (
    "kling_recording(file, strict=True): the recorded session that kling_recorded plays back; the "
    "file is relative to the test's folder. A request that was not recorded fails the test, unless "
    "strict is False."
)

#: Standard error before it is captured, of this run and of those that it is inside of: what hangs
#: a test must be said at once, and not when the test has ended.
STDERR: list[int] = []
_MOST_LATE = 100  # lines
_MOST_PASSED_OVER = 20  # lines
#: How many runs of pytest there are in this process, one inside the other. Servers ask for it.
runs = 0
_LATE = (
    "Kling refuses such calls, so the run has failed. End what a test starts before the test ends. "
    "If a test makes them on purpose: @pytest.mark.kling_mock(strict=False)"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings of the ini file."""
    parser.addini(
        "kling_mock_clock", "clock of the emulated Kling: manual, real or a speed", default="manual"
    )
    parser.addini(
        "kling_mock_seed",
        "seed of the emulated Kling; empty: made from the test's name",
        default="",
    )
    parser.addini(
        "kling_mock_strict",
        "whether a call that Kling would not know fails the test",
        type="bool",
        default=True,
    )
    parser.addini(
        "kling_mock_unused_faults",
        "the effect of a fault or rule that never happened: report or fail",
        default="report",
    )
    parser.addini(
        "kling_mock_undelivered",
        "which callbacks that were not taken fail the test: answered, fail or report",
        default="answered",
    )
    parser.addini(
        "kling_mock_refused",
        "the effect of requests that were refused and not asserted: fail or report",
        default="fail",
    )
    parser.addini(
        "kling_mock_ignored_fields",
        "how to treat keys that Kling ignores: note or refuse",
        default="note",
    )
    parser.addini(
        "kling_mock_unexpected_notes",
        "kinds of notes that make a call unexpected: unknown, inapplicable, coerced, refused",
        default="unknown",
    )
    parser.addini(
        "kling_mock_journal_lines", "lines of calls in the report of a failed test", default="20"
    )
    parser.addini(
        "kling_mock_journal_size",
        "how many requests the journal of the emulated Kling keeps",
        default="2000",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and collect late calls where reports arrive."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", _RECORDING)
    with contextlib.suppress(OSError):  # it is closed
        STDERR.append(os.dup(2))
        config.add_cleanup(lambda: os.close(STDERR.pop()))
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Summary(), "kling_mock_summary")
    global runs  # noqa: PLW0603 - of the process
    runs += 1


def pytest_unconfigure() -> None:
    """End the run."""
    global runs  # noqa: PLW0603 - of the process
    runs -= 1


class _Summary:
    """Fails a run with unexpected calls after the end of a test, and says what it has passed over.

    The verdict on the test has been given by then, and no other test is to blame.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._passed_over: list[str] = []
        self._advice: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        late: list[str] = getattr(report, "kling_mock_late", [])
        self._texts += [f"{text}; {report.nodeid} ran" for text in late]
        passed_over: list[str] = getattr(report, "kling_mock_passed_over", [])
        for text in passed_over:
            line, _, advice = text.partition("; @")
            self._passed_over.append(f"{report.nodeid}: {line}")
            if advice:
                self._advice[f"@{advice}"] = None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._texts and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._passed_over:
            terminalreporter.section("kling_mock: what did not happen in tests that passed")
            for text in self._passed_over[:_MOST_PASSED_OVER]:
                terminalreporter.line(text)
            if len(self._passed_over) > _MOST_PASSED_OVER:
                more = len(self._passed_over) - _MOST_PASSED_OVER
                terminalreporter.line(f"... and {more} more")
            for advice in self._advice:
                terminalreporter.line(advice)
        if self._texts:
            terminalreporter.section("kling_mock: unexpected calls of tests that had ended")
            for text in self._texts[:_MOST_LATE]:
                terminalreporter.line(text)
            if len(self._texts) > _MOST_LATE:
                terminalreporter.line(f"... and {len(self._texts) - _MOST_LATE} more")
            terminalreporter.line(_LATE)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Read the settings of a test before its fixtures are set up."""
    names = getattr(item, "fixturenames", ())
    is_used = not _FIXTURES.isdisjoint(names) or item.get_closest_marker("kling_mock") is not None
    if is_used or _SERVERS in sys.modules:
        _plugin(item.config).begin(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge the test that was the first to import a server; see `kling_mock.testing`."""
    if item.config.pluginmanager.has_plugin(PLUGIN):
        return (yield)  # which judges it
    result = yield
    if _SERVERS in sys.modules:
        _plugin(item.config).judge_first(item)
    return result


@pytest.fixture
def kling_mock(request: pytest.FixtureRequest) -> Iterator[KlingMock]:
    """This test's own emulated Kling, running; see docs/testing.md."""
    with _plugin(request.config).fresh(request.node) as mock:
        yield mock


@pytest.fixture(scope="session")
def kling_mock_server(pytestconfig: pytest.Config) -> Iterator[KlingMock]:
    """An emulated Kling that keeps its address; what is in it is forgotten after each test."""
    with _plugin(pytestconfig).shared() as mock:
        yield mock


@pytest.fixture
def kling(request: pytest.FixtureRequest) -> Iterator[Kling]:
    """A client of `kling_mock`, or of `kling_mock_server` in a test that uses only that."""
    with _server(request).client() as client:
        yield client


@pytest.fixture
def kling_relay(request: pytest.FixtureRequest) -> Iterator[Kling]:
    """A client of the relay in front of the same server; the money is in `kling_mock.ledger`."""
    with _server(request).relay_client() as client:
        yield client


@pytest.fixture
def async_kling(request: pytest.FixtureRequest) -> AsyncKling:
    """The async client; it keeps no connection open, so it need not be closed."""
    return _plugin(request.config).async_client(request, _server(request))


@pytest.fixture
def kling_receiver(request: pytest.FixtureRequest) -> Iterator[KlingReceiver]:
    """A server that takes, verifies and lists the callbacks of the same server."""
    mock = _server(request)
    from kling_mock import KlingReceiver

    with KlingReceiver(mock) as receiver:
        yield receiver


@pytest.fixture
def kling_recorded(request: pytest.FixtureRequest) -> Iterator[RecordedKling]:
    """The session of the marker `kling_recording`, played back; see docs/recording.md."""
    try:
        from kling_mock.testing.recorded import recorded_of
    except ImportError as error:  # the extra is not installed
        from kling_mock import MISSING_EXTRA

        raise pytest.fail.Exception(MISSING_EXTRA, pytrace=False) from error

    with recorded_of(request.node) as recorded:
        yield recorded


def _plugin(config: pytest.Config) -> Plugin:
    from kling_mock.testing.plugin import plugin_of  # only now that a test needs it

    return plugin_of(config)


def _server(request: pytest.FixtureRequest) -> KlingMock:
    used = request.fixturenames
    shared = "kling_mock_server" in used and "kling_mock" not in used
    mock: KlingMock = request.getfixturevalue("kling_mock_server" if shared else "kling_mock")
    return mock
