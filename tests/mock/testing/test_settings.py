"""The marker and the ini file: what they change, and how a mistake is reported."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.testing.settings import PluginSettings, of_ini, with_marker
from tests.mock.testing.conftest import Run

INI: dict[str, Any] = {
    "kling_mock_clock": "2.5",
    "kling_mock_seed": "",
    "kling_mock_strict": False,
    "kling_mock_journal_lines": "3",
    "kling_mock_journal_size": "50",
    "kling_mock_unused_faults": "fail",
    "kling_mock_undelivered": "report",
    "kling_mock_refused": "report",
    "kling_mock_ignored_fields": "refuse",
    "kling_mock_unexpected_notes": "unknown coerced",
}


def test_a_marker_sets_clock_seed_and_faults(run: Run) -> None:
    """The nearest marker wins, argument by argument."""
    result = run("""
        import pytest
        from kling_mock import KlingMock
        from kling_mock.clock import RealClock, ScaledClock

        pytestmark = pytest.mark.kling_mock(clock=60.0, seed=7)

        def test_module(kling_mock):
            assert isinstance(kling_mock.clock, ScaledClock)
            assert kling_mock.access_key == KlingMock(seed=7).access_key

        @pytest.mark.kling_mock(clock="real")
        def test_own(kling_mock):
            assert isinstance(kling_mock.clock, RealClock)
            assert kling_mock.access_key == KlingMock(seed=7).access_key

        @pytest.mark.kling_mock(
            clock="manual",
            faults=["response-lost", {"kind": "status", "match": "GET *", "code": 5001}],
        )
        def test_faults(kling_mock):
            kinds = [fault.kind.name for fault in kling_mock.faults]
            assert kinds == ["response-lost", "status"]
    """)
    result.assert_outcomes(passed=3)


def test_the_ini_file_sets_the_defaults(run: Run) -> None:
    """They hold for both servers."""
    result = run(
        """
        import pytest
        from kling_mock import KlingMock
        from kling_mock.clock import ScaledClock

        @pytest.mark.parametrize("name", ["kling_mock", "kling_mock_server"])
        def test_it(request, name):
            mock = request.getfixturevalue(name)
            assert isinstance(mock.clock, ScaledClock)
            assert mock.access_key == KlingMock(seed=3).access_key
        """,
        ini="kling_mock_clock = 60\nkling_mock_seed = 3\n",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.slow
def test_without_a_seed_a_test_is_the_same_every_day(run: Run) -> None:
    """The ids come from the test's name, the clock begins in the present."""
    source = """
        import time

        def test_it(kling_mock, kling_mock_server):
            for mock in (kling_mock, kling_mock_server):
                assert abs(mock.clock.now() - time.time()) < 60
                print("key", mock.access_key)
    """
    keys = [
        [line for line in run(source, "-rP").outlines if line.startswith("key")] for _ in range(2)
    ]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 2


def test_faults_of_a_marker_strike_the_shared_server_in_that_test_only(run: Run) -> None:
    """This includes the first test that uses it, and fixtures of that test."""
    result = run("""
        import pytest

        faulty = pytest.mark.kling_mock(faults=[{"kind": "response-lost", "times": 1}])

        @pytest.fixture
        def task(kling):
            return kling.text2video.create(prompt="a kitten")

        @faulty
        def test_first(kling_mock_server, task):
            assert [entry.fault for entry in kling_mock_server.journal][0] == "response-lost"

        def test_second(kling_mock_server, task):
            assert [entry.fault for entry in kling_mock_server.journal] == [""]

        @faulty
        def test_third(kling_mock_server, task):
            assert [entry.fault for entry in kling_mock_server.journal][0] == "response-lost"
    """)
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("positional", "named", "text"),
    [
        (
            (),
            {"sede": 1},
            "sede: unknown; the arguments are clock, seed, strict, faults, .*, unused_faults",
        ),
        (
            ("manual",),
            {},
            "arguments must be given by name .clock, .*, unexpected_notes., got 'manual'",
        ),
        ((), {"clock": "slow"}, "clock: must be 'manual', 'real' or a speed such as 60; "),
        ((), {"clock": 0}, "clock: must be .*; got 0"),
        ((), {"clock": True}, "clock: must be .*; got True"),
        ((), {"seed": "x"}, "seed: must be a whole number, got 'x'"),
        ((), {"strict": 1}, "strict: must be True or False, got 1"),
        ((), {"faults": "reset"}, "faults: must be a list of kinds or mappings, got 'reset'"),
        ((), {"faults": ["explode"]}, "faults: profile.0..kind: must be one of .*; got 'explode'"),
        ((), {"faults": [{"kind": {1}}]}, "faults: Object of type set is not JSON serializable"),
    ],
)
def test_what_a_marker_cannot_have_is_reported(positional: Any, named: Any, text: str) -> None:
    """The message names the argument and what is accepted."""
    with pytest.raises(ValueError, match=f"^{text}"):
        with_marker(PluginSettings(), positional, named)


