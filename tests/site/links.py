"""Links of a page, rewritten for the site.

On a code host a link leads to a file. In the site it leads to the page that is made of that file,
in the reader's language; to the other language where it names that; and to the code host, or
nowhere if the project has no address yet, where the file is not a page.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from tests.site.languages import ENGLISH, Language
from tests.site.pages import ROOT, address_of, is_translated, page_of, path_of

_LINK: Final = re.compile(
    r"(?P<before>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)"
)
_CODE: Final = re.compile(r"`[^`]*`")
_FENCE: Final = re.compile(r"^ *```")


def prose(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a page, and whether each is outside of fenced code."""
    inside = False
    for line in text.splitlines():
        is_fence = _FENCE.match(line) is not None
        yield line, not (inside or is_fence)
        inside ^= is_fence


def anchors(text: str) -> list[str]:
    """Return the anchors of a page's headings, in order, as a code host makes them."""
    slugs: list[str] = []
    for line, is_prose in prose(text):
        if is_prose and (match := re.match(r"^#{1,6} +(.*?)[ #]*$", line)):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1])
            slug = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
            count = sum(
                re.fullmatch(re.escape(slug) + r"(-\d+)?", earlier) is not None for earlier in slugs
            )
            slugs.append(f"{slug}-{count}" if slug in slugs else slug)
    return slugs


def rewrite(
    text: str,
    source: str,
    language: Language,
    sources: set[str],
    *,
    files: str | None = None,
    shared: AbstractSet[str] = frozenset(),
    root: Path = ROOT,
) -> str:
    """Return the text of a page with links that hold in the site.

    Args:
        text: The page.
        source: Which page it is: its English file in the repository.
        language: The site that it is in.
        sources: All English files.
        files: The address of the repository's files, ending with a slash; None without one.
        shared: The pages that the English site alone has.
        root: The repository.
    """
    targets = _Targets(source, language, sources, shared, files, root)
    lines = [
        plain_bars(_LINK.sub(targets.replace, line)) if is_prose else line
        for line, is_prose in prose(text)
    ]
    return "\n".join(lines) + "\n"


def plain_bars(line: str) -> str:
    """Return a line with the bars in its code as the builder wants them, if it is of a table.

    A code host wants a backslash before such a bar; the builder shows it.
    """
    if not line.startswith("|"):
        return line
    return _CODE.sub(lambda code: code[0].replace("\\|", "|"), line)


class _Targets:
    def __init__(
        self,
        source: str,
        language: Language,
        sources: set[str],
        shared: AbstractSet[str],
        files: str | None,
        root: Path,
    ) -> None:
        self.source, self.language, self.sources = source, language, sources
        self.shared, self.files, self.root = shared, files, root

    def replace(self, match: re.Match[str]) -> str:
        """Return the rewritten link."""
        target = match["target"]
        name, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not name:
            return match[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(self.source), name))
        english = file.replace(".zh-CN.md", ".md")
        if english in self.sources:
            return f"{match['before']}[{match['text']}]({self._page(file, english, anchor)})"
        if english.startswith("docs/") and not english.endswith(".md"):
            if self.language is not ENGLISH and english.count("/") == 1:
                return f"[{match['text']}]({self._out() + path_of(english)})"
            return f"{match['before']}[{match['text']}]({self._way_to(path_of(english))})"
        if self.files is None:
            return match["text"]
        return f"[{match['text']}]({self.files}{file})"

    def _page(self, file: str, english: str, anchor: str) -> str:
        # A page says by a link to its other language that there is one.
        leaves = file != english if self.language is ENGLISH else file == self.source
        leaves |= self.language is not ENGLISH and english in self.shared
        here = self._anchor(file, english, anchor)
        if leaves or here is None:
            return self._elsewhere(english, anchor)
        there = self._way_to(path_of(english))
        return f"{there}#{here}" if here else there

    def _way_to(self, path: str) -> str:
        return posixpath.relpath(path, posixpath.dirname(path_of(self.source)) or ".")

    def _anchor(self, file: str, english: str, anchor: str) -> str | None:
        """Return an anchor of the page in this language; None if it has no such place."""
        if not anchor or not is_translated(english, self.language, self.root):
            return anchor
        translated = anchors(page_of(english, self.language, self.root).read_text("utf-8"))
        if anchor in translated or file != english:
            return anchor
        theirs = anchors((self.root / english).read_text("utf-8"))
        if anchor not in theirs or len(translated) != len(theirs):
            return None
        return translated[theirs.index(anchor)]

    def _elsewhere(self, english: str, anchor: str) -> str:
        """Return the way to a page of the other language's site."""
        way = self._out() + address_of(path_of(english))
        return f"{way}#{anchor}" if anchor else way

    def _out(self) -> str:
        """Return the way from the folder of this page to the home of the other language."""
        return "../" * path_of(self.source).count("/") + self.language.to_other
