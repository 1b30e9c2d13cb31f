"""Links between the pages and to files of the repository lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def targets(page: Path) -> set[Path]:
    """Return the files that a page links to."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    local = (link.partition("#")[0] for link in links if "://" not in link)
    return {page.parent / link for link in local if link}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    """A file that is moved takes its links along."""
    assert [str(one) for one in targets(page) if not one.exists()] == []


def test_the_design_page_says_where_the_things_are_that_people_look_for() -> None:
    """Its table links to the code: prices, callbacks, faults, columns, limits."""
    linked = {str(one.resolve().relative_to(ROOT)) for one in targets(ROOT / "docs" / "design.md")}
    assert {
        "kling_mock/kling/endpoints/prices.py",
        "kling_mock/relay/domain/pricing.py",
        "kling_sdk/callbacks.py",
        "kling_mock/kling/faults/kinds.py",
        "kling_mock/storage/schema/tables.py",
        "kling_sdk/endpoints",
    } <= linked
