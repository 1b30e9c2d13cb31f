"""One list of commands: the sessions of noxfile.py, which CI runs and CONTRIBUTING.md explains."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def sessions() -> set[str]:
    return set(re.findall(r"^@nox\.session\ndef (\w+)", read("noxfile.py"), re.MULTILINE))


def test_contributing_explains_every_session() -> None:
    """Each session has its row in CONTRIBUTING.md, with its time and its needs, and no other."""
    rows = re.findall(
        r"^\| `(\w+)` \| (.+) \| (.+) \| (.+) \|$", read("CONTRIBUTING.md"), re.MULTILINE
    )
    assert len(sessions()) >= 9
    assert {name for name, *_ in rows} == sessions()
    assert all(re.search(r"\d", time) for _, _, time, _ in rows)


def test_ci_runs_every_session_that_judges_a_change() -> None:
    """What a contributor runs by name is what decides; CI spells no check a second time.

    All tests run there by the README's own command, and one of them builds the site.
    """
    script = read(".ci/run")
    calls = re.findall(r"nox --no-venv -s ([a-z ]+)", script)
    run = {name for call in calls for name in call.split()}
    judges = sessions() - {"tests", "fast", "generate", "docs", "pictures", "benchmarks", "proofs"}
    assert run == judges
    assert "$(readme_command tests)" in script
    assert not re.search(r"\b(ruff|mypy|pyright|lint-imports|pytest|coverage) ", script)


@pytest.mark.slow
def test_the_hooks_are_local_and_their_commands_are_installed() -> None:
    """The file of pre-commit is valid, fetches nothing, and names commands of the extra `dev`."""
    subprocess.run(
        [BIN / "pre-commit", "validate-config", ROOT / ".pre-commit-config.yaml"],
        check=True,
        capture_output=True,
    )
    config = read(".pre-commit-config.yaml")
    assert re.findall(r"repo: (\S+)", config) == ["local"]
    hooks = re.findall(r"- id: (\S+)", config)
    commands = re.findall(r"entry: (\S+)", config)
    assert len(hooks) == len(commands) == config.count("language: system") >= 3
    for command in commands:
        assert shutil.which(command, path=BIN), command
