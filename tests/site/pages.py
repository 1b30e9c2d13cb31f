"""The pages of the site, their places and their order."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from tests.site.languages import CHINESE, ENGLISH, Language

ROOT: Final = Path(__file__).parents[2]
#: Pages of the repository's first folder that the site has too.
_TOP: Final = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")


def settings(root: Path = ROOT) -> dict[str, Any]:
    """Return what `zensical.toml` says."""
    return tomllib.loads((root / "zensical.toml").read_text("utf-8"))


def sources(root: Path = ROOT) -> list[str]:
    """Return the English pages that are written by hand, as paths in the repository."""
    files = [*(root / name for name in _TOP), *sorted((root / "docs").rglob("*.md"))]
    names = [str(file.relative_to(root)) for file in files if file.is_file()]
    return [name for name in names if not name.endswith(".zh-CN.md")]


def path_of(source: str) -> str:
    """Return where a page is in the site: `docs/relay.md` is `relay.md`, README.md is the home."""
    path = source.removeprefix("docs/")
    folder, _, name = path.rpartition("/")
    name = "index.md" if name == "README.md" else name
    return f"{folder}/{name}" if folder else name.lower() if name in _TOP else name


def address_of(path: str) -> str:
    """Return the address of a page within its site: `relay.md` is at `relay/`."""
    page = path.removesuffix(".md")
    return page.removesuffix("index") if page.rpartition("/")[2] == "index" else f"{page}/"


def page_of(source: str, language: Language, root: Path = ROOT) -> Path:
    """Return the file with the text of a page: that of the language, or the English one."""
    translated = root / (source.removesuffix(".md") + language.suffix)
    return translated if translated.is_file() else root / source


def heading(text: str) -> str:
    """Return the heading of a page."""
    match = re.search(r"^# (.+)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def summary(text: str) -> str:
    """Return the first sentence of a page, without links and code marks; "" if it has none."""
    for paragraph in re.split(r"\n\s*\n", text):
        if re.match(r"[A-Z`*\[]", paragraph) and not re.match(r"(Date|Status):", paragraph):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", " ".join(paragraph.split()))
            return re.split(r"(?<=[.:])\s", plain)[0].rstrip(".:")
    return ""


def navigation(
    plan: Iterable[Any], pages: Iterable[str], titles: Mapping[str, str] | None = None
) -> list[Any]:
    """Return the navigation with the pages that are there; a section without pages is left out.

    Args:
        plan: `nav` of the settings: names of pages, patterns, and sections.
        pages: The sources.
        titles: What sections are called in the language.
    """
    present = list(pages)
    nav: list[Any] = []
    for entry in plan:
        if isinstance(entry, str):
            nav += [path_of(page) for page in present if fnmatch(page, entry)]
            continue
        for title, inner in entry.items():
            section = navigation(inner, present, titles)
            nav += [{(titles or {}).get(title, title): section}] if section else []
    return nav


def orphans(root: Path = ROOT) -> set[str]:
    """Return the pages that the navigation does not lead to."""
    there = sources(root)
    led_to = set(flat(navigation(settings(root)["project"]["nav"], there)))
    return {source for source in there if path_of(source) not in led_to}


def flat(nav: Iterable[Any]) -> Iterator[str]:
    """Yield the pages of a navigation, in order."""
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for inner in entry.values():
                yield from flat(inner)


def shared(root: Path = ROOT) -> set[str]:
    """Return the pages written by hand that the English site alone has, and both lead to."""
    patterns = settings(root)["site"]["zh"]["shared"]
    return {
        source
        for source in sources(root)
        if any(fnmatch(source, pattern) for pattern in patterns)
        and not is_translated(source, CHINESE, root)
    }


def is_translated(source: str, language: Language, root: Path = ROOT) -> bool:
    """Whether a page is there in a language."""
    return language is ENGLISH or page_of(source, language, root) != root / source
