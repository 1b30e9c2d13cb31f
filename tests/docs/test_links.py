"""Links between the pages and to files of the repository lead somewhere, and so do anchors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.site.links import anchors, prose
from tests.translations import SUFFIX, translation_of

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def targets(page: Path) -> set[Path]:
    """Return the files that a page links to."""
    return {page.parent / name for name, _ in local_links(page) if name}


def local_links(page: Path) -> set[tuple[str, str]]:
    """Return the file and the anchor of each link of a page, each of which may be empty."""
    text = "\n".join(line for line, is_prose in prose(page.read_text("utf-8")) if is_prose)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    return {link.partition("#")[::2] for link in links if "://" not in link}


def missing_anchors(page: Path) -> list[str]:
    """Return the links of a page to headings that are not there."""
    missing = []
    for name, anchor in sorted(local_links(page)):
        there = page.parent / name if name else page
        if anchor and anchor not in anchors(there.read_text("utf-8")):
            missing.append(f"{name}#{anchor}")
    return missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    """A file that is moved takes its links along."""
    assert [str(target) for target in targets(page) if not target.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_anchor_is_a_heading_of_its_page(page: Path) -> None:
    """A heading that is reworded takes the links to it along."""
    assert missing_anchors(page) == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name.endswith(SUFFIX)], ids=lambda page: page.name
)
def test_a_chinese_page_leads_to_chinese_pages(page: Path) -> None:
    """This applies where such pages exist, except for the English page that it was made from."""
    english = {
        target
        for target in targets(page)
        if target.suffix == ".md" and not target.name.endswith(SUFFIX)
    }
    assert [
        str(target)
        for target in english
        if translation_of(target).is_file() and translation_of(target) != page
    ] == []


def test_a_link_to_a_heading_that_is_gone_is_found(tmp_path: Path) -> None:
    """Control: in the page itself and in another one."""
    (tmp_path / "a.md").write_text("# A\n\n[b](b.md#b-1), [c](b.md#c), [a](#a), [d](#d)\n")
    (tmp_path / "b.md").write_text("# B\n\n## B\n")

    assert missing_anchors(tmp_path / "a.md") == ["#d", "b.md#c"]


def test_the_design_page_says_where_the_things_are_that_people_look_for() -> None:
    """Its table links to the code: prices, callbacks, faults, columns, limits."""
    linked = {
        str(target.resolve().relative_to(ROOT)) for target in targets(ROOT / "docs" / "design.md")
    }
    assert {
        "kling_mock/kling/endpoints/prices.py",
        "kling_mock/relay/domain/pricing.py",
        "kling_sdk/callbacks.py",
        "kling_mock/kling/faults/kinds.py",
        "kling_mock/relay/storage/schema/tables.py",
        "kling_sdk/endpoints",
    } <= linked
