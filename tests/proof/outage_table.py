"""The table of outages in docs/scaling.md and its Chinese twin, which the proof writes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from tests.proof.outages import Found, Outage
from tests.translations import confirm, translations

_DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final = (_DOCS / "scaling.md", _DOCS / "scaling.zh-CN.md")


def row_of(store: str, accident: str, outages: Sequence[Outage], tally: Found) -> str:
    """Return a row: what died, how long no caller was served, what callers saw, what was lost."""
    seconds = [outage.seconds for outage in outages]
    refused = sum((outage.refused for outage in outages), Counter[str]())
    refusals = ", ".join(f"{count} x `{why}`" for why, count in sorted(refused.items())) or "none"
    worst = f"{median(seconds):.1f} (median of {len(seconds)}), {max(seconds):.1f} (worst)"
    longest = worst if len(seconds) > 1 else f"{seconds[0]:.1f}"
    slowest = max(outage.slowest for outage in outages)
    return (
        f"| {store} | {accident} | {longest} | {slowest:.1f} | {refusals} "
        f"| {tally.promised} | {tally.failed} | {tally.lost} | {tally.doubled} |"
    )


def with_row(page: str, row: str) -> str:
    """Return a page whose row of the same cluster and accident is this one."""
    key = "|".join(row.split("|")[:3]) + "|"
    old = re.compile(rf"^{re.escape(key)}.*$", re.MULTILINE)
    if not old.search(page):
        raise ValueError(f"the page has no row that begins with {key}")
    return old.sub(row, page, count=1)


def write_row(store: str, accident: str, outages: Sequence[Outage], tally: Found) -> None:
    """Write a row into the pages; a Chinese page that was up to date still is."""
    was_current = any(
        translation.page == PAGES[1] and translation.is_current for translation in translations()
    )
    row = row_of(store, accident, outages, tally)
    for page in PAGES:
        page.write_text(with_row(page.read_text("utf-8"), row), "utf-8")
    if was_current:
        confirm(PAGES[0])
