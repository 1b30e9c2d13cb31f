"""The amount of evidence, as a section of the page on fidelity."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from tests.evidence.mutants import RESULT
from tests.evidence.rows import KINDS, count_facts, rows, sources

DOCS: Final = Path(__file__).parents[2] / "docs"
TITLE: Final = "## Evidence of others"
#: The section before which it stands.
NEXT: Final = "## Sources"
WORDS: Final = {
    "models": "models: sizes, lengths, features",
    "fields": "fields: ranges, words, what is required",
    "prices": "prices",
    "paths": "paths",
    "pages": "pages of lists",
    "pictures": "sizes of pictures",
    "codes": "service codes",
    "names": "voices, scenes, dates of refusals, a signed callback",
    "replies": "replies that were seen",
}


def section() -> str:
    """Return the section."""
    table = [f"| {WORDS[kind]} | {len(rows(kind))} | {count_facts(kind)} |" for kind in KINDS]
    total = [sum(len(rows(kind)) for kind in KINDS), sum(map(count_facts, KINDS))]
    differences = sum(len(row["what"]) for row in rows("differences"))
    lines = [
        TITLE,
        "",
        "The client and the emulator are both checked against rows not made from their",
        "code: each names a page or a published reply of somebody else. Written by",
        f"`python -m tests.evidence` from `tests/evidence`, which has {len(sources())} sources.",
        "",
        "| facts | rows | facts in them |",
        "| --- | --- | --- |",
        *table,
        f"| all | {total[0]} | {total[1]} |",
        "",
        f"{differences} known differences have a reason each, in `differences.json` there.",
        *_noticed(),
        "",
    ]
    return "\n".join(lines)


def _noticed() -> list[str]:
    """Return what is known of how much the evidence notices."""
    if not RESULT.exists():
        return []
    sums = json.loads(RESULT.read_text("utf-8"))
    noticed, drawn = map(sum, zip(*sums["kinds"].values(), strict=True))
    kinds = ", ".join(f"{kind} {both[0]} of {both[1]}" for kind, both in sums["kinds"].items())
    return [
        "",
        f"Seed {sums['seed']} puts {drawn} wrong values in the place of facts of both sides; these",
        f"rows notice {noticed} ({noticed / drawn:.0%}): {kinds}.",
    ]


def with_figures(page: str) -> str:
    """Return the page with the section as it is today."""
    without = re.sub(rf"{TITLE}\n.*?(?={NEXT}\n)", "", page, flags=re.DOTALL)
    return without.replace(f"{NEXT}\n", f"{section()}\n{NEXT}\n", 1)
