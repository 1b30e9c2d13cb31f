"""The hooks and servers behind the fixtures; registered by the first test that uses one."""

from __future__ import annotations

import inspect
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial, wraps
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import pytest

from _kling_mock_pytest import PLUGIN
from kling_mock.clock.unawaited import take_unawaited
from kling_mock.kling.journal.findings import NOTHING, Mark
from kling_mock.kling.journal.notes import RetiredWarning
from kling_mock.server.judged import STARTED, JudgedServer
from kling_mock.testing.baselines import Baselines
from kling_mock.testing.report import sections
from kling_mock.testing.settings import PluginSettings, of_ini, with_marker
from kling_mock.testing.verdict import (
    declaration,
    refused_calls,
    unawaited_calls,
    unexpected_calls,
    verdict_on,
)
from kling_mock.web.origins import ORIGINS, TestRun

if TYPE_CHECKING:
    import ssl

    from kling_mock import KlingMock
    from kling_sdk import AsyncKling

_UNDER_WAY: Final = 1.0  # seconds of real time that calls get to end after their test
_OWN: Final = "kling_mock"  # the name of a server in a report, which is its fixture's
_SHARED: Final = "kling_mock_server"
_TRIO: Final = (
    "async_kling: the async client needs asyncio's event loop, and this test runs in trio's. Run "
    "it with asyncio (anyio: a fixture anyio_backend that returns 'asyncio'), or use the sync "
    "client in a thread: await trio.to_thread.run_sync(...)."
)
_OF_A_SERVER: Final = ("clock", "seed", "journal_size", "ignored_fields", "unexpected_notes")
_NOT_SHARED: Final = (
    "all tests share the server of the fixture kling_mock_server, so a marker cannot set its "
    "{}; use the fixture kling_mock, or kling_mock_{} in the ini file"
)
_NOT_OWN: Final = (
    "the marker's {} is for the server of the fixture kling_mock, and this test has a KlingMock of "
    "its own: give it there, KlingMock({}=...)"
)
_NOT_LOADED: Final = (
    "the marker's faults are for servers that start in the test or its fixtures, and this one uses "
    "a KlingMock that has started before: mock.faults.load([...])"
)


