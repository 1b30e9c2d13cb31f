"""One list of commands: the sessions of noxfile.py, which CI runs and CONTRIBUTING.md explains."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def sessions() -> set[str]:
    return set(re.findall(r"^@nox\.session\ndef (\w+)", read("noxfile.py"), re.MULTILINE))


def test_contributing_explains_every_session() -> None:
    """Each session has its row in CONTRIBUTING.md, with its time and its needs."""
    rows = re.findall(
        r"^\| `(\w+)` \| (.+) \| (.+) \| (.+) \|$", read("CONTRIBUTING.md"), re.MULTILINE
    )
    assert len(sessions()) >= 9
    assert {name for name, *_ in rows} == sessions()
    assert all(re.search(r"\d", time) for _, _, time, _ in rows)


def test_ci_runs_every_session_that_judges_a_change() -> None:
    """What a contributor runs by name is what decides; CI spells no check a second time.

    The fast tests run there by the README's own command, and again for their coverage.
    """
    script = read(".ci/run")
    calls = re.findall(r"nox --no-venv -s ([a-z ]+)", script)
    run = {name for call in calls for name in call.split()}
    tools = {"generate", "docs", "pictures", "benchmarks"}
    # `tests` runs when a piece of work begins and ends; see CONTRIBUTING.md.
    judges = sessions() - tools - {"fast", "tests", "nightly", "proofs"}
    assert run == judges
    assert re.findall(r"readme (\w+)$", script, re.MULTILINE) == ["quickstart", "tests"]
    assert not re.search(r"\b(ruff|mypy|pyright|lint-imports|pytest|coverage) ", script)


def test_ci_installs_every_dependency_in_a_fixed_version() -> None:
    """A release of a tool or library does not change what CI says."""
    settings = tomllib.loads(read("pyproject.toml"))
    project = settings["project"]
    extras = itertools.chain(*project["optional-dependencies"].values())
    needs = [*project["dependencies"], *extras, *settings["build-system"]["requires"]]
    fixed = {}
    for line in re.findall(r"^[^#].+", read(".ci/constraints.txt"), re.MULTILINE):
        constraint = Requirement(line)
        (version,) = constraint.specifier
        assert version.operator == "=="
        if constraint.marker is None or constraint.marker.evaluate():
            fixed[canonicalize_name(constraint.name)] = version.version
    for requirement in map(Requirement, needs):
        if requirement.name != project["name"]:
            installed = fixed[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(installed), requirement


def test_every_test_of_the_promises_exists() -> None:
    """An id of tests/promises.txt that has been renamed is named here; xdist does not name it."""
    promises = set()
    for test in read("tests/promises.txt").splitlines():
        file, _, function = test.partition("::")
        functions = re.findall(r"^(?:async )?def (test_\w+)\(", read(file), re.MULTILINE)
        assert functions, test
        assert function in {"", *functions}, test
        promises.update(re.findall(r"/test_(p\d+)_", file))
    assert promises == {"p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p10"}


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
