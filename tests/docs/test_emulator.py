"""The page about steering the mock: each example runs, and the table has every fault."""

from __future__ import annotations

import json
import os
import re
import shutil
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
PAGE = (ROOT / "docs" / "emulator.md").read_text("utf-8")
COMMANDS = re.findall(r"<!-- command -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
SHELL = re.findall(r"<!-- run: sh -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = re.findall(r"<!-- example -->\n```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("source", EXAMPLES, ids=range(len(EXAMPLES)))
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
    table = PAGE.partition("| kind | what happens | settings |\n|---|---|---|\n")[2]
    assert table.partition("\n\n")[0].splitlines() == rows


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands are curl's")
@pytest.mark.parametrize("source", COMMANDS, ids=range(len(COMMANDS)))
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


@pytest.mark.parametrize("source", SHELL, ids=range(len(SHELL)))
@pytest.mark.slow
def test_a_server_is_steered_from_a_shell(source: str, tmp_path: Path) -> None:
    """With both commands, as they are installed."""
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
