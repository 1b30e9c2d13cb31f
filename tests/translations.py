"""Chinese pages that are older than the English pages that they were made from.

The last line of a Chinese page is a comment that names the English page and a digest of its text.
`python -m tests.translations` lists the pages that are not up to date. After reading both
and finding that they say the same, write the new digest with `--confirm docs/capacity.md`.

It also knows what Chinese text has to look like: full-width punctuation beside Chinese characters.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
SUFFIX: Final = ".zh-CN.md"

_MARK: Final = re.compile(r"\n<!-- translation of (\S+), sha256 ([0-9a-f]{12}) -->\n?\Z")
_GENERATED: Final = re.compile(r"<!-- (\w+): generated -->.*?<!-- \1: end -->", re.DOTALL)
_CODE: Final = re.compile(r"```.*?```|^(?: {4}|\t).*?$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\]\([^)\s]*\)|<!--.*?-->", re.DOTALL)
_HAN: Final = r"[\u3400-\u9fff]"
#: A half-width mark that follows a Chinese character, and brackets around one.
_HALF_WIDTH: Final = re.compile(rf"{_HAN}[ ]?[,;:!?()]|{_HAN}\.(?![\w.])|[,;:!?()][ ]?{_HAN}")


class Translation(NamedTuple):
    """A Chinese page.

    Attributes:
        page: Its file.
        english: The file that it is a translation of.
        recorded: The digest of the English text that it was made from, or "".
    """

    page: Path
    english: Path
    recorded: str

    @property
    def is_current(self) -> bool:
        """Whether the English text is still the one that it was made from."""
        return self.english.is_file() and self.recorded == digest(self.english.read_text("utf-8"))


def english_pages(root: Path = ROOT) -> list[Path]:
    """Return the pages that a user reads in English: README.md and those in docs/."""
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    return [page for page in pages if not page.name.endswith(SUFFIX)]


def translations(root: Path = ROOT) -> list[Translation]:
    """Return the Chinese pages."""
    pages = [*sorted(root.glob(f"*{SUFFIX}")), *sorted((root / "docs").rglob(f"*{SUFFIX}"))]
    return [_read(page) for page in pages]


def translation_of(english: Path) -> Path:
    """Return the file that the Chinese version of an English page has, whether it is there."""
    return english.with_name(english.name.removesuffix(".md") + SUFFIX)


def digest(text: str) -> str:
    """Return what identifies the text of an English page.

    White space at line ends is ignored, and so are the tables that are generated in both languages.
    """
    lines = (line.rstrip() for line in _GENERATED.sub("", text).splitlines())
    return hashlib.sha256("\n".join(lines).strip().encode()).hexdigest()[:12]


def marked(chinese: str, name: str, english: str) -> str:
    """Return the text of a Chinese page with the mark that it says what the English one says.

    Args:
        chinese: Its text, with an older mark or none.
        name: The name of the English file.
        english: The English text.
    """
    text = _MARK.sub("\n", chinese).rstrip("\n")
    return f"{text}\n\n<!-- translation of {name}, sha256 {digest(english)} -->\n"


def confirm(english: Path) -> Path:
    """Record in the Chinese version of a page that it says what the English text now says."""
    page = translation_of(english)
    text = marked(page.read_text("utf-8"), english.name, english.read_text("utf-8"))
    page.write_text(text, "utf-8")
    return page


def half_width(text: str) -> Iterator[str]:
    """Yield each place outside of code where a half-width mark is beside a Chinese character."""
    prose = _LINK.sub("]", _CODE.sub("`", text))
    for line in prose.splitlines():
        for match in _HALF_WIDTH.finditer(line):
            yield line[max(match.start() - 10, 0) : match.end() + 10]


def _read(page: Path) -> Translation:
    match = _MARK.search(page.read_text("utf-8"))
    english = page.with_name(page.name.removesuffix(SUFFIX) + ".md")
    is_marked = match is not None and match[1] == english.name
    return Translation(page, english, match[2] if match is not None and is_marked else "")


def main() -> int:
    """List the pages that are not up to date, or record that some are."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.translations", description="Which Chinese pages are out of date."
    )
    parser.add_argument(
        "--confirm",
        nargs="+",
        type=Path,
        default=[],
        metavar="PAGE",
        help="English pages whose Chinese version says the same",
    )
    for page in parser.parse_args().confirm:
        confirm(page)
    pages = translations()
    stale = [translation for translation in pages if not translation.is_current]
    for translation in stale:
        page, english = translation.page.relative_to(ROOT), translation.english.relative_to(ROOT)
        sys.stdout.write(f"{page} is older than {english}\n")
    sys.stdout.write(f"{len(pages) - len(stale)} of {len(pages)} Chinese pages are up to date\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
