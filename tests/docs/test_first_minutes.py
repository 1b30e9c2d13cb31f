"""The page on the first five minutes: its steps, done again, print what it shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from kling_mock import KlingMock
from tests.first_minutes.browser import PROMPT, dashboard
from tests.first_minutes.page import DOCS, DRAWN, NAMES, PICTURES, generated
from tests.first_minutes.steps import Record, comparable, environment, follow
from tests.first_minutes.terminal import plain, running, screen_lines
from tests.mock.dashboard.chromium import Chromium, chromium

__all__ = ["chromium"]

NOT_DONE_AGAIN = {"install", "dashboard"}
WRITE = "nox -s first-five-minutes"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder in which the commands are those of this environment."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, words in (
        ("python", ""),
        ("pytest", "-m pytest"),
        ("kling-mock", "-m kling_mock"),
        ("kling", '-c "import sys; from kling_sdk.cli import main; sys.exit(main())"'),
    ):
        file = folder / name
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n', "utf-8")
        file.chmod(0o755)
    return folder


def test_pages_and_drawings_are_made_of_the_record() -> None:
    """Pages and drawings match the record in both languages, so none was edited by hand."""
    texts = generated(Record.load())
    assert len(texts) == len(NAMES) + len(DRAWN)
    for file, text in texts.items():
        assert file.read_text("utf-8") == text, f"{file.name}; write it: {WRITE}"


@pytest.mark.slow
@pytest.mark.timeout(600)  # a dozen processes, 10 s on a machine that is not busy
@pytest.mark.programs("bash")
def test_the_steps_print_what_the_page_shows(programs: Path, tmp_path: Path) -> None:
    """The output is the same, apart from ids, keys, ports and times."""
    recorded = Record.load()
    folder = tmp_path / "work"
    folder.mkdir()
    variables = environment(
        programs,
        XDG_RUNTIME_DIR=str(tmp_path),
        KLING_MOCK_PORT="0",  # the page's are the default ones, which may be taken
        KLING_MOCK_KLING_PORT="0",
        PYTEST_ADDOPTS="-p no:randomly -p no:asyncio",  # which a newcomer does not have
    )
    now = follow(folder, variables)

    expected = {
        name: outcome for name, outcome in recorded.done.items() if name not in NOT_DONE_AGAIN
    }
    done = {name: outcome for name, outcome in now.done.items() if name not in NOT_DONE_AGAIN}
    assert {name: outcome.step for name, outcome in done.items()} == {
        name: outcome.step for name, outcome in expected.items()
    }
    for name, outcome in done.items():
        assert comparable(outcome.text) == comparable(expected[name].text), (
            f"{name}; write it: {WRITE}"
        )
    assert list(map(comparable, now.exports)) == list(map(comparable, recorded.exports))
    assert (folder / "kitten.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.slow
@pytest.mark.parametrize("language", PICTURES)
def test_the_dashboard_shows_what_the_picture_is_said_to_show(
    chromium: Chromium, language: str
) -> None:
    """The task that has succeeded, with its video and what it cost."""
    _, colours = PICTURES[language]
    with KlingMock() as mock, mock.client() as kling:
        kling.text2video.run(prompt=PROMPT)
        assert mock.dashboard_url is not None
        with dashboard(chromium, mock.dashboard_url, language, colours) as page:
            assert {"en": "succeed", "zh-CN": "成功"}[language] in page.text()
            assert "1.5" in page.text()


def test_another_output_is_noticed() -> None:
    """Control: ids, keys and times do not count as differences; a word, a limit or a line does."""
    recorded = Record.load().done["value"].text
    assert comparable(recorded) != comparable(recorded.replace("5, 10 s", "5, 15 s"))
    assert comparable(recorded) != comparable(f"{recorded}\nand more")
    assert comparable("task 813059977984569982 at 127.0.0.1:3001 in 0.9s") == comparable(
        "task 822553426890444510 at 127.0.0.1:49152 in 12.75s"
    )


def test_no_page_has_a_whole_key() -> None:
    """Keys are shortened when they are recorded."""
    for file, text in generated(Record.load()).items():
        assert "token=admin-" in text or file.suffix == ".svg"
        assert not re.search(r"[0-9a-f]{20}|sk-[0-9a-f]{7}", text)


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("waiting\r\x1b[2Kdone\r\n", ["done"]),
        ("10 %\r100 %\r\n", ["100 %"]),
        ("bar\r\n\x1b[?25h\r\x1b[1A\x1b[2Kfile\r\n", ["file"]),
        ("abc\r\x1b[K\r\n", []),
        ("\x1b]0;title\x07x", ["x"]),
        ("\x1b[31m\x1b[1mF\x1b[0m.\r\n", ["\x1b[31;1mF\x1b[0m."]),
    ],
)
def test_a_terminal_shows_what_was_not_written_over(written: str, lines: list[str]) -> None:
    """A progress line that was overwritten leaves no text; colours stay."""
    assert screen_lines(written) == lines


@pytest.mark.slow
@pytest.mark.programs("bash")
def test_a_command_runs_on_a_terminal_of_100_columns(tmp_path: Path) -> None:
    """A command that does not end is stopped as by Ctrl-C."""
    variables = environment(tmp_path)
    with running("test -t 1 && stty size", tmp_path, variables) as command:
        assert screen_lines(command.read(patience=60)) == ["50 100"]
        assert command.end() == 0
    with running(
        "trap 'exit 3' INT; echo ready; while :; do sleep 0.1; done", tmp_path, variables
    ) as command:
        command.read("ready", patience=60)
        assert command.end() == 3


def test_colours_are_no_text() -> None:
    """Text that is compared and copied has no colours."""
    assert plain("\x1b[31;1mF\x1b[0m.") == "F."


def test_the_pictures_are_there() -> None:
    """Those of the dashboard, which no test can compare."""
    for name, _ in PICTURES.values():
        assert (DOCS / "pictures" / name).is_file()
