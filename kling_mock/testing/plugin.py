"""The hooks and servers behind the fixtures; registered by the first test that uses one."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import pytest

from kling_mock.journal.notes import RetiredWarning
from kling_mock.testing.report import sections
from kling_mock.testing.settings import PluginSettings, of_ini, with_marker
from kling_mock.web.origins import ORIGINS, TestRun

if TYPE_CHECKING:
    from kling_mock import KlingMock
    from kling_sdk import AsyncKling

__all__ = ["Plugin", "plugin_of"]

_MEANT: Final = (
    "Kling refuses such calls, or ignores keys that it does not know. A test that means them: "
    "@pytest.mark.kling_mock(strict=False)"
)
_UNUSED: Final = (
    "What they were to test was not tested. A test that does not need them all: "
    "@pytest.mark.kling_mock(unused_faults='report')"
)
_TRIO: Final = (
    "async_kling: the async client needs asyncio's event loop, and this test runs in trio's. Run "
    "it with asyncio (anyio: a fixture anyio_backend that returns 'asyncio'), or use the sync "
    "client in a thread: await trio.to_thread.run_sync(...)."
)
_OF_A_SERVER: Final = ("clock", "seed", "journal_size", "ignored_fields", "unexpected_notes")
_SHARED: Final = (
    "the server of the fixture kling_mock_server is one for all tests, so a marker cannot set its "
    "{}; use the fixture kling_mock, or kling_mock_{} in the ini file"
)


@dataclass(slots=True)
class _Test:
    """What is known of the test that runs."""

    settings: PluginSettings
    fresh: list[KlingMock] = field(default_factory=list)
    #: How many unexpected calls of its own each server had when it was last asked.
    judged: dict[KlingMock, int] = field(default_factory=dict)


class Plugin:
    """The emulated Klings of one pytest run, or of one xdist worker."""

    def __init__(self, config: pytest.Config) -> None:
        try:
            self._defaults = of_ini(config.getini)
        except ValueError as error:
            raise _failed(str(error)) from None
        self._shared: KlingMock | None = None
        seed = self._defaults.seed
        self._shared_seed = crc32(b"kling_mock_server") if seed is None else seed
        self._faults = ""  # those of the test that runs
        self._around = ORIGINS.running  # of a run inside a test of another
        ORIGINS.unknown = TestRun(ORIGINS.unknown.name, self._defaults.strict)

    # ------------------------------------------------------------ for the fixtures

    def begin(self, item: pytest.Item) -> None:
        """Read the settings of a test, and make the shared server ready for it."""
        settings = self._test(item).settings
        running = ORIGINS.running
        if running is None or running.name != item.nodeid:  # the first one that uses a fixture
            running = TestRun(item.nodeid)
            ORIGINS.begin(running)
        running.strict = settings.strict
        names: Collection[str] = getattr(item, "fixturenames", ())
        if "kling_mock_server" in names:
            for name in _OF_A_SERVER:
                if getattr(settings, name) != getattr(self._defaults, name):
                    raise _failed(f"kling_mock: {_SHARED.format(name, name)}")
        # Also where no fixture names the shared server: it may be asked for later, or be called
        # by an app that an earlier test has started.
        self._faults = settings.faults
        if self._shared is not None:
            _load(self._shared, self._faults)

    @contextmanager
    def fresh(self, item: pytest.Item) -> Generator[KlingMock]:
        """Run a server for one test."""
        test = self._test(item)
        settings = test.settings
        with _make(settings, crc32(item.nodeid.encode("utf-8", "replace"))) as mock:
            test.fresh.append(mock)
            _load(mock, settings.faults)
            yield mock

    @contextmanager
    def shared(self) -> Generator[KlingMock]:
        """Run the server that tests share."""
        with _make(self._defaults, self._shared_seed) as mock:
            self._shared = mock
            _load(mock, self._faults)
            try:
                yield mock
            finally:
                self._shared = None

    def async_client(self, request: pytest.FixtureRequest, mock: KlingMock) -> AsyncKling:
        """Return a client of *mock* that closes each connection after its call.

        A fixture of a sync kind cannot close it in the test's event loop.
        """
        import httpx

        _refuse_trio(request)

        limits = httpx.Limits(max_keepalive_connections=0)
        tls = mock.ssl_context
        verify = True if tls is None else tls
        client = httpx.AsyncClient(limits=limits, trust_env=False, verify=verify)
        return mock.async_client(http_client=client)

    # ------------------------------------------------------------ hooks

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a test begins, whether it uses a fixture or not."""
        ORIGINS.begin(TestRun(nodeid, self._defaults.strict))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object]
    ) -> Generator[None, object, object]:
        """Let what a fixture of a wider scope starts belong to no single test."""
        if fixturedef.scope == "function":
            return (yield)
        with ORIGINS.for_no_test():
            return (yield)

    def pytest_unconfigure(self) -> None:
        """Give the process back to the test that this run was started in, if any."""
        if self._around is None:
            ORIGINS.stop()
        else:
            ORIGINS.begin(self._around)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Fail a test that has made unexpected calls, unless it has failed already."""
        result = yield
        test = self._test(item)
        servers = [mock for _, mock in self._servers(item)]
        for mock in servers:
            if test.settings.strict:
                self._check_calls(mock, test)
            if test.settings.unused_faults == "fail":
                try:
                    mock.faults.assert_used()
                except AssertionError as error:
                    raise _failed(f"{error}\n{_UNUSED}") from None
        _warn_of_retired(servers)  # last: where it is an error it would hide the others
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Fail the teardown if fixtures have made unexpected calls there."""
        test = self._test(item)
        # The last test of a run stops the shared server, whose calls are judged nevertheless.
        servers = [*test.fresh, *([] if self._shared is None else [self._shared])]
        for mock in servers:
            # Those of a body that has not passed are in its own report.
            test.judged[mock] = _own_unexpected(mock)
        try:
            result = yield
            if test.settings.strict:
                for mock in servers:
                    self._check_calls(mock, test)
            return result
        finally:
            ORIGINS.end()  # what comes from now on is late

    def _check_calls(self, mock: KlingMock, test: _Test) -> None:
        """Fail if the test has made more unexpected calls than when this was last asked."""
        before, count = test.judged.get(mock, 0), _own_unexpected(mock)
        test.judged[mock] = count
        if count > before:
            try:
                mock.journal.assert_no_unexpected(late=False)
            except AssertionError as error:
                raise _failed(f"{error}\n{_MEANT}") from None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show in the report of a failed test what was called; forget it after the test."""
        report = yield
        late = ORIGINS.take_late()
        if late:  # it crosses to xdist's controller with the report; see _kling_mock_pytest
            vars(report)["kling_mock_late"] = late  # reports keep any attribute
        if report.failed:
            lines = self._test(item).settings.lines
            for name, mock in self._servers(item):
                deliveries, unused = list(mock.deliveries), mock.faults.unused
                report.sections += sections(
                    name, mock.journal, deliveries, lines, mock.clock.reports, unused
                )
        if call.when == "teardown":
            self._forget(item)
        return report

    # ------------------------------------------------------------ inside

    def _test(self, item: pytest.Item) -> _Test:
        """Return what is known of a test; of its markers the nearest wins, word by word."""
        test = item.stash.get(_TEST, None)
        if test is None:
            test = item.stash[_TEST] = _Test(self._defaults)
            for marker in reversed(list(item.iter_markers("kling_mock"))):
                try:
                    test.settings = with_marker(test.settings, marker.args, marker.kwargs)
                except ValueError as error:
                    raise _failed(f"@pytest.mark.kling_mock: {error}") from None
        return test

    def _servers(self, item: pytest.Item) -> Iterator[tuple[str, KlingMock]]:
        for mock in self._test(item).fresh:
            yield "kling_mock", mock
        if self._shared is not None and self._is_used(item, self._shared):
            yield "kling_mock_server", self._shared

    def _is_used(self, item: pytest.Item, shared: KlingMock) -> bool:
        """Return whether a test has to do with the shared server."""
        return "kling_mock_server" in getattr(item, "fixturenames", ()) or shared.journal.total > 0

    def _forget(self, item: pytest.Item) -> None:
        if _TEST in item.stash:
            del item.stash[_TEST]
        self._faults = ""
        if self._shared is not None:
            self._shared.reset(self._shared_seed)  # the test may have reset it to another


def plugin_of(config: pytest.Config) -> Plugin:
    """Return the plugin of a run, made and registered when it is first needed."""
    plugin = config.stash.get(_PLUGIN, None)
    if plugin is None:
        plugin = config.stash[_PLUGIN] = Plugin(config)
        config.pluginmanager.register(plugin, "kling_mock_servers")
    return plugin


def _refuse_trio(request: pytest.FixtureRequest) -> None:
    """Fail a test of trio that uses the async client, which needs asyncio."""
    backend: Any = None
    if "anyio_backend" in request.fixturenames:
        backend = request.getfixturevalue("anyio_backend")
    library = backend[0] if isinstance(backend, tuple) else backend
    if library == "trio":
        raise _failed(_TRIO)


def _own_unexpected(mock: KlingMock) -> int:
    """Return how many unexpected calls there were that no earlier test has made."""
    return mock.journal.unexpected_total - mock.journal.late_total


def _warn_of_retired(servers: Iterable[KlingMock]) -> None:
    """Warn of each model and endpoint that the real service would have refused, once per test."""
    for text in dict.fromkeys(text for mock in servers for text in mock.journal.retired):
        warnings.warn(text, RetiredWarning, stacklevel=2)


def _load(mock: KlingMock, profile: str) -> None:
    """Add the faults of a marker to a server."""
    if profile:
        try:
            mock.faults.load(profile)
        except ValueError as error:
            raise _failed(f"@pytest.mark.kling_mock: faults: {error}") from None


def _failed(text: str) -> BaseException:
    """Return the failure of a test that is explained by *text* alone."""
    return pytest.fail.Exception(text, pytrace=False)


def _make(settings: PluginSettings, seed: int) -> KlingMock:
    """Return a server of these settings; with *seed* and in the present if they have no seed."""
    try:
        from kling_mock import KlingMock
    except ImportError as error:  # the extra is not installed
        raise _failed(str(error)) from None
    return KlingMock(
        clock=settings.clock,
        seed=seed if settings.seed is None else settings.seed,
        start="now" if settings.seed is None else None,
        journal_size=settings.journal_size,
        ignored_fields=settings.ignored_fields,
        unexpected_notes=settings.unexpected_notes,
    )


_PLUGIN: Final = pytest.StashKey[Plugin]()
_TEST: Final = pytest.StashKey[_Test]()
