"""The tutorial, followed from its top to its bottom in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE, CHINESE = ((DOCS / name).read_text("utf-8") for name in ("tutorial.md", "tutorial.zh-CN.md"))
BLOCK = re.compile(r"^(?:<!-- (\w+):? ?(\S*) -->\n)?```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: What is printed after each command, to tell where its output ends.
END = "----- end of a block -----"


def blocks(page: str) -> list[tuple[str, str, str, str]]:
    """Return mark, its argument, language and text of each block."""
    return BLOCK.findall(page)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which `python` and `kling-mock` are those of this environment."""
    (tmp_path / "bin").mkdir()
    for name, words in (("python", ""), ("kling-mock", "-m kling_mock ")):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n', encoding="utf-8")
        program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    return work


def test_every_block_has_its_part() -> None:
    """A program is saved, a command is run, and an output is compared; there is nothing else."""
    parts = {(mark, language) for mark, _, language, _ in blocks(PAGE)}
    assert parts == {("example", "python"), ("run", "sh"), ("output", "text")}
    marks = [mark for mark, *_ in blocks(PAGE)]
    assert all(before == "run" for before, mark in pairwise(marks) if mark == "output")


def test_each_program_is_named_above_it() -> None:
    """A reader knows under which name to save it."""
    for mark, name, *_ in blocks(PAGE):
        assert mark != "example" or f"`{name}`:\n\n<!-- example: {name} -->" in PAGE


def test_the_chinese_page_has_the_same_blocks() -> None:
    """The blocks are identical, so the run below covers both pages."""
    assert blocks(CHINESE) == blocks(PAGE)


@pytest.mark.slow
@pytest.mark.programs("bash")
def test_the_page_works_from_top_to_bottom(folder: Path) -> None:
    """A reader who follows it sees the output that it shows, apart from numbers."""
    script = ["trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"]
    expected: list[str] = []
    for mark, name, _, text in blocks(PAGE):
        if mark == "example":
            (folder / name).write_text(text, encoding="utf-8")
        elif mark == "run":
            script += [text, f"echo '{END}'"]
            expected.append("")
        else:
            expected[-1] = text

    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KLING", "PYTEST", "COV_"))
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(script)],
        cwd=folder,
        env=inherited
        | {
            "PATH": f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "KLING_MOCK_PORT": "0",  # the page's are the default ones, which may be taken
            "KLING_MOCK_KLING_PORT": "0",
            "no_proxy": "*",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout.split(f"{END}\n")
    assert printed.pop() == ""
    assert list(map(comparable, printed)) == list(map(comparable, expected))


def comparable(text: str) -> str:
    """Return *text* without measured times, and without spaces that a page does not show."""
    return re.sub(r" +$", "", re.sub(r"[0-9.]+s\b", "0s", text), flags=re.MULTILINE)
