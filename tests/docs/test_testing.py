"""The page about testing an app: every example runs, in a pytest of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from _kling_mock_pytest import pytest_addoption
from tests.programs import require

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text("utf-8")
TESTS = re.findall(r"<!-- pytest(?:: django)? -->\n```python\n(.*?)```", PAGE, re.DOTALL)
OTHERS = re.findall(r"<!-- run: (sh|js|go) -->\n```\1\n(.*?)```", PAGE, re.DOTALL)
PROGRAMS = {"sh": ("bash", "curl"), "js": ("node",), "go": ("go",)}
#: The file that a program is copied to, and the arguments it is run with.
RUNS = {
    "sh": ("test.sh", ("-euo", "pipefail", "test.sh")),
    "js": ("test.mjs", ("test.mjs",)),
    "go": ("kling_test.go", ("test", "kling_test.go")),
}
OPTIONS = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")


def run(
    source: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *options: str
) -> pytest.RunResult:
    """Run an example of the page."""
    pytester.makepyfile(source)
    if "django" in source:  # its settings are the process's
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # loading them takes seconds
        return pytester.runpytest_subprocess("--strict-markers", "-p", "kling_mock", *options)
    return pytester.runpytest_inprocess("--strict-markers", *OPTIONS, *options)


def test_every_python_example_is_run() -> None:
    """No block of Python is left out."""
    assert len(TESTS) == PAGE.count("```python") > 5


@pytest.mark.parametrize("source", TESTS, ids=range(len(TESTS)))
@pytest.mark.slow
def test_the_tests_pass(
    source: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copied from the page, its tests pass, with warnings as errors."""
    result = run(source, pytester, monkeypatch, "-W", "error")
    result.assert_outcomes(passed=len(re.findall(r"^(?:async )?def test_", source, re.MULTILINE)))


@pytest.mark.slow
def test_the_ini_file_is_accepted(pytester: pytest.Pytester) -> None:
    """The example has every option, and pytest knows them all."""
    match = re.search(r"<!-- ini -->\n```ini\n(.*?)```", PAGE, re.DOTALL)
    assert match
    pytester.makeini(match[1])
    pytester.makepyfile("def test_it(kling_mock): assert kling_mock.clock.now() == 1_767_225_600")
    pytester.runpytest_inprocess("--strict-config", *OPTIONS).assert_outcomes(passed=1)

    declared: list[str] = []
    parser = pytest.Parser(_ispytest=True)
    parser.addini = lambda name, *_, **__: declared.append(name)  # type: ignore[method-assign]
    pytest_addoption(parser)
    assert re.findall(r"^(kling_mock_\w+) =", match[1], re.MULTILINE) == declared
    assert all(f"| `{name}` |" in PAGE for name in declared)


@pytest.mark.slow
def test_the_shown_reports_are_the_real_ones(pytester: pytest.Pytester) -> None:
    """What the page shows of an unexpected call and of a journal is what a run prints."""
    pytester.makepyfile("""
        import httpx

        def test_unexpected(kling_mock):
            httpx.post(f"{kling_mock.kling_url}/v1/video/text2video", trust_env=False)

        def test_wait(kling):
            kling.text2video.run(prompt="a kitten")
            assert False
    """)
    result = pytester.runpytest_inprocess(*OPTIONS)
    result.assert_outcomes(failed=2)
    printed = without_numbers(result.stdout.str())
    for start in ("1 call unexpected:", "kling_mock: journal of 13 calls"):
        report = PAGE[PAGE.index(start) :].partition("```")[0]
        assert without_numbers(report) in printed


def without_numbers(text: str) -> str:
    """Return *text* without what differs from run to run, and without lines to rule it off."""
    return re.sub(r"[0-9.]+", "0", re.sub(r" ?-{3,}", "", text))


def test_every_example_in_another_language_is_run() -> None:
    """No block of a language is left out."""
    for language in PROGRAMS:
        count = len([name for name, _ in OTHERS if name == language])
        assert count == PAGE.count(f"```{language}\n") > 0


@pytest.mark.parametrize(("language", "source"), OTHERS, ids=range(len(OTHERS)))
@pytest.mark.slow
@pytest.mark.timeout(400)  # Go compiles its HTTP client and server, once: 50 s of CPU time
def test_the_examples_in_other_languages_run(language: str, source: str, tmp_path: Path) -> None:
    """Copied from the page, they start a server, steer it, and see what they should."""
    programs = PROGRAMS[language]
    require(*programs)
    (tmp_path / "kling-mock").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m kling_mock "$@"\n', encoding="utf-8"
    )
    (tmp_path / "kling-mock").chmod(0o755)
    file, words = RUNS[language]
    (tmp_path / file).write_text(source, encoding="utf-8")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [programs[0], *words],
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=360,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_example_app_passes_its_tests(pytester: pytest.Pytester) -> None:
    """They run in a separate folder, without this repository's settings."""
    folder = pytester.mkdir("examples")
    for name in ("my_app.py", "test_my_app.py"):
        shutil.copy(ROOT / "examples" / name, folder)
    pytester.syspathinsert()
    result = pytester.runpytest_inprocess("-W", "error", "--strict-markers", *OPTIONS)
    result.assert_outcomes(passed=5)
