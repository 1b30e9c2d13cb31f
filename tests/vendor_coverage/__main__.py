"""`python -m tests.vendor_coverage [FOLDER]` writes the pages on coverage, and `coverage.json`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.translations import marked
from tests.vendor_coverage.page import as_json, page
from tests.vendor_coverage.rows import checks, endpoints_tested, rows

DOCS = Path(__file__).parents[2] / "docs"


def generated(folder: Path = DOCS) -> dict[Path, str]:
    """Return the generated files with their text."""
    coverage = rows(), checks(), endpoints_tested()
    english = page("en", *coverage)
    return {
        folder / "coverage.md": english,
        folder / "coverage.zh-CN.md": marked(page("zh-CN", *coverage), "coverage.md", english),
        folder / "coverage.json": as_json(*coverage),
    }


if __name__ == "__main__":
    for file, text in generated(*map(Path, sys.argv[1:2])).items():
        file.write_text(text, "utf-8")