def test_a_wrong_marker_is_reported_before_the_test(run: Run) -> None:
    """The error has no traceback, whichever fixture the test uses."""
    result = run("""
        import pytest

        pytestmark = pytest.mark.kling_mock(sede=1)

        def test_own(kling_mock): ...
        def test_shared(kling_mock_server): ...
        def test_none(): ...
    """)
    result.assert_outcomes(errors=3)
    arguments = (
        "clock, seed, strict, faults, journal_size, unused_faults, undelivered, refused, "
        "ignored_fields, unexpected_notes"
    )
    text = f"@pytest.mark.kling_mock: sede: unknown; the arguments are {arguments}"
    result.stdout.fnmatch_lines([text] * 3)
    result.stdout.no_fnmatch_line("*exception*")


@pytest.mark.parametrize("name", ["clock='real'", "seed=5"])
def test_a_marker_cannot_change_the_shared_server(run: Run, name: str) -> None:
    """The message says where it can be set instead."""
    result = run(f"""
        import pytest

        @pytest.mark.kling_mock({name})
        def test_it(kling_mock_server): ...
    """)
    result.assert_outcomes(errors=1)
    word = name.partition("=")[0]
    result.stdout.fnmatch_lines([f"kling_mock: *cannot set its {word}; *kling_mock_{word} in the*"])


def test_the_size_of_the_journal(run: Run) -> None:
    """The ini file sets it for both servers, a marker for one test; reports say what is missing."""
    result = run(
        """
        import pytest

        def poll(mock, times):
            with mock.client() as kling:
                for _ in range(times):
                    kling.text2video.list()

        def test_small(kling_mock, kling_mock_server):
            assert (kling_mock.journal.size, kling_mock_server.journal.size) == (3, 3)
            poll(kling_mock, 5)
            kling_mock.journal.assert_called("GET *", times=5)
            assert kling_mock.journal.where("GET *")

        @pytest.mark.kling_mock(journal_size=5)
        def test_large(kling_mock):
            poll(kling_mock, 5)
            assert len(kling_mock.journal.where("GET *")) == 5

        @pytest.mark.kling_mock(journal_size=5)
        def test_shared(kling_mock_server):
            pass
        """,
        ini="kling_mock_journal_size = 3",
    )
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*IncompleteJournalError: it cannot be known which calls *"])
    result.stdout.fnmatch_lines(["*- kling_mock: journal of 5 calls, 2 of them forgotten -*"])
    result.stdout.fnmatch_lines(["*so a marker cannot set its journal_size; *"])


def test_a_wrong_ini_file_is_reported(run: Run) -> None:
    """Every test that needs it fails with the option's name."""
    result = run("def test_it(kling_mock): ...", ini="kling_mock_clock = slow")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ini file: kling_mock_clock: must be *; got 'slow'"])


def test_the_settings_are_listed(run: Run) -> None:
    """`pytest --markers`, `--fixtures` and `--help` list them."""
    assert "kling_mock(clock=" in run("", "--markers").stdout.str()
    fixtures = run("", "--fixtures").stdout.str()
    for name in ("kling_mock --", "kling_mock_server [session scope] --", "kling --"):
        assert name in fixtures
    helped = run("", "--help").stdout.str()
    for option in ("clock", "seed", "strict", "journal_lines", "journal_size"):
        assert f"kling_mock_{option}" in helped


def test_settings_are_read_without_pytest() -> None:
    """The rules are plain functions over values."""
    assert of_ini(INI.__getitem__) == PluginSettings(
        2.5,
        None,
        strict=False,
        lines=3,
        journal_size=50,
        unused_faults="fail",
        undelivered="report",
        refused="report",
        ignored_fields="refuse",
        unexpected_notes=("unknown", "coerced"),
    )
    assert with_marker(PluginSettings(strict=False), (), {"strict": True}) == PluginSettings()
    assert with_marker(PluginSettings(), (), {"faults": ()}).faults == "[]"
    for name, value, text in (
        ("clock", "-1", "clock: must be .*; got -1.0"),
        ("seed", "x", "seed: must be a whole number, got 'x'"),
        ("journal_lines", "-1", "journal_lines: must be a whole number of 0 or more, got -1"),
        ("journal_lines", "all", "journal_lines: must be .*, got 'all'"),
        ("journal_size", "0", "journal_size: must be a whole number of 1 or more, got 0"),
        ("journal_size", "all", "journal_size: must be .*, got 'all'"),
        ("unused_faults", "ignore", "unused_faults: must be 'report' or 'fail', got 'ignore'"),
        ("refused", "never", "refused: must be 'report' or 'fail', got 'never'"),
        ("undelivered", "never", "undelivered: must be 'answered', 'fail' or 'report', got"),
        ("ignored_fields", "drop", "ignored_fields: must be 'note' or 'refuse', got 'drop'"),
        (
            "unexpected_notes",
            "unknown all",
            "unexpected_notes: must be any of unknown, .*, got 'all'",
        ),
    ):
        wrong = INI | {f"kling_mock_{name}": value}
        with pytest.raises(ValueError, match=f"^ini file: kling_mock_{text}"):
            of_ini(wrong.__getitem__)
