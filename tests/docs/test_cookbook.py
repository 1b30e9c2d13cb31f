"""The cookbooks: each recipe runs as it stands on the page, and leaves the files that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kling_mock import KlingMock
from tests.mock.sounds import mp3

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text("utf-8") for name in ("cookbook.md", "cookbook.zh-CN.md")}
RECIPES = {
    name: re.findall(r"```python\n(.*?)```", page, re.DOTALL) for name, page in PAGES.items()
}
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (400).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
)
#: What each recipe leaves.
FILES = (
    ["avatar.mp4"],
    ["song.mp4"],
    ["banner.png", "square.png", "story.png"],
    [f"stamp-{number}.png" for number in range(1, 5)],
)
STARTS = {".mp4": b"ftyp", ".png": b"PNG"}


@pytest.mark.parametrize(
    ("source", "files"),
    [
        pytest.param(source, files, id=f"{name}-{number}")
        for name, recipes in RECIPES.items()
        for number, (source, files) in enumerate(zip(recipes, FILES, strict=True))
    ],
)
def test_a_recipe_runs(
    source: str, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs with a picture and a song in the folder, and a Kling on this computer."""
    monkeypatch.chdir(tmp_path)
    Path("me.png").write_bytes(PNG)
    Path("song.mp3").write_bytes(mp3(10))
    before = {*Path().iterdir()}
    with KlingMock() as mock:
        # The page's client is the real service's; here it is wired to the mock.
        wired = source.replace("Kling()", "mock.client()")
        assert wired != source
        exec(wired, {"mock": mock})  # noqa: S102 - our own page
    written = {*Path().iterdir()} - before
    assert sorted(file.name for file in written) == files
    assert all(STARTS[file.suffix] in file.read_bytes()[:8] for file in written)


@pytest.mark.parametrize("page", PAGES)
def test_each_recipe_has_a_program(page: str) -> None:
    """Which the tests of the examples run."""
    named = re.findall(r"\]\(\.\./examples/(\w+\.py)\)", PAGES[page])
    assert len(named) == len(RECIPES[page])
