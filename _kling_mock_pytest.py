"""The pytest plugin's entry point: it imports pytest only, so an unused plugin costs nothing.

What the fixtures need is in `kling_mock.testing`, and is loaded by the first test that uses one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kling_mock import KlingMock
    from kling_mock.testing.plugin import Plugin
    from kling_sdk import AsyncKling, Kling

_FIXTURES = frozenset({"async_kling", "kling", "kling_mock", "kling_mock_server", "kling_relay"})
_MARKER = (
    "kling_mock(clock='manual', seed=None, strict=True, faults=(), journal_size=2000, "
    "unused_faults='report'): settings of the emulated Kling in this test; clock is 'manual', "
    "'real' or a speed, faults are kinds or mappings, unused ones are in the report or 'fail'."
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
        "kling_mock_journal_lines", "lines of calls in the report of a failed test", default="20"
    )
    parser.addini(
        "kling_mock_journal_size",
        "how many requests the journal of the emulated Kling keeps",
        default="2000",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", _MARKER)


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


def _plugin(config: pytest.Config) -> Plugin:
    from kling_mock.testing.plugin import plugin_of  # only now that a test needs it

    return plugin_of(config)


def _server(request: pytest.FixtureRequest) -> KlingMock:
    used = request.fixturenames
    shared = "kling_mock_server" in used and "kling_mock" not in used
    mock: KlingMock = request.getfixturevalue("kling_mock_server" if shared else "kling_mock")
    return mock
