"""The pytest plugin's entry point: it imports pytest only, so an unused plugin costs nothing.

What the fixtures need is in `kling_mock.testing`, and is loaded by the first test that uses one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kling_mock import KlingMock, KlingReceiver, RecordedKling
    from kling_mock.testing.plugin import Plugin
    from kling_sdk import AsyncKling, Kling

_FIXTURES = frozenset(
    ["async_kling", "kling", "kling_mock", "kling_mock_server", "kling_receiver", "kling_relay"]
)
_MARKER = (
    "kling_mock(clock='manual', seed=None, strict=True, faults=(), journal_size=2000, "
    "unused_faults='report', ignored_fields='note', unexpected_notes=('unknown',)): settings of "
    "the emulated Kling in this test; clock is 'manual', 'real' or a speed, faults are kinds or "
    "mappings, unused ones are in the report or 'fail', ignored fields are noted or 'refuse'd."
)
_RECORDING = (
    "kling_recording(file, strict=True): the recorded session that kling_recorded plays back; the "
    "file is relative to the test's folder. A request that was not recorded fails the test, unless "
    "strict is False."
)

_MOST_LATE = 100  # lines
_LATE = (
    "Kling refuses such calls, so the run has failed. End what a test starts before the test ends; "
    "a test that means them: @pytest.mark.kling_mock(strict=False)"
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
        "what a fault does that never happened: report or fail",
        default="report",
    )
    parser.addini(
        "kling_mock_ignored_fields",
        "what becomes of keys that Kling ignores: note or refuse",
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
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_LateCalls(), "kling_mock_late_calls")


class _LateCalls:
    """Fails a run in which a test made unexpected calls after its end.

    Its verdict has been given by then, and no other test is to blame.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        late: list[str] = getattr(report, "kling_mock_late", [])
        self._texts += [f"{text}; {report.nodeid} ran" for text in late]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._texts and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
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
    if not _FIXTURES.isdisjoint(names) or item.get_closest_marker("kling_mock") is not None:
        _plugin(item.config).begin(item)


@pytest.fixture
def kling_mock(request: pytest.FixtureRequest) -> Iterator[KlingMock]:
    """An emulated Kling of this test's own, running; see docs/testing.md."""
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
