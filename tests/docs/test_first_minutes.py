"""The page on the first five minutes: its steps, done again, print what it shows."""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from kling_mock import KlingMock
from tests.first_minutes.__main__ import check_installed
from tests.first_minutes.browser import PROMPT, dashboard
from tests.first_minutes.page import DOCS, DRAWN, NAMES, PICTURES, generated
from tests.first_minutes.steps import Record, comparable, environment, follow
from tests.first_minutes.terminal import plain, running, shown
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
    """In both languages; nobody has changed them by hand, nor a text without writing them again."""
    made = generated(Record.load())
    assert len(made) == len(NAMES) + len(DRAWN)
    for file, text in made.items():
        assert file.read_text("utf-8") == text, f"{file.name}; write it: {WRITE}"


@pytest.mark.slow
@pytest.mark.timeout(600)  # a dozen processes, 10 s on a machine that is not busy
@pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are those of a shell")
def test_the_steps_print_what_the_page_shows(programs: Path, tmp_path: Path) -> None:
    """But for ids, keys, ports and times."""
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

    wanted = {name: one for name, one in recorded.done.items() if name not in NOT_DONE_AGAIN}
    done = {name: one for name, one in now.done.items() if name not in NOT_DONE_AGAIN}
    assert {name: one.step for name, one in done.items()} == {
        name: one.step for name, one in wanted.items()
    }
    for name, one in done.items():
        assert comparable(one.text) == comparable(wanted[name].text), f"{name}; write it: {WRITE}"
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
    """Control: ids, keys and times are no difference; a word, a limit or a line is one."""
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
    """Of a progress line nothing is left; colours stay."""
    assert shown(written) == lines


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="it is a shell's")
def test_a_command_runs_on_a_terminal_of_100_columns(tmp_path: Path) -> None:
    """And one that does not end is stopped as by Ctrl-C."""
    variables = environment(tmp_path)
    with running("test -t 1 && stty size", tmp_path, variables) as command:
        assert shown(command.read(patience=60)) == ["50 100"]
        assert command.end() == 0
    with running(
        "trap 'exit 3' INT; echo ready; while :; do sleep 0.1; done", tmp_path, variables
    ) as command:
        command.read("ready", patience=60)
        assert command.end() == 3


def test_colours_are_no_text() -> None:
    """What is compared and copied has none."""
    assert plain("\x1b[31;1mF\x1b[0m.") == "F."


def test_a_package_that_is_not_the_wheel_is_refused(tmp_path: Path) -> None:
    """Control: one of the same version from PyPI."""
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("a.py", "x = 1")
    (site / "a.py").write_text("x = 1")
    check_installed(tmp_path / "a.whl", tmp_path)
    (site / "a.py").write_text("x = 2")
    with pytest.raises(RuntimeError, match=r"another kling-sdk: a\.py"):
        check_installed(tmp_path / "a.whl", tmp_path)


def test_the_pictures_are_there() -> None:
    """Those of the dashboard, which no test can compare."""
    for name, _ in PICTURES.values():
        assert (DOCS / "pictures" / name).is_file()
