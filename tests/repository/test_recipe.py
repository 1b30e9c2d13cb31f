"""The recipe of CONTRIBUTING.md, "Add an endpoint": each of its places is needed, and is missed.

`video-extend` was added by it. Each case leaves out one of its places in a copy of the repository,
writes the generated files as the recipe says, and runs the tests: one must fail and name what is
missing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("kling_sdk", "kling_mock", "tests", "docs")
FILES: Final = ("CHANGELOG.md", "pyproject.toml", "_kling_mock_pytest.py", "README.md")
CHECKS: Final = ("tests/repository/test_endpoints.py", "tests/repository/test_public_surface.py")
GENERATORS: Final = (
    ("kling_sdk.endpoints",),
    ("kling_mock.reference", "docs"),
    ("tests.public_surface",),
)

pytestmark = pytest.mark.slow


def without_lines(*patterns: str) -> Callable[[str], str]:
    """Return what removes the lines that hold one of *patterns*."""

    def edit(text: str) -> str:
        kept = [
            line
            for line in text.splitlines(keepends=True)
            if not any(one in line for one in patterns)
        ]
        return "".join(kept)

    return edit


class Place(NamedTuple):
    """A place of the recipe: its number there, its file, and how it is left out."""

    number: int
    file: str
    edit: Callable[[str], str] | None  # None: the whole file


PLACES: Final = [
    Place(1, "kling_sdk/endpoints/video_extend.py", None),
    Place(2, "kling_sdk/client.py", without_lines("typed.VideoExtendResource")),
    Place(3, "kling_sdk/client.py", without_lines("typed.AsyncVideoExtendResource")),
    Place(4, "kling_sdk/__init__.py", without_lines("VideoExtend")),
    Place(5, "kling_mock/kling/endpoints/video_extend.py", None),
    Place(6, "tests/endpoints.py", without_lines('"video-extend"')),
    Place(7, "CHANGELOG.md", without_lines("VideoExtend")),
    Place(8, "kling_sdk/prices.py", without_lines('("video-extend"')),
]


def recipe() -> dict[int, str]:
    """Return the numbered places of the recipe."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = page.partition("## Add an endpoint\n")[2].partition("\n## ")[0]
    return {int(n): text for n, text in re.findall(r"^(\d+)\. (.*)$", section, re.MULTILINE)}


def test_the_recipe_has_at_most_eight_places() -> None:
    """And each is left out below."""
    assert len(recipe()) <= 8
    assert {place.number for place in PLACES} == set(recipe())


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.number}-{place.file}")
def test_a_place_that_is_left_out_is_named_by_a_test(place: Place, tmp_path: Path) -> None:
    """Whoever forgets a step of the recipe is told which."""
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "benchmarks")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    # As if it had been added since the last release.
    released = tmp_path / "docs" / "public-surface-released.txt"
    released.write_text(without_lines("VideoExtend", "video_extend")(released.read_text("utf-8")))
    file = tmp_path / place.file
    if place.edit is None:
        file.unlink()
    else:
        before = file.read_text("utf-8")
        file.write_text(place.edit(before), "utf-8")
        assert file.read_text("utf-8") != before

    output = ""
    for module, *arguments in GENERATORS:
        output += run(tmp_path, "-m", module, *arguments).stdout
    done = run(tmp_path, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *CHECKS)
    output += done.stdout

    assert done.returncode != 0, "nothing fails"
    failures = re.findall(r"^E .*|^.*Error.*", output, re.MULTILINE)
    named = [line for line in failures if re.search(r"[vV]ideo[-_]?[eE]xtend", line)]
    assert named, output[-3000:]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": str(Path(sys.executable).parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
