"""The pages about the two interfaces: their examples run, and their tables are the code's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kling_sdk import PRICES, Kling
from kling_sdk.endpoints.interfaces import v1_name_of
from tests.sdk.faulty_server import FaultyKling
from tests.sdk.scripted import FakeClock

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    name: (DOCS / name).read_text("utf-8") for name in ("interfaces.md", "interfaces.zh-CN.md")
}
EXAMPLES = [
    pytest.param(source, id=f"{name}-{number}")
    for name, page in PAGES.items()
    for number, source in enumerate(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
]


@pytest.fixture
def client() -> Iterator[Callable[..., Kling]]:
    with FaultyKling() as server:
        server.kling.file_url = f"{server.url}/clip.mp4"
        yield lambda **options: Kling(base_url=server.url, clock=FakeClock(), **options)


@pytest.mark.parametrize("source", EXAMPLES)
def test_the_examples_run(
    source: str, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copied from the page, an example does what it says."""
    monkeypatch.chdir(tmp_path)
    wired = source.replace("Kling(api_key=", "client(api_key=")
    assert wired != source
    exec(wired, {"client": client})  # noqa: S102 - our own page


#: Those whose prices the page has.
PRODUCTS = {"text2video", "image2video", "omni-video", "motion-control"}


def units(model: str, use: str) -> dict[str, str]:
    """Return the prices of a second of video, by mode."""
    rows = [row for row in PRICES if row.per == "second" and not PRODUCTS.isdisjoint(row.endpoints)]
    return {row.mode: f"{row.units:f}" for row in rows if (row.model, row.use) == (model, use)}


def cell(model: str, use: str) -> str:
    """Return the prices of a use, in the order of the resolutions."""
    prices = units(model, use)
    listed = ", ".join(prices[mode] for mode in ("std", "pro", "4k") if mode in prices)
    return f"{listed} (1080p)" if list(prices) == ["pro"] else listed


@pytest.mark.parametrize("page", PAGES)
def test_the_prices_are_those_of_the_list(page: str) -> None:
    """The same before and after, model by model."""
    rows = re.findall(r"^\| (\S+) \| `(kling-[0-9o][^`]*)` \| (.*) \|$", PAGES[page], re.MULTILINE)
    assert len(rows) == 6
    for old, new, cells in rows:
        expected = [cell(new, use) for use in ("silent", "sound", "voice", "video")]
        if new == "kling-3.0-turbo":  # every video of it has sound, which is in the price
            expected[:2] = ["", expected[0]]
        assert [price.strip() for price in cells.split("|")] == expected
        other = v1_name_of(new)
        assert old == ("`" + other + "`" if other else old)
        assert other is None or all(
            units(other, use) == units(new, use) for use in ("silent", "sound", "voice", "video")
        )


def test_both_pages_have_the_same_tables() -> None:
    """A reader of either language sees the same names."""
    names = [
        re.findall(r"`[^`\n]+`", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
        for page in PAGES.values()
    ]
    assert sorted(set(names[0])) == sorted(set(names[1]))
