"""`KLING_LOG`: what a client does on standard error, for programs without logging."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kling_sdk import Kling
from kling_sdk.client import logs
from tests.sdk.clients import KEY, PROMPT
from tests.sdk.faulty_server import FaultyKling

LOGGER = logging.getLogger("kling_sdk")


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    before = LOGGER.level
    yield
    LOGGER.removeHandler(logs._HANDLER)
    LOGGER.setLevel(before)


def use(server: FaultyKling) -> None:
    with Kling(KEY, base_url=server.url) as kling:
        task = kling.text2video.run(prompt=PROMPT, external_task_id="order-1")
        kling.download(f"{server.url}/files/a.mp4?signature=s3cret")
        assert task.is_succeed


@pytest.mark.parametrize("word", ["debug", "INFO", " warning "])
def test_a_level_writes_to_standard_error(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line has the time, the level and the logger; no secret is in any."""
    monkeypatch.setenv("KLING_LOG", word)
    with FaultyKling() as server:
        use(server)
    out, err = capsys.readouterr()

    assert out == ""
    assert ("POST /v1/videos/text2video: HTTP 200, attempt 1" in err) is (word == "debug")
    assert ("download of " in err) is (word == "debug")
    for line in err.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ kling_sdk: ", line)
    for secret in (PROMPT, "SK-negative", "s3cret", "Bearer"):
        assert secret not in err


@pytest.mark.parametrize("word", [None, "", "  "])
def test_without_the_variable_nothing_is_written(
    word: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program's own logging is untouched."""
    if word is None:
        monkeypatch.delenv("KLING_LOG", raising=False)
    else:
        monkeypatch.setenv("KLING_LOG", word)
    handlers, level = list(LOGGER.handlers), LOGGER.level
    with FaultyKling() as server:
        use(server)

    assert capsys.readouterr().err == ""
    assert (LOGGER.handlers, LOGGER.level) == (handlers, level)


def test_a_word_that_is_none_of_the_levels_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stops no program."""
    monkeypatch.setenv("KLING_LOG", "loud")
    Kling(KEY)

    assert "KLING_LOG is 'loud'; it must be one of debug, info, warning" in capsys.readouterr().err


def test_many_clients_write_each_line_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The handler is the process's, and the most detailed level that was asked for stays."""
    logs.log_to_stderr("debug")
    monkeypatch.setenv("KLING_LOG", "warning")
    for _ in range(3):
        Kling(KEY).with_options(retries=0)
    LOGGER.debug("once")

    assert capsys.readouterr().err.count("once") == 1


def test_a_program_without_a_console_is_not_disturbed() -> None:
    """`pythonw` has no standard error."""
    code = (
        "import sys; sys.stderr = None\n"
        "from kling_sdk import Kling; import logging\n"
        "Kling('a|b'); logging.getLogger('kling_sdk').debug('x')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"KLING_LOG": "debug"},
        capture_output=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
