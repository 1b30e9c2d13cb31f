"""The pages about steering the mock: each example runs, and the tables have every fault."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.faults.kinds import KINDS
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]

ROOT = Path(__file__).parents[2]
PAGES = {
    name: (ROOT / "docs" / name).read_text("utf-8") for name in ("emulator.md", "emulator.zh-CN.md")
}


def marked(mark: str, language: str) -> list[Any]:
    """Return the blocks of the pages with this mark."""
    return [
        pytest.param(source, id=f"{name}-{number}")
        for name, page in PAGES.items()
        for number, source in enumerate(
            re.findall(rf"<!-- {mark} -->\n```{language}\n(.*?)```", page, re.DOTALL)
        )
    ]


@pytest.mark.parametrize("source", marked("example", "python"))
def test_the_examples_run(source: str, receiver: Receiver) -> None:
    """Copied from the page, an example does what it says."""
    with KlingMock() as mock, mock.client() as kling:
        names: dict[str, Any] = {"mock": mock, "kling": kling, "url": receiver.url}
        exec(source, names)  # noqa: S102 - our own page


def test_every_fault_is_in_the_table() -> None:
    """The page lists each kind with what it does and what can be set."""
    rows = [
        f"| `{kind.name}` | {kind.summary} | {', '.join(f'`{name}`' for name in kind.settings)} |"
        for kind in KINDS.values()
    ]
    assert fault_rows("emulator.md", "| kind | what happens | settings |") == rows


def test_the_chinese_page_has_the_same_table() -> None:
    """Fault by fault, with its settings."""
    chinese = fault_rows("emulator.zh-CN.md", "| 种类 | 发生什么 | 设置 |")
    assert [re.findall(r"`[^`]+`", row) for row in chinese] == [
        re.findall(r"`[^`]+`", row)
        for row in fault_rows("emulator.md", "| kind | what happens | settings |")
    ]


def fault_rows(page: str, head: str) -> list[str]:
    """Return the rows of the table of faults."""
    table = PAGES[page].partition(f"{head}\n|---|---|---|\n")[2]
    return table.partition("\n\n")[0].splitlines()


@pytest.mark.programs("curl")
@pytest.mark.parametrize("source", marked("command", "sh"))
@pytest.mark.slow
def test_the_commands_run(source: str, receiver: Receiver) -> None:
    """Copied from the page, the commands steer a server that was started as the page says."""
    words = "-m kling_mock serve --clock manual --port 0 --kling-port 0"
    with subprocess.Popen([sys.executable, *words.split()], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            ready = json.loads(server.stdout.readline())
            known = {
                "URL": ready["kling_url"],
                "KEY": ready["api_key"],
                "TOKEN": ready["admin_token"],
                "RECEIVER": receiver.url,
                "no_proxy": "*",
            }
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", source],
                env=os.environ | known,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            server.terminate()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("source", marked("run: sh", "sh"))
@pytest.mark.slow
def test_a_server_is_steered_from_a_shell(source: str, tmp_path: Path) -> None:
    """It is steered with both commands, as they are installed."""
    for name, module in (("kling", "kling_sdk.cli"), ("kling-mock", "kling_mock.cli.main")):
        program = tmp_path / name
        code = f"import sys; sys.argv[0] = '{name}'; from {module} import main; sys.exit(main())"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", source],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
