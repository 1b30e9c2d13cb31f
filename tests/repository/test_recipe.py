"""The recipe of CONTRIBUTING.md, "Add an endpoint": its places are enough, and each is needed.

In a copy of the repository, `relight` is added on both interfaces by what stands in the folder of
that name, with a new picture and a new private text: after the generators nothing fails. And
`video-extend` is left out place by place: each one that is missing is named.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.repository.relight.edits import EDITS, TESTS
from tests.repository.relight.edits import FILES as FILES_OF_RELIGHT

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("kling_sdk", "kling_mock", "tests", "docs")
FILES: Final = ("CHANGELOG.md", "pyproject.toml", "_kling_mock_pytest.py", "README.md")
CHECKS: Final = ("tests/repository/test_endpoints.py", "tests/repository/test_public_surface.py")
GENERATORS: Final = (
    ("tests.endpoint_files",),
    ("tests.reference", "docs"),
    ("tests.evidence", "docs"),
    ("tests.vendor_coverage",),
    ("tests.public_surface",),
)
FULL: Final = os.environ.get("KLING_PROOF_SIZE") == "full"
#: What runs after an endpoint was added: all of the fast part, or the folders that know endpoints.
FAST_PART: Final = (
    ["tests"]
    if FULL
    else [
        *("tests/repository", "tests/docs", "tests/e2e", "tests/evidence", "tests/test_relight.py"),
        *("tests/sdk/facts", "tests/sdk/wire", "tests/sdk/endpoints", "tests/sdk/test_prices.py"),
        *(
            "tests/mock/kling/endpoints",
            "tests/mock/relay/domain",
            "tests/mock/server/test_openapi.py",
        ),
        # Slow, and so only run by name.
        *(
            f"tests/mock/kling/endpoints/test_two_{what}.py"
            for what in ("tables", "sides_of_model_path")
        ),
    ]
)

pytestmark = pytest.mark.slow


def without_lines(*patterns: str) -> Callable[[str], str]:
    """Return what removes the lines that hold one of *patterns*."""

    def edit(text: str) -> str:
        lines = [
            line
            for line in text.splitlines(keepends=True)
            if not any(pattern in line for pattern in patterns)
        ]
        return "".join(lines)

    return edit


def changed(old: str, new: str) -> Callable[[str], str]:
    """Return what puts *new* in the place of *old*."""
    return lambda text: text.replace(old, new)


class Place(NamedTuple):
    """A place of the recipe: its number there, its file, how it is left out, what says so."""

    number: int
    file: str
    edit: Callable[[str], str] | None  # None means the whole file
    says: str


FACTS: Final = Place(
    1, "kling_sdk/facts/products/video_extend.py", None, "'kling_sdk.facts.products.video_extend'"
)
PRICES: Final = Place(
    1, FACTS.file, changed('("video-extend",)', "()"), "video-extend: no price in"
)
CLASS: Final = Place(2, "kling_sdk/endpoints/video_extend.py", None, "[vV]ideo[-_]?[eE]xtend")
LINE: Final = Place(
    3, "kling_sdk/client/clients.py", without_lines("video_extend: "), "no line on video_extend"
)
RECORD: Final = Place(4, "kling_mock/kling/endpoints/video_extend.py", None, CLASS.says)
NEWS: Final = Place(5, "CHANGELOG.md", without_lines("VideoExtend"), "{'VideoExtend")
#: Which are left out of one copy: those that hide no other.
TOGETHER: Final = [[FACTS], [PRICES, NEWS], [CLASS], [LINE], [RECORD]]


def recipe() -> dict[int, str]:
    """Return the numbered places of the recipe."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = page.partition("## Add an endpoint\n")[2].partition("\n## ")[0]
    return {int(n): text for n, text in re.findall(r"^(\d+)\. (.*)$", section, re.MULTILINE)}


def test_the_recipe_has_at_most_five_places() -> None:
    """Each place is left out in a test below. A second interface is one more."""
    assert len(recipe()) <= 5
    assert len({*FILES_OF_RELIGHT.values(), *(edit.file for edit in EDITS)}) <= 6 + len(TESTS)
    assert {place.number for places in TOGETHER for place in places} == set(recipe())


@pytest.mark.parametrize("places", TOGETHER, ids=lambda places: places[0].file)
def test_a_place_that_is_left_out_is_named_by_a_test(places: list[Place], tmp_path: Path) -> None:
    """The failing test names the step of the recipe that was forgotten."""
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "benchmarks")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    # As if it had been added since the last release.
    released = tmp_path / "docs" / "public-surface-released.txt"
    released.write_text(without_lines("VideoExtend", "video_extend")(released.read_text("utf-8")))
    for place in places:
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
    for place in places:
        assert any(re.search(place.says, line) for line in failures), (place, output[-5000:])


@pytest.mark.timeout(1800)
def test_the_recipe_is_enough(tmp_path: Path) -> None:
    """Nothing else is written, and nothing fails: the endpoint works on both interfaces."""
    folder = tmp_path / "copy"
    folder.mkdir()
    left = shutil.ignore_patterns("__pycache__")
    for path in ROOT.iterdir():
        if path.is_dir() and (path.name == ".ci" or not path.name.startswith(".")):
            shutil.copytree(path, folder / path.name, ignore=left)
        elif path.is_file():
            shutil.copy(path, folder)
    for name, place in FILES_OF_RELIGHT.items():
        shutil.copy(folder / "tests" / "repository" / "relight" / name, folder / place)
    for edit in EDITS:
        file = folder / edit.file
        before = file.read_text("utf-8")
        assert before.count(edit.after) == 1, edit
        file.write_text(before.replace(edit.after, edit.after + edit.text), "utf-8")
    for module, *arguments in GENERATORS:
        written = run(folder, "-m", module, *arguments)
        assert written.returncode == 0, written.stdout
    done = run(folder, "-m", "pytest", "-q", "-n", "2", *FAST_PART)
    assert done.returncode == 0, done.stdout[-9000:]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            "PYTHONPATH": str(folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "CI": "true",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
