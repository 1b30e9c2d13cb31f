"""The fast part of the tests: what is slow is marked, and a forgotten mark is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kling_mock.relay.storage.schema import Dialect
from tests.mock.relay.storage.databases import Mysql, SqliteFile, Uses, need
from tests.speed import uses_server

ROOT = Path(__file__).parents[2]
INI = """
[pytest]
addopts = --strict-markers -p no:cacheprovider -p no:randomly
asyncio_default_fixture_loop_scope = function
markers = slow
pythonpath = {root}
"""
FILE = "test_two_speeds.py"
TWO = """
import pytest

def test_unmarked():
    pass

@pytest.mark.slow
def test_marked():
    pass
"""
SERVER = """
import pytest
from tests.mock.relay.storage.databases import need

@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_by_parameter(database):
    pass

@pytest.fixture
def mysql():
    pass

def test_by_fixture(mysql):
    pass
"""


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    """Run tests with our plugin and xdist; to find the others is most of a run's time."""
    pytester.makeini(INI.format(root=ROOT))
    pytester.makepyfile(**{FILE.removesuffix(".py"): source})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_inprocess("-p", "xdist", "-p", "tests.speed", *options)


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.slow
def test_an_unmarked_test_that_takes_long_is_named(pytester: pytest.Pytester, workers: str) -> None:
    """With a limit that everything exceeds, the run fails and names the unmarked test alone."""
    result = run(pytester, TWO, "--slow-after", "0", "-n", workers, "-m", "")
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["* s  *::test_unmarked"])
    result.stdout.no_fnmatch_line("* s  *::test_marked")


@pytest.mark.parametrize("options", [(), ("--slow-after", "60")])
def test_a_run_within_the_limit_passes(pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
    """Without a limit, and below it, nothing is judged."""
    assert run(pytester, TWO, *options).ret == pytest.ExitCode.OK


def test_only_cpu_time_counts(pytester: pytest.Pytester) -> None:
    """A test that waits, as all do on a busy machine, is not named; one that works is."""
    source = """
    import threading, time

    def test_that_waits():
        threading.Event().wait(0.2)

    def test_that_works():
        began = time.process_time()
        while time.process_time() < began + 0.11:
            pass
    """
    result = run(pytester, source, "--slow-after", "0.1")
    result.stdout.fnmatch_lines(["* s  *::test_that_works"])
    result.stdout.no_fnmatch_line("* s  *::test_that_waits")


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
def test_slow_tests_are_left_out_and_counted(pytester: pytest.Pytester, workers: str) -> None:
    """The last line says how many, and which command runs them."""
    result = run(pytester, TWO, "-q", "-n", workers)
    assert result.parseoutcomes()["passed"] == 1
    assert result.outlines[-1] == "1 slow test was not run; nox -s tests runs all."


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        ((FILE,), 2),
        ((f"{FILE}::test_marked",), 1),
        ((f"{FILE}::test_unmarked",), 1),
        ((f"{FILE}::test_unmarked", f"{FILE}::test_marked"), 2),
        ((".",), 1),
        ((".", f"{FILE}::test_marked"), 2),
        (("-k", "marked"), 1),
        (("-m", "slow"), 1),
        (("-m", ""), 2),
        (("-m", "slow or not slow"), 2),
    ],
)
def test_a_slow_test_that_is_named_runs(
    pytester: pytest.Pytester, options: tuple[str, ...], passed: int
) -> None:
    """It is named by its file or its id, not by its folder; with `-m` nothing is left out."""
    result = run(pytester, TWO, *options)
    assert result.parseoutcomes()["passed"] == passed


def test_what_uses_a_server_is_slow_without_a_mark(pytester: pytest.Pytester) -> None:
    """A case named after a server, and a fixture that makes a database on one, are deselected."""
    result = run(pytester, SERVER, "-m", "not slow")
    result.assert_outcomes(passed=1, deselected=2)


def test_the_rule_for_servers() -> None:
    """Names of servers count in any case that begins with one; a file's name does not."""
    assert uses_server(["mysql"], {})
    assert uses_server(["session"], {})
    assert uses_server(["session"], {"session": "postgresql"})
    assert uses_server([], {"database": "mariadb-as-mysql"})
    assert uses_server([], {"number": 3, "make": Mysql})
    assert not uses_server(["session"], {"session": "sqlite"})
    assert not uses_server([], {"dialect": Dialect.MYSQL, "url": "mysql://root@localhost/relay"})
    assert not uses_server(["mock"], {"a": "sqlite", "b": SqliteFile, "c": 3, "d": None})


def test_an_unmarked_test_gets_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails where it asks for one, whether the server is there or not, and names the mark."""
    monkeypatch.setattr(Uses, "allowed", False)
    with pytest.raises(pytest.fail.Exception, match=r"@pytest\.mark\.slow"):
        need("mysql")


@pytest.mark.slow
def test_what_each_folder_took_is_shown(pytester: pytest.Pytester) -> None:
    """Any worker may have run its tests."""
    for folder in ("first", "second"):
        file = pytester.path / "tests" / folder / f"test_{folder}.py"
        file.parent.mkdir(parents=True)
        file.write_text(TWO, encoding="utf-8")
    result = run(pytester, TWO, "-m", "", "-n", "2", "--folder-times", "tests")
    rows = [
        rf" +{tests} +\d+\.\d +\d+\.\d  {name}" for tests, name in ((2, "first"), (2, "second"))
    ]
    result.stdout.re_match_lines_random([*rows, r" +4 +\S+ +\S+  together"])