@dataclass(slots=True)
class _Test:
    """The running test.

    Attributes:
        settings: Its settings.
        words: The arguments of its markers.
        requests: The number of requests when the test began, of each server that it does not name.
        marks: The findings of each server at that time.
        judged: The findings of each server when it was last judged.
        passed_over: Things that did not happen, but do not fail the test.
        has_faults: Whether a server that started in the test has the faults of its markers.
        seed: The seed of the ids of the test's own server, for the report.
    """

    settings: PluginSettings
    words: set[str] = field(default_factory=set)
    requests: dict[JudgedServer, int] = field(default_factory=dict)
    marks: dict[JudgedServer, Mark] = field(default_factory=dict)
    judged: dict[JudgedServer, Mark] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)
    has_faults: bool = False
    seed: str = ""


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
        self._names: dict[JudgedServer, str] = {}
        self._starting = ""  # the name of the server that a fixture is starting
        self._running: _Test | None = None
        self._baselines = Baselines()
        self._tries = Counter[str]()  # by test, which may be rerun after a failure
        self._around = ORIGINS.running  # the outer test, if this run is inside one
        ORIGINS.unknown = TestRun(ORIGINS.unknown.name, self._defaults.strict)
        STARTED.on_start.append(self._started)

    # ------------------------------------------------------------ for the fixtures

    def begin(self, item: pytest.Item) -> None:
        """Read the settings of a test, and make the shared server ready for it."""
        take_unawaited()
        test = self._begin(item)
        names: Collection[str] = getattr(item, "fixturenames", ())
        for server in STARTED.all():
            world = server.world
            if self._names.get(server) != _SHARED or _SHARED not in names:
                test.requests[server] = 0 if world is None else world.journal.total
            test.judged[server] = test.marks[server] = server.findings.mark()
        if _SHARED in names:
            for name in _OF_A_SERVER:
                if getattr(test.settings, name) != getattr(self._defaults, name):
                    raise _failed(f"kling_mock: {_NOT_SHARED.format(name, name)}")
        # Even if no fixture names the shared server: it may be requested later, or be called by an
        # app that an earlier test has started.
        self._load_shared(test.settings.faults)

    def _begin(self, item: pytest.Item) -> _Test:
        test = self._running = self._test(item)
        running = ORIGINS.running
        if running is None or running.name != item.nodeid:  # the first one that uses a fixture
            running = TestRun(item.nodeid)
            ORIGINS.begin(running)
        running.strict = test.settings.strict
        return test

    def judge_first(self, item: pytest.Item) -> None:
        """Judge a test that ran before this plugin was needed; all servers belong to it."""
        self._judge(item, self._begin(item))

    @contextmanager
    def fresh(self, item: pytest.Item) -> Generator[KlingMock]:
        """Run a server for one test."""
        test = self._test(item)
        settings = test.settings
        self._tries[item.nodeid] += 1
        number = self._tries[item.nodeid]
        seed = self._seed(settings, item.nodeid, number)
        test.seed = f"{seed}, try {number} of this test in this run: seed={seed} makes the same ids"
        mock = _make(settings, seed if settings.seed is None else settings.seed)
        if settings.seed not in {None, seed}:
            mock.reset(seed)  # the keys are still those of the ini file's seed
        with self._as(_OWN), mock:
            self._starting = ""
            yield mock

    def _seed(self, settings: PluginSettings, nodeid: str, number: int) -> int:
        """Return the seed of a test's *number*-th try, whose ids differ from those of other tries.

        A database may still contain the rows of an earlier try. The seed of a marker is used
        unchanged.
        """
        general = self._defaults.seed
        if settings.seed is not None and settings.seed != general:
            return settings.seed
        parts = ["" if general is None else f"{general} ", nodeid, f" {number}" * (number > 1)]
        return crc32("".join(parts).encode("utf-8", "replace"))

    @contextmanager
    def shared(self) -> Generator[KlingMock]:
        """Run the server that tests share."""
        with self._as(_SHARED), _make(self._defaults, self._shared_seed) as mock:
            self._starting = ""
            self._shared = mock
            try:
                yield mock
            finally:
                self._shared = None
                self._baselines.end()

    @contextmanager
    def _as(self, name: str) -> Generator[None]:
        """Name the server that starts now after its fixture."""
        self._starting = name
        try:
            yield
        finally:
            self._starting = ""

    def _started(self, server: JudgedServer) -> None:
        """Register a server that has started; give it the faults of the test's markers."""
        name, test = self._starting, self._running
        if name:
            self._names[server] = name
        if name == _SHARED:
            self._baselines.begin(server)
            self._load_shared("" if test is None else test.settings.faults)
        elif test is not None and test.settings.faults and ORIGINS.owner is not None:
            _checked(partial(server.load_faults, test.settings.faults))
            test.has_faults = True

    def _load_shared(self, profile: str) -> None:
        _checked(partial(self._baselines.load, profile))

    def async_client(self, request: pytest.FixtureRequest, mock: KlingMock) -> AsyncKling:
        """Return a client of *mock* that closes each connection after its call.

        A sync fixture cannot close the client in the test's event loop.
        """
        import httpx

        _refuse_trio(request)

        limits = httpx.Limits(max_keepalive_connections=0)
        tls = mock.ssl_context or _tls_of_others()
        client = httpx.AsyncClient(limits=limits, trust_env=False, verify=tls)
        return mock.async_client(http_client=client)

    # ------------------------------------------------------------ hooks

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a test begins, whether it uses a fixture or not."""
        ORIGINS.begin(TestRun(nodeid, self._defaults.strict))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object]
    ) -> Generator[None, object, object]:
        """Do not assign what a fixture of a wider scope starts and declares to a test."""
        if fixturedef.scope == "function":
            return (yield)
        before = {server: server.findings.mark() for server in STARTED.all()}
        look = self._baselines.look()
        with ORIGINS.for_no_test():
            result = yield
        for server in STARTED.all():
            of_test = self._baselines.loaded(server)
            server.findings.keep_lasting(before.get(server, NOTHING), of_test)
        try:
            self._baselines.keep(look, fixturedef)
        except RuntimeError as error:
            raise _failed(f"fixture {fixturedef.argname}: {error}") from None
        return result

    def pytest_unconfigure(self) -> None:
        """Return the process to the test in which this run was started, if any."""
        STARTED.on_start.remove(self._started)
        if self._around is None:
            ORIGINS.stop()
        else:
            ORIGINS.begin(self._around)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Fail a test if its servers have findings, unless it has already failed."""
        test = self._test(item)
        self._check_words(item, test)
        result = yield
        self._judge(item, test)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Delay the end of a coroutine until apps in its loop have taken their callbacks.

        If its loop is closed with it, as by anyio, the verdict would otherwise depend on chance.
        """
        function = pyfuncitem.obj
        if not inspect.iscoroutinefunction(function) or hasattr(function, "hypothesis"):
            return (yield)
        pyfuncitem.obj = _settling(function)
        try:
            return (yield)
        finally:
            pyfuncitem.obj = function

    def _judge(self, item: pytest.Item, test: _Test) -> None:
        self._check_words(item, test)
        servers = STARTED.all()
        before = test.judged
        if not any(self._names.get(s) == _SHARED and self._is_used(s, test) for s in servers):
            self._baselines.unload()
        verdict = verdict_on(servers, before, test.settings, _UNDER_WAY)
        test.judged = {server: server.findings.mark() for server in servers}
        under_way = [f"no response when the test ended: {line}" for line in verdict.under_way]
        test.passed_over = verdict.passed_over + under_way
        if verdict.failures:
            raise _failed("\n\n".join(verdict.failures + under_way))
        # Last: if warnings are errors, this one would hide the failures above.
        retired = [
            text
            for server in servers
            if server in self._names or (server.strict and test.settings.strict)
            for text in server.findings.retired_since(before.get(server, NOTHING))
        ]
        for text in dict.fromkeys(retired):
            warnings.warn(text, RetiredWarning, stacklevel=2)

    def _check_words(self, item: pytest.Item, test: _Test) -> None:
        """Fail a test whose markers have settings that none of its servers can have."""
        if _SHARED in getattr(item, "fixturenames", ()):
            return  # the shared server has the faults, and `begin` refused the rest
        own = [server for server in STARTED.all() if self._is_used(server, test)]
        if not own or any(server in self._names for server in own):
            return
        for name in _OF_A_SERVER:
            if name in test.words:
                raise _failed(f"@pytest.mark.kling_mock: {name}: {_NOT_OWN.format(name, name)}")
        if test.settings.faults and not test.has_faults:
            raise _failed(f"@pytest.mark.kling_mock: faults: {_NOT_LOADED}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Fail the teardown if fixtures have made unexpected calls there."""
        test = self._test(item)
        # The last test of a run stops the shared server, but its calls are still judged.
        servers = STARTED.all()
        # Unexpected calls in a test body that failed are in its own report.
        marks = {server: server.findings.mark() for server in servers}
        try:
            result = yield
            if test.settings.strict:
                failures = unawaited_calls(test.settings) + [
                    text
                    for server in servers
                    if server.strict
                    for text in unexpected_calls(server, marks[server])
                ]
                if failures:
                    raise _failed("\n\n".join(failures))
            return result
        finally:
            ORIGINS.end()  # calls from now on are late

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show the calls in the report of a failed test; forget them after the test."""
        report = yield
        late = ORIGINS.take_late()
        test = self._test(item)
        if late:  # the report carries them to xdist's controller; see _kling_mock_pytest
            vars(report)["kling_mock_late"] = late  # a report keeps unknown attributes
        if report.failed:
            if test.seed:
                report.sections.append(("kling_mock: seed", test.seed))
            if calls := take_unawaited():  # of a test that failed before its verdict
                report.sections.append(("kling_mock: controls not awaited", "\n".join(calls)))
            servers = STARTED.all()
            for server in sorted(servers, key=lambda server: self._names.get(server) != _OWN):
                report.sections += self._sections(server, test)
        elif call.when == "call" and test.passed_over:
            vars(report)["kling_mock_passed_over"] = test.passed_over
        if call.when == "teardown":
            self._forget(item)
        return report

    def _sections(self, server: JudgedServer, test: _Test) -> Iterator[tuple[str, str]]:
        world = server.world
        if world is None or not self._is_used(server, test):
            return
        name = self._names.get(server, server.name)
        mark = test.marks.get(server, NOTHING)
        unused = [declaration(rule) for rule, _ in server.findings.idle_since(mark)]
        refused = refused_calls(server, mark)
        deliveries, lines = list(world.callbacks.log), test.settings.lines
        clock = world.clock.reports
        yield from sections(name, world.journal, deliveries, lines, clock, unused, refused)

    # ------------------------------------------------------------ inside

    def _test(self, item: pytest.Item) -> _Test:
        """Return the record of a test; for each keyword its nearest marker wins."""
        test = item.stash.get(_TEST, None)
        if test is None:
            test = item.stash[_TEST] = _Test(self._defaults)
            for marker in reversed(list(item.iter_markers("kling_mock"))):
                try:
                    test.settings = with_marker(test.settings, marker.args, marker.kwargs)
                except ValueError as error:
                    raise _failed(f"@pytest.mark.kling_mock: {error}") from None
                test.words |= marker.kwargs.keys()
        return test

    def _is_used(self, server: JudgedServer, test: _Test) -> bool:
        """Return whether a test may have used a server."""
        before, world = test.requests.get(server), server.world
        if before is None or server.findings.under_way:
            return True
        return world is not None and world.journal.total != before

    def _forget(self, item: pytest.Item) -> None:
        if _TEST in item.stash:
            del item.stash[_TEST]
        self._running = None
        if self._shared is not None and not self._baselines.go_back():
            self._shared.reset(self._shared_seed)  # the test may have reset it to another seed
        STARTED.forget_stopped()
        left = STARTED.all()
        self._names = {server: name for server, name in self._names.items() if server in left}


def plugin_of(config: pytest.Config) -> Plugin:
    """Return the plugin of a run; create and register it when it is first needed."""
    plugin = config.stash.get(_PLUGIN, None)
    if plugin is None:
        plugin = config.stash[_PLUGIN] = Plugin(config)
        config.pluginmanager.register(plugin, PLUGIN)
    return plugin


@cache
def _tls_of_others() -> ssl.SSLContext:
    """Return a context that trusts public certificates; cached, as reading them takes 10 ms."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def _refuse_trio(request: pytest.FixtureRequest) -> None:
    """Fail a trio test that uses the async client, which needs asyncio."""
    backend: Any = None
    if "anyio_backend" in request.fixturenames:
        backend = request.getfixturevalue("anyio_backend")
    library = backend[0] if isinstance(backend, tuple) else backend
    if library == "trio":
        raise _failed(_TRIO)


def _checked(load: Any) -> None:
    """Add the faults of a marker to a server."""
    try:
        load()
    except ValueError as error:
        raise _failed(f"@pytest.mark.kling_mock: faults: {error}") from None


def _settling(function: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    @wraps(function)
    async def run(*arguments: Any, **named: Any) -> object:
        result = await function(*arguments, **named)
        for server in STARTED.all():
            await server.settle_in_loop(_UNDER_WAY)
        return result

    return run


def _failed(text: str) -> BaseException:
    """Return the failure of a test, explained by *text* without a traceback."""
    return pytest.fail.Exception(text, pytrace=False)


def _make(settings: PluginSettings, seed: int) -> KlingMock:
    """Return a server of these settings; without a seed in them its clock starts now."""
    try:
        from kling_mock import KlingMock
    except ImportError as error:  # the extra is not installed
        raise _failed(str(error)) from None
    return KlingMock(
        clock=settings.clock,
        seed=seed,
        start="now" if settings.seed is None else None,
        journal_size=settings.journal_size,
        ignored_fields=settings.ignored_fields,
        unexpected_notes=settings.unexpected_notes,
    )


_PLUGIN: Final = pytest.StashKey[Plugin]()
_TEST: Final = pytest.StashKey[_Test]()
